/*
 * msg.h - builds the messages we send ourselves, one function per message.
 *
 * Every function appends one complete message to OUT. Text is copied. Those
 * that return bool append nothing and return false when the message would
 * exceed what the protocol can say (1 GB, 65,535 columns); nothing else can
 * fail. The others are for texts that are ours or already bounded.
 *
 * Source: PostgreSQL docs, "Frontend/Backend Protocol", "Message Formats".
 */
#ifndef PROTO_MSG_H
#define PROTO_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;

/* ---- the builder itself -------------------------------------------------- */

/*
 * One message under construction. Between msg_begin() and msg_end() OUT must
 * not be changed otherwise. Failure is sticky and shows at msg_end().
 */
struct msg {
	struct buf *out;  /* borrowed */
	size_t length_at; /* of the length word, from the first held byte */
	bool typed;
	bool failed;
};

/* TYPE 0 begins a packet without a type byte, as before login. */
void msg_begin(struct msg *msg, struct buf *out, uint8_t type);
void msg_put_u8(struct msg *msg, uint8_t value);
void msg_put_i16(struct msg *msg, int16_t value);
void msg_put_u32(struct msg *msg, uint32_t value);
void msg_put_i32(struct msg *msg, int32_t value);
void msg_put_bytes(struct msg *msg, const void *bytes, size_t size);
/* With its NUL. */
void msg_put_str(struct msg *msg, const char *text);
/* A count as Int16; fails above 65,535, which is how PostgreSQL reads it. */
void msg_put_count(struct msg *msg, size_t count);
/* Writes the length; takes the message back and returns false if it failed. */
bool msg_end(struct msg *msg) __attribute__((warn_unused_result));

/* ---- to the client: login ------------------------------------------------ */

void msg_authentication_ok(struct buf *out);
void msg_authentication_cleartext_password(struct buf *out);
void msg_authentication_md5_password(struct buf *out, const uint8_t salt[4]);
/* MECHANISMS: COUNT names, the preferred one first. */
void msg_authentication_sasl(
    struct buf *out, const char *const *mechanisms, size_t count);
void msg_authentication_sasl_continue(
    struct buf *out, const void *data, size_t size);
void msg_authentication_sasl_final(
    struct buf *out, const void *data, size_t size);
/* NEWEST_MINOR: the newest 3.x we speak. OPTIONS: COUNT names we ignored. */
void msg_negotiate_protocol_version(struct buf *out, uint32_t newest_minor,
    const char *const *options, size_t count);
void msg_backend_key_data(
    struct buf *out, uint32_t process_id, const void *key, size_t key_bytes);

/* ---- to the client ------------------------------------------------------- */

/* What an ErrorResponse or NoticeResponse says; NULL or "" is left out, except
 * that severity, sqlstate and message are always sent. */
struct msg_report {
	const char *severity; /* "ERROR", "FATAL", "NOTICE", ... */
	const char *sqlstate;
	const char *message;
	const char *detail;
	const char *hint;
};

void msg_error_response(struct buf *out, const struct msg_report *report);
void msg_notice_response(struct buf *out, const struct msg_report *report);
/* ErrorResponse of SEVERITY from ERR. */
void msg_error_from(
    struct buf *out, const char *severity, const struct error *err);

/* ErrorResponse of protocol 2.0, which has no length; only to refuse it. */
void msg_error_2_0(struct buf *out, const char *severity, const char *text);

void msg_parameter_status(struct buf *out, const char *name, const char *value);
/* STATUS: 'I', 'T' or 'E'. */
void msg_ready_for_query(struct buf *out, char status);

struct msg_column {
	const char *name;
	uint32_t type_oid;
	int16_t type_bytes; /* pg_type.typlen; -1: of varying length */
};

/* All columns in text format. */
bool msg_row_description(
    struct buf *out, const struct msg_column *columns, size_t count);

struct msg_value {
	const void *bytes; /* NULL: SQL NULL, whatever size says */
	size_t size;
};

bool msg_data_row(
    struct buf *out, const struct msg_value *values, size_t count);
/* As msg_data_row(), each value a C string or NULL. */
bool msg_data_row_text(struct buf *out, const char *const *texts, size_t count);
bool msg_parameter_description(
    struct buf *out, const uint32_t *type_oids, size_t count);

void msg_command_complete(struct buf *out, const char *tag);
void msg_empty_query_response(struct buf *out);
void msg_parse_complete(struct buf *out);
void msg_bind_complete(struct buf *out);
void msg_close_complete(struct buf *out);
void msg_no_data(struct buf *out);
bool msg_notification_response(struct buf *out, uint32_t process_id,
    const char *channel, const char *payload);

/* ---- to a server: before and during login -------------------------------- */

struct msg_parameter {
	const char *name;
	const char *value;
};

/* Protocol 3.0; PARAMETERS must have "user" among them. */
void msg_startup(
    struct buf *out, const struct msg_parameter *parameters, size_t count);
void msg_ssl_request(struct buf *out);
void msg_cancel_request(
    struct buf *out, uint32_t process_id, const void *key, size_t key_bytes);
void msg_password(struct buf *out, const char *password);
/* DATA NULL: no initial response. */
void msg_sasl_initial_response(
    struct buf *out, const char *mechanism, const void *data, size_t size);
void msg_sasl_response(struct buf *out, const void *data, size_t size);

/* ---- to a server --------------------------------------------------------- */

bool msg_query(struct buf *out, const char *text);
bool msg_parse(struct buf *out, const char *statement, const char *text,
    const uint32_t *type_oids, size_t count);
/* Parameters and results all in text format. */
bool msg_bind(struct buf *out, const char *portal, const char *statement,
    const struct msg_value *values, size_t count);
/* KIND: 'S' a statement, 'P' a portal. */
bool msg_describe(struct buf *out, char kind, const char *name);
/* MAX_ROWS 0: all. */
bool msg_execute(struct buf *out, const char *portal, int32_t max_rows);
bool msg_close(struct buf *out, char kind, const char *name);
void msg_sync(struct buf *out);
void msg_flush(struct buf *out);
void msg_terminate(struct buf *out);

#endif
