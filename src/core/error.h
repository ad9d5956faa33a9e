/* error.h - why something failed: text, SQLSTATE, and what to do about it. */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

/*
 * Filled where the detail is known; read by the one who decides what happens
 * next. Text beyond the arrays is cut. HINT is empty when there is none.
 */
struct error {
	char sqlstate[6];
	char text[506];
	char hint[256];
};

/* SQLSTATE codes we raise; PostgreSQL docs, "PostgreSQL Error Codes". */
#define SQLSTATE_CONNECTION_EXCEPTION "08000"
#define SQLSTATE_CANNOT_CONNECT "08001"
#define SQLSTATE_CONNECTION_FAILURE "08006"
#define SQLSTATE_PROTOCOL_VIOLATION "08P01"
#define SQLSTATE_FEATURE_NOT_SUPPORTED "0A000"
#define SQLSTATE_IDLE_TRANSACTION_TIMEOUT "25P03"
#define SQLSTATE_TRANSACTION_TIMEOUT "25P04"
#define SQLSTATE_INVALID_AUTHORIZATION "28000"
#define SQLSTATE_INVALID_PASSWORD "28P01"
#define SQLSTATE_INVALID_DATABASE "3D000"
#define SQLSTATE_SYNTAX_ERROR "42601"
#define SQLSTATE_UNDEFINED_OBJECT "42704"
#define SQLSTATE_INVALID_PARAMETER "22023"
#define SQLSTATE_INSUFFICIENT_RESOURCES "53000"
#define SQLSTATE_TOO_MANY_CONNECTIONS "53300"
#define SQLSTATE_CONFIG_FILE "F0000"
#define SQLSTATE_ADMIN_SHUTDOWN "57P01"
#define SQLSTATE_CANNOT_CONNECT_NOW "57P03"
#define SQLSTATE_QUERY_CANCELED "57014"
#define SQLSTATE_IDLE_SESSION_TIMEOUT "57P05"
#define SQLSTATE_INTERNAL "XX000"

/* Sets text and SQLSTATE and clears the hint. ERR may be NULL. */
void error_set(struct error *err, const char *sqlstate, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set() with SQLSTATE XX000; appends ": " and strerror(errno). */
void error_set_errno(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets what the reader can do about it. ERR may be NULL. */
void error_hint(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
