/*
 * pin.h - whether a text that keeps a client on its server had to.
 *
 * A text that is not understood pins before it is sent. If the server cannot
 * even read it, nothing of it has run, and the pin is taken back: everybody
 * makes mistakes, nobody is to keep a server for them.
 */
#ifndef CLIENT_PIN_H
#define CLIENT_PIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;
struct frame;

/* On its way: PIN_OPEN until the batch of the text is sent, then PIN_SENT. */
enum pin_trial {
	PIN_FINAL,
	PIN_OPEN,
	PIN_SENT
};

/* CLIENT has to keep its server for the text that is next, for REASON (static).
 * On trial if IS_UNREAD, we could not read it either, and if the server has
 * nothing else to answer. */
void pin_for_text(struct client *client, const char *reason, bool is_unread);

/* What keeps CLIENT on its server is not going to be taken back: says so in the
 * log, once. */
void pin_is_final(struct client *client);

/* Whether waiting until all before it is answered gets such a text a trial. */
bool pin_has_to_wait(const struct client *client);

/* Whether a message may go on now: what a trial comes to must be known before
 * the next batch. */
bool pin_may_go_on(const struct client *client);

/* A message of TYPE is passed on. */
void pin_on_sent(struct client *client, uint8_t type);

/* FRAME is an answer that is the client's; of its body HERE bytes are at
 * BODY. */
void pin_on_answer(struct client *client, const struct frame *frame,
    const uint8_t *body, size_t here);

#endif
