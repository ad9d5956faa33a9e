/*
 * script.h - scripted conversations through the real relay.
 *
 * A step is "WHO WHAT..." with WHO one of
 *   >1 >2   the client sends     =1 =2   the client must have received
 *   >s      the server sends     =s      the server must have received
 * and WHAT messages by their type letter, some with a text behind a colon
 * ('_' stands for a blank, '~' for '_'). A statement's name follows a slash:
 * "P:text/name", "B:portal/name", "D:/name", "3:/name" (a Close); behind an
 * asterisk the type of a parameter: "P:text/name*23".  "T:name" has one column
 * of that name, "t:23" one parameter of that type. The letters
 * for servers are bound to peers by stage_bind(); 's' is the first one.
 */
#ifndef SUPPORT_SCRIPT_H
#define SUPPORT_SCRIPT_H

#include <stdbool.h>

#include "support/house.h"

#define STEPS_MAX 32

struct script {
	const char *label;
	const char *steps[STEPS_MAX];
};

struct stage {
	struct house house;
	struct peer *clients[2];
	struct peer *bound[128]; /* servers by letter */
	bool slowly;
	const char *label;
};

/* Starts a house under CONFIG with two clients that have sent their startup
 * messages (user "u", database "app"). SLOWLY: all that is sent goes byte by
 * byte. */
void stage_open(
    struct stage *stage, const char *label, const char *config, bool slowly);
void stage_close(struct stage *stage);

/* As stage_open(), under a CONFIG whose database has one host and pool_size 1:
 * its server is logged in to, and is 's'. */
void stage_open_single(
    struct stage *stage, const char *label, const char *config, bool slowly);

/* As stage_open(), under a CONFIG whose database has the ports 1 to 3: all
 * three are logged in to, 1 as the primary ('p'), the others as replicas. */
void stage_open_replicas(
    struct stage *stage, const char *label, const char *config, bool slowly);

/* Binds LETTER to the replica that has been sent something. */
void stage_bind_asked(struct stage *stage, char letter);

/* From now on LETTER is PEER. */
void stage_bind(struct stage *stage, char letter, struct peer *peer);

/* Forgets what has arrived anywhere. */
void stage_forget(struct stage *stage);

/* Runs one step; fails the test when an expectation is not met. */
void stage_run(struct stage *stage, const char *step);

#endif
