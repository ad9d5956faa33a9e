/*
 * ini.c - INI files as pgbouncer writes them, read through inih.
 *
 * How inih reads depends on how it was built: lines may be cut at 200 bytes
 * and handed over in pieces, a line that begins with a blank may continue the
 * one before, ";" may begin a comment inside a value. None of that is right
 * here, and none of it can be asked for at run time everywhere.
 *
 * So our reader cuts each line itself and gives inih only what every build
 * reads alike: "[1]" for a section, "k=7" for a pair on its line 7, and an
 * empty line for all else. The handler, which inih calls before it asks for
 * the next line, finds what "7" stands for in the reader.
 *
 *   "  pool_mode = session\r"  --digest-->  "k=7"  --inih-->  on_pair("1", "7")
 *                     \--> key, value in struct ini --------------/
 */
#include "conf/ini.h"

#include <assert.h>
#include <ctype.h>
#include <ini.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/file.h"
#include "conf/problems.h"
#include "core/error.h"
#include "core/mem.h"

/* One open file; they stack up by %include. */
struct source {
	char *path;            /* owned */
	struct file_text text; /* owned; bytes NULL if not ours */
	const char *at;        /* the next line */
	const char *end;
	int line; /* the line before AT */
};

struct ini {
	struct source sources[INI_INCLUDE_DEPTH_MAX];
	int depth; /* sources in use; the last is being read */
	int include_count;
	bool may_include;
	char *section;    /* owned; NULL before the first */
	unsigned serial;  /* counts the pairs; what inih sees of them */
	char *key;        /* owned; of the present pair, else NULL */
	char *value;      /* owned, wiped */
	ini_pair_fn pair; /* the caller's */
	void *arg;        /* the caller's */
	struct problems *problems; /* borrowed */
};

static struct source *
top(struct ini *ini)
{
	return &ini->sources[ini->depth - 1];
}

static void __attribute__((format(printf, 2, 3)))
complain(struct ini *ini, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	problems_add(ini->problems, PROBLEM_ERROR, top(ini)->path,
	    top(ini)->line, "%s", text);
}

/* ---- the stack of files ------------------------------------------------- */

static void
pop_source(struct ini *ini)
{
	struct source *source = top(ini);

	free(source->path);
	file_text_fini(&source->text);
	*source = (struct source){0};
	ini->depth--;
}

/* Begins reading BYTES under a new source, which the caller has filled with
 * what it owns. A byte order mark is skipped. */
static void
start_source(struct source *source, const char *bytes, size_t size)
{
	bool has_bom = size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0;

	source->at = bytes + (has_bom ? 3 : 0);
	source->end = bytes + size;
	source->line = 0;
}

static bool
is_open(const struct ini *ini, const struct file_text *text)
{
	for (int i = 0; i < ini->depth; i++) {
		if (ini->sources[i].text.device == text->device &&
		    ini->sources[i].text.inode == text->inode) {
			return true;
		}
	}
	return false;
}

/* Takes PATH. */
static int
push_file(struct ini *ini, char *path, struct error *err)
{
	struct source source = {.path = path};

	if (file_read(path, INI_FILE_MAX_BYTES, &source.text, err) < 0) {
		free(path);
		return -1;
	}
	if (is_open(ini, &source.text)) {
		error_set(
		    err, SQLSTATE_CONFIG_FILE, "\"%s\" includes itself", path);
		file_text_fini(&source.text);
		free(path);
		return -1;
	}
	start_source(&source, source.text.bytes, source.text.size);
	ini->sources[ini->depth++] = source;
	return 0;
}

static void
include(struct ini *ini, const char *name)
{
	struct error err;

	if (!ini->may_include) {
		complain(ini, "%%include works only in files");
	} else if (name[0] == '\0') {
		complain(ini, "%%include needs the name of a file");
	} else if (ini->depth == INI_INCLUDE_DEPTH_MAX) {
		complain(ini, "%%include %.200s: more than %d files deep", name,
		    INI_INCLUDE_DEPTH_MAX);
	} else if (++ini->include_count > INI_INCLUDES_MAX) {
		complain(ini, "%%include %.200s: more than %d files", name,
		    INI_INCLUDES_MAX);
	} else if (push_file(ini, file_resolve(name, top(ini)->path), &err) <
	    0) {
		complain(ini, "%%include: %s", err.text);
	}
}

/* ---- one line ----------------------------------------------------------- */

/* A run of bytes inside a line. */
struct span {
	const char *at;
	const char *end;
};

static struct span
trim(struct span span)
{
	while (span.at < span.end && isspace((unsigned char)*span.at)) {
		span.at++;
	}
	while (span.at < span.end && isspace((unsigned char)span.end[-1])) {
		span.end--;
	}
	return span;
}

static char *
copy_span(struct span span)
{
	return mem_strndup(span.at, (size_t)(span.end - span.at));
}

static void
forget_pair(struct ini *ini)
{
	free(ini->key);
	ini->key = NULL;
	mem_wipe_free(&ini->value);
}

/*
 * Takes a key, quoted or not, from the start of *LINE. NULL when there is
 * none. Quoted as an SQL identifier: "" inside is one quote.
 */
static char *
take_key(struct span *line)
{
	const char *at = line->at;
	char *key = NULL;
	size_t size = 0;

	if (*at != '"') {
		while (at < line->end && *at != '=' && *at != '"' &&
		    !isspace((unsigned char)*at)) {
			at++;
		}
		size = (size_t)(at - line->at);
		line->at = at;
		return size == 0 ? NULL : mem_strndup(at - size, size);
	}
	key = mem_alloc((size_t)(line->end - at));
	for (at++; at < line->end; at++) {
		if (*at == '"') {
			if (at + 1 == line->end || at[1] != '"') {
				line->at = at + 1;
				key[size] = '\0';
				return key;
			}
			at++;
		}
		key[size++] = *at;
	}
	free(key);
	return NULL;
}

static void
digest_section(struct ini *ini, struct span line, char *out, size_t out_size)
{
	const char *close = memchr(line.at, ']', (size_t)(line.end - line.at));
	struct span name = {line.at + 1, close};
	struct span rest = {close, line.end};

	if (close == NULL) {
		complain(ini, "\"]\" is missing after the section's name");
		return;
	}
	rest.at++;
	rest = trim(rest);
	if (rest.at < rest.end && *rest.at != ';' && *rest.at != '#') {
		complain(ini, "nothing may follow the section's \"]\"");
		return;
	}
	free(ini->section);
	ini->section = copy_span(trim(name));
	(void)snprintf(out, out_size, "[1]\n");
}

static void
digest_pair(struct ini *ini, struct span line, char *out, size_t out_size)
{
	char *key = take_key(&line);

	line = trim(line);
	if (key == NULL || line.at == line.end || *line.at != '=') {
		complain(ini, "not \"key = value\", [section] or comment");
		free(key);
		return;
	}
	if (ini->section == NULL) {
		complain(
		    ini, "\"%.100s\" stands before the first [section]", key);
		free(key);
		return;
	}
	line.at++;
	ini->key = key;
	ini->value = copy_span(trim(line));
	ini->serial++;
	(void)snprintf(out, out_size, "k=%u\n", ini->serial);
}

/* Whether LINE begins with WORD and then a blank or nothing. */
static bool
has_word(struct span line, const char *word)
{
	size_t size = strlen(word);
	size_t line_size = (size_t)(line.end - line.at);

	return line_size >= size && memcmp(line.at, word, size) == 0 &&
	    (line_size == size || isspace((unsigned char)line.at[size]));
}

/* Writes to OUT what inih shall see of LINE; "\n" when that is nothing. */
static void
digest(struct ini *ini, struct span line, char *out, size_t out_size)
{
	static const char directive[] = "%include";

	(void)snprintf(out, out_size, "\n");
	if (line.end - line.at > INI_LINE_MAX_BYTES) {
		complain(ini, "the line is longer than %d bytes",
		    INI_LINE_MAX_BYTES);
		return;
	}
	line = trim(line);
	if (line.at == line.end || *line.at == ';' || *line.at == '#') {
		return;
	}
	if (memchr(line.at, '\r', (size_t)(line.end - line.at)) != NULL) {
		complain(ini, "a carriage return in the midst of the line");
		return;
	}
	if (*line.at == '[') {
		digest_section(ini, line, out, out_size);
	} else if (has_word(line, directive)) {
		struct span rest = {line.at + strlen(directive), line.end};
		char *name = copy_span(trim(rest));

		include(ini, name);
		free(name);
	} else {
		digest_pair(ini, line, out, out_size);
	}
}

/* Takes the next line of the topmost file; false at the end of all. A file
 * with a NUL in it is none of ours and ends there. */
static bool
next_line(struct ini *ini, struct span *line)
{
	struct source *source = top(ini);
	const char *newline = NULL;

	while (source->at == source->end) {
		if (ini->depth == 1) {
			return false;
		}
		pop_source(ini);
		source = top(ini);
	}
	newline = memchr(source->at, '\n', (size_t)(source->end - source->at));
	line->at = source->at;
	line->end = newline == NULL ? source->end : newline;
	source->at = newline == NULL ? source->end : newline + 1;
	source->line++;
	if (memchr(line->at, '\0', (size_t)(line->end - line->at)) != NULL) {
		complain(ini, "a NUL byte: this is not a text file");
		source->at = source->end;
		line->end = line->at;
	}
	return true;
}

/* ---- inih --------------------------------------------------------------- */

static char *
read_line(char *out, int out_size, void *stream)
{
	struct ini *ini = stream;
	struct span line;

	forget_pair(ini);
	if (out_size <= 0 || !next_line(ini, &line)) {
		return NULL;
	}
	digest(ini, line, out, (size_t)out_size);
	return out;
}

static int
on_pair(void *arg, const char *section, const char *name, const char *value
#if INI_HANDLER_LINENO
    ,
    int lineno
#endif
)
{
	struct ini *ini = arg;
	char expected[16];

#if INI_HANDLER_LINENO
	(void)lineno; /* of the digested lines */
#endif
	(void)section;
	if (name == NULL) {
		return 1; /* some builds announce sections */
	}
	(void)snprintf(expected, sizeof(expected), "%u", ini->serial);
	assert(
	    ini->key != NULL && value != NULL && strcmp(value, expected) == 0);
	ini->pair(ini->arg, &(struct ini_place){top(ini)->path, top(ini)->line},
	    ini->section, ini->key, ini->value);
	return 1;
}

/* Reads what is on the stack, and clears the stack. */
static void
run(struct ini *ini)
{
	if (ini_parse_stream(read_line, ini, on_pair, ini) != 0) {
		complain(ini, "the INI parser gave up");
	}
	forget_pair(ini);
	free(ini->section);
	while (ini->depth > 0) {
		pop_source(ini);
	}
}

int
ini_read_file(
    const char *path, ini_pair_fn pair, void *arg, struct problems *problems)
{
	struct ini ini = {.pair = pair,
	    .arg = arg,
	    .problems = problems,
	    .may_include = true};
	struct error err;

	if (push_file(&ini, mem_strdup(path), &err) < 0) {
		problems_add(problems, PROBLEM_ERROR, NULL, 0, "%s", err.text);
		return -1;
	}
	run(&ini);
	return 0;
}

void
ini_read_text(const char *file, const char *text, size_t size, ini_pair_fn pair,
    void *arg, struct problems *problems)
{
	struct ini ini = {.pair = pair, .arg = arg, .problems = problems};

	ini.sources[0].path = mem_strdup(file);
	start_source(&ini.sources[0], text, size);
	ini.depth = 1;
	run(&ini);
}
