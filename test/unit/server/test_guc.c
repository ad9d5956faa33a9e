/* test_guc.c - the table of PostgreSQL's settings. */
#include "support/unit.h"

#include <ctype.h>
#include <string.h>

#include "conf/file.h"
#include "core/buf.h"
#include "core/error.h"
#include "server/guc.h"

START_TEST(the_table_is_in_order_for_its_search)
{
	for (size_t i = 1; i < guc_count; i++) {
		ck_assert_msg(
		    strcmp(guc_rows[i - 1].name, guc_rows[i].name) < 0,
		    "%s before %s", guc_rows[i - 1].name, guc_rows[i].name);
	}
}
END_TEST

START_TEST(every_row_is_found_and_gives_a_reason)
{
	for (size_t i = 0; i < guc_count; i++) {
		const struct guc *row = &guc_rows[i];
		size_t length = strlen(row->reason);

		ck_assert_ptr_eq(guc_find(row->name), row);
		ck_assert_msg(length > 2 && row->reason[length - 1] == '.',
		    "%s: \"%s\"", row->name, row->reason);
		for (const char *c = row->name; *c != '\0'; c++) {
			ck_assert_msg(
			    !isupper((unsigned char)*c), "%s", row->name);
		}
	}
	ck_assert_str_eq(guc_find("TimeZone")->name, "timezone");
	ck_assert_str_eq(guc_find("DATESTYLE")->name, "datestyle");
}
END_TEST

START_TEST(what_is_not_known_waits_and_matters)
{
	static const char *const unknown[] = {"", "a", "app.tenant", "zzz",
	    "application_nam", "application_name2", "plpgsql.extra_errors"};

	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		const struct guc *row = guc_find(unknown[i]);

		ck_assert_str_eq(row->name, "");
		ck_assert_int_eq(row->travel, GUC_WAITS);
		ck_assert(row->matters);
		ck_assert(row->is_superuser);
	}
}
END_TEST

/* What could show a client another one's rows, or read its text wrongly. */
START_TEST(what_decides_what_is_seen_or_meant_waits)
{
	static const char *const waits[] = {"client_encoding",
	    "default_transaction_isolation", "default_transaction_read_only",
	    "role", "row_security", "search_path", "session_authorization",
	    "session_replication_role", "standard_conforming_strings"};

	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		ck_assert_msg(
		    guc_find(waits[i])->travel == GUC_WAITS, "%s", waits[i]);
	}
}
END_TEST

START_TEST(the_manual_is_made_from_the_table)
{
	struct file_text text = {0};
	struct buf made = {0};
	struct error err;

	ck_assert_int_eq(
	    file_read(SAMPLE_DIR "/doc/session.md", 1 << 20, &text, &err), 0);
	buf_append_str(&made, "-->\n");
	guc_print_reference(&made);
	buf_append_str(&made, "<!-- end");
	ck_assert_msg(strstr(text.bytes, buf_text(&made)) != NULL,
	    "doc/session.md is stale: run scripts/gen-config-docs BUILD-DIR");
	buf_fini(&made);
	file_text_fini(&text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("guc");
	TCase *table = tcase_create("table");

	tcase_add_test(table, the_table_is_in_order_for_its_search);
	tcase_add_test(table, every_row_is_found_and_gives_a_reason);
	tcase_add_test(table, what_is_not_known_waits_and_matters);
	tcase_add_test(table, what_decides_what_is_seen_or_meant_waits);
	tcase_add_test(table, the_manual_is_made_from_the_table);
	suite_add_tcase(suite, table);
	return unit_run(suite);
}
