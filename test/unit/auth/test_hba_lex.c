/* test_hba_lex.c - lines, fields and words of files in pg_hba.conf's format. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/hba_lex.h"
#include "conf/problems.h"
#include "core/buf.h"
#include "core/mem.h"

/* Lines as "number:field field|...", words joined by ',', quoted ones in ''. */
static void
print_line(void *arg, const struct hba_line *line)
{
	struct buf *out = arg;

	buf_printf(out, "%d:", line->number);
	for (size_t i = 0; i < line->count; i++) {
		const struct hba_field *field = &line->fields[i];

		buf_append_str(out, i == 0 ? "" : " ");
		for (size_t k = 0; k < field->count; k++) {
			const char *quote = field->words[k].quoted ? "'" : "";

			buf_printf(out, "%s%s%s%s", k == 0 ? "" : ",", quote,
			    field->words[k].text, quote);
		}
		buf_append_str(out, field->count == 0 ? "-" : "");
	}
	buf_append_char(out, '|');
}

static const struct {
	const char *text;
	const char *lines;
} rows[] = {
    {"", ""},
    {"\n\n", ""},
    {"# comment\n", ""},
    {"a b c\n", "1:a b c|"},
    {"a b c", "1:a b c|"},
    {"  a\tb\r\n", "1:a b|"},
    {"\na\n\nb\n", "2:a|4:b|"},
    {"a,b c", "1:a,b c|"},
    {"a, b c", "1:a,b c|"},
    {"a ,b c", "1:a b c|"},
    {"a,,b", "1:a,b|"},
    {"a,\nb", "1:a|2:b|"},
    {", ,a", "1:a|"},
    {"a#b c\nd", "1:a|2:d|"},
    {"a,#b\nc", "1:a|2:c|"},
    {"\"a b\" c", "1:'a b' c|"},
    {"\"a,b\",c", "1:'a,b',c|"},
    {"\"a#b\"", "1:'a#b'|"},
    {"\"\"", "1:''|"},
    {"\"a\"\"b\"", "1:'a\"b'|"},
    {"\"\"\"\"", "1:'\"'|"},
    {"a\"b c\"d", "1:ab cd|"},
    {"\"a\"b", "1:'ab'|"},
    {"\"a b\nc", "1:'a b'|2:c|"},
    {"\"@a\"", "1:'@a'|"},
    {"@", "1:@|"},
    {"a \\\nb", "1:a b|"},
    {"a\\\nb", "1:ab|"},
    {"a \\\r\nb", "1:a b|"},
    {"a \\\n\\\nb\nc", "1:a b|4:c|"},
    {"# a \\\nb\nc", "3:c|"},
    {"\"a \\\nb\"", "1:'a b'|"},
    {"a\\", "1:a|"},
    {"a\\\n", "1:a|"},
    {"\\\na", "1:a|"},
    /* The first backslash is left where the second was taken away: no
     * continuation of what is empty. */
    {"a\\\\\n\nb", "1:a\\|3:b|"},
    {"a\\\\\nb", "1:a\\b|"},
    {"a\\b", "1:a\\b|"},
    {"a\\ \nb", "1:a\\|2:b|"},
    {"include", "1:include|"},
    {"include a b", "1:include a b|"},
};

START_TEST(hba_lex_reads_lines_as_postgresql_does)
{
	struct problems problems = {0};
	struct buf out = {0};

	hba_lex_text("f", rows[_i].text, strlen(rows[_i].text), print_line,
	    &out, &problems);
	ck_assert_str_eq(buf_text(&out), rows[_i].lines);
	ck_assert_uint_eq(problems.error_count, 0);
	buf_fini(&out);
	problems_fini(&problems);
}
END_TEST

START_TEST(hba_lex_refuses_nul_and_overlong_lines_and_goes_on)
{
	struct problems problems = {0};
	struct buf out = {0}, text = {0};

	buf_append(&text, "a\0b\nc\n", 6);
	for (size_t i = 0; i <= HBA_LINE_MAX; i++) {
		buf_append_char(&text, 'x');
	}
	buf_append_str(&text, "\nd\n");
	hba_lex_text(
	    "f", buf_text(&text), text.length, print_line, &out, &problems);
	ck_assert_str_eq(buf_text(&out), "2:c|4:d|");
	ck_assert_uint_eq(problems.error_count, 2);
	ck_assert_int_eq(problems.items[0].line, 1);
	ck_assert_int_eq(problems.items[1].line, 3);
	buf_fini(&out);
	buf_fini(&text);
	problems_fini(&problems);
}
END_TEST

START_TEST(hba_lex_opens_no_file_for_a_text)
{
	static const char text[] =
	    "include /dev/null\ninclude_dir /etc\n"
	    "include_if_exists /dev/null\n@/dev/null a\nb";
	struct problems problems = {0};
	struct buf out = {0};

	hba_lex_text("f", text, sizeof(text) - 1, print_line, &out, &problems);
	ck_assert_str_eq(buf_text(&out), "5:b|");
	ck_assert_uint_eq(problems.error_count, 4);
	buf_fini(&out);
	problems_fini(&problems);
}
END_TEST

START_TEST(hba_lex_stops_at_the_most_words_of_all)
{
	struct problems problems = {0};
	struct buf out = {0}, text = {0};

	for (size_t i = 0; i <= HBA_WORDS_MAX; i++) {
		buf_append_str(&text, i % 1000 == 999 ? "w\n" : "w ");
	}
	hba_lex_text(
	    "f", buf_text(&text), text.length, print_line, &out, &problems);
	ck_assert_uint_eq(problems.error_count, 1);
	ck_assert_int_eq(problems.items[0].line, HBA_WORDS_MAX / 1000 + 1);
	buf_fini(&out);
	buf_fini(&text);
	problems_fini(&problems);
}
END_TEST

/* ---- inclusion ----------------------------------------------------------- */

static char folder[64];

static void
make_folder(void)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/test_hba_lex.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
write_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static void
remove_folder(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
}

/* Lexes the file "main"; the problems as text in WRONG. */
static void
lex_main(struct buf *out, struct buf *wrong)
{
	struct problems problems = {0};
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/main", folder);
	hba_lex_file(path, print_line, out, &problems);
	for (size_t i = 0; i < problems.count; i++) {
		const char *file = problems.items[i].file;

		buf_printf(wrong, "%s:%d: %s\n",
		    file == NULL ? "-" : strrchr(file, '/') + 1,
		    problems.items[i].line, problems.items[i].text);
	}
	problems_fini(&problems);
}

START_TEST(hba_lex_puts_the_words_of_a_file_in_place_of_its_name)
{
	struct buf out = {0}, wrong = {0};

	write_file("names", "ann, bob # both\n\"c d\" sub,@more\n");
	write_file("more", "eve\n\n");
	write_file("none", "# nobody\n");
	write_file("main", "a @names,zoe b\n@none c\n");
	lex_main(&out, &wrong);
	ck_assert_str_eq(
	    buf_text(&out), "1:a ann,bob,'c d',sub,eve,zoe b|2:- c|");
	ck_assert_str_eq(buf_text(&wrong), "");
	buf_fini(&out);
	buf_fini(&wrong);
}
END_TEST

START_TEST(hba_lex_follows_the_three_ways_to_include)
{
	struct buf out = {0}, wrong = {0};

	write_file("main",
	    "a\ninclude sub/x.conf\ninclude_if_exists nosuch\n"
	    "include_if_exists b\ninclude_dir sub\nz\n");
	write_file("b", "b\n");
	write_file("sub/x.conf", "x\ninclude y\n");
	write_file("sub/y", "y\n");
	write_file("sub/a.conf", "sa\n");
	write_file("sub/.h.conf", "hidden\n");
	write_file("sub/other", "other\n");
	lex_main(&out, &wrong);
	ck_assert_str_eq(buf_text(&wrong), "");
	ck_assert_str_eq(buf_text(&out), "1:a|1:x|1:y|1:b|1:sa|1:x|1:y|6:z|");
	buf_fini(&out);
	buf_fini(&wrong);
}
END_TEST

START_TEST(hba_lex_says_where_what_cannot_be_read_is_named)
{
	struct buf out = {0}, wrong = {0};
	char expected[512];

	write_file("main",
	    "a\n@nosuch b\ninclude nosuch\ninclude_dir nodir\n"
	    "include sub\nz\n");
	lex_main(&out, &wrong);
	ck_assert_str_eq(buf_text(&out), "1:a|6:z|");
	(void)snprintf(expected, sizeof(expected),
	    "main:2: cannot open \"%s/nosuch\": No such file or directory\n"
	    "main:3: cannot open \"%s/nosuch\": No such file or directory\n"
	    "main:4: cannot open directory \"%s/nodir\": No such file or "
	    "directory\n"
	    "main:5: \"%s/sub\" is not a file\n",
	    folder, folder, folder, folder);
	ck_assert_str_eq(buf_text(&wrong), expected);
	buf_fini(&out);
	buf_fini(&wrong);
}
END_TEST

START_TEST(hba_lex_ends_with_files_that_include_themselves)
{
	static const char *const loops[] = {"include main\n", "@main\n",
	    "include main\ninclude main\ninclude main\n", "@main,@main @main\n",
	    "include_dir .\ninclude_dir sub\na\n"};

	for (size_t i = 0; i < sizeof(loops) / sizeof(*loops); i++) {
		struct buf out = {0}, wrong = {0};

		write_file("main", loops[i]);
		write_file("l.conf", "include_dir .\n");
		lex_main(&out, &wrong);
		ck_assert_uint_gt(wrong.length, 0);
		buf_fini(&out);
		buf_fini(&wrong);
	}
}
END_TEST

START_TEST(hba_lex_bounds_the_bytes_of_all_files_together)
{
	struct buf out = {0}, wrong = {0}, big = {0}, many = {0};

	for (int i = 0; i < 1024; i++) {
		buf_append_str(&big, "#");
		for (int k = 0; k < 1022; k++) {
			buf_append_char(&big, 'x');
		}
		buf_append_char(&big, '\n');
	}
	for (int i = 0; i < 20; i++) {
		buf_append_str(&many, "include big\n");
	}
	write_file("big", buf_text(&big));
	write_file("main", buf_text(&many));
	lex_main(&out, &wrong);
	ck_assert_str_eq(buf_text(&wrong),
	    "main:16: too much is included: with this there are more than 16 "
	    "MB\n");
	buf_fini(&out);
	buf_fini(&wrong);
	buf_fini(&big);
	buf_fini(&many);
}
END_TEST

static void
set_up(void)
{
	char path[128];

	make_folder();
	(void)snprintf(path, sizeof(path), "%s/sub", folder);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

int
main(void)
{
	Suite *suite = suite_create("hba_lex");
	TCase *lines = tcase_create("lines");
	TCase *files = tcase_create("files");

	suite_add_tcase(suite, lines);
	tcase_add_loop_test(lines, hba_lex_reads_lines_as_postgresql_does, 0,
	    sizeof(rows) / sizeof(*rows));
	tcase_add_test(
	    lines, hba_lex_refuses_nul_and_overlong_lines_and_goes_on);
	tcase_add_test(lines, hba_lex_opens_no_file_for_a_text);
	tcase_add_test(lines, hba_lex_stops_at_the_most_words_of_all);
	suite_add_tcase(suite, files);
	tcase_add_checked_fixture(files, set_up, remove_folder);
	tcase_add_test(
	    files, hba_lex_puts_the_words_of_a_file_in_place_of_its_name);
	tcase_add_test(files, hba_lex_follows_the_three_ways_to_include);
	tcase_add_test(files, hba_lex_says_where_what_cannot_be_read_is_named);
	tcase_add_test(files, hba_lex_ends_with_files_that_include_themselves);
	tcase_add_test(files, hba_lex_bounds_the_bytes_of_all_files_together);
	return unit_run(suite);
}
