/*
 * client_int.h - the inside of a client, for this room and for the console.
 */
#ifndef CLIENT_CLIENT_INT_H
#define CLIENT_CLIENT_INT_H

#include "client/canceller.h"
#include "client/client.h"
#include "client/keys.h"
#include "client/names.h"
#include "client/pin.h"
#include "client/session.h"
#include "client/timeouts.h"
#include "core/blocks.h"
#include "core/hash.h"
#include "core/list.h"
#include "core/log.h"
#include "net/address.h"
#include "net/loop.h"
#include "route/router.h"
#include "server/limits.h"
#include "server/pool.h"
#include "sql/catalogue.h"
#include "stats/traffic.h"

struct auth_queries;
struct console;
struct effect_scan;
struct login;
struct peers;
struct server;
struct statement;
struct stream;

/*
 *   STARTUP --> PASSWORD --> WELCOME --> IDLE <--> WAITING
 *    | | |       ^ |                      ^ |         |
 *    | | SECRET -+ +----------------------+ +-> ACTIVE <
 *    | +--> CANCEL                               |
 *    +----> CONSOLE                IDLE <--------+
 *   any -> CLOSED
 *
 *   STARTUP   its first packets are read
 *   SECRET    the secret of its user is looked for, or another after PASSWORD
 *             has shown that it has changed; its bytes wait. From here
 *             and from PASSWORD it goes wherever STARTUP goes, but for CANCEL
 *   PASSWORD  a password was asked for
 *   WELCOME   a server must say what the client's settings come out as
 *   IDLE      no server; what has arrived of a batch is kept in .held
 *   WAITING   .held has a batch and its route is decided: in a pool's queue
 *   ACTIVE    .server is its own until it is released
 *   CONSOLE   talks to the console
 *   CANCEL    has asked to cancel what another does, see canceller.h
 */
enum client_state {
	CLIENT_STARTUP,
	CLIENT_SECRET,
	CLIENT_PASSWORD,
	CLIENT_WELCOME,
	CLIENT_IDLE,
	CLIENT_WAITING,
	CLIENT_ACTIVE,
	CLIENT_CONSOLE,
	CLIENT_CANCEL,
	CLIENT_CLOSED
};

/* Batches under way on a replica at a time; more wait. */
#define REPLAY_BATCHES_MAX 8

/* What a batch is, see batch.h. */
struct batch {
	size_t bytes;          /* up to and with what ends it */
	bool is_complete;      /* ended by Sync, or a Query or FunctionCall */
	bool is_read;          /* may run alone on a replica */
	bool is_empty;         /* nothing in it that a server must answer */
	bool ends_transaction; /* a single COMMIT or ROLLBACK */
	bool has_begin;        /* something in it begins a transaction */
	bool may_end;          /* something in it may end a failed one */
	bool begins_read_only; /* a single BEGIN READ ONLY, nothing else */
	/* BEGIN READ ONLY is followed by more: where that begins; else 0. */
	size_t begin_bytes;
	bool leaves_unnamed; /* has parsed one that it did not use */
	bool has_several;    /* statements: one may fail after another's rows */
	bool has_ops;      /* some of it changes the session, or may end that */
	bool is_harmless;  /* nothing is written, nor read */
	bool untracks;     /* does what is not followed to statements */
	bool is_described; /* all it binds is described in it, too */
	bool uses_prepared;   /* parses or uses statements with names */
	bool uses_kept;       /* reads by the unnamed one of an earlier batch */
	uint8_t syncs;        /* how many ReadyForQuery it earns: 0 or 1 */
	bool has_unread;      /* a text that we cannot read, perhaps no SQL */
	const char *pin;      /* static; why its server cannot be shared */
	struct hash128 shape; /* of its statements together */
	bool has_shape;
};

/* Requests sent to a replica whose answers have not begun: sent again, to
 * another node, when they are refused or the replica is lost. */
struct replay {
	struct kept bytes;                  /* of all batches, in order */
	uint32_t sizes[REPLAY_BATCHES_MAX]; /* of each; .count of them */
	bool several[REPLAY_BATCHES_MAX];   /* each: .has_several */
	uint8_t count;
	uint8_t attempts;     /* replicas tried for the oldest */
	bool is_described;    /* the oldest: see struct batch */
	bool heals;           /* on the primary: sent again only if a statement
	                         was not what we believed */
	bool is_holding;      /* nothing of the oldest's answer passed on */
	struct hash128 shape; /* of the oldest's statements */
	bool has_shape;
	struct kept answer; /* the beginning of that answer, held */
	struct list parts;  /* of notes; what the client will know by it */
	size_t unsent;      /* of .bytes, at their end: still to be passed on */
};

/* The unnamed statement, as the client parsed it last. */
struct unnamed {
	uint8_t *bytes;    /* owned; the body of that Parse */
	uint32_t size;     /* 0: there is none, or it is not kept */
	uint32_t capacity; /* of .bytes */
	uint64_t number;   /* see unnamed.c; 0: none */
	uint64_t batch;    /* of its Parse, on the server it was sent to */
	uint64_t sent;     /* its number among the messages to that server; 0:
	                      it has been parsed again since */
	bool is_doubtful;  /* an error came before it: an older one may be
	                      there still */
	struct form *told; /* shared; as it was described to the client; NULL:
	                      it was not */
	enum unnamed_check {
		UNNAMED_FITS,   /* as far as is known */
		UNNAMED_ASKED,  /* its server will tell */
		UNNAMED_CHANGED /* it has come out as another elsewhere */
	} check;
};

/* What is to happen for the client when a message of its is answered: the part
 * of a note (server/note.h) begins with this. ON_NOTE ends it. */
struct note_part {
	void (*on_note)(struct client *client, struct note_part *part,
	    enum note_event event);
	/* What is done counts when the client is told: not before the answer is
	 * let go, and not at all if its request is sent again. */
	bool is_told;
	struct list_link link; /* in replay.parts, meanwhile */
};

/* The statement that was bound last. */
struct bound_portal {
	struct name *name;           /* held; NULL: none with a name */
	struct statement *statement; /* shared */
	uint64_t server_id;          /* where, and in which batch */
	uint64_t batch;
	struct hash128 portal; /* of the portal's name */
};

struct client {
	struct list_link link; /* in set->by_state[state] */
	struct clients *set;   /* borrowed; outlives its clients */
	struct stream *stream; /* owned; NULL once closed */
	enum client_state state;
	struct login *login;     /* owned; until IDLE */
	struct console *console; /* owned; NULL until it is needed */
	struct pool *pool;       /* borrowed; outlives clients */
	struct profile *profile; /* shared; its settings, as its last
	                            transaction left them */
	struct session session;
	struct names names;    /* of its prepared statements */
	struct server *server; /* borrowed; set in ACTIVE, and in WELCOME
	                          while it applies; points back */
	struct waiter waiter;
	struct private_login private_login; /* of a replication connection */
	struct seat seat; /* from login on, but for the console */
	struct timeouts timeouts;
	struct kept held;       /* arrived, not yet passed on */
	size_t held_scanned;    /* of .held, whole frames without an end */
	struct kept begin;      /* BEGIN READ ONLY, answered but not sent yet */
	uint8_t apply_attempts; /* servers that failed over its settings */
	char begin_status;      /* what else its transaction has come to on the
	                           replica it leaves: 'T' a statement, 'E' an
	                           error; 0 nothing */
	struct replay replay;
	struct batch batch; /* of the beginning of .held, in WAITING */
	struct unnamed unnamed;
	struct statement *used; /* shared; the first with a name that the batch
	                           sent last binds or describes; may be NULL */
	struct bound_portal portal;
	uint64_t flushed; /* how many messages its server had been sent when it
	                     was last asked to answer them; 0: never */
	char *taken_name; /* owned; of the Parse that has just failed because
	                     it is taken; NULL: none */
	struct effect_scan *scan; /* owned; while a long text streams */
	struct router_state route;
	uint32_t pass_left;   /* of a message to the server, still to come */
	uint32_t answer_left; /* of a message to the client, still to come */
	bool skips_to_sync;   /* in IDLE: its batch is answered already */
	bool is_cancelled;    /* its batch, which waits for settings */
	bool drops_rest;      /* the pass_left bytes go to nobody */
	bool swallows_rest;   /* the answer_left bytes go to nobody */
	bool has_batch;       /* .batch is valid, for WAITING and apply */
	bool on_replica;      /* .server is one, and .replay may be needed */
	bool unnamed_open;    /* parsed an unnamed statement, not used yet */
	bool wrote;           /* what .server did for it may be a write */
	bool told_fatal;      /* a server's FATAL was passed on */
	bool replay_pending;  /* .replay goes in front of .held */
	bool std_strings;     /* as it was told at login */
	bool unsafe_encoding;
	bool awaits_answer;   /* of the console, which owes it one */
	bool is_leaving;      /* has sent Terminate */
	bool is_serializable; /* by default; nothing is, on a standby */
	bool keeps_snapshot; /* its transactions have one snapshot by default */
	bool has_idle_limit; /* its servers would leave when they are idle */
	bool has_temporary_path; /* it began with a search_path to pg_temp */
	bool is_tracked;         /* its statements' names are followed */
	bool untracks;           /* but not from the text that is next */
	/* The error at hand is of a Bind that was to fail; the description at
	 * hand is not what a request goes by that was sent along with the
	 * question. See prepare_check.c. */
	bool is_form_changed;
	bool has_run_ahead;
	unsigned ahead_count; /* such questions under way */
	char batch_status;    /* of its server when the batch under way began;
	                         0: not known */
	bool has_unix_owner;  /* came over the Unix socket as our own uid */
	const char *pin;      /* static; why it keeps its server */
	enum pin_trial pin_trial; /* whether that may be taken back */
	bool pin_refused;         /* on trial: by an error, the only answer */
	bool pin_is_logged;
	char *user;     /* owned; as it logged in; NULL before */
	char *database; /* owned */
	struct address peer;
	uint64_t id;
	uint8_t key[KEY_LONG_BYTES]; /* its own cancel key */
	uint8_t key_bytes;           /* of that; 0: it has none */
	struct cancel_asker asker;   /* in CANCEL */
	UT_hash_handle hh;           /* in set->by_key, once welcomed */
	int64_t connect_us;          /* loop time */
	int64_t request_us;          /* of the batch under way */
	struct traffic *traffic; /* borrowed; of .pool, or the console's; NULL
	                            before it is known whose */
	int64_t query_us;       /* when what is unanswered was asked; 0: none */
	int64_t transaction_us; /* when its transaction began; 0: none */
	struct ready ready;     /* .held is to be looked at again */
	struct log_source log;
	struct grave grave;
};

struct clients {
	struct list by_state[CLIENT_CLOSED];
	size_t count;          /* in all of them */
	struct client *by_key; /* of the welcomed, by the head of their keys */
	struct cancel_counts cancel_counts;
	uint64_t logins_accepted, logins_refused;
	struct peers *peers; /* owned */
	struct loop *loop;
	struct logger *logger;
	struct pools *pools;
	struct router *router;
	struct config *config;       /* shared */
	struct tls_context *tls;     /* shared; NULL: none */
	struct catalogue *catalogue; /* owned */
	struct auth_queries *auth;   /* owned */
	struct console_ops console;
	struct deadlines *deadlines; /* owned; the clients' timeouts */
	struct traffic console_traffic;
	struct timer tick;
	bool is_suspended; /* none is read, but for the console */
	bool has_removed;  /* some are still of a database that is no more */
	uint64_t last_id;
	uint64_t last_unnamed; /* number given to an unnamed statement */
	struct log_source log;
};

/* What has arrived but cannot be passed on may be this much; then reading
 * stops. */
#define HELD_MAX SCRATCH_BYTES

/* ---- client.c ------------------------------------------------------------ */

/* State and membership change together. */
void client_set_state(struct client *client, enum client_state state);

/* Derives what the loop watches for the client and its server. */
void client_update_interest(struct client *client);

/* Sends bytes of our own or a server's. May close CLIENT: then false. */
bool client_write(struct client *client, const void *bytes, size_t size);

/* Sends an answer of our own, behind what is held of a server's. May close
 * CLIENT: then false. */
bool client_answer(struct client *client, const void *bytes, size_t size);

/* The transaction status of its server as the batch under way began; 0: not
 * known. */
char client_status(const struct client *client);

struct blocks *client_blocks(const struct client *client);
/* Whether it is a replication connection: then it has a server of its own. */
bool client_is_private(const struct client *client);
bool client_is_open(const struct client *client);
const char *client_state_name(enum client_state state);

/* ---- login.c ------------------------------------------------------------- */

/* Takes what it can of SIZE bytes before the login is over; returns how many
 * bytes were used. May close CLIENT. */
size_t login_take(struct client *client, uint8_t *bytes, size_t size);
/* Ends what is only needed until the client is in, if it is still there. */
void login_free(struct client *client);

/* ---- console.c ----------------------------------------------------------- */

size_t console_take(struct client *client, const uint8_t *bytes, size_t size);

/* console_extended.c */
void console_free(struct console **console);

/* ---- request.c ----------------------------------------------------------- */

/* Takes what it can of SIZE bytes of messages after login: passes them on, or
 * decides that they must wait. Returns how many were used. May close CLIENT. */
size_t request_take(struct client *client, const uint8_t *bytes, size_t size);

/* ---- answer.c ------------------------------------------------------------ */

/* The client's server has bytes. May close both. */
void answer_on_readable(void *holder);

/* Something else follows the batch that might have been sent again, now that
 * it cannot be: what is held of its answer leaves. May close CLIENT: then
 * false. */
bool heal_forgo(struct client *client);

/* ---- link.c -------------------------------------------------------------- */

/*
 * .batch needs a server. True: the client has one that is ready for it. False:
 * it waits, for a server or for its settings to be applied, or was closed; the
 * bytes stay with the caller, who keeps them in .held.
 */
bool link_take(struct client *client) __attribute__((warn_unused_result));

/* The client's link ends if everything is answered. */
void link_end_if_done(struct client *client);

/* The replica refused or was lost: all that is in .replay is routed again, the
 * oldest batch TO_PRIMARY. A server still held is left to drain. */
void link_replay(struct client *client, bool to_primary);

/* The READ ONLY transaction leaves its replica, where all is answered, for the
 * primary: its BEGIN is sent there with what comes next. */
void link_move(struct client *client);

/* Puts what is to be replayed in front of .held. */
void link_restore(struct client *client);

/* The client keeps its server from now on, for REASON (static). */
void link_pin(struct client *client, const char *reason);

/* The same of a client that has a server and no pin, if it may be taken back:
 * see pin.h. */
void link_pin_on_trial(struct client *client, const char *reason);

/* Leaves the server for good; for client_close(). */
void link_cut(struct client *client);

enum link_cancel {
	LINK_CANCEL_SENT,     /* to its server: the asker is told when there */
	LINK_CANCEL_ANSWERED, /* nothing had run yet, nor will */
	LINK_CANCEL_NEEDLESS, /* it does nothing that could be cancelled */
	LINK_CANCEL_CROWDED   /* too many have asked */
};

/* For a cancel request of ASKER: cancels what CLIENT does now. */
enum link_cancel link_cancel(struct client *client, struct cancel_asker *asker);

/* For the waiter that is in every client. */
void link_on_granted(struct waiter *waiter, struct server *server);
void link_on_refused(
    struct waiter *waiter, enum close_reason reason, const struct error *err);

/* Begins to wait for a server of its own, see through.h. */
void link_ask_private(struct client *client);

/* Begins to wait for a server that can say what the settings come out as. */
void link_ask_welcome(struct client *client);

/* ---- replay.c ------------------------------------------------------------ */

/* What became of the message that PART hangs on: ends it, now or when the
 * client is told. */
void client_note(
    struct client *client, struct note_part *part, enum note_event event);

/* Ends the parts that wait for the answer to be let go. */
void replay_end_parts(struct client *client, enum note_event event);

void replay_add(struct client *client, const void *bytes, size_t size,
    const struct batch *batch);
/* The oldest batch is answered. */
void replay_pop(struct client *client);
void replay_fini(struct client *client);

/* login_welcome.c: the client has its own server, whose greeting is its. */
void login_on_private(struct client *client);

/* login_welcome.c: the server SERVER answered for the settings, or ERR says why
 * not. */
void login_on_welcome(struct client *client, const struct error *err);

#endif
