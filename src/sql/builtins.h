/* builtins.h - what PostgreSQL itself brings: functions, operators, types. */
#ifndef SQL_BUILTINS_H
#define SQL_BUILTINS_H

#include <stdbool.h>
#include <stddef.h>

enum builtin_class {
	BUILTIN_UNKNOWN, /* not built in, or not judged */
	BUILTIN_READ,    /* the same on every node, no effect */
	BUILTIN_NODE,    /* tells about, or acts on, a session or node */
	BUILTIN_WRITE,   /* changes the database; no session effect */
	BUILTIN_SESSION, /* leaves something in its session */
	BUILTIN_LOCK,    /* session advisory lock */
	BUILTIN_CONFIG,  /* set_config() */
	BUILTIN_SETTING, /* current_setting() */
	BUILTIN_SQL      /* runs SQL text, so it may do anything */
};

struct builtin {
	enum builtin_class class;
	const char *reason; /* static; NULL for functions that are not volatile
	                       and for unknown ones */
};

/* Names are LENGTH bytes as the parser has them: case matters. */
struct builtin builtin_function(const char *name, size_t length);
bool builtin_is_operator(const char *name, size_t length);
bool builtin_is_type(const char *name, size_t length);

/* Relations of pg_catalog that show a session or node, by name. */
bool builtin_is_node_relation(const char *name, size_t length);

/* Settings that SHOW answers alike on every node a client's settings are
 * applied to. */
bool builtin_is_session_setting(const char *name, size_t length);

/* 'R', 'T', 'C' or 'U' (builtins.def) if WORD, in lower case, is a key word;
 * else '\0'. */
char builtin_keyword(const char *word, size_t length);

/* Whether every table is sorted as the look-ups need it; for tests. */
bool builtins_are_sorted(void);

#endif
