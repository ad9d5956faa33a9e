/*
 * fuzz_hba.c - any bytes as an HBA file and a file of maps, and any names that
 * come to be judged by them.
 *
 * The input: flags, then texts that end in 0xff: rules, maps, user, database, a
 * name outside, a pattern. What is read is written as lines again, and these
 * must say the same.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/hba.h"
#include "auth/regex.h"
#include "conf/problems.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *bytes;
	size_t size;
};

/* The next text, of *LENGTH bytes; for the caller to free. */
static char *
take_text(struct input *input, size_t *length)
{
	const uint8_t *end = memchr(input->bytes, 0xff, input->size);
	char *text;

	*length = end == NULL ? input->size : (size_t)(end - input->bytes);
	text = mem_strndup((const char *)input->bytes, *length);
	input->bytes += *length + (end != NULL);
	input->size -= *length + (end != NULL);
	return text;
}

/* ---- writing what was read ----------------------------------------------- */

static void
put_quoted(struct buf *out, const char *text)
{
	buf_append_char(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"') {
			buf_append_char(out, '"');
		}
		buf_append_char(out, *text);
	}
	buf_append_char(out, '"');
}

static void
put_names(struct buf *out, const struct hba_names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		const struct hba_name *name = &names->items[i];

		buf_append_char(out, i == 0 ? ' ' : ',');
		if (name->kind == HBA_NAME_EXACT ||
		    name->kind == HBA_NAME_REGEX) {
			put_quoted(out, name->text);
		} else {
			buf_append_str(out, name->text);
		}
	}
}

static void
put_rule(struct buf *out, const struct hba_rule *rule)
{
	buf_append_str(out, hba_type_name(rule->type));
	put_names(out, &rule->databases);
	put_names(out, &rule->users);
	buf_append_char(out, ' ');
	hba_address_print(rule, out);
	buf_append_char(out, ' ');
	hba_netmask_print(rule, out);
	buf_printf(out, " %s", hba_method_name(rule->method));
	if (rule->map != NULL) {
		struct buf option = {0};

		buf_printf(&option, "map=%s", rule->map);
		buf_append_char(out, ' ');
		put_quoted(out, buf_text(&option));
		buf_fini(&option);
	}
	if (rule->clientcert != HBA_CLIENTCERT_OFF) {
		buf_printf(out, " clientcert=verify-%s",
		    rule->clientcert == HBA_CLIENTCERT_CA ? "ca" : "full");
	}
	buf_append_str(out, rule->uses_dn ? " clientname=DN\n" : "\n");
}

static void
write_all(const struct hba *hba, struct buf *out)
{
	for (size_t i = 0; i < hba_count(hba); i++) {
		put_rule(out, hba_rule(hba, i));
	}
}

/* As it is shown, too, which must work for whatever there is. */
static void
show_all(const struct hba *hba)
{
	for (size_t i = 0; i < hba_count(hba); i++) {
		const struct hba_rule *rule = hba_rule(hba, i);
		struct buf out = {0};

		hba_names_print(&rule->databases, &out);
		hba_names_print(&rule->users, &out);
		hba_options_print(rule, &out);
		assert(out.length >= 2 * strlen("{}"));
		buf_fini(&out);
	}
}

/* ---- judging ---------------------------------------------------------------
 */

/* Where clients come from; the last is none that is numbered. */
static const char *const sources[] = {"127.0.0.1", "10.1.2.3", "::1", "fe80::1",
    "::ffff:10.1.2.3", "0.0.0.0", "255.255.255.255"};
#define SOURCE_COUNT (sizeof(sources) / sizeof(sources[0]))

static enum hba_answer
judge(const struct hba *hba, unsigned flags, const char *user,
    const char *database, const struct hba_rule **rule)
{
	struct address peer;
	struct hba_facts facts = {.peer = &peer,
	    .user = user,
	    .database = database,
	    .is_tls = flags & 1,
	    .is_physical = flags & 2};
	size_t source = (flags >> 2) % (SOURCE_COUNT + 1);
	enum hba_answer answer;
	struct error err;

	if (source == SOURCE_COUNT) {
		assert(address_from_socket_name(&peer, "/tmp/s"));
	} else {
		assert(address_from_ip(&peer, sources[source], 1));
	}
	answer = hba_match(hba, &facts, rule);
	assert((answer == HBA_NO_RULE) == (*rule == NULL));
	if (*rule != NULL) {
		assert(((*rule)->type == HBA_LOCAL) == address_is_unix(&peer));
		assert((*rule)->type != HBA_HOSTGSSENC);
		assert((*rule)->type != HBA_HOSTSSL || facts.is_tls);
		assert((*rule)->type != HBA_HOSTNOSSL || !facts.is_tls);
	}
	hba_refuse_unknown(&facts, &err);
	hba_refuse_rejected(&facts, &err);
	return answer;
}

static void
try_rules(const struct hba *hba, struct input *input, unsigned flags,
    const struct hba *same)
{
	size_t length;
	char *user = take_text(input, &length);
	char *database = take_text(input, &length);
	char *outside = take_text(input, &length);
	const struct hba_rule *rule, *other;
	enum hba_answer answer = judge(hba, flags, user, database, &rule);

	assert(judge(same, flags, user, database, &other) == answer);
	if (rule != NULL) {
		assert(other->number == rule->number);
		assert(hba_allows_name(hba, rule, outside, user) ==
		    hba_allows_name(same, other, outside, user));
	}
	free(user);
	free(database);
	free(outside);
}

static void
try_pattern(const char *pattern, const char *text)
{
	struct error err;
	struct regex *regex = regex_compile(pattern, &err);
	struct regex_scratch *scratch;
	struct regex_group group;

	if (regex == NULL) {
		assert(err.text[0] != '\0');
		return;
	}
	scratch = regex_scratch_new();
	if (regex_match(regex, text, scratch, &group) == REGEX_MATCHES &&
	    group.text != NULL) {
		assert(regex_has_group(regex));
		assert(group.text >= text);
		assert(group.text + group.length <= text + strlen(text));
	}
	regex_scratch_free(&scratch);
	regex_free(&regex);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data + 1, size - 1};
	struct problems problems = {0};
	struct buf again = {0};
	size_t text_size, maps_size, length;
	char *text, *maps, *pattern;
	struct hba *hba, *same;

	if (size == 0) {
		return 0;
	}
	text = take_text(&input, &text_size);
	maps = take_text(&input, &maps_size);
	hba = hba_load_text(text, text_size, maps, maps_size, &problems);
	assert((hba == NULL) == (problems.error_count > 0));
	if (hba != NULL) {
		show_all(hba);
		write_all(hba, &again);
		same = hba_load_text(
		    buf_text(&again), again.length, maps, maps_size, &problems);
		assert(same != NULL);
		assert(hba_count(same) == hba_count(hba));
		try_rules(hba, &input, data[0], same);
		hba_unref(&same);
	}
	pattern = take_text(&input, &length);
	try_pattern(pattern, text);
	hba_unref(&hba);
	buf_fini(&again);
	problems_fini(&problems);
	free(pattern);
	free(text);
	free(maps);
	return 0;
}
