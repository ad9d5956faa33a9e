/*
 * settings.h - every setting of the [pgweir] section, from one table.
 *
 * settings.def declares them; the struct field, the parser, the range check,
 * SHOW CONFIG, SET, the sample file and the manual all come from its rows.
 */
#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;

enum setting_type {
	TYPE_INT,      /* int, field NAME */
	TYPE_BOOL,     /* bool, field NAME */
	TYPE_DURATION, /* int64_t microseconds, field NAME_us */
	TYPE_BYTES,    /* size_t, field NAME */
	TYPE_MODE,     /* int, octal file mode, field NAME */
	TYPE_STRING,   /* char *, never NULL, "" when not given, field NAME */
	TYPE_ENUM,     /* int, index into the row's words, field NAME */
	TYPE_LIST      /* struct name_list, field NAME */
};

/* Where a setting may be given besides [pgweir]. */
enum setting_scope {
	SCOPE_GLOBAL = 0,
	SCOPE_DATABASE = 1, /* in a [databases] entry too */
	SCOPE_USER = 2      /* in a [users] entry too */
};

enum setting_when {
	WHEN_RELOAD, /* a reload or SET changes it */
	WHEN_START   /* read at start only; SHOW CONFIG says not changeable */
};

enum setting_status {
	STATUS_WORKS,    /* does what its sentence says */
	STATUS_HARMLESS, /* parsed and ignored; the row says why that is safe */
	STATUS_NOT_YET /* only the row's accepted values; others are refused */
};

/* Chapters of the manual and of the sample file. */
enum setting_group {
	GROUP_LISTEN,
	GROUP_AUTH,
	GROUP_POOL,
	GROUP_ROUTE,
	GROUP_TIMEOUT,
	GROUP_LOG,
	GROUP_CONSOLE,
	GROUP_TLS,
	GROUP_NETWORK,
	GROUP_PROCESS,
	GROUP_IGNORED
};
#define GROUP_COUNT (GROUP_IGNORED + 1)

/* Values of the ENUM settings; the order is that of the rows' words. */
enum auth_type {
	AUTH_TRUST,
	AUTH_PLAIN,
	AUTH_ANY,
	AUTH_MD5,
	AUTH_SCRAM_SHA_256,
	AUTH_CERT,
	AUTH_HBA,
	AUTH_LDAP,
	AUTH_PAM
};
enum pool_mode {
	POOL_MODE_SESSION,
	POOL_MODE_TRANSACTION,
	POOL_MODE_STATEMENT
};
enum query_timeout_action {
	QUERY_TIMEOUT_CANCEL,
	QUERY_TIMEOUT_CLOSE
};
enum sslmode {
	SSLMODE_DISABLE,
	SSLMODE_ALLOW,
	SSLMODE_PREFER,
	SSLMODE_REQUIRE,
	SSLMODE_VERIFY_CA,
	SSLMODE_VERIFY_FULL
};

/* A comma-separated list; blanks around the names are dropped. */
struct name_list {
	char **names; /* owned, each owned; NULL when empty */
	size_t count;
};

bool name_list_has(const struct name_list *list, const char *name);

/* One row of settings.def. */
struct setting {
	const char *name;
	size_t offset;    /* of the field in struct settings */
	const char *def;  /* as an operator would write it */
	int64_t min, max; /* in the field's unit; max == 0: the type's own */
	const char *const *words;  /* ENUM: ending with NULL; its order is the
	                              enum's */
	const char *const *accept; /* if not NULL, the only values that work,
	                              ending with NULL */
	const char *why; /* HARMLESS: why ignoring is safe; else what is
	                    missing, completing "KEY = VALUE: " */
	const char *how; /* what to write instead; NULL if evident */
	const char *doc; /* for operators: one sentence, or a few */
	enum setting_type type;
	enum setting_scope scope; /* bits */
	enum setting_when when;
	enum setting_status status;
	enum setting_group group;
	bool secret; /* never shown, wiped when freed */
};

/*
 * The values of one configuration. Plain data, see settings.def for meanings
 * and units. Zeroed is not valid: start with settings_init().
 */
#define SETTING_FIELD_INT(name) int name;
#define SETTING_FIELD_BOOL(name) bool name;
#define SETTING_FIELD_DURATION(name) int64_t name##_us;
#define SETTING_FIELD_BYTES(name) size_t name;
#define SETTING_FIELD_MODE(name) int name;
#define SETTING_FIELD_STRING(name) char *name;
#define SETTING_FIELD_ENUM(name) int name;
#define SETTING_FIELD_LIST(name) struct name_list name;

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): one instance */
struct settings {
#define SETTING(name, type, ...) SETTING_FIELD_##type(name)
#include "conf/settings.def"
#undef SETTING
};

/* Fills SETTINGS with the defaults. The caller ends it with settings_fini(). */
void settings_init(struct settings *settings);

/* Frees what SETTINGS owns and wipes its secrets. */
void settings_fini(struct settings *settings);

/* Makes TO, uninitialised, an independent copy of FROM. */
void settings_copy(struct settings *to, const struct settings *from);

/* The rows, in the order of SHOW CONFIG. */
extern const struct setting setting_rows[];
extern const size_t setting_count;

/* The row called NAME; NULL if there is none. */
const struct setting *setting_find(const char *name);

/* The name nearest to NAME among the rows; NULL if none is near. */
const char *setting_suggest(const char *name);

/*
 * Parses TEXT and stores it in SETTINGS. -1 and ERR, which names the setting
 * and the value, when TEXT is not a value of the row's type or out of range;
 * SETTINGS is then unchanged. A value that is valid but does not exist yet is
 * stored: see setting_check_status().
 */
int settings_set(struct settings *settings, const struct setting *row,
    const char *text, struct error *err) __attribute__((warn_unused_result));

/* -1 and ERR when the row's present value asks for what does not exist yet.
 * IS_DEFAULT: nobody has written it. */
int setting_check_status(const struct settings *settings,
    const struct setting *row, bool is_default, struct error *err)
    __attribute__((warn_unused_result));

/*
 * Appends the row's value as SHOW CONFIG prints it: durations in seconds,
 * booleans 1 or 0, secrets as "****" (nothing when empty).
 */
void settings_print(const struct settings *settings, const struct setting *row,
    struct buf *out);

/* Appends the row's default in the same form. */
void setting_print_default(const struct setting *row, struct buf *out);

/* Makes TO's value of ROW an independent copy of FROM's. */
void settings_copy_one(struct settings *to, const struct settings *from,
    const struct setting *row);

/* Whether A and B have the same value for ROW. */
bool settings_equal(const struct settings *a, const struct settings *b,
    const struct setting *row);

/* The word of ENUM row NAME for VALUE: setting_word("pool_mode", 1) is
 * "transaction". The result is static text. */
const char *setting_word(const char *name, int value);

#endif
