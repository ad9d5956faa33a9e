/* test_utf8.c - what is well-formed, and what becomes of the rest. */
#include "support/unit.h"

#include <string.h>

#include "core/buf.h"
#include "core/utf8.h"

struct row {
	const char *label;
	const char *text;
	const char *clean;
};

static const struct row rows[] = {
    {"nothing", "", ""},
    {"ascii", "abc", "abc"},
    {"two bytes", "\xc3\xa4", "\xc3\xa4"},
    {"three bytes", "\xe2\x82\xac", "\xe2\x82\xac"},
    {"four bytes", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    {"latin-1", "M\xfcller", "M?ller"},
    {"lone continuation", "a\x80z", "a?z"},
    {"overlong slash", "\xc0\xaf", "??"},
    {"overlong in three", "\xe0\x80\xaf", "???"},
    {"surrogate", "\xed\xa0\x80", "???"},
    {"beyond the last", "\xf4\x90\x80\x80", "????"},
    {"cut short", "a\xe2\x82", "a??"},
    {"cut by ascii", "\xe2\x82z\xc3\xa4", "??z\xc3\xa4"},
    {"never a first byte", "\xff\xfe", "??"},
};

START_TEST(what_is_malformed_becomes_question_marks)
{
	const struct row *row = &rows[_i];
	struct buf out = {0};

	utf8_append(&out, row->text, strlen(row->text));
	ck_assert_msg(strcmp(buf_text(&out), row->clean) == 0, "%s: %s",
	    row->label, buf_text(&out));
	buf_fini(&out);
}
END_TEST

START_TEST(a_cut_keeps_characters_whole)
{
	const char *text = "a\xe2\x82\xac\xe2\x82\xac";

	ck_assert_uint_eq(utf8_cut(text, 7, 9), 7);
	ck_assert_uint_eq(utf8_cut(text, 7, 7), 7);
	ck_assert_uint_eq(utf8_cut(text, 7, 6), 4);
	ck_assert_uint_eq(utf8_cut(text, 7, 5), 4);
	ck_assert_uint_eq(utf8_cut(text, 7, 4), 4);
	ck_assert_uint_eq(utf8_cut(text, 7, 3), 1);
	ck_assert_uint_eq(utf8_cut(text, 7, 1), 1);
	ck_assert_uint_eq(utf8_cut(text, 7, 0), 0);
}
END_TEST

START_TEST(a_cut_of_garbage_ends)
{
	ck_assert_uint_eq(utf8_cut("\x80\x80\x80\x80\x80\x80", 6, 5), 2);
	ck_assert_uint_eq(utf8_cut("\x80\x80", 2, 1), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("utf8");
	TCase *tcase = tcase_create("text");

	tcase_add_loop_test(tcase, what_is_malformed_becomes_question_marks, 0,
	    sizeof(rows) / sizeof(*rows));
	tcase_add_test(tcase, a_cut_keeps_characters_whole);
	tcase_add_test(tcase, a_cut_of_garbage_ends);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
