/* shape_int.h - inside the shape scanner: for shape.c and shape_list.c only. */
#ifndef SQL_SHAPE_INT_H
#define SQL_SHAPE_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sql/lexer.h"

/* Lists open at once; what is nested deeper is left as it is. */
#define SHAPE_LISTS_MAX 16

/* What is remembered of a token: one of these, or the character of an operator
 * or symbol of one character (which are below 128). */
enum token_name {
	NAME_NONE = 0,    /* before the text */
	NAME_OTHER = 128, /* operators of several characters, .. := and junk */
	NAME_CAST,        /* :: */
	NAME_STRING,
	NAME_CONSTANT, /* number, parameter, B'', X'' */
	NAME_NATIONAL, /* the N of N'' */
	NAME_WORD,     /* this and all that follow are words */
	NAME_UNICODE,  /* U&"...", which may spell anything */
	NAME_AS,
	NAME_IN,
	NAME_ARRAY,
	NAME_VALUES,
	NAME_LITERAL, /* null, true, false, default */
	NAME_PG_CATALOG,
	NAME_REG,    /* regclass and its kin */
	NAME_CONFIG, /* set_config, current_setting */
	NAME_UESCAPE,
	NAME_SET,
	NAME_EXPLAIN,
	NAME_COPY,
	NAME_SELECT /* select, table, with */
};

/* What of the present statement is kept as it is. */
enum keep_rule {
	KEEP_NOTHING,
	KEEP_ALL,     /* SET */
	KEEP_OPTIONS, /* EXPLAIN: what is in the brackets behind it */
	KEEP_COPY     /* COPY: all but the query in brackets */
};

/*
 * An open list.
 *
 *   IN ( 1 , 2 )      elements are separated by commas at .depth
 *   VALUES (1) , (2)  rows are brackets opened at .depth
 */
struct list_frame {
	uint32_t depth;
	bool is_rows;
	bool is_constant;  /* the present element, so far */
	bool is_empty;     /* the present element has no constant yet */
	bool has_constant; /* an element made of constants was kept */
	char *start;       /* of the present element; NULL before it */
	char *kept_start;  /* of the element last kept; NULL if none */
	size_t kept_length;
	/* As things were before the last separator, to go back to. */
	char *separator; /* NULL: still in the first element */
	uint32_t token_count;
	uint64_t history;
};

struct scanner {
	struct lexer lexer;
	char *out;        /* end of the output */
	uint64_t history; /* names of the last eight tokens, latest lowest */
	uint32_t token_count;
	uint32_t depth; /* open brackets */
	uint32_t max_depth;
	uint32_t statements;
	uint32_t position; /* of the present token in its statement */
	uint32_t flags;
	enum keep_rule keep;
	uint32_t keep_depth; /* at this depth and deeper all is kept; 0: none */
	uint32_t query_depth; /* COPY (...): here nothing is kept; 0: none */
	struct token string;  /* the string last masked; start NULL if none */
	char *string_out;     /* where its mask was written */
	uint32_t list_count;
	struct list_frame lists[SHAPE_LISTS_MAX];
};

/* The token BACK tokens before the present one. */
static inline enum token_name
name_before(const struct scanner *s, unsigned back)
{
	return (enum token_name)(s->history >> (8 * back) & 0xff);
}

/* Before a token is written: ends elements and lists, dropping from the output
 * what says nothing new. */
void lists_before(struct scanner *s, enum token_name name);

/* A token was written at START; an opening bracket is not counted in .depth
 * yet, a closing one no longer. */
void lists_after(struct scanner *s, enum token_name name, char *start);

/* A closing bracket was written and counted in every way: was it a row's? */
void lists_end_row(struct scanner *s);

/* An opening bracket is about to be written: does it open a list? The bracket
 * is not counted in .depth yet. Returns what it opens. */
enum list_kind {
	LIST_NONE,
	LIST_ELEMENTS,
	LIST_ROWS
};
enum list_kind lists_opened_by(const struct scanner *s, enum token_name name);

/* Opens a list of KIND; its bracket has been counted in .depth. */
void lists_open(struct scanner *s, enum list_kind kind, char *start);

#endif
