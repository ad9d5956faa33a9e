/*
 * test_ini.c - INI files, under every kind of inih build.
 */
#include "conf/ini.h"

#include <ini.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"
#include "support/problems.h"
#include "support/unit.h"

/*
 * Debian's inih takes its build options from variables, so one library can
 * play all builds. Where these do not exist only the library as built is
 * tested.
 */
extern bool ini_allow_multiline __attribute__((weak));
extern bool ini_allow_inline_comments __attribute__((weak));
extern bool ini_use_stack __attribute__((weak));
extern bool ini_allow_realloc __attribute__((weak));
extern bool ini_stop_on_first_error __attribute__((weak));
extern bool ini_allow_no_value __attribute__((weak));
extern bool ini_allow_bom __attribute__((weak));
extern int ini_max_line __attribute__((weak));
extern int ini_initial_alloc __attribute__((weak));

static const struct build {
	const char *label;
	bool multiline, inline_comments, stack, realloc, stop, no_value, bom;
	int max_line, initial;
} builds[] = {
    {"default", true, true, true, false, false, false, true, 200, 200},
    {"heap", false, false, false, true, false, false, true, 200, 200},
    {"heap, growing", false, false, false, true, true, true, false, 4096, 32},
    {"tiny lines", true, true, true, false, true, true, true, 32, 32},
    {"long lines", true, true, false, false, false, false, true, 65536, 65536},
};
#define BUILD_COUNT ((int)(sizeof(builds) / sizeof(builds[0])))

static void
use_build(const struct build *build)
{
	if (&ini_allow_multiline == NULL || &ini_max_line == NULL) {
		return;
	}
	ini_allow_multiline = build->multiline;
	ini_allow_inline_comments = build->inline_comments;
	ini_use_stack = build->stack;
	ini_allow_realloc = build->realloc;
	ini_stop_on_first_error = build->stop;
	ini_allow_no_value = build->no_value;
	ini_allow_bom = build->bom;
	ini_max_line = build->max_line;
	ini_initial_alloc = build->initial;
}

static void
on_pair(void *arg, const struct ini_place *place, const char *section,
    const char *key, const char *value)
{
	buf_printf(arg, "%s:%d [%s] %s=%s\n", place->file, place->line, section,
	    key, value);
}

static void
expect(const char *text, size_t size, const char *pairs, const char *problems)
{
	struct buf seen = {0}, told = {0};
	struct problems found = {0};

	ini_read_text("f", text, size, on_pair, &seen, &found);
	ck_assert_str_eq(buf_text(&seen), pairs);
	ck_assert_str_eq(problems_text(&found, &told), problems);
	problems_fini(&found);
	buf_fini(&seen);
	buf_fini(&told);
}

static const struct text_case {
	const char *label;
	const char *text;
	const char *pairs;
	const char *problems;
} cases[] = {
    {"empty", "", "", ""},
    {"plain", "[s]\na=b\n", "f:2 [s] a=b\n", ""},
    {"no final newline", "[s]\na=b", "f:2 [s] a=b\n", ""},
    {"blanks around", "  [ s ]  \n\t a \t=\t b c \t\n", "f:2 [s] a=b c\n", ""},
    {"leading blanks are no continuation", "[s]\na=1\n b=2\n\tc=3\n",
        "f:2 [s] a=1\nf:3 [s] b=2\nf:4 [s] c=3\n", ""},
    {"semicolon in a value", "[s]\na=x ;y ; z\nb=;\n",
        "f:2 [s] a=x ;y ; z\nf:3 [s] b=;\n", ""},
    {"hash in a value", "[s]\na=x #y\n", "f:2 [s] a=x #y\n", ""},
    {"colon is no separator", "[s]\na:b=c\nhost = ::1\n",
        "f:2 [s] a:b=c\nf:3 [s] host=::1\n", ""},
    {"comments", "; one\n# two\n[s] ; three\n  ; four\n  # five\na=1\n",
        "f:6 [s] a=1\n", ""},
    {"CRLF", "[s]\r\na=b\r\n\r\nc=d\r\n", "f:2 [s] a=b\nf:4 [s] c=d\n", ""},
    {"byte order mark", "\xef\xbb\xbf[s]\na=b\n", "f:2 [s] a=b\n", ""},
    {"empty value", "[s]\na=\nb =   \n", "f:2 [s] a=\nf:3 [s] b=\n", ""},
    {"equals sign in a value", "[s]\na=host=b port=c\n",
        "f:2 [s] a=host=b port=c\n", ""},
    {"quoted key", "[s]\n\"Foo \"\"Bar\"\" = x\" = 1\n*=2\n\"\"=3\n",
        "f:2 [s] Foo \"Bar\" = x=1\nf:3 [s] *=2\nf:4 [s] =3\n", ""},
    {"section again", "[s]\na=1\n[t]\nb=2\n[s]\na=3\n",
        "f:2 [s] a=1\nf:4 [t] b=2\nf:6 [s] a=3\n", ""},
    {"brackets in a value", "[s]\na=[b]\n", "f:2 [s] a=[b]\n", ""},
    {"no section", "a=1\n[s]\nb=2\n", "f:3 [s] b=2\n",
        "error f:1: \"a\" stands before the first [section]\n"},
    {"no equals sign", "[s]\nnonsense\na b = c\nd=e\n", "f:4 [s] d=e\n",
        "error f:2: not \"key = value\", [section] or comment\n"
        "error f:3: not \"key = value\", [section] or comment\n"},
    {"no key", "[s]\n=x\n", "",
        "error f:2: not \"key = value\", [section] or comment\n"},
    {"open quote", "[s]\n\"a=b\n", "",
        "error f:2: not \"key = value\", [section] or comment\n"},
    {"key and quote", "[s]\na\"b\"=c\n", "",
        "error f:2: not \"key = value\", [section] or comment\n"},
    {"section not closed", "[s\na=1\n", "",
        "error f:1: \"]\" is missing after the section's name\n"
        "error f:2: \"a\" stands before the first [section]\n"},
    {"text after section", "[s] a=1\n", "",
        "error f:1: nothing may follow the section's \"]\"\n"},
    {"old line ends", "[s]\ra=1\rb=2\n", "",
        "error f:1: a carriage return in the midst of the line\n"},
    {"include in a text", "[s]\n%include x\na=1\n", "f:3 [s] a=1\n",
        "error f:2: %include works only in files\n"},
    {"almost include", "[s]\n%includes = x\n", "f:2 [s] %includes=x\n", ""},
};
#define CASE_COUNT ((int)(sizeof(cases) / sizeof(cases[0])))

START_TEST(every_build_reads_lines_alike)
{
	const struct text_case *row = &cases[_i % CASE_COUNT];

	use_build(&builds[_i / CASE_COUNT]);
	expect(row->text, strlen(row->text), row->pairs, row->problems);
}
END_TEST

/* One value of SIZE bytes that would mean something at each inih trap. */
static void
expect_long_value(size_t size)
{
	struct buf text = {0}, pairs = {0};

	buf_append_str(&text, "[databases]\nlong = ");
	buf_append_str(&pairs, "f:2 [databases] long=");
	for (size_t i = 0; i < size; i++) {
		char c = "a ; b=c [d] # "[i % 14];

		c = i + 1 == size ? 'z' : c;
		buf_append_char(&text, c);
		buf_append_char(&pairs, c);
	}
	buf_append_str(&text, "\nnext = 1\n");
	buf_append_str(&pairs, "\nf:3 [databases] next=1\n");
	expect(buf_text(&text), text.length, buf_text(&pairs), "");
	buf_fini(&text);
	buf_fini(&pairs);
}

START_TEST(every_build_reads_lines_of_any_length)
{
	static const size_t sizes[] = {1, 14, 25, 31, 32, 180, 190, 191, 192,
	    193, 194, 199, 200, 201, 399, 8191, 8192, 65535, 65536,
	    INI_LINE_MAX_BYTES - 7};

	use_build(&builds[_i]);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		expect_long_value(sizes[i]);
	}
}
END_TEST

START_TEST(every_build_reads_long_sections_and_keys)
{
	struct buf text = {0}, pairs = {0};
	char name[301];

	use_build(&builds[_i]);
	memset(name, 'n', 300);
	name[300] = '\0';
	buf_printf(&text, "[%s]\n%s=%s\n", name, name, name);
	buf_printf(&pairs, "f:2 [%s] %s=%s\n", name, name, name);
	expect(buf_text(&text), text.length, buf_text(&pairs), "");
	buf_fini(&text);
	buf_fini(&pairs);
}
END_TEST

START_TEST(a_line_beyond_the_limit_is_refused_and_reading_goes_on)
{
	struct buf text = {0};

	buf_append_str(&text, "[s]\na=");
	for (size_t i = 0; i < INI_LINE_MAX_BYTES; i++) {
		buf_append_char(&text, 'x');
	}
	buf_append_str(&text, "\nb=1\n");
	expect(buf_text(&text), text.length, "f:3 [s] b=1\n",
	    "error f:2: the line is longer than 1048576 bytes\n");
	buf_fini(&text);
}
END_TEST

START_TEST(a_nul_byte_ends_the_file_with_an_error)
{
	static const char text[] = "[s]\na=1\nb=\0\nc=2\n";

	expect(text, sizeof(text) - 1, "f:2 [s] a=1\n",
	    "error f:3: a NUL byte: this is not a text file\n");
}
END_TEST

START_TEST(problems_are_bounded)
{
	struct buf text = {0}, seen = {0};
	struct problems found = {0};

	for (int i = 0; i < 5000; i++) {
		buf_append_str(&text, "?\n");
	}
	ini_read_text(
	    "f", buf_text(&text), text.length, on_pair, &seen, &found);
	ck_assert_uint_eq(found.count, PROBLEMS_MAX);
	ck_assert_uint_eq(found.error_count, 5000);
	ck_assert_uint_eq(found.left_out, 5000 - PROBLEMS_MAX);
	problems_fini(&found);
	buf_fini(&text);
	buf_fini(&seen);
}
END_TEST

/* ---- files -------------------------------------------------------------- */

static char folder[] = "/tmp/pgweir-test-ini-XXXXXX";

static void
enter_folder(void)
{
	(void)strcpy(strrchr(folder, '-'), "-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
leave_folder(void)
{
	char command[100];

	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
}

/* The path of NAME in the folder; valid until the next call but one. */
static const char *
path_of(const char *name)
{
	static char paths[2][200];
	static int turn;

	turn = !turn;
	(void)snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", folder, name);
	return paths[turn];
}

static void
write_file(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* Reads NAME; in PAIRS and PROBLEMS "@" stands for the folder and "/". */
static int
expect_file(const char *name, const char *pairs, const char *problems)
{
	struct buf seen = {0}, told = {0}, plain = {0};
	struct problems found = {0};
	int ret = ini_read_file(path_of(name), on_pair, &seen, &found);
	const char *both[] = {pairs, problems};

	(void)problems_text(&found, &told);
	for (int i = 0; i < 2; i++) {
		buf_clear(&plain);
		for (const char *c = both[i]; *c != '\0'; c++) {
			if (*c == '@') {
				buf_printf(&plain, "%s/", folder);
			} else {
				buf_append_char(&plain, *c);
			}
		}
		ck_assert_str_eq(
		    buf_text(i == 0 ? &seen : &told), buf_text(&plain));
	}
	problems_fini(&found);
	buf_fini(&seen);
	buf_fini(&told);
	buf_fini(&plain);
	return ret;
}

START_TEST(an_included_file_continues_the_section_and_changes_it)
{
	write_file("main", "[s]\na=1\n  %include   sub  \nd=4\n");
	write_file("sub", "b=2\n[t]\nc=3");
	ck_assert_int_eq(expect_file("main",
	                     "@main:2 [s] a=1\n@sub:1 [s] b=2\n"
	                     "@sub:3 [t] c=3\n@main:4 [t] d=4\n",
	                     ""),
	    0);
}
END_TEST

START_TEST(an_error_in_an_included_file_names_that_file)
{
	write_file("main", "[s]\n%include sub\nbad\n");
	write_file("sub", "\nworse\n");
	(void)expect_file("main", "",
	    "error @sub:2: not \"key = value\", [section] or comment\n"
	    "error @main:3: not \"key = value\", [section] or comment\n");
}
END_TEST

START_TEST(an_included_name_is_looked_up_in_the_working_directory_first)
{
	char before[500];

	ck_assert_ptr_nonnull(getcwd(before, sizeof(before)));
	write_file("main", "[s]\n%include x\n");
	write_file("x", "a=beside\n");
	ck_assert_int_eq(mkdir(path_of("work"), 0700), 0);
	write_file("work/x", "a=working\n");
	ck_assert_int_eq(chdir(path_of("work")), 0);
	(void)expect_file("main", "x:1 [s] a=working\n", "");
	ck_assert_int_eq(unlink("x"), 0);
	(void)expect_file("main", "@x:1 [s] a=beside\n", "");
	ck_assert_int_eq(chdir(before), 0);
}
END_TEST

START_TEST(a_missing_included_file_is_an_error_where_it_is_named)
{
	write_file("main", "[s]\n%include /nowhere/x\n%include\na=1\n");
	(void)expect_file("main", "@main:4 [s] a=1\n",
	    "error @main:2: %include: cannot open \"/nowhere/x\": No such file "
	    "or directory\n"
	    "error @main:3: %include needs the name of a file\n");
}
END_TEST

START_TEST(a_circle_of_includes_is_refused)
{
	write_file("main", "[s]\n%include sub\n");
	write_file("sub", "%include main\na=1\n");
	(void)expect_file("main", "@sub:2 [s] a=1\n",
	    "error @sub:1: %include: \"@main\" includes itself\n");
}
END_TEST

START_TEST(includes_are_bounded_in_depth)
{
	char name[8], text[32];

	for (int i = 0; i < 12; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		(void)snprintf(
		    text, sizeof(text), "[s]\n%%include f%d\n", i + 1);
		write_file(name, text);
	}
	(void)expect_file(
	    "f0", "", "error @f9:2: %include f10: more than 10 files deep\n");
}
END_TEST

START_TEST(includes_are_bounded_in_number)
{
	struct buf text = {0};

	write_file("sub", "\n");
	buf_append_str(&text, "[s]\n");
	for (int i = 0; i < INI_INCLUDES_MAX + 1; i++) {
		buf_append_str(&text, "%include sub\n");
	}
	write_file("main", buf_text(&text));
	(void)expect_file("main", "",
	    "error @main:1002: %include sub: more than 1000 files\n");
	buf_fini(&text);
}
END_TEST

START_TEST(only_files_are_read)
{
	ck_assert_int_eq(mkfifo(path_of("fifo"), 0600), 0);
	ck_assert_int_eq(
	    expect_file("fifo", "", "error \"@fifo\" is not a file\n"), -1);
	ck_assert_int_eq(mkdir(path_of("dir"), 0700), 0);
	ck_assert_int_eq(
	    expect_file("dir", "", "error \"@dir\" is not a file\n"), -1);
	ck_assert_int_eq(
	    expect_file("none", "",
	        "error cannot open \"@none\": No such file or directory\n"),
	    -1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ini");
	TCase *lines = tcase_create("lines");
	TCase *files = tcase_create("files");

	tcase_add_loop_test(
	    lines, every_build_reads_lines_alike, 0, CASE_COUNT * BUILD_COUNT);
	tcase_add_loop_test(
	    lines, every_build_reads_lines_of_any_length, 0, BUILD_COUNT);
	tcase_add_loop_test(
	    lines, every_build_reads_long_sections_and_keys, 0, BUILD_COUNT);
	tcase_add_test(
	    lines, a_line_beyond_the_limit_is_refused_and_reading_goes_on);
	tcase_add_test(lines, a_nul_byte_ends_the_file_with_an_error);
	tcase_add_test(lines, problems_are_bounded);
	tcase_set_timeout(lines, 60);
	tcase_add_checked_fixture(files, enter_folder, leave_folder);
	tcase_add_test(
	    files, an_included_file_continues_the_section_and_changes_it);
	tcase_add_test(files, an_error_in_an_included_file_names_that_file);
	tcase_add_test(files,
	    an_included_name_is_looked_up_in_the_working_directory_first);
	tcase_add_test(
	    files, a_missing_included_file_is_an_error_where_it_is_named);
	tcase_add_test(files, a_circle_of_includes_is_refused);
	tcase_add_test(files, includes_are_bounded_in_depth);
	tcase_add_test(files, includes_are_bounded_in_number);
	tcase_add_test(files, only_files_are_read);
	suite_add_tcase(suite, lines);
	suite_add_tcase(suite, files);
	return unit_run(suite);
}
