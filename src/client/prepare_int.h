/* prepare_int.h - between the files of prepared statements, prepare*.c. */
#ifndef CLIENT_PREPARE_INT_H
#define CLIENT_PREPARE_INT_H

#include "client/names.h"
#include "client/prepare.h"
#include "server/prepared.h"

/* Whether the client may keep one more statement of SIZE bytes. */
bool prepare_has_room(const struct client *client, size_t size);

/* ---- prepare_name.c ------------------------------------------------------ */

bool prepare_is_ascii(const struct prepare_name *name);

/* The beginning of FRAME up to and with its NAME, which becomes TEXT of LENGTH
 * bytes. */
void prepare_put_head(struct out *out, const struct frame *frame,
    const uint8_t *body, const struct prepare_name *name, const char *text,
    size_t length);

/* How much of a message that is. */
size_t prepare_head_bytes(const struct prepare_name *name);

/* Nothing of the client's is called so: the server must say it. Where the name
 * is like one of ours it is made one that never is. */
struct prepare_result prepare_pass_unknown(struct out *out,
    const struct frame *frame, const uint8_t *body,
    const struct prepare_name *name);

/* ---- prepare_supply.c ---------------------------------------------------- */

/* What the message that is next finds of STATEMENT on its server. */
enum prepared_state supply_look(
    struct out *out, const struct statement *statement);

/* Sends a message about STATEMENT of our own, a Parse or Close; PUT builds
 * it. */
void supply_send(struct out *out, struct statement *statement, uint8_t type,
    void (*put)(const struct statement *statement, struct buf *out));

/* Room for one more statement on the server. */
void supply_make_room(struct client *client, struct out *out);

/* The server is to have STATEMENT. False: not before an answer has come. */
bool supply(
    struct client *client, struct out *out, struct statement *statement);

/* ---- unnamed_told.c ------------------------------------------------------ */

/* A Describe of the unnamed statement is about to be passed on: the note to
 * attach to it, NULL for none. */
struct note *unnamed_describe(struct client *client, const struct out *out);

/* Whether the client goes by a description of its unnamed statement. */
bool unnamed_goes_by_told(const struct client *client);

/* The unnamed statement has just been parsed again: is it as it was? */
void unnamed_ask(struct client *client, struct out *out);

/* Whether nothing may be bound to it before that is known. */
bool unnamed_awaits_form(const struct client *client);

/* ---- prepare_check.c ----------------------------------------------------- */

enum told {
	TOLD_FITS,     /* Bind it */
	TOLD_WAIT,     /* not before an answer has come */
	TOLD_CHANGED,  /* its form is not what the client was told */
	TOLD_OTHERWISE /* (not to the outside) *statement is another, try that
	                */
};

/* Whether what CLIENT binds may go along with the question for its form: it is
 * a read for certain, and nothing of its answer will have been passed on. */
bool told_may_run_ahead(const struct client *client);

/* The server is to have *STATEMENT, which CLIENT calls NAME, for a Bind. Unless
 * this IS_DESCRIBED in the same batch, it must be as the client was told.
 * *STATEMENT may become another of the same text. */
enum told told_supply(struct client *client, struct out *out, struct name *name,
    struct statement **statement, bool is_described);

/* Passes on a Bind that the server is to refuse, in the place of one that is
 * TOLD_CHANGED; the client gets another error for it. */
struct prepare_result told_refuse(struct out *out, const struct frame *frame,
    const uint8_t *body, const struct prepare_name *name);

/* The error that PostgreSQL has for that. */
void told_put_error(struct buf *out);

/* ---- prepare_told.c ------------------------------------------------------ */

/* A Describe of STATEMENT, which is called NAME, is about to be passed on: the
 * note to attach to it, NULL for none. */
struct note *told_describe(
    struct out *out, struct name *name, struct statement *statement);

/* The same of a portal's, by the SIZE bytes of BODY. */
struct note *told_describe_portal(
    struct client *client, struct out *out, const uint8_t *body, size_t size);

/* A Bind of BODY to STATEMENT, called NAME, is passed on; both NULL: to what is
 * not followed. */
void told_bound(struct client *client, const struct out *out, struct name *name,
    struct statement *statement, const uint8_t *body);

/* Whether what follows the Bind at BODY, of which HERE bytes are here, is a
 * Describe of its portal. */
bool told_describes_next(
    const struct frame *bind, const uint8_t *body, size_t here);

#endif
