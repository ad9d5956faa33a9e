/* test_lexer.c - tokens, compared with PostgreSQL's own scanner. */
#include "support/unit.h"

#include <string.h>

#include "core/buf.h"
#include "sql/lexer.h"
#include "support/lexer_compare.h"
#include "support/sqlgen.h"

static const char *const nasty[] = {
    "",
    " ",
    ";",
    "--",
    "-- a",
    "/**/",
    "/*/**/*/",
    "/***/",
    "/*/ */ 1",
    "a--b",
    "e'' -- a\n'\\''",
    "e'a'\n'\\''",
    "a-- b\nc",
    "a/*b*/c",
    "1-1",
    "1--1",
    "1 - -1",
    "+-+",
    "+-",
    "@-",
    "@--",
    "*/*",
    "<--",
    "<=-",
    "=-",
    "=+-",
    "~-",
    "<=>",
    "=>",
    ":=",
    "::",
    ":::",
    "...",
    "..",
    "1..2",
    "1.2.3",
    "1.",
    ".1",
    "1e5",
    "1.e5",
    ".5e-3",
    "1e",
    "1e+",
    "1E5a",
    "1a",
    "0x1f",
    "1_000",
    "$1",
    "$1a",
    "$a",
    "$",
    "$$",
    "$$a$$",
    "$a$$a$",
    "$a$$b$$a$",
    "$a$a$a$",
    "$ab$ $a$ $ab$",
    "a$1",
    "a$b$c",
    "$1$2",
    "'a'",
    "'a''b'",
    "'a\\'",
    "e'a\\'b'",
    "E'\\\\'",
    "E'a''b'",
    "'a' 'b'",
    "'a'\n'b'",
    "'a'\r'b'",
    "'a' \n 'b'",
    "'a' -- c\n 'b'",
    "'a'\n-- c\n'b'",
    "'a' /* c */\n'b'",
    "'a'\n/* c */'b'",
    "'a'\n- 'b'",
    "'a'--",
    "'a'\n--",
    "'a'\ne'b'",
    "E'a'\n'b\\''",
    "b'01'\n'10'",
    "x'1f' 'a'",
    "B'2'",
    "n'a'",
    "N 'a'",
    "n'a'\n'b'",
    "u&'a'",
    "U&'\\0061'",
    "u&'a' uescape '!'",
    "u&\"a\"",
    "u & 'a'",
    "u&a",
    "u&&a",
    "\"a\"",
    "\"a\"\"b\"",
    "\"\"",
    "\"a",
    "'a",
    "/* a",
    "$$a",
    "e'a\\",
    "\"a\n b\"",
    "a.b",
    "a . b",
    "a.*",
    "a[1:2]",
    "a[1::int]",
    "2147483647",
    "2147483648",
    "00002147483648",
    "0000000000001",
    "select 1\fa",
    "a\vb",
    "\xc3\xa9",
    "\xff\xfe",
    "a?b",
    "a ? b",
    "?",
    "a?-b",
    "`",
    "{",
    "}",
    "\\",
    "a\\b",
    "a#b",
    "a!=b",
    "a<>b",
    "a!b",
    "%%",
    "1%2",
    "^^",
    "|/ 2",
    "||",
    "a\t=\tb",
    "<",
    ">=",
    "!=-",
    "!=--",
    "-/*",
    "/-",
    "//",
    "*",
    "**",
    "+",
    "a.1",
    "a.1e5",
    "a..b",
    "1.a",
    "1.e",
    "1.5e",
    "e5",
    "e",
    "E",
    "E 'a'",
    "x 'a'",
    "b",
    "u&",
    "U&",
    "n",
    "$0",
    "$00001",
    "1$1",
    "a'b'",
    "1'b'",
    "ab'c'",
    "be'c\\'",
    "'a'b'c'",
    "'a'\"b\"",
    "\"a\"'b'",
};

/* Returns whether PostgreSQL could scan TEXT. */
static bool
compare(const char *text)
{
	char message[512] = "";
	bool could_scan;

	ck_assert_msg(lexer_agrees(text, &could_scan, message, sizeof(message)),
	    "\"%s\": %s", text, message);
	return could_scan;
}

START_TEST(lexer_agrees_with_postgresql_on_nasty_texts)
{
	(void)compare(nasty[_i]);
}
END_TEST

START_TEST(lexer_agrees_with_postgresql_on_statements)
{
	struct sqlgen gen = {.seed = 0x9e3779b97f4a7c15};
	struct buf text = {0};

	for (int i = 0; i < 4000; i++) {
		sqlgen_statement(&gen, &text);
		ck_assert_msg(compare(buf_text(&text)), "%s", buf_text(&text));
	}
	buf_fini(&text);
}
END_TEST

START_TEST(lexer_agrees_with_postgresql_on_mutations)
{
	struct sqlgen gen = {.seed = 0x123456789abcdef};
	struct buf text = {0};
	int scanned = 0;

	for (int i = 0; i < 10000; i++) {
		sqlgen_statement(&gen, &text);
		for (uint32_t k = sqlgen_below(&gen, 3); k < 3; k++) {
			sqlgen_mutate(&gen, &text);
		}
		scanned += compare(buf_text(&text));
	}
	ck_assert_int_gt(scanned, 1000);
	buf_fini(&text);
}
END_TEST

START_TEST(lexer_agrees_with_postgresql_on_soup)
{
	struct sqlgen gen = {.seed = 0xfedcba987654321};
	struct buf text = {0};
	int scanned = 0;

	for (int i = 0; i < 30000; i++) {
		sqlgen_soup(&gen, &text);
		scanned += compare(buf_text(&text));
	}
	ck_assert_int_gt(scanned, 3000);
	buf_fini(&text);
}
END_TEST

START_TEST(lexer_reads_plain_strings_with_escapes_when_asked)
{
	static const char text[] = "'a\\'b' 'c' U&'d'";
	struct lexer lexer;
	struct token token;

	lexer_init(&lexer, text, strlen(text), false);
	lexer_next(&lexer, &token);
	ck_assert_int_eq(token.class, TOKEN_ESCAPE_STRING);
	ck_assert_uint_eq(token.length, 6);
	lexer_next(&lexer, &token);
	ck_assert_uint_eq(token.length, 3);
	lexer_next(&lexer, &token);
	ck_assert_int_eq(token.class, TOKEN_JUNK); /* PostgreSQL refuses it */
}
END_TEST

START_TEST(lexer_stops_at_the_given_length)
{
	static const char text[] = "select 'abc' /* x */ $$y$$ \"z\" 1.5e+7";
	struct lexer lexer;
	struct token token;

	for (size_t length = 0; length <= strlen(text); length++) {
		char *copy = malloc(length == 0 ? 1 : length);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, text, length);
		lexer_init(&lexer, copy, length, true);
		do {
			lexer_next(&lexer, &token);
			ck_assert(token.start + token.length <= copy + length);
		} while (token.class != TOKEN_END);
		free(copy);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("lexer");
	TCase *tcase = tcase_create("tokens");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, lexer_agrees_with_postgresql_on_nasty_texts,
	    0, (int)(sizeof(nasty) / sizeof(nasty[0])));
	tcase_add_test(tcase, lexer_agrees_with_postgresql_on_statements);
	tcase_add_test(tcase, lexer_agrees_with_postgresql_on_mutations);
	tcase_add_test(tcase, lexer_agrees_with_postgresql_on_soup);
	tcase_add_test(
	    tcase, lexer_reads_plain_strings_with_escapes_when_asked);
	tcase_add_test(tcase, lexer_stops_at_the_given_length);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
