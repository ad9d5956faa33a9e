/*
 * main.c - arguments, start, stop; nothing else.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/files.h"
#include "admin/instance.h"
#include "admin/process.h"
#include "admin/supervisor.h"
#include "admin/version.h"
#include "auth/hba_config.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/log.h"
#include "net/inherited.h"
#include "net/tls_config.h"

/* What the command line says. */
struct arguments {
	struct instance_options options;
	const char *user;
	bool daemonise;
	bool only_check;
};

static void
print_usage(FILE *out)
{
	(void)fprintf(out,
	    "pgweir pools and routes PostgreSQL connections.\n\n"
	    "Usage: pgweir [OPTION]... CONFIG.ini\n"
	    "       pgweir [OPTION]... 'host=db1,db2 dbname=app'\n"
	    "       pgweir --check CONFIG.ini\n\n"
	    "  -d, --daemon     run in the background (needs a log file or "
	    "syslog)\n"
	    "  -q, --quiet      write no log to standard error\n"
	    "  -v, --verbose    log more; may be given several times\n"
	    "  -u, --user=USER  become USER when started as root\n"
	    "      --check      report every error of the configuration and "
	    "exit\n"
	    "  -V, --version    print the version and exit\n"
	    "  -h, --help       print this and exit\n\n"
	    "The manual is in pgweir(1); the settings are in "
	    "doc/configuration.md.\n");
}

static void
print_version(void)
{
	struct buf text = {0};

	version_put(NULL, &text);
	buf_append_char(&text, '\n');
	version_put_libraries(&text);
	(void)fputs(buf_text(&text), stdout);
	buf_fini(&text);
}

static void
print_error(const struct error *err)
{
	(void)fprintf(stderr, "pgweir: %s\n", err->text);
	if (err->hint[0] != '\0') {
		(void)fprintf(stderr, "pgweir: %s\n", err->hint);
	}
}

/* Fills ARGS; returns -1, or the status to exit with at once. */
static int
parse_arguments(int argc, char **argv, struct arguments *args)
{
	static const struct option options[] = {
	    {"daemon", no_argument, NULL, 'd'},
	    {"quiet", no_argument, NULL, 'q'},
	    {"verbose", no_argument, NULL, 'v'},
	    {"user", required_argument, NULL, 'u'},
	    {"check", no_argument, NULL, 'c'},
	    {"version", no_argument, NULL, 'V'},
	    {"help", no_argument, NULL, 'h'},
	    {"reboot", no_argument, NULL, 'R'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "dqvu:VhR", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			args->daemonise = true;
			break;
		case 'q':
			args->options.is_quiet = true;
			break;
		case 'v':
			args->options.verbosity++;
			break;
		case 'u':
			args->user = optarg;
			break;
		case 'c':
			args->only_check = true;
			break;
		case 'V':
			print_version();
			return 0;
		case 'h':
			print_usage(stdout);
			return 0;
		case 'R':
			(void)fprintf(stderr,
			    "pgweir: -R: taking over from a running process "
			    "does not exist yet in this version\n");
			return 1;
		default:
			print_usage(stderr);
			return 1;
		}
	}
	if (argc - optind != 1) {
		(void)fprintf(stderr,
		    "pgweir: one configuration file or connection string is "
		    "needed\n\n");
		print_usage(stderr);
		return 1;
	}
	args->options.source = argv[optind];
	args->options.is_connstr = config_is_connstr(argv[optind]);
	return -1;
}

/* Loads the configuration; what is wrong or remarkable goes to stderr. */
static struct config *
load(const struct arguments *args)
{
	struct problems problems = {0};
	struct buf line = {0};
	struct config *config = args->options.is_connstr
	    ? config_from_connstr(args->options.source, &problems)
	    : config_load(args->options.source, &problems);

	if (config != NULL && tls_contexts_try(config, &problems) != 0) {
		config_unref(&config);
	}
	if (config != NULL && hba_config_load(config, NULL, &problems) != 0) {
		config_unref(&config);
	}
	for (size_t i = 0; i < problems.count; i++) {
		const struct problem *item = &problems.items[i];

		if (item->kind != PROBLEM_ERROR && args->options.is_quiet) {
			continue;
		}
		problem_print(item, &line);
		buf_append_char(&line, '\n');
	}
	(void)!fwrite(buf_text(&line), 1, line.length, stderr);
	buf_fini(&line);
	problems_fini(&problems);
	return config;
}

/* Becomes the process that is to run: log and pid file, user, background; in
 * the background, *READY is for process_ready(). */
static int
settle(struct arguments *args, struct logger *logger,
    const struct config *config, int *pid_fd, int *ready, struct error *err)
{
	const struct settings *settings = config_settings(config);
	const char *user = args->user != NULL ? args->user : settings->user;

	if (user[0] == '\0' && process_drop_root(user, err) != 0) {
		return -1; /* refused before anything is touched */
	}
	if (args->daemonise && settings->logfile[0] == '\0' &&
	    !settings->syslog) {
		error_set(err, SQLSTATE_INTERNAL,
		    "-d needs logfile= or syslog= in the configuration");
		return -1;
	}
	args->options.is_quiet = args->options.is_quiet || args->daemonise;
	/* Opened as root where they need it, and given away. */
	if (settings->pidfile[0] != '\0' &&
	    process_open_pidfile(settings->pidfile, pid_fd, err) != 0) {
		return -1;
	}
	process_give_file(settings->pidfile, user);
	if (instance_configure_log(logger, config, &args->options, err) != 0) {
		return -1;
	}
	process_give_file(settings->logfile, user);
	args->options.most_files = process_raise_limit(files_needed(config));
	if (process_drop_root(user, err) != 0) {
		return -1;
	}
	if (args->daemonise && process_daemonise(ready, err) != 0) {
		return -1;
	}
	return *pid_fd < 0 ? 0 : process_write_pid(*pid_fd, err);
}

static int
run(struct arguments *args, struct config *config)
{
	struct logger *logger = logger_new();
	struct log_source log = {.logger = logger};
	struct instance *instance = NULL;
	struct inherited inherited = {0};
	struct supervision supervision;
	int pid_fd = -1, ready = -1, status = EXIT_FAILURE;
	struct error err;

	supervision_take(&supervision);
	args->options.supervision = &supervision;
	args->options.inherited = &inherited;
	if (inherited_take(&inherited, &err) != 0 ||
	    settle(args, logger, config, &pid_fd, &ready, &err) != 0) {
		print_error(&err);
		goto out;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	instance = instance_new(logger, config, &args->options, &err);
	if (instance == NULL || instance_listen(instance, &err) != 0) {
		log_fatal(&log, "%s%s%s", err.text,
		    err.hint[0] == '\0' ? "" : ": ", err.hint);
		if (args->options.is_quiet) {
			print_error(&err); /* the log does not go there */
		}
		goto out;
	}
	process_ready(&ready);
	instance_run(instance);
	status = EXIT_SUCCESS;
out:
	instance_free(&instance);
	inherited_fini(&inherited);
	supervision_fini(&supervision);
	process_close_pidfile(config_settings(config)->pidfile, &pid_fd);
	logger_free(&logger);
	return status;
}

int
main(int argc, char **argv)
{
	struct arguments args = {0};
	struct config *config;
	int status = parse_arguments(argc, argv, &args);

	if (status >= 0) {
		return status;
	}
	config = load(&args);
	if (config == NULL) {
		return EXIT_FAILURE;
	}
	if (args.only_check) {
		(void)printf("%s: ok\n", args.options.source);
		status = EXIT_SUCCESS;
	} else {
		status = run(&args, config);
	}
	config_unref(&config);
	return status;
}
