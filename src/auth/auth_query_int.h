/* auth_query_int.h - the inside of auth_query, for the files that make it up.
 *
 *   auth_queries --- entries: what was asked, who waits for it, the answer
 *        |              | waits in
 *        +-------- channels: a database and the role to log in as
 *                       | slots
 *                     lines: connections, see auth_line.h
 */
#ifndef AUTH_AUTH_QUERY_INT_H
#define AUTH_AUTH_QUERY_INT_H

#include "auth/auth_line.h"
#include "auth/auth_models.h"
#include "auth/auth_query.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/list.h"
#include "core/log.h"
#include "net/loop.h"

/*
 *   WAITING <--> ASKED --> ANSWERED --> KNOWN
 *      |           |           |          |
 *      +-----------+-----------+----------+---> freed
 *
 *   WAITING   in channel->waiting
 *   ASKED     a slot of the channel points to it
 *   ANSWERED  in set->answered: the askers are told from the ready list
 *   KNOWN     in set->known, or in set->nobodies; nobody waits
 */
enum auth_entry_state {
	ENTRY_WAITING,
	ENTRY_ASKED,
	ENTRY_ANSWERED,
	ENTRY_KNOWN
};

/* One question. */
struct auth_entry {
	UT_hash_handle hh; /* in set->entries, by key */
	char *key;         /* owned */
	size_t key_bytes;
	const char *query; /* borrowed from key */
	const char *user;  /* likewise */
	struct auth_queries *set;
	enum auth_entry_state state;
	struct auth_channel *channel; /* borrowed; in WAITING and ASKED */
	struct list_link link;        /* in the list of its state, but ASKED */
	struct list askers;           /* of struct auth_question */
	unsigned attempts;            /* connections lost over it */
	int64_t since_us; /* loop time: asked for first; when it is answered,
	                     of that */
	enum auth_found found;
	bool is_proven;   /* somebody has come in with the secret */
	char *role;       /* owned */
	char *secret;     /* owned, wiped */
	struct error err; /* what askers are told */
};

enum auth_slot_state {
	SLOT_CLOSED,
	SLOT_OPENING,
	SLOT_IDLE,
	SLOT_ASKING
};

/* Room for one connection. */
struct auth_slot {
	struct auth_channel *channel; /* borrowed; points back */
	enum auth_slot_state state;
	struct auth_line *line;   /* owned; NULL in CLOSED */
	struct auth_entry *entry; /* borrowed; in ASKING */
	char *host;               /* owned; NULL in CLOSED */
	int port;
	char options[120];     /* what the connection starts with */
	struct list_link link; /* in set->idle while IDLE */
	int64_t idle_since_us;
};

/* A database and the role to ask it as. */
struct auth_channel {
	UT_hash_handle hh; /* in set->channels, by key */
	struct auth_queries *set;
	char *key; /* owned, wiped; the texts of .source, one behind the
	              other */
	size_t key_bytes;
	struct auth_source source; /* borrowed from key; without the query */
	struct list waiting;       /* of struct auth_entry, oldest first */
	struct auth_slot slots[AUTH_CHANNEL_LINES_MAX];
	struct ready ready;
	struct timer pause;  /* no attempt to connect until it ends */
	int64_t pause_us;    /* the last one; 0: the last attempt went well */
	unsigned lost;       /* connections that could not be made or kept */
	struct timer expiry; /* of who waits for a connection */
	bool is_held;        /* AUTH_PLACE_HELD was the last answer */
	int64_t logged_us;   /* loop time of the last complaint; 0: none */
	unsigned unlogged;   /* complaints since then */
	struct list_link hungry; /* in set->hungry: wants to connect */
	struct grave grave;
};

struct auth_queries {
	struct loop *loop;
	struct resolver *resolver;
	struct log_source log;
	struct auth_places places;
	struct auth_options options;
	const struct auth_line_ops *lines;
	struct auth_entry *entries;    /* by key */
	struct auth_channel *channels; /* by key */
	struct auth_models models;     /* of all answers so far */
	size_t waiting_count;          /* entries in WAITING and ASKED */
	struct list known;             /* oldest answer first */
	struct list nobodies;          /* likewise */
	struct list answered;
	struct list idle;   /* of struct auth_slot, longest idle first */
	struct list hungry; /* of struct auth_channel */
	size_t line_count;  /* slots that are not CLOSED */
	struct ready ready; /* tells askers */
	struct timer tick;  /* while there is anything to clear away */
};

/* ---- auth_query.c -------------------------------------------------------- */

/* ENTRY is answered: its askers will be told. The texts are copied. */
void auth_entry_found(
    struct auth_entry *entry, const char *role, const char *secret);
void auth_entry_not_found(struct auth_entry *entry);
void auth_entry_failed(struct auth_entry *entry, const struct error *err);

/* Wipes and frees ENTRY, for which nobody waits. */
void auth_entry_free(struct auth_entry *entry);

/* ---- auth_channel.c ------------------------------------------------------ */

/* The channel for SOURCE, made if it is new. */
struct auth_channel *auth_channel_of(
    struct auth_queries *set, const struct auth_source *source);

/* Puts ENTRY, in WAITING and in no list, behind the others; or takes it out. */
void auth_channel_add(struct auth_channel *channel, struct auth_entry *entry);
void auth_channel_remove(struct auth_entry *entry);

/* Looks soon at what CHANNEL can do. */
void auth_channel_wake(struct auth_channel *channel);

/* There may be room for a connection: the channel that has waited for it for
 * longest looks. */
void auth_channels_feed(struct auth_queries *set);

/* No attempt to connect for a while, which is longer each time until a question
 * is answered. */
void auth_channel_pause(struct auth_channel *channel);

/* The timer of those who wait runs while there are any. */
void auth_channel_watch(struct auth_channel *channel);

/* All who wait are told ERR. */
void auth_channel_fail(struct auth_channel *channel, const struct error *told);

/* Tells those who have waited for too long for a connection. */
void auth_channel_expire(struct auth_channel *channel);

/* Closes the connections that are idle: what they were begun with is not in
 * force any more. */
void auth_channel_renew(struct auth_channel *channel);

/* Closes connections that nobody has needed for a while or that may not be;
 * whether CHANNEL is of no use any more. */
bool auth_channel_tidy(struct auth_channel *channel);

/* Closes and frees CHANNEL, in which nothing waits. */
void auth_channel_end(struct auth_channel *channel);

/* Appends the texts of SOURCE, but for its query, with a NUL behind each. */
void auth_source_put(const struct auth_source *source, struct buf *out);

/* ---- auth_slot.c --------------------------------------------------------- */

/* The first slot of CHANNEL in STATE, or NULL. */
struct auth_slot *auth_slot_find(
    struct auth_channel *channel, enum auth_slot_state state);

/* Connects SLOT, which is CLOSED. */
void auth_slot_open(struct auth_slot *slot, const char *host, int port);

/* Asks the question of ENTRY, which is in no list, on SLOT, which is IDLE. */
void auth_slot_ask(struct auth_slot *slot, struct auth_entry *entry);

/* Ends its connection, if there is one, and forgets the question. */
void auth_slot_close(struct auth_slot *slot);

/* ---- auth_words.c -------------------------------------------------------- */

/* What clients hear when it is ours to mend, or when nobody answers. */
void auth_tell_config_error(struct error *told);

/* What they hear when our login has ended with ERR. */
void auth_tell_refusal(const struct error *err, struct error *told);
void auth_tell_unreachable(
    const struct auth_channel *channel, struct error *told);

/* Logs WHAT, ERR and its hint, and for which USER (or NULL); not for every
 * client of a crowd. */
void auth_complain(struct auth_channel *channel, const char *what,
    const char *user, const struct error *err);

/* Says what can be done about an error that the server answered to the query,
 * or to our login. */
void auth_add_remedy(const struct auth_channel *channel, struct error *err);
void auth_add_login_remedy(
    const struct auth_channel *channel, struct error *err);

#endif
