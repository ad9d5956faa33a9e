/*
 * call.h - a console command on its way, for those that carry it out.
 *
 * One run_ function per command: it appends the answer to .out, or sets
 * .is_later. -1 and ERR: then nothing but notices was. Names, answers and tags
 * are those of pgbouncer's manual, "Admin console".
 */
#ifndef ADMIN_CALL_H
#define ADMIN_CALL_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct client;
struct command;
struct error;
struct instance;

struct call {
	struct instance *instance;
	struct client *client;
	const char *verb; /* static; in capitals: the tag of the answer */
	const struct command *command;
	const char *sql; /* what was sent */
	struct buf *out;
	bool is_later; /* the answer does not come now */
};

/* The word at INDEX, 0 being the verb; NULL: there is none. */
const char *call_word(const struct call *call, size_t index);

/* -1 and ERR unless the client may do everything. */
int call_check_admin(const struct call *call, struct error *err)
    __attribute__((warn_unused_result));

/* -1 and ERR if there are more than COUNT words, or an assignment. */
int call_check_words(const struct call *call, size_t count, struct error *err)
    __attribute__((warn_unused_result));

/* Appends the end of an answer, its tag being the verb. */
void call_done(struct call *call);

/* Appends a notice; DETAIL may be NULL. */
void call_put_notice(
    struct call *call, const char *message, const char *detail);

/* Appends the commands there are, for SHOW HELP. In admin.c. */
void call_put_usage(struct buf *out);

/* do_show.c, also for SELECT */
int run_show(struct call *call, struct error *err);

/* do_set.c; asks by itself who may */
int run_set(struct call *call, struct error *err);
int run_reload(struct call *call, struct error *err);

/* do_pause.c */
int run_pause(struct call *call, struct error *err);
int run_resume(struct call *call, struct error *err);
int run_suspend(struct call *call, struct error *err);
int run_wait_close(struct call *call, struct error *err);
int run_shutdown(struct call *call, struct error *err);

/* do_database.c */
int run_disable(struct call *call, struct error *err);
int run_enable(struct call *call, struct error *err);
int run_reconnect(struct call *call, struct error *err);
int run_kill(struct call *call, struct error *err);
int run_kill_client(struct call *call, struct error *err);

/*
 * The database a command is about: word 1, as configured or made from "*". In
 * *NAME, NULL: none is given. -1 and ERR if it is not there, or the console's:
 * then "cannot WHAT admin db: NAME". Also if there are too many words.
 */
int call_database(const struct call *call, const char *what, const char **name,
    struct error *err) __attribute__((warn_unused_result));

/* Logs that the command was given, of DATABASE if that is not NULL. */
void call_log(const struct call *call, const char *database);

#endif
