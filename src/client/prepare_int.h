/* prepare_int.h - between the files of prepared statements, prepare*.c. */
#ifndef CLIENT_PREPARE_INT_H
#define CLIENT_PREPARE_INT_H

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

#endif
