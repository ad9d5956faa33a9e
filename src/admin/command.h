/*
 * command.h - what a console command says: its words, before anybody knows
 * whether they mean something.
 */
#ifndef ADMIN_COMMAND_H
#define ADMIN_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

struct error;

/* The verb and what follows it. */
#define COMMAND_WORDS_MAX 4

/*
 * Words are runs of anything but blanks, quotes, ';' and '='; or "in double
 * quotes", or 'in single quotes', where a doubled quote stands for one.
 * Comments count as blanks.
 */
struct command {
	char *memory; /* owned; what the words point to */
	const char *words[COMMAND_WORDS_MAX]; /* unquoted */
	size_t count;                         /* 0: an empty command */
	bool is_assignment; /* words: verb, key, value; was "verb key = value"
	                       or "verb key TO value" */
};

/*
 * Reads TEXT. -1 and ERR, with SQLSTATE 08P01, when it is no command whatever
 * the words may mean; ERR's text is pgbouncer's "invalid command 'TEXT', use
 * SHOW HELP;" unless more can be said. COMMAND is to be ended in both cases.
 */
int command_parse(const char *text, struct command *command, struct error *err)
    __attribute__((warn_unused_result));

/* Frees what COMMAND owns; zeroed is accepted. */
void command_fini(struct command *command);

/* Sets ERR to "invalid command 'TEXT', use SHOW HELP;"; a long TEXT is cut. */
void command_invalid(struct error *err, const char *text);

#endif
