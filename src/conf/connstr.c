/*
 * connstr.c - key=value connection strings, and postgresql:// URIs.
 *
 * Both become the same list of pairs, so that what the keys mean is decided
 * in one place. As in both models, blanks may stand around "=", and therefore
 * "host= port=5432" gives host the value "port=5432".
 */
#include "conf/connstr.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

void
connstr_fini(struct connstr *connstr)
{
	for (size_t i = 0; i < connstr->count; i++) {
		free(connstr->pairs[i].key);
		mem_wipe_free(&connstr->pairs[i].value);
	}
	free(connstr->pairs);
	*connstr = (struct connstr){0};
}

const char *
connstr_get(const struct connstr *connstr, const char *key)
{
	for (size_t i = connstr->count; i > 0; i--) {
		if (strcmp(connstr->pairs[i - 1].key, key) == 0) {
			return connstr->pairs[i - 1].value;
		}
	}
	return NULL;
}

/* Takes VALUE's bytes and wipes the buffer they came in. */
static void
wipe_buf(struct buf *value)
{
	if (value->data != NULL) {
		mem_wipe(value->data, value->capacity);
	}
	buf_fini(value);
}

static int
add_pair(struct connstr *out, const char *key, size_t key_size,
    struct buf *value, struct error *err)
{
	if (out->count == CONNSTR_PAIRS_MAX) {
		error_set(err, SQLSTATE_INVALID_PARAMETER,
		    "more than %d keys in a connection string",
		    CONNSTR_PAIRS_MAX);
		return -1;
	}
	out->pairs =
	    mem_realloc(out->pairs, (out->count + 1) * sizeof(*out->pairs));
	out->pairs[out->count++] = (struct connstr_pair){
	    .key = mem_strndup(key, key_size),
	    .value = mem_strdup(buf_text(value)),
	};
	return 0;
}

/* ---- key=value ---------------------------------------------------------- */

static const char *
skip_blanks(const char *at)
{
	while (isspace((unsigned char)*at)) {
		at++;
	}
	return at;
}

/* Reads a value in quotes, *AT behind the first. */
static int
read_quoted(enum connstr_dialect dialect, const char **at, struct buf *value)
{
	const char *p = *at;

	for (;; p++) {
		if (*p == '\0') {
			return -1;
		}
		if (dialect == CONNSTR_LIBPQ && p[0] == '\\' && p[1] != '\0') {
			p++;
		} else if (dialect == CONNSTR_PGBOUNCER && p[0] == '\'' &&
		    p[1] == '\'') {
			p++;
		} else if (*p == '\'') {
			break;
		}
		buf_append_char(value, *p);
	}
	*at = p + 1;
	return 0;
}

static void
read_plain(enum connstr_dialect dialect, const char **at, struct buf *value)
{
	const char *p = *at;

	for (; *p != '\0' && !isspace((unsigned char)*p); p++) {
		if (dialect == CONNSTR_LIBPQ && p[0] == '\\' && p[1] != '\0') {
			p++;
		}
		buf_append_char(value, *p);
	}
	*at = p;
}

/* Reads one pair at *AT, which is no blank. */
static int
read_pair(struct connstr *out, enum connstr_dialect dialect, const char **at,
    struct error *err)
{
	const char *key = *at;
	size_t key_size = strcspn(key, "= \t\r\n\v\f");
	struct buf value = {0};
	const char *p = skip_blanks(key + key_size);
	int ret = -1;

	if (key_size == 0) {
		error_set(err, SQLSTATE_SYNTAX_ERROR,
		    "a key is missing before \"=\" in the connection string");
		goto out;
	}
	if (*p != '=') {
		error_set(err, SQLSTATE_SYNTAX_ERROR,
		    "\"=\" is missing after \"%.*s\" in the connection string",
		    (int)(key_size < 100 ? key_size : 100), key);
		goto out;
	}
	p = skip_blanks(p + 1);
	(void)buf_reserve(&value, strlen(p) + 1); /* a secret must not move */
	if (*p == '\0' && dialect == CONNSTR_PGBOUNCER) {
		error_set(err, SQLSTATE_SYNTAX_ERROR,
		    "%.*s= has no value; an empty one is written ''",
		    (int)(key_size < 100 ? key_size : 100), key);
		goto out;
	}
	if (*p != '\'') {
		read_plain(dialect, &p, &value);
	} else {
		p++;
		if (read_quoted(dialect, &p, &value) < 0) {
			error_set(err, SQLSTATE_SYNTAX_ERROR,
			    "the quote after %.*s= is not closed",
			    (int)(key_size < 100 ? key_size : 100), key);
			goto out;
		}
		if (*p != '\0' && !isspace((unsigned char)*p)) {
			error_set(err, SQLSTATE_SYNTAX_ERROR,
			    "a blank is missing after the quoted value of %.*s",
			    (int)(key_size < 100 ? key_size : 100), key);
			error_hint(err, "%s",
			    dialect == CONNSTR_PGBOUNCER
			        ? "a quote inside quotes is written twice"
			        : "a quote inside quotes is written \\'");
			goto out;
		}
	}
	*at = p;
	ret = add_pair(out, key, key_size, &value, err);
out:
	wipe_buf(&value);
	return ret;
}

int
connstr_parse(struct connstr *out, enum connstr_dialect dialect,
    const char *text, struct error *err)
{
	for (const char *at = skip_blanks(text); *at != '\0';
	     at = skip_blanks(at)) {
		if (read_pair(out, dialect, &at, err) < 0) {
			connstr_fini(out);
			return -1;
		}
	}
	return 0;
}

/* ---- URIs --------------------------------------------------------------- */

static const char *
after_scheme(const char *text)
{
	static const char *const schemes[] = {"postgresql://", "postgres://"};

	for (size_t i = 0; i < 2; i++) {
		size_t size = strlen(schemes[i]);

		if (strncmp(text, schemes[i], size) == 0) {
			return text + size;
		}
	}
	return NULL;
}

bool
connstr_is_uri(const char *text)
{
	return after_scheme(text) != NULL;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Appends SIZE bytes of TEXT, percent-decoded. */
static int
decode(const char *text, size_t size, struct buf *out, struct error *err)
{
	for (size_t i = 0; i < size; i++) {
		int high = -1, low = -1;

		if (text[i] != '%') {
			buf_append_char(out, text[i]);
			continue;
		}
		if (i + 2 < size) {
			high = hex_digit(text[i + 1]);
			low = hex_digit(text[i + 2]);
		}
		if (high < 0 || low < 0) {
			error_set(err, SQLSTATE_SYNTAX_ERROR,
			    "a percent sign is not followed by two hexadecimal "
			    "digits in the URI");
			error_hint(
			    err, "a percent sign itself is written %%25");
			return -1;
		}
		if (high == 0 && low == 0) {
			error_set(err, SQLSTATE_SYNTAX_ERROR,
			    "%%00 is forbidden in a URI");
			return -1;
		}
		buf_append_char(out, (char)(high * 16 + low));
		i += 2;
	}
	return 0;
}

static int
add_decoded(struct connstr *out, const char *key, const char *text, size_t size,
    struct error *err)
{
	struct buf value = {0};
	int ret = 0;

	(void)buf_reserve(&value, size + 1); /* a secret must not move */
	ret = decode(text, size, &value, err);
	if (ret == 0) {
		ret = add_pair(out, key, strlen(key), &value, err);
	}
	wipe_buf(&value);
	return ret;
}

/* "user:password@"; returns what follows, NULL and ERR on failure. */
static const char *
read_userinfo(struct connstr *out, const char *at, struct error *err)
{
	size_t size = strcspn(at, "@/?");
	size_t user = 0;

	if (at[size] != '@') {
		return at;
	}
	user = strcspn(at, ":@");
	if (user > 0 && add_decoded(out, "user", at, user, err) < 0) {
		return NULL;
	}
	if (user + 1 < size &&
	    add_decoded(out, "password", at + user + 1, size - user - 1, err) <
	        0) {
		return NULL;
	}
	return at + size + 1;
}

/* One "host:port"; returns what follows, NULL and ERR on failure. */
static const char *
read_host(
    const char *at, struct buf *hosts, struct buf *ports, struct error *err)
{
	size_t size = 0;

	if (*at == '[') {
		size = strcspn(++at, "]/?@,");
		if (at[size] != ']' || size == 0) {
			error_set(err, SQLSTATE_SYNTAX_ERROR,
			    "an IPv6 address in the URI is not closed by \"]\"");
			return NULL;
		}
		buf_append(hosts, at, size);
		at += size + 1;
	} else {
		size = strcspn(at, ":/?,");
		if (decode(at, size, hosts, err) < 0) {
			return NULL;
		}
		at += size;
	}
	if (*at == ':') {
		size = strcspn(++at, "/?,");
		if (decode(at, size, ports, err) < 0) {
			return NULL;
		}
		at += size;
	}
	if (*at != '\0' && strchr("/?,", *at) == NULL) {
		error_set(err, SQLSTATE_SYNTAX_ERROR,
		    "\"%.20s\" after a host in the URI is neither a port nor "
		    "the next host",
		    at);
		return NULL;
	}
	return at;
}

static const char *
read_hosts(struct connstr *out, const char *at, struct error *err)
{
	struct buf hosts = {0}, ports = {0};

	for (;;) {
		at = read_host(at, &hosts, &ports, err);
		if (at == NULL || *at != ',') {
			break;
		}
		buf_append_char(&hosts, ',');
		buf_append_char(&ports, ',');
		at++;
	}
	if (at != NULL && hosts.length > 0 &&
	    add_pair(out, "host", strlen("host"), &hosts, err) < 0) {
		at = NULL;
	}
	/* Only commas: no host has a port, the default serves all. */
	if (at != NULL && strspn(buf_text(&ports), ",") < ports.length &&
	    add_pair(out, "port", strlen("port"), &ports, err) < 0) {
		at = NULL;
	}
	buf_fini(&hosts);
	buf_fini(&ports);
	return at;
}

/* "key=value&key=value"; values may be passwords. */
static int
read_query(struct connstr *out, const char *at, struct error *err)
{
	while (*at != '\0') {
		size_t size = strcspn(at, "&");
		size_t key_size = strcspn(at, "=&");
		struct buf key = {0};
		int ret = -1;

		if (key_size == 0 || at[key_size] != '=') {
			error_set(err, SQLSTATE_SYNTAX_ERROR,
			    "\"=\" or a key is missing in a query parameter of "
			    "the URI");
			return -1;
		}
		ret = decode(at, key_size, &key, err);
		if (ret == 0) {
			ret = add_decoded(out, buf_text(&key),
			    at + key_size + 1, size - key_size - 1, err);
		}
		buf_fini(&key);
		if (ret < 0) {
			return -1;
		}
		at += size + (at[size] == '&' ? 1 : 0);
	}
	return 0;
}

int
connstr_parse_uri(struct connstr *out, const char *text, struct error *err)
{
	const char *at = after_scheme(text);

	if (at == NULL) {
		error_set(err, SQLSTATE_SYNTAX_ERROR,
		    "a URI begins with postgresql:// or postgres://");
		return -1;
	}
	if ((at = read_userinfo(out, at, err)) == NULL ||
	    (at = read_hosts(out, at, err)) == NULL) {
		goto fail;
	}
	if (*at == '/') {
		size_t size = strcspn(++at, "?");

		if (size > 0 && add_decoded(out, "dbname", at, size, err) < 0) {
			goto fail;
		}
		at += size;
	}
	if (*at == '?' && read_query(out, at + 1, err) < 0) {
		goto fail;
	}
	return 0;
fail:
	connstr_fini(out);
	return -1;
}
