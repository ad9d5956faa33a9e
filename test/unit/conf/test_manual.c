/*
 * test_manual.c - the manual and the sample file say what the table says.
 */
#include "conf/manual.h"

#include <string.h>

#include "conf/config.h"
#include "conf/file.h"
#include "core/buf.h"
#include "core/error.h"
#include "support/problems.h"
#include "support/unit.h"

#define STALE "run scripts/gen-config-docs BUILD-DIR"

static struct file_text
read_source(const char *path)
{
	struct file_text text = {0};
	struct error err;

	ck_assert_msg(
	    file_read(path, 10 << 20, &text, &err) == 0, "%s", err.text);
	return text;
}

START_TEST(the_sample_file_is_made_from_the_table)
{
	struct file_text text = read_source(SAMPLE_DIR "/etc/pgweir.ini");
	struct buf made = {0};

	manual_print_sample(&made);
	ck_assert_msg(strcmp(buf_text(&made), text.bytes) == 0,
	    "etc/pgweir.ini is stale: " STALE);
	buf_fini(&made);
	file_text_fini(&text);
}
END_TEST

START_TEST(the_reference_is_made_from_the_table)
{
	struct file_text text = read_source(SAMPLE_DIR "/doc/configuration.md");
	struct buf made = {0};

	buf_append_str(&made, MANUAL_BEGIN);
	manual_print_reference(&made);
	buf_append_str(&made, MANUAL_END);
	ck_assert_msg(strstr(text.bytes, buf_text(&made)) != NULL,
	    "doc/configuration.md is stale: " STALE);
	buf_fini(&made);
	file_text_fini(&text);
}
END_TEST

START_TEST(the_sample_file_loads)
{
	struct problems problems = {0};
	struct buf told = {0};
	struct config *config =
	    config_load(SAMPLE_DIR "/etc/pgweir.ini", &problems);

	ck_assert_str_eq(problems_text(&problems, &told), "");
	ck_assert_ptr_nonnull(config);
	config_unref(&config);
	problems_fini(&problems);
	buf_fini(&told);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("manual");
	TCase *all = tcase_create("manual");

	tcase_add_test(all, the_sample_file_is_made_from_the_table);
	tcase_add_test(all, the_reference_is_made_from_the_table);
	tcase_add_test(all, the_sample_file_loads);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
