/* test_lexer.c - tokens, compared with PostgreSQL's own scanner. */
#include "support/unit.h"

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "sql/lexer.h"
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

/* The class PostgreSQL's TOKEN (its text starts at START) corresponds to. */
static bool
is_same_class(const PgQuery__ScanToken *theirs, const struct token *ours)
{
	switch ((int)theirs->token) {
	case PG_QUERY__TOKEN__ICONST:
		return ours->class == TOKEN_INTEGER;
	case PG_QUERY__TOKEN__FCONST:
		return ours->class == TOKEN_NUMBER;
	case PG_QUERY__TOKEN__BCONST:
		return ours->class == TOKEN_BITS;
	case PG_QUERY__TOKEN__XCONST:
		return ours->class == TOKEN_HEX;
	case PG_QUERY__TOKEN__PARAM:
		return ours->class == TOKEN_PARAM;
	case PG_QUERY__TOKEN__USCONST:
		return ours->class == TOKEN_UNICODE_STRING;
	case PG_QUERY__TOKEN__UIDENT:
		return ours->class == TOKEN_UNICODE_WORD;
	case PG_QUERY__TOKEN__SCONST:
		return ours->class == TOKEN_STRING ||
		    ours->class == TOKEN_ESCAPE_STRING ||
		    ours->class == TOKEN_DOLLAR_STRING;
	case PG_QUERY__TOKEN__IDENT:
		return ours->class == TOKEN_WORD ||
		    ours->class == TOKEN_QUOTED_WORD;
	case PG_QUERY__TOKEN__NCHAR:
		return ours->class == TOKEN_NATIONAL ||
		    ours->class == TOKEN_WORD;
	case PG_QUERY__TOKEN__TYPECAST:
	case PG_QUERY__TOKEN__DOT_DOT:
	case PG_QUERY__TOKEN__COLON_EQUALS:
		return ours->class == TOKEN_SYMBOL;
	case PG_QUERY__TOKEN__Op:
	case PG_QUERY__TOKEN__EQUALS_GREATER:
	case PG_QUERY__TOKEN__LESS_EQUALS:
	case PG_QUERY__TOKEN__GREATER_EQUALS:
	case PG_QUERY__TOKEN__NOT_EQUALS:
		return ours->class == TOKEN_OPERATOR;
	default:
		break;
	}
	if (theirs->keyword_kind != 0) {
		return ours->class == TOKEN_WORD;
	}
	/* A character that stands for itself; also one that means nothing. */
	return ours->length == 1 && theirs->token < 128 &&
	    (ours->class == TOKEN_SYMBOL || ours->class == TOKEN_OPERATOR ||
	        ours->class == TOKEN_JUNK);
}

static bool
is_comment(const PgQuery__ScanToken *token)
{
	return token->token == PG_QUERY__TOKEN__SQL_COMMENT ||
	    token->token == PG_QUERY__TOKEN__C_COMMENT;
}

/* libpg_query tells a wrong end of these. */
static bool
has_end(const PgQuery__ScanToken *token)
{
	return token->token != PG_QUERY__TOKEN__USCONST &&
	    token->token != PG_QUERY__TOKEN__UIDENT;
}

/* libpg_query, unlike PostgreSQL, ends a string at a comment. */
static bool
is_continued_over_comment(const struct token *token, int32_t their_length)
{
	const char *rest = token->start + their_length;

	return (int32_t)token->length > their_length &&
	    lexer_continue_string(rest, rest + strlen(rest)) != NULL &&
	    memmem(rest, token->length - (size_t)their_length, "--", 2) != NULL;
}

static void
compare_tokens(const char *text, const PgQuery__ScanResult *theirs)
{
	struct lexer lexer;
	struct token token;

	lexer_init(&lexer, text, strlen(text), true);
	for (size_t i = 0; i < theirs->n_tokens; i++) {
		const PgQuery__ScanToken *other = theirs->tokens[i];

		if (is_comment(other)) {
			continue;
		}
		lexer_next(&lexer, &token);
		if (is_continued_over_comment(
		        &token, other->end - other->start)) {
			return;
		}
		ck_assert_msg(token.start == text + other->start &&
		        (token.start + token.length == text + other->end ||
		            !has_end(other)),
		    "\"%s\": [%td, %td), PostgreSQL has [%d, %d)", text,
		    token.start - text, token.start + token.length - text,
		    other->start, other->end);
		ck_assert_msg(is_same_class(other, &token),
		    "\"%s\": class %d at %d, PostgreSQL has %d", text,
		    (int)token.class, other->start, (int)other->token);
	}
	lexer_next(&lexer, &token);
	ck_assert_msg(token.class == TOKEN_END && !lexer.is_unterminated,
	    "\"%s\" goes on", text);
}

/* Whether the lexer finds nothing wrong with TEXT. */
static bool
is_clean(const char *text)
{
	struct lexer lexer;
	struct token token;
	bool is_junk = false;

	lexer_init(&lexer, text, strlen(text), true);
	do {
		lexer_next(&lexer, &token);
		is_junk |= token.class == TOKEN_JUNK;
	} while (token.class != TOKEN_END);
	return !is_junk && !lexer.is_unterminated;
}

/* PostgreSQL also looks into what it has read; the lexer leaves that. */
static bool
is_about_contents(const char *message)
{
	static const char *const texts[] = {"zero-length delimited", "escape",
	    "Unicode", "surrogate", "hexadecimal digit", "is not a valid",
	    "operator too long", "invalid byte sequence", "too long"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strstr(message, texts[i]) != NULL) {
			return true;
		}
	}
	return false;
}

/* Returns whether PostgreSQL could scan TEXT. */
static bool
compare(const char *text)
{
	PgQueryScanResult result = pg_query_scan(text);
	const bool ok = result.error == NULL;

	if (ok) {
		PgQuery__ScanResult *theirs = pg_query__scan_result__unpack(
		    NULL, result.pbuf.len, (const uint8_t *)result.pbuf.data);

		ck_assert_ptr_nonnull(theirs);
		compare_tokens(text, theirs);
		pg_query__scan_result__free_unpacked(theirs, NULL);
	} else {
		ck_assert_msg(
		    !is_clean(text) || is_about_contents(result.error->message),
		    "\"%s\": PostgreSQL says: %s", text, result.error->message);
	}
	pg_query_free_scan_result(result);
	return ok;
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
