/*
 * hba_print.c - a rule as PostgreSQL's pg_hba_file_rules shows it.
 */
#include <ctype.h>
#include <string.h>

#include "auth/hba_net.h"
#include "auth/hba_rule.h"
#include "core/buf.h"
#include "core/str.h"

/* Whether TEXT needs quotes in an array written as text. */
static bool
needs_quotes(const char *text)
{
	if (*text == '\0' || str_equal_nocase(text, "null")) {
		return true;
	}
	for (const char *c = text; *c != '\0'; c++) {
		if (strchr("{},\"\\", *c) != NULL ||
		    isspace((unsigned char)*c)) {
			return true;
		}
	}
	return false;
}

/* Appends an element; the first one opens the array. */
static void
put_element(struct buf *out, bool is_first, const char *text)
{
	bool quotes = needs_quotes(text);

	buf_append_char(out, is_first ? '{' : ',');
	if (quotes) {
		buf_append_char(out, '"');
	}
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\') {
			buf_append_char(out, '\\');
		}
		buf_append_char(out, *c);
	}
	if (quotes) {
		buf_append_char(out, '"');
	}
}

void
hba_names_print(const struct hba_names *names, struct buf *out)
{
	for (size_t i = 0; i < names->count; i++) {
		put_element(out, i == 0, names->items[i].text);
	}
	buf_append_str(out, names->count == 0 ? "{}" : "}");
}

void
hba_address_print(const struct hba_rule *rule, struct buf *out)
{
	static const char *const words[] = {
	    [HBA_ANYWHERE] = "all",
	    [HBA_SAMEHOST] = "samehost",
	    [HBA_SAMENET] = "samenet",
	};

	if (rule->type == HBA_LOCAL) {
		return;
	}
	if (rule->where == HBA_NET) {
		hba_net_print_address(&rule->net, out);
	} else {
		buf_append_str(out, words[rule->where]);
	}
}

void
hba_netmask_print(const struct hba_rule *rule, struct buf *out)
{
	if (rule->type != HBA_LOCAL && rule->where == HBA_NET) {
		hba_net_print_mask(&rule->net, out);
	}
}

void
hba_options_print(const struct hba_rule *rule, struct buf *out)
{
	bool is_first = true;

	if (rule->map != NULL) {
		struct buf option = {0};

		buf_printf(&option, "map=%s", rule->map);
		put_element(out, is_first, buf_text(&option));
		buf_fini(&option);
		is_first = false;
	}
	if (rule->clientcert != HBA_CLIENTCERT_OFF) {
		put_element(out, is_first,
		    rule->clientcert == HBA_CLIENTCERT_CA
		        ? "clientcert=verify-ca"
		        : "clientcert=verify-full");
		is_first = false;
	}
	if (rule->uses_dn) {
		put_element(out, is_first, "clientname=DN");
		is_first = false;
	}
	if (!is_first) {
		buf_append_char(out, '}');
	}
}
