/* verdict.h - what a SQL text does, as far as its syntax tells. */
#ifndef SQL_VERDICT_H
#define SQL_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session_ops;
struct shape;

/* What a text is. Everything about BEGIN is in struct verdict. */
enum sql_kind {
	SQL_UNKNOWN, /* not parsed, or refused by the parser */
	SQL_EMPTY,   /* no statement at all */
	SQL_MULTI,   /* several statements; see .has_* */
	SQL_QUERY,   /* SELECT, VALUES, TABLE; also with INTO */
	SQL_DML,     /* INSERT, UPDATE, DELETE, MERGE, also behind WITH */
	SQL_EXPLAIN,
	SQL_SHOW,
	SQL_BEGIN, /* BEGIN, START TRANSACTION */
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_SAVEPOINT,
	SQL_RELEASE,
	SQL_ROLLBACK_TO,
	SQL_PREPARE_TRANSACTION, /* ends the transaction */
	SQL_SET_TRANSACTION,     /* this transaction only */
	SQL_SET,                 /* SET, RESET, also SET LOCAL */
	SQL_COPY_IN,             /* COPY ... FROM STDIN */
	SQL_COPY_OUT,            /* COPY ... TO STDOUT */
	SQL_CURSOR,              /* DECLARE, FETCH, MOVE, CLOSE */
	SQL_PREPARE,
	SQL_EXECUTE,
	SQL_DEALLOCATE,
	SQL_DISCARD,
	SQL_LISTEN, /* LISTEN, UNLISTEN */
	SQL_NOTIFY,
	SQL_OTHER /* parsed: definitions, maintenance, LOCK, CALL, DO, ... */
};

enum sql_isolation {
	ISOLATION_DEFAULT, /* not said */
	ISOLATION_READ_UNCOMMITTED,
	ISOLATION_READ_COMMITTED,
	ISOLATION_REPEATABLE_READ,
	ISOLATION_SERIALIZABLE
};

enum sql_access {
	ACCESS_DEFAULT, /* not said */
	ACCESS_READ_ONLY,
	ACCESS_READ_WRITE
};

/*
 * What a text may leave behind in its session when its transaction has ended.
 * Each bit pins the client to its server. The texts stand in effects.def.
 */
enum sql_effect {
#define EFFECT(symbol, text) EFFECT_INDEX_##symbol,
#include "sql/effects.def"
#undef EFFECT
	EFFECT_COUNT
};

enum sql_effect_bit {
	EFFECT_NONE = 0,
#define EFFECT(symbol, text) EFFECT_##symbol = 1 << EFFECT_INDEX_##symbol,
#include "sql/effects.def"
#undef EFFECT
};

/* Plain data but for .ops; copy it freely. Zeroed it is the verdict on nothing
 * known, but for .effects: use verdict_set_unknown(). */
struct verdict {
	enum sql_kind kind;

	/* Every statement in the text is for certain a read, and may run alone
	 * on a replica. An empty text is not a read. */
	bool is_read;
	/* Must run on the primary even within a READ ONLY transaction: bound to
	 * a session or node, or not known well enough. A write is not: a
	 * replica refuses it. False for a read, for BEGIN and for ends of
	 * transactions.
	 */
	bool needs_primary;
	/* Why it is not a read; static text, NULL when it is one. */
	const char *reason;

	/* Bits of enum sql_effect_bit. EFFECT_NONE: for certain free of session
	 * effects, as far as the text itself tells (not what triggers, views,
	 * defaults, operators and casts call). nextval() and setval() count as
	 * free although currval() and lastval() remember them: every insert
	 * into a table with a serial column would pin otherwise. currval() and
	 * lastval() in a later transaction than their nextval() are therefore
	 * not promised to work. */
	uint32_t effects;
	/* Those of them that .ops describes completely: whenever the text
	 * succeeds it has done exactly that, in that order. */
	uint32_t followed;
	/* What it does to its session and transaction; see session_ops.h. NULL
	 * when that is nothing, or only to begin a transaction. Whose it is
	 * says whoever fills in the verdict; who keeps it takes
	 * session_ops_ref(). */
	struct session_ops *ops;

	/* Transaction control, in one or any of several statements. */
	bool has_transaction_control; /* the text can leave another transaction
	                                 state than it found (other than
	                                 "failed"); true when unknown */
	bool has_chain;               /* COMMIT or ROLLBACK AND CHAIN */
	bool has_copy_in; /* any COPY ... FROM STDIN; true when unknown */
	bool has_copy_out;

	/* Of BEGIN and SET TRANSACTION; else DEFAULT. */
	enum sql_isolation isolation;
	enum sql_access access;
	bool is_deferrable;
};

/* Until where a shape is parsed; see doc/routing.md on why these are safe. */
struct verdict_bounds {
	uint32_t token_count;
	uint32_t depth;
	size_t bytes; /* of the shape's text */
};

#define VERDICT_TOKENS_DEFAULT 800
#define VERDICT_DEPTH_DEFAULT 100
#define VERDICT_BYTES_DEFAULT 16384

/* Within the default bounds verdict_parse() uses less stack than this. */
#define VERDICT_STACK_BYTES (512 * 1024)

extern const struct verdict_bounds verdict_bounds_default;

/* Sets VERDICT to "nothing known": primary, with EFFECTS, because of REASON,
 * which must be static. */
void verdict_set_unknown(
    struct verdict *verdict, uint32_t effects, const char *reason);

/*
 * Parses TEXT, the text of SHAPE with a NUL behind it, if it is within BOUNDS,
 * and fills VERDICT. Returns false when the text is beyond the bounds or does
 * not parse: VERDICT is then unknown with EFFECT_UNKNOWN, and the caller may
 * have a better idea of the effects (effects.h). The caller gives .ops back.
 * Not for more than one thread at a time on one stack; allocates and frees.
 */
bool verdict_parse(struct verdict *verdict, const struct shape *shape,
    const char *text, const struct verdict_bounds *bounds);

/*
 * Fills VERDICT as verdict_parse() would, without the parser and in a tenth of
 * its time, if TEXT is one of the plainest session statements; else returns
 * false and leaves it unknown. The caller gives .ops back.
 */
bool verdict_recognise(struct verdict *verdict, const struct shape *shape,
    const char *text, const struct verdict_bounds *bounds);

/* "query", "begin", ...; static. */
const char *sql_kind_name(enum sql_kind kind);

/* "SET", "temporary object", ... of the lowest bit in EFFECTS; "none" when
 * there is none. Static, for the log and SHOW. */
const char *sql_effect_name(uint32_t effects);

#endif
