/*
 * server_int.h - the inside of a server, for the relay and for this room.
 */
#ifndef SERVER_SERVER_INT_H
#define SERVER_SERVER_INT_H

#include <sys/uio.h>

#include "core/blocks.h"
#include "core/list.h"
#include "core/log.h"
#include "net/address.h"
#include "net/connector.h"
#include "net/loop.h"
#include "proto/params.h"
#include "proto/startup.h"
#include "server/answers.h"
#include "server/limits.h"
#include "server/prepared.h"
#include "server/server.h"

/* As .unnamed_number: what is there is nobody's. */
#define UNNAMED_UNSURE UINT64_MAX

struct pool;
struct waiter;
struct scram_client;
struct stream;

/* Queries of our own, see server_tidy.c. */
enum server_test {
	SERVER_TEST_CONNECT, /* connect_query */
	SERVER_TEST_RESET,   /* server_reset_query */
	SERVER_TEST_CHECK    /* server_check_query */
};

/* An attempt to connect. */
struct dial {
	struct connector connector;
	struct server *server; /* borrowed; outlives it */
};

struct server {
	struct list_link link;                  /* in slot->by_state[state] */
	struct list_link idle_links[CAP_KINDS]; /* in the idle lists of its
	                                           slot's caps */
	struct pool_slot *slot; /* borrowed; outlives its servers */
	struct stream *stream;  /* owned; NULL before LOGIN and once closed */
	struct dial *dial;      /* owned; used in CONNECTING */
	struct address address; /* the peer's, from LOGIN on */
	struct scram_client *scram;      /* owned; only in LOGIN */
	const struct server_holder *ops; /* borrowed; static; with holder */
	void *holder; /* borrowed; set while ACTIVE, cleared by both ends */
	struct profile *profile;  /* shared; what the server acknowledged */
	struct profile *applying; /* shared; what was injected and is waited
	                             for */
	bool has_applied_resets;  /* of that, all that is not .applying's own */
	struct kept prelude;      /* goes first with what is written next */
	struct answers answers;
	struct prepared prepared; /* the statements it has */
	struct kept partial;      /* a frame that has not all arrived */
	uint32_t skip_bytes;      /* of a long frame that concerns nobody */
	char status;              /* of the last ReadyForQuery; 0: none since */
	enum server_state state;
	bool unread; /* the last read filled the buffer: more may wait */
	bool retire; /* close it when it comes free */
	struct waiter *expects; /* borrowed; until it has logged in: whose own
	                           it is to be; NULL: anybody's */
	enum replication_mode replication; /* what it is good for */
	bool is_settled_once; /* has been idle: a loss is not a login failure */
	const char *pin;      /* static; why it cannot go to anybody else */
	struct params params; /* as the server reported them */
	struct params before; /* what was reported of some of them before its
	                         holder's requests changed that */
	enum server_test test; /* the query that runs while TESTED */
	int64_t test_us;       /* when that, or the last one, was sent; 0 */
	bool discards;         /* that reset is DISCARD ALL */
	bool is_used;          /* since it was reset last */
	bool is_checked;       /* since it was used last */
	struct list cancels;   /* of struct cancel, under way for it: 0 or 1 */
	struct list askers;    /* of struct cancel_asker, for the next one */
	bool cancel_is_due;    /* as if somebody asked; see cancel_go_on() */
	uint64_t unnamed_number;  /* of the unnamed statement that somebody left
	                             here, see client/unnamed.c; 0: none */
	uint64_t unnamed_queries; /* .answers.queries at that time */
	uint64_t id;
	uint32_t process_id; /* BackendKeyData; 0: none */
	struct buf *key;     /* owned; NULL: none */
	int64_t connect_us;  /* loop time of the start of the connection */
	int64_t idle_since_us;
	int64_t request_us; /* when it was last handed out; 0: never */
	bool awaits_tls;    /* has asked for TLS and not been answered */
	bool
	    is_second_try; /* after a refusal the other way, see server_tls.c */
	bool was_asked;    /* by the server, to show who it is */
	struct error login_error; /* what ended the login, in its own words */
	struct log_source log;
	struct grave grave;
};

/*
 * Receives into the loop's scratch buffer, behind what was kept of the last
 * read. True: BYTES and SIZE say what there is, and server_read_done() must
 * follow. False: nothing to do; the server may have been closed, and its
 * holder with it.
 */
bool server_read(struct server *server, const void *owner, uint8_t **bytes,
    size_t *size) __attribute__((warn_unused_result));

/* Gives the scratch buffer back and keeps SIZE bytes of an unfinished frame,
 * which may lie in it. SERVER may be closed: then nothing is kept. */
void server_read_done(struct server *server, const void *owner,
    const uint8_t *bytes, size_t size);

/* Acts on whole messages among what was kept, if SERVER has become its own
 * since. May close it. */
void server_take_kept(struct server *server);

/* Takes note of a ParameterStatus body; false if it is malformed. True in
 * *HIDDEN: clients must not see it. */
bool server_note_parameter(struct server *server, const uint8_t *body,
    size_t size, bool *hidden) __attribute__((warn_unused_result));

/* Sends SIZE bytes; false when the server was closed over it, and its holder
 * with it. */
bool server_write(struct server *server, const void *bytes, size_t size);

/* As server_write(), COUNT pieces in one system call, at most SERVER_PIECES. */
#define SERVER_PIECES 127
bool server_writev(
    struct server *server, const struct iovec *pieces, int count);

/* BYTES go first, in the same system call, with what is written next. What
 * they are is told to server->answers by the caller. */
void server_write_first(struct server *server, const void *bytes, size_t size);

/* Whether the oldest answer owed is that to settings which travelled. */
bool server_is_switching(const struct server *server);

/* Derives what the loop watches for this server. HOLDER_READS: its holder can
 * take answers now. */
void server_update_interest(struct server *server, bool holder_reads);

/* ---- between the files of this room -------------------------------------- */

void server_set_state(struct server *server, enum server_state state);

/* SERVER has acknowledged PROFILE, which becomes its own. */
void server_set_profile(struct server *server, struct profile *profile);

/* SERVER has refused PROFILE, which was sent with a request. */
void server_unset_profile(struct server *server, const struct profile *profile);

/* Of server->answers: what became of the message NOTE is attached to. */
void server_on_note(void *context, struct note *note, enum note_event event);

/* Whoever holds SERVER holds it no more. It is told of its parts that are
 * left, of nothing else. */
void server_leave_holder(struct server *server);

/* Whether server_reset_query runs behind every client, in every mode. */
bool server_needs_reset(const struct server *server);

/* Resets a server that nobody holds any more. */
void server_reset(struct server *server);

/* Whether an idle server must be checked before it is handed out now, or should
 * be because it was idle for so long; then server_check(). */
bool server_must_be_checked(const struct server *server);
bool server_check_is_due(const struct server *server, int64_t now_us);
void server_check(struct server *server);

/* Sends connect_query to a server that has logged in; false: there is none. */
bool server_begin_connect_query(struct server *server);

/* While TESTED: an ErrorResponse; ReadyForQuery. May close SERVER. */
void server_test_error(
    struct server *server, const struct error *err, bool is_fatal);
void server_test_on(struct server *server);

/* From TESTED: logged in at last; free again, after a check or a reset. */
void server_come_in(struct server *server);
void server_come_back(struct server *server, bool was_idle);

/* The socket is up: asks for TLS, if it is wanted; then, or at once, the login
 * begins. May close SERVER. */
void server_tls_begin(struct server *server);

/* What came while SERVER .awaits_tls. May close it. */
void server_tls_answer(
    struct server *server, const uint8_t *bytes, size_t size);

/* The login has failed for ERR, NULL: over TLS. True: it begins anew on another
 * connection, without TLS or with it. */
bool server_tls_try_other_way(struct server *server, const struct error *err);

/* From LOGIN back to CONNECTING. */
void server_connect_again(struct server *server);

/* The login fails for ERR, finally. Closes SERVER. */
void server_login_fail(struct server *server, const struct error *err);

/* Sends the startup message. */
void server_login_begin(struct server *server);

/* One complete message during LOGIN. May close SERVER. */
void server_login_message(
    struct server *server, uint8_t type, const uint8_t *body, size_t size);

/* Reads and acts on messages that are for nobody else: login, idle, injected
 * settings, draining. */
void server_read_own(struct server *server);

/* Whether a draining server has come to rest; moves it on. May close it. */
void server_drain_on(struct server *server);

/* Whether SERVER is older than server_lifetime allows, or has served once and
 * may no more. */
bool server_has_lived(const struct server *server, int64_t now_us);

/* The login is over: to IDLE, and its pool is told. */
void server_login_done(struct server *server);

#endif
