/*
 * msg.c - builds the messages we send ourselves, one function per message.
 *
 * The length is written when the message is complete. A put that would make a
 * message longer than PostgreSQL takes appends nothing and marks it as failed,
 * so memory does not grow on the way to the refusal.
 */
#include "proto/msg.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "proto/frame.h"

#define PROTOCOL_3_0 ((uint32_t)3 << 16)
#define CODE_CANCEL_REQUEST ((uint32_t)1234 << 16 | 5678)
#define CODE_SSL_REQUEST ((uint32_t)1234 << 16 | 5679)

/* First word of an Authentication message. */
enum authentication {
	AUTHENTICATION_OK = 0,
	AUTHENTICATION_CLEARTEXT = 3,
	AUTHENTICATION_MD5 = 5,
	AUTHENTICATION_SASL = 10,
	AUTHENTICATION_SASL_CONTINUE = 11,
	AUTHENTICATION_SASL_FINAL = 12
};

/* ---- the builder itself -------------------------------------------------- */

void
msg_begin(struct msg *msg, struct buf *out, uint8_t type)
{
	*msg = (struct msg){.out = out, .typed = type != 0};
	if (msg->typed) {
		buf_append(out, &type, 1);
	}
	msg->length_at = out->length;
	msg_put_u32(msg, 0);
}

void
msg_put_bytes(struct msg *msg, const void *bytes, size_t size)
{
	size_t length = msg->out->length - msg->length_at;

	if (msg->failed || size > FRAME_MAX_BODY + 4 - length) {
		msg->failed = true;
		return;
	}
	buf_append(msg->out, bytes, size);
}

void
msg_put_u8(struct msg *msg, uint8_t value)
{
	msg_put_bytes(msg, &value, 1);
}

void
msg_put_i16(struct msg *msg, int16_t value)
{
	uint16_t wire = htobe16((uint16_t)value);

	msg_put_bytes(msg, &wire, sizeof(wire));
}

void
msg_put_u32(struct msg *msg, uint32_t value)
{
	uint32_t wire = htobe32(value);

	msg_put_bytes(msg, &wire, sizeof(wire));
}

void
msg_put_i32(struct msg *msg, int32_t value)
{
	msg_put_u32(msg, (uint32_t)value);
}

void
msg_put_str(struct msg *msg, const char *text)
{
	msg_put_bytes(msg, text, strlen(text) + 1);
}

void
msg_put_count(struct msg *msg, size_t count)
{
	uint16_t wire = htobe16((uint16_t)count);

	if (count > UINT16_MAX) {
		msg->failed = true;
		return;
	}
	msg_put_bytes(msg, &wire, sizeof(wire));
}

bool
msg_end(struct msg *msg)
{
	struct buf *out = msg->out;
	size_t length = out->length - msg->length_at;
	uint32_t wire = htobe32((uint32_t)length);

	assert(length >= sizeof(wire) && length <= FRAME_MAX_BODY + 4);
	if (msg->failed) {
		out->length = msg->length_at - (msg->typed ? 1 : 0);
		return false;
	}
	memcpy(buf_bytes(out) + msg->length_at, &wire, sizeof(wire));
	return true;
}

/* For messages whose parts are ours or bounded: they cannot grow too long. */
static void
finish(struct msg *msg)
{
	bool complete = msg_end(msg);

	(void)complete;
}

static void
put_empty(struct buf *out, uint8_t type)
{
	struct msg msg;

	msg_begin(&msg, out, type);
	finish(&msg);
}

/* A length and that many bytes, or -1 for NULL. */
static void
put_value(struct msg *msg, const void *bytes, size_t size)
{
	if (bytes == NULL) {
		msg_put_i32(msg, -1);
		return;
	}
	msg_put_u32(msg, (uint32_t)size); /* one too long fails below */
	msg_put_bytes(msg, bytes, size);
}

/* ---- to the client: login ------------------------------------------------ */

static void
put_authentication(
    struct buf *out, enum authentication kind, const void *data, size_t size)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_AUTHENTICATION);
	msg_put_u32(&msg, kind);
	msg_put_bytes(&msg, data, size);
	finish(&msg);
}

void
msg_authentication_ok(struct buf *out)
{
	put_authentication(out, AUTHENTICATION_OK, NULL, 0);
}

void
msg_authentication_cleartext_password(struct buf *out)
{
	put_authentication(out, AUTHENTICATION_CLEARTEXT, NULL, 0);
}

void
msg_authentication_md5_password(struct buf *out, const uint8_t salt[4])
{
	put_authentication(out, AUTHENTICATION_MD5, salt, 4);
}

void
msg_authentication_sasl(
    struct buf *out, const char *const *mechanisms, size_t count)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_AUTHENTICATION);
	msg_put_u32(&msg, AUTHENTICATION_SASL);
	for (size_t i = 0; i < count; i++) {
		msg_put_str(&msg, mechanisms[i]);
	}
	msg_put_u8(&msg, 0);
	finish(&msg);
}

void
msg_authentication_sasl_continue(struct buf *out, const void *data, size_t size)
{
	put_authentication(out, AUTHENTICATION_SASL_CONTINUE, data, size);
}

void
msg_authentication_sasl_final(struct buf *out, const void *data, size_t size)
{
	put_authentication(out, AUTHENTICATION_SASL_FINAL, data, size);
}

void
msg_negotiate_protocol_version(struct buf *out, uint32_t newest_minor,
    const char *const *options, size_t count)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_NEGOTIATE_PROTOCOL_VERSION);
	/* The text calls this the minor version; what PostgreSQL sends, and
	 * libpq reads, is the whole number, 3 << 16 | minor. */
	msg_put_u32(&msg, PROTOCOL_3_0 | newest_minor);
	msg_put_u32(&msg, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		msg_put_str(&msg, options[i]);
	}
	finish(&msg);
}

void
msg_backend_key_data(
    struct buf *out, uint32_t process_id, const void *key, size_t key_bytes)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_BACKEND_KEY_DATA);
	msg_put_u32(&msg, process_id);
	msg_put_bytes(&msg, key, key_bytes);
	finish(&msg);
}

/* ---- to the client ------------------------------------------------------- */

static void
put_field(struct msg *msg, uint8_t code, const char *text)
{
	if (text == NULL || text[0] == '\0') {
		return;
	}
	msg_put_u8(msg, code);
	msg_put_str(msg, text);
}

static void
put_report(struct buf *out, uint8_t type, const struct msg_report *report)
{
	struct msg msg;

	msg_begin(&msg, out, type);
	put_field(&msg, 'S', report->severity);
	put_field(&msg, 'V', report->severity);
	put_field(&msg, 'C', report->sqlstate);
	msg_put_u8(&msg, 'M'); /* always present, even if empty */
	msg_put_str(&msg, report->message == NULL ? "" : report->message);
	put_field(&msg, 'D', report->detail);
	put_field(&msg, 'H', report->hint);
	msg_put_u8(&msg, 0);
	finish(&msg);
}

void
msg_error_response(struct buf *out, const struct msg_report *report)
{
	put_report(out, MSG_ERROR_RESPONSE, report);
}

void
msg_notice_response(struct buf *out, const struct msg_report *report)
{
	put_report(out, MSG_NOTICE_RESPONSE, report);
}

void
msg_error_from(struct buf *out, const char *severity, const struct error *err)
{
	msg_error_response(out,
	    &(struct msg_report){
	        .severity = severity,
	        .sqlstate = err->sqlstate,
	        .message = err->text,
	        .hint = err->hint,
	    });
}

void
msg_error_2_0(struct buf *out, const char *severity, const char *text)
{
	buf_append_char(out, MSG_ERROR_RESPONSE);
	buf_printf(out, "%s:  %s\n", severity, text);
	buf_append_char(out, '\0');
}

void
msg_parameter_status(struct buf *out, const char *name, const char *value)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_PARAMETER_STATUS);
	msg_put_str(&msg, name);
	msg_put_str(&msg, value);
	finish(&msg);
}

void
msg_ready_for_query(struct buf *out, char status)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_READY_FOR_QUERY);
	msg_put_u8(&msg, (uint8_t)status);
	finish(&msg);
}

bool
msg_row_description(
    struct buf *out, const struct msg_column *columns, size_t count)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_ROW_DESCRIPTION);
	msg_put_count(&msg, count);
	for (size_t i = 0; i < count; i++) {
		msg_put_str(&msg, columns[i].name);
		msg_put_u32(&msg, 0); /* of no table */
		msg_put_i16(&msg, 0); /* nor a column of it */
		msg_put_u32(&msg, columns[i].type_oid);
		msg_put_i16(&msg, columns[i].type_bytes);
		msg_put_i32(&msg, -1); /* no type modifier */
		msg_put_i16(&msg, 0);  /* text */
	}
	return msg_end(&msg);
}

bool
msg_data_row(struct buf *out, const struct msg_value *values, size_t count)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_DATA_ROW);
	msg_put_count(&msg, count);
	for (size_t i = 0; i < count; i++) {
		put_value(&msg, values[i].bytes, values[i].size);
	}
	return msg_end(&msg);
}

bool
msg_data_row_text(struct buf *out, const char *const *texts, size_t count)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_DATA_ROW);
	msg_put_count(&msg, count);
	for (size_t i = 0; i < count; i++) {
		put_value(
		    &msg, texts[i], texts[i] == NULL ? 0 : strlen(texts[i]));
	}
	return msg_end(&msg);
}

bool
msg_parameter_description(
    struct buf *out, const uint32_t *type_oids, size_t count)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_PARAMETER_DESCRIPTION);
	msg_put_count(&msg, count);
	for (size_t i = 0; i < count; i++) {
		msg_put_u32(&msg, type_oids[i]);
	}
	return msg_end(&msg);
}

void
msg_command_complete(struct buf *out, const char *tag)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_COMMAND_COMPLETE);
	msg_put_str(&msg, tag);
	finish(&msg);
}

void
msg_empty_query_response(struct buf *out)
{
	put_empty(out, MSG_EMPTY_QUERY_RESPONSE);
}

void
msg_parse_complete(struct buf *out)
{
	put_empty(out, MSG_PARSE_COMPLETE);
}

void
msg_bind_complete(struct buf *out)
{
	put_empty(out, MSG_BIND_COMPLETE);
}

void
msg_close_complete(struct buf *out)
{
	put_empty(out, MSG_CLOSE_COMPLETE);
}

void
msg_no_data(struct buf *out)
{
	put_empty(out, MSG_NO_DATA);
}

bool
msg_notification_response(struct buf *out, uint32_t process_id,
    const char *channel, const char *payload)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_NOTIFICATION_RESPONSE);
	msg_put_u32(&msg, process_id);
	msg_put_str(&msg, channel);
	msg_put_str(&msg, payload);
	return msg_end(&msg);
}

/* ---- to a server: before and during login -------------------------------- */

void
msg_startup(
    struct buf *out, const struct msg_parameter *parameters, size_t count)
{
	struct msg msg;

	msg_begin(&msg, out, 0);
	msg_put_u32(&msg, PROTOCOL_3_0);
	for (size_t i = 0; i < count; i++) {
		assert(parameters[i].name[0] != '\0');
		msg_put_str(&msg, parameters[i].name);
		msg_put_str(&msg, parameters[i].value);
	}
	msg_put_u8(&msg, 0);
	finish(&msg);
}

void
msg_ssl_request(struct buf *out)
{
	struct msg msg;

	msg_begin(&msg, out, 0);
	msg_put_u32(&msg, CODE_SSL_REQUEST);
	finish(&msg);
}

void
msg_cancel_request(
    struct buf *out, uint32_t process_id, const void *key, size_t key_bytes)
{
	struct msg msg;

	msg_begin(&msg, out, 0);
	msg_put_u32(&msg, CODE_CANCEL_REQUEST);
	msg_put_u32(&msg, process_id);
	msg_put_bytes(&msg, key, key_bytes);
	finish(&msg);
}

void
msg_password(struct buf *out, const char *password)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_PASSWORD);
	msg_put_str(&msg, password);
	finish(&msg);
}

void
msg_sasl_initial_response(
    struct buf *out, const char *mechanism, const void *data, size_t size)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_PASSWORD);
	msg_put_str(&msg, mechanism);
	put_value(&msg, data, size);
	finish(&msg);
}

void
msg_sasl_response(struct buf *out, const void *data, size_t size)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_PASSWORD);
	msg_put_bytes(&msg, data, size);
	finish(&msg);
}

/* ---- to a server --------------------------------------------------------- */

bool
msg_query(struct buf *out, const char *text)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_QUERY);
	msg_put_str(&msg, text);
	return msg_end(&msg);
}

bool
msg_parse(struct buf *out, const char *statement, const char *text,
    const uint32_t *type_oids, size_t count)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_PARSE);
	msg_put_str(&msg, statement);
	msg_put_str(&msg, text);
	msg_put_count(&msg, count);
	for (size_t i = 0; i < count; i++) {
		msg_put_u32(&msg, type_oids[i]);
	}
	return msg_end(&msg);
}

bool
msg_bind(struct buf *out, const char *portal, const char *statement,
    const struct msg_value *values, size_t count)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_BIND);
	msg_put_str(&msg, portal);
	msg_put_str(&msg, statement);
	msg_put_count(&msg, 0); /* parameters all in text */
	msg_put_count(&msg, count);
	for (size_t i = 0; i < count; i++) {
		put_value(&msg, values[i].bytes, values[i].size);
	}
	msg_put_count(&msg, 0); /* results all in text */
	return msg_end(&msg);
}

/* Describe and Close: one of 'S' and 'P', and a name. */
static bool
put_named(struct buf *out, uint8_t type, char kind, const char *name)
{
	struct msg msg;

	assert(kind == 'S' || kind == 'P');
	msg_begin(&msg, out, type);
	msg_put_u8(&msg, (uint8_t)kind);
	msg_put_str(&msg, name);
	return msg_end(&msg);
}

bool
msg_describe(struct buf *out, char kind, const char *name)
{
	return put_named(out, MSG_DESCRIBE, kind, name);
}

bool
msg_execute(struct buf *out, const char *portal, int32_t max_rows)
{
	struct msg msg;

	msg_begin(&msg, out, MSG_EXECUTE);
	msg_put_str(&msg, portal);
	msg_put_i32(&msg, max_rows);
	return msg_end(&msg);
}

bool
msg_close(struct buf *out, char kind, const char *name)
{
	return put_named(out, MSG_CLOSE, kind, name);
}

void
msg_sync(struct buf *out)
{
	put_empty(out, MSG_SYNC);
}

void
msg_flush(struct buf *out)
{
	put_empty(out, MSG_FLUSH);
}

void
msg_terminate(struct buf *out)
{
	put_empty(out, MSG_TERMINATE);
}
