/* test_command.c - the words of a console command, and what is none. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "admin/command.h"
#include "core/error.h"

static struct command command;
static struct error err;

static void
setup(void)
{
	command = (struct command){0};
}

static void
teardown(void)
{
	command_fini(&command);
}

struct good {
	const char *text;
	const char *words; /* with '|' between; "" for none */
	bool is_assignment;
};

static const struct good goods[] = {
    {"SHOW POOLS", "SHOW|POOLS", false},
    {"show pools;", "show|pools", false},
    {" \t\r\n\f show\npools \n;\n", "show|pools", false},
    {"show pools;;; ; -- and done", "show|pools", false},
    {"\"show\" \"pools\"", "show|pools", false},
    {"show \"a \"\"b\"\"\"", "show|a \"b\"", false},
    {"-- first\nshow/* x /* nested */ y */pools--z", "show|pools", false},
    {"reload", "reload", false},
    {"kill_client 17", "kill_client|17", false},
    {"select version()", "select|version()", false},
    {"a b c d", "a|b|c|d", false},
    {"", "", false},
    {" ", "", false},
    {";", "", false},
    {";;", "", false},
    {"-- nothing", "", false},
    {"/* nothing */ ;", "", false},
    {"set a = b", "set|a|b", true},
    {"set a=b", "set|a|b", true},
    {"SET a TO b;", "SET|a|b", true},
    {"set a to 'b'", "set|a|b", true},
    {"set a='it''s; -- \"not\" /*over*/ '", "set|a|it's; -- \"not\" /*over*/ ",
        true},
    {"set a = \"b c\"", "set|a|b c", true},
    {"set a = ''", "set|a|", true},
    {"set a = to", "set|a|to", true},
    {"set to = 1", "set|to|1", true},
    {"set to to to", "set|to|to", true},
    {"set \"a\" = 10min", "set|a|10min", true},
    {"set a = -1", "set|a|-1", true},
    {"set a = 127.0.0.1,::1", "set|a|127.0.0.1,::1", true},
    {"set a = /tmp/x", "set|a|/tmp/x", true},
    {"set a = 'M\xc3\xbcller'", "set|a|M\xc3\xbcller", true},
    /* What it means is for somebody else to know. */
    {"set a \"to\" b", "set|a|to|b", false},
    {"show a = b", "show|a|b", true},
    {"show a to b", "show|a|to|b", false},
};

static void
join(char *out, size_t size)
{
	out[0] = '\0';
	for (size_t i = 0; i < command.count; i++) {
		strncat(out, i == 0 ? "" : "|", size - strlen(out) - 1);
		strncat(out, command.words[i], size - strlen(out) - 1);
	}
}

START_TEST(a_command_is_cut_into_words)
{
	const struct good *row = &goods[_i];
	char words[200];

	ck_assert_msg(command_parse(row->text, &command, &err) == 0, "[%s]: %s",
	    row->text, err.text);
	join(words, sizeof(words));
	ck_assert_msg(
	    strcmp(words, row->words) == 0, "[%s]: %s", row->text, words);
	ck_assert_msg(
	    command.is_assignment == row->is_assignment, "[%s]", row->text);
}
END_TEST

struct bad {
	const char *text;
	const char *hint; /* a part of it */
};

static const struct bad bads[] = {
    {"set a =", ""},
    {"set a to", ""},
    {"set = b", ""},
    {"= b", ""},
    {"set a = b = c", ""},
    {"set a b = c", ""},
    {"set a = b c", ""},
    {"a b c d e", ""},
    {"show \"pools", "unterminated quoted string"},
    {"set a = 'b", "unterminated quoted string"},
    {"set a = 'b''", "unterminated quoted string"},
    {"show pools /* and", "unterminated comment"},
    {"show pools; /* /* */", "unterminated comment"},
};

START_TEST(what_is_no_command_is_quoted_back)
{
	const struct bad *row = &bads[_i];
	char want[200];

	ck_assert_msg(
	    command_parse(row->text, &command, &err) == -1, "[%s]", row->text);
	(void)snprintf(want, sizeof(want),
	    "invalid command '%s', use SHOW HELP;", row->text);
	ck_assert_str_eq(err.text, want);
	ck_assert_str_eq(err.sqlstate, "08P01");
	ck_assert_msg(strstr(err.hint, row->hint) != NULL, "[%s]: %s",
	    row->text, err.hint);
}
END_TEST

START_TEST(several_commands_are_refused_before_the_first_is_run)
{
	ck_assert_int_eq(
	    command_parse("shutdown; show pools", &command, &err), -1);
	ck_assert_str_eq(err.text, "the console takes one command per query");
	ck_assert_str_eq(err.sqlstate, "08P01");
}
END_TEST

START_TEST(a_long_command_is_quoted_in_part)
{
	char text[1000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text + 199, "\xe2\x82\xac", 3);
	command_invalid(&err, text);
	ck_assert_uint_eq(strlen(err.text),
	    strlen("invalid command '...', use SHOW HELP;") + 199);
	ck_assert_ptr_nonnull(strstr(err.text, "xxx...', use SHOW HELP;"));
}
END_TEST

START_TEST(words_without_blanks_between_fit)
{
	ck_assert_int_eq(command_parse("a\"b\"c'd'", &command, &err), 0);
	ck_assert_uint_eq(command.count, 4);
	ck_assert_str_eq(command.words[0], "a");
	ck_assert_str_eq(command.words[1], "b");
	ck_assert_str_eq(command.words[2], "c");
	ck_assert_str_eq(command.words[3], "d");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("command");
	TCase *tcase = tcase_create("parse");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, a_command_is_cut_into_words, 0,
	    sizeof(goods) / sizeof(*goods));
	tcase_add_loop_test(tcase, what_is_no_command_is_quoted_back, 0,
	    sizeof(bads) / sizeof(*bads));
	tcase_add_test(
	    tcase, several_commands_are_refused_before_the_first_is_run);
	tcase_add_test(tcase, a_long_command_is_quoted_in_part);
	tcase_add_test(tcase, words_without_blanks_between_fit);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
