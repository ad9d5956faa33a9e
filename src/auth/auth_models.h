/* auth_models.h - what the secrets look like that databases have told.
 *
 * Who is unknown has to be treated like somebody; these tell like whom, and
 * keep nothing secret.
 */
#ifndef AUTH_AUTH_MODELS_H
#define AUTH_AUTH_MODELS_H

#include <stddef.h>
#include <stdint.h>

/* Different ones that are kept. */
#define AUTH_MODELS_MAX 8

/* Zeroed: none. End it with auth_models_fini(). */
struct auth_models {
	char *texts[AUTH_MODELS_MAX]; /* owned */
	size_t count;
	int most_iterations; /* of any SCRAM secret; 0: there was none */
};

/* SECRET is that of some user. Kept are its kind and, of a SCRAM secret, its
 * iterations and the length of its salt, if no model has them yet. */
void auth_models_note(struct auth_models *models, const char *secret);

/* A text of the form of a secret, the same one for the same NUMBER as long as
 * no new model comes; NULL if there is none. It fits no password. */
const char *auth_models_pick(const struct auth_models *models, uint64_t number);

void auth_models_fini(struct auth_models *models);

#endif
