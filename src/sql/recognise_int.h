/* recognise_int.h - between the halves of recognising plain statements. */
#ifndef SQL_RECOGNISE_INT_H
#define SQL_RECOGNISE_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "sql/lexer.h"

struct buf;
struct ops_builder;
struct verdict;

struct reader {
	struct lexer lexer;
	struct token token;          /* the one to be read */
	struct ops_builder *builder; /* borrowed from recognise_text()'s */
	struct verdict *verdict;     /* caller, both of them */
};

/* A setting's, with its points. */
struct setting_name {
	char bytes[128];
	size_t length;
};

void reader_advance(struct reader *reader);

/* Whether the present token is WORD; words of a shape are in lower case. */
bool reader_is_word(const struct reader *reader, const char *word);

/*
 * Each of these advances past what it takes. If that is not there it returns
 * false, and only the first two can then be followed by another attempt.
 */
bool reader_take_word(struct reader *reader, const char *word);
bool reader_take_sign(struct reader *reader, const char *sign);

/* Semicolons, and the end of the text. */
bool reader_take_end(struct reader *reader);

/* A name of the grammar's ColId, or in quotes without quotes within. */
bool reader_take_name(struct reader *reader, struct token *name);

/* The name of a setting whose SET tells all about it. */
bool reader_take_setting_name(struct reader *reader, struct setting_name *name);

/* A string without escapes: what is between its quotes. */
bool reader_take_string(struct reader *reader, struct token *content);

/* Appends CONTENT of a string with its doubled quotes made single; false when a
 * quote is alone: the string has more pieces. */
bool reader_put_content(struct buf *out, const struct token *content);

/* One value of SET NAME; appended to OUT as PostgreSQL would. */
bool reader_take_value(
    struct reader *reader, struct buf *out, const struct setting_name *name);

#endif
