/*
 * test_manual.c - the manual and the sample file say what the table says.
 */
#include "conf/manual.h"

#include <string.h>

#include "conf/config.h"
#include "conf/file.h"
#include "conf/settings.h"
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

/* PATH has, between the marks, what PRINT makes. */
static void
check_part(const char *path, void (*print)(struct buf *out))
{
	struct file_text text = read_source(path);
	struct buf made = {0};

	buf_append_str(&made, MANUAL_BEGIN);
	print(&made);
	buf_append_str(&made, MANUAL_END);
	ck_assert_msg(strstr(text.bytes, buf_text(&made)) != NULL,
	    "%s is stale: " STALE, path);
	buf_fini(&made);
	file_text_fini(&text);
}

START_TEST(the_reference_is_made_from_the_table)
{
	check_part(SAMPLE_DIR "/doc/configuration.md", manual_print_reference);
}
END_TEST

START_TEST(the_table_beside_pgbouncer_is_made_from_the_table)
{
	check_part(SAMPLE_DIR "/doc/pgbouncer.md", manual_print_pgbouncer);
}
END_TEST

START_TEST(the_manual_page_is_made_from_the_table)
{
	struct file_text text = read_source(SAMPLE_DIR "/doc/pgweir.ini.5");
	struct buf made = {0};

	manual_print_page(&made);
	ck_assert_msg(strcmp(buf_text(&made), text.bytes) == 0,
	    "doc/pgweir.ini.5 is stale: " STALE);
	buf_fini(&made);
	file_text_fini(&text);
}
END_TEST

START_TEST(every_text_has_every_setting)
{
	void (*const prints[])(struct buf * out) = {
	    manual_print_page, manual_print_reference, manual_print_sample};
	struct buf made = {0}, line = {0};

	prints[_i](&made);
	for (size_t i = 0; i < setting_count; i++) {
		buf_clear(&line);
		buf_printf(&line,
		    _i == 0       ? "\n.B %s\n"
		        : _i == 1 ? "\n#### %s\n"
		                  : "%s =",
		    setting_rows[i].name);
		ck_assert_msg(strstr(buf_text(&made), buf_text(&line)) != NULL,
		    "%s", setting_rows[i].name);
	}
	buf_fini(&made);
	buf_fini(&line);
}
END_TEST

START_TEST(every_setting_of_pgbouncer_is_known)
{
	static const char *const names[] = {
#define PGBOUNCER(name, better) #name,
#include "conf/pgbouncer.def"
#undef PGBOUNCER
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		ck_assert_msg(setting_find(names[i]) != NULL, "%s", names[i]);
	}
	ck_assert_uint_eq(sizeof(names) / sizeof(*names), 101);
}
END_TEST

static const char *const samples[] = {
    SAMPLE_DIR "/etc/pgweir.ini", SAMPLE_DIR "/etc/pgweir-minimal.ini"};

START_TEST(the_sample_files_load)
{
	struct problems problems = {0};
	struct buf told = {0};
	struct config *config = config_load(samples[_i], &problems);

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
	tcase_add_test(all, the_table_beside_pgbouncer_is_made_from_the_table);
	tcase_add_test(all, the_manual_page_is_made_from_the_table);
	tcase_add_loop_test(all, every_text_has_every_setting, 0, 3);
	tcase_add_test(all, every_setting_of_pgbouncer_is_known);
	tcase_add_loop_test(all, the_sample_files_load, 0, 2);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
