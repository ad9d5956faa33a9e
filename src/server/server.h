/*
 * server.h - a connection to a PostgreSQL server.
 *
 *   CONNECTING --> LOGIN --> IDLE <--> ACTIVE <--> DRAINING
 *       |            |         |         |            |
 *       +------------+---------+---------+------------+----> CLOSED
 *
 *   CONNECTING -> LOGIN     the socket is up, StartupMessage sent
 *   LOGIN      -> IDLE      first ReadyForQuery
 *   IDLE      <-> ACTIVE    server_hold(), server_release()
 *   ACTIVE     -> DRAINING  server_abandon(): its answers go to nobody; or
 *                           released while a cancel for it is under way
 *   DRAINING   -> IDLE      nothing is owed any more
 *   ...        -> TESTED    a query of ours runs: connect_query (from LOGIN),
 *                           server_reset_query (from ACTIVE, DRAINING),
 *                           server_check_query (from IDLE)
 *   TESTED     -> IDLE      it was answered
 *   any        -> CLOSED    server_close()
 *
 *   IDLE: nobody holds it, nothing is owed, nothing unread, status 'I'.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/close_reason.h"
#include "server/note.h"

struct buf;
struct error;
struct pool_slot;
struct profile;
struct server;
struct waiter;

enum server_state {
	SERVER_CONNECTING,
	SERVER_LOGIN,
	SERVER_IDLE,
	SERVER_ACTIVE,
	SERVER_DRAINING,
	SERVER_TESTED,
	SERVER_CLOSED
};

/* What a server tells whoever holds it. Each may close server and holder. */
struct server_holder {
	/* Bytes wait to be read with server_read(). */
	void (*on_readable)(void *holder);
	/* Everything kept for the server has been sent. */
	void (*on_drained)(void *holder);
	/* server_apply() is done; ERR NULL: the server has the profile. With
	 * ERR, its words, the server is closed already. IS_REFUSAL: what the
	 * profile asks for was refused; else another server may do it. */
	void (*on_applied)(
	    void *holder, const struct error *err, bool is_refusal);
	/* The server is gone; the holder no longer holds it. */
	void (*on_lost)(void *holder, const struct error *err);
	/*
	 * What became of the message that PART was attached to (see note.h);
	 * it ends PART. Called once for each, before anything else that comes
	 * of the same event, and when the holder leaves or loses the server,
	 * for all that are left (NOTE_SKIPPED). Must not act on the server,
	 * nor close the holder. NULL: the holder attaches none.
	 */
	void (*on_note)(void *holder, void *part, enum note_event event);
};

/* Starts a connection for SLOT, which keeps it in its lists. */
struct server *server_connect(struct pool_slot *slot);

/* As server_connect(), for WAITER alone, as its .login says. */
void server_connect_private(struct pool_slot *slot, struct waiter *waiter);

/*
 * Ends the connection for REASON; DETAIL (may be NULL) says more. Whoever
 * holds it is told. Idempotent. May close the holder.
 */
void server_close(struct server *server, enum close_reason reason,
    const struct error *detail);

/* As server_close(), for its own holder, which is not told. */
void server_drop(struct server *server, enum close_reason reason);

/* IDLE -> ACTIVE. HOLDER is borrowed until released, dropped or lost. */
void server_hold(
    struct server *server, const struct server_holder *ops, void *holder);

/* Whether the holder could give it back now for anybody else to use. */
bool server_is_releasable(const struct server *server);

/* Whether a setting that the server reports is not what it was when it was
 * handed out: something its holder ran has changed it. */
bool server_has_changed(const struct server *server);

/* Gives a releasable server back to its pool, which may close it. */
void server_release(struct server *server);

/* An extended batch whose end was not sent is ended, before its holder abandons
 * it: the Sync goes with what is sent next. */
void server_end_batch(struct server *server);

/* Whether a session is over that left the server in a state from which it can
 * be reset for the next one: then server_end_session(). */
bool server_is_resettable(const struct server *server);

/* Gives it back by way of server_reset_query. */
void server_end_session(struct server *server);

/* Leaves a server in the midst of answers: it is drained, rolled back and
 * then idle again, or closed where that is not possible. */
void server_abandon(struct server *server);

enum server_applied {
	APPLY_DONE,    /* it is under the profile */
	APPLY_TRAVELS, /* will be: before what is sent next, in one write */
	APPLY_WAITS /* on_applied() follows; until then nothing may be sent */
};

/* Brings the session of SERVER, just held, under PROFILE; if MAY_TRAVEL, and
 * where that is safe, without waiting. May close the holder if it waits. */
enum server_applied server_apply(struct server *server, struct profile *profile,
    bool may_travel) __attribute__((warn_unused_result));

/* Marks the session as changed in ways we do not follow: it is closed when
 * its holder is done. REASON is static text for the log. */
void server_pin(struct server *server, const char *reason);

/* It has not been changed after all, for none of what was feared has run. */
void server_unpin(struct server *server);

const char *server_state_name(enum server_state state);

#endif
