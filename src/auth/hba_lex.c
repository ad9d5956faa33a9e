/*
 * hba_lex.c - lines, fields and words of files in pg_hba.conf's format.
 *
 * PostgreSQL's rules, odd ones too, since files are moved over as they are: a
 * backslash continues any line, also a comment. Words are in hba_word.c.
 *
 * A file may include itself in several places, so the depth alone bounds
 * nothing: files, bytes and words are counted over the whole load.
 */
#include "auth/hba_lex.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/hba_word.h"
#include "conf/file.h"
#include "conf/problems.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

struct lexer {
	hba_line_fn on_line;
	void *arg;                 /* of on_line */
	struct problems *problems; /* borrowed */
	size_t bytes_left;
	size_t words_left;
	int files_left;
	bool may_read; /* files that are included */
	bool is_over;  /* a bound of the whole is met, and said */
};

/* Where we are: a file, its line, and how deep it is included. */
struct place {
	const char *file;
	int line;
	int depth;
};

static void lex_text(struct lexer *lexer, const struct place *from,
    const char *text, size_t size, struct hba_field *words);

static void
field_add(struct hba_field *field, const char *text, bool quoted)
{
	/* Doubled whenever the count is a power of two. */
	if ((field->count & (field->count - 1)) == 0) {
		size_t room = field->count == 0 ? 1 : field->count * 2;

		field->words =
		    mem_realloc(field->words, room * sizeof(*field->words));
	}
	field->words[field->count].text = mem_strdup(text);
	field->words[field->count].quoted = quoted;
	field->count++;
}

static void
field_fini(struct hba_field *field)
{
	for (size_t i = 0; i < field->count; i++) {
		free(field->words[i].text);
	}
	free(field->words);
}

/* The path of NAME as written in the file FROM; the caller frees it. */
static char *
path_beside(const char *name, const char *from)
{
	const char *slash = strrchr(from, '/');
	struct buf path = {0};
	char *copy;

	if (name[0] != '/' && slash != NULL) {
		buf_append(&path, from, (size_t)(slash - from) + 1);
	}
	buf_append_str(&path, name);
	copy = mem_strdup(buf_text(&path));
	buf_fini(&path);
	return copy;
}

/* The whole is larger than it may be: nothing more is read. */
static void
give_up(struct lexer *lexer, const struct place *place, const char *what)
{
	if (!lexer->is_over) {
		problems_add(lexer->problems, PROBLEM_ERROR, place->file,
		    place->line, "too much is included: with this there are %s",
		    what);
	}
	lexer->is_over = true;
}

/* Lexes the file PATH, named in FROM. WORDS as in lex_text(). */
static void
lex_file(struct lexer *lexer, const struct place *from, const char *path,
    struct hba_field *words)
{
	struct place place = {path, 0, from->depth + 1};
	struct file_text text = {0};
	struct error err = {0};

	if (place.depth > HBA_DEPTH_MAX) {
		problems_add(lexer->problems, PROBLEM_ERROR, from->file,
		    from->line,
		    "cannot include \"%s\": more than %d files deep", path,
		    HBA_DEPTH_MAX);
		return;
	}
	if (!lexer->may_read) {
		problems_add(lexer->problems, PROBLEM_ERROR, from->file,
		    from->line, "cannot include \"%s\": only files can", path);
		return;
	}
	if (lexer->files_left == 0) {
		give_up(lexer, from, "more than 20,000 files");
		return;
	}
	lexer->files_left--;
	if (file_read(path, HBA_BYTES_MAX, &text, &err) != 0) {
		problems_add(lexer->problems, PROBLEM_ERROR, from->file,
		    from->line, "%s", err.text);
		return;
	}
	if (text.size > lexer->bytes_left) {
		give_up(lexer, from, "more than 16 MB");
	} else {
		lexer->bytes_left -= text.size;
		lex_text(lexer, &place, text.bytes, text.size, words);
	}
	file_text_fini(&text);
}

/* Takes the next field of *AT; false at the end of the line. */
static bool
next_field(struct lexer *lexer, const struct place *place, const char **at,
    struct hba_field *field)
{
	struct hba_token word = {.comma = true};
	bool any = false;

	while (!lexer->is_over && word.comma && hba_word_take(at, &word)) {
		const char *text = buf_text(&word.text);

		any = true;
		if (!word.quoted && text[0] == '@' && text[1] != '\0') {
			char *path = path_beside(text + 1, place->file);

			lex_file(lexer, place, path, field);
			free(path);
		} else if (lexer->words_left == 0) {
			give_up(lexer, place, "more than 1,000,000 words");
		} else {
			lexer->words_left--;
			field_add(field, text, word.quoted);
		}
	}
	buf_fini(&word.text);
	return any;
}

static int
is_conf_name(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 &&
	    strcmp(entry->d_name + length - 5, ".conf") == 0;
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
include_dir(struct lexer *lexer, const struct place *place, const char *path)
{
	struct dirent **names = NULL;
	int count = -1;

	errno = EPERM;
	if (lexer->may_read) {
		count = scandir(path, &names, is_conf_name, by_bytes);
	}
	if (count < 0) {
		problems_add(lexer->problems, PROBLEM_ERROR, place->file,
		    place->line, "cannot open directory \"%s\": %s", path,
		    strerror(errno));
		return;
	}
	for (int i = 0; i < count; i++) {
		struct buf name = {0};
		struct stat status;

		buf_printf(&name, "%s/%s", path, names[i]->d_name);
		if (!lexer->is_over &&
		    (stat(buf_text(&name), &status) != 0 ||
		        !S_ISDIR(status.st_mode))) {
			lex_file(lexer, place, buf_text(&name), NULL);
		}
		buf_fini(&name);
		free(names[i]);
	}
	free(names);
}

/* Follows LINE if it is an inclusion; false if it is a line of its own. */
static bool
include(
    struct lexer *lexer, const struct place *place, const struct hba_line *line)
{
	const char *verb;
	char *path;

	if (line->count != 2 || line->fields[0].count == 0 ||
	    line->fields[1].count == 0) {
		return false;
	}
	verb = line->fields[0].words[0].text;
	if (strcmp(verb, "include") != 0 &&
	    strcmp(verb, "include_if_exists") != 0 &&
	    strcmp(verb, "include_dir") != 0) {
		return false;
	}
	path = path_beside(line->fields[1].words[0].text, place->file);
	if (strcmp(verb, "include_dir") == 0) {
		include_dir(lexer, place, path);
	} else if (strcmp(verb, "include") == 0 || access(path, F_OK) == 0 ||
	    errno != ENOENT) {
		lex_file(lexer, place, path, NULL);
	}
	free(path);
	return true;
}

static void
line_add(struct hba_line *line, const struct hba_field *field)
{
	/* Doubled whenever the count is a power of two. */
	if ((line->count & (line->count - 1)) == 0) {
		size_t room = line->count == 0 ? 1 : line->count * 2;

		line->fields =
		    mem_realloc(line->fields, room * sizeof(*line->fields));
	}
	line->fields[line->count++] = *field;
}

/* Lexes one line, continuations joined. WORDS as in lex_text(). */
static void
lex_line(struct lexer *lexer, const struct place *place, const char *text,
    struct hba_field *words)
{
	struct hba_line line = {.file = place->file, .number = place->line};
	struct hba_field field = {0};
	size_t errors = lexer->problems->error_count;

	if (words != NULL) {
		while (next_field(lexer, place, &text, words)) {
		}
		return;
	}
	while (next_field(lexer, place, &text, &field)) {
		line_add(&line, &field);
		field = (struct hba_field){0};
	}
	field_fini(&field);
	if (line.count > 0 && errors == lexer->problems->error_count &&
	    !include(lexer, place, &line)) {
		lexer->on_line(lexer->arg, &line);
	}
	for (size_t i = 0; i < line.count; i++) {
		field_fini(&line.fields[i]);
	}
	free(line.fields);
}

/*
 * Appends the line at *TEXT to LINE, less its end, and moves *TEXT behind it.
 * True if another is to be appended: it ends in a backslash that is not what a
 * continuation before has left there, which JOINED says.
 */
static bool
take_line(const char **text, const char *end, struct buf *line, size_t *joined)
{
	const char *newline = memchr(*text, '\n', (size_t)(end - *text));
	const char *stop = newline == NULL ? end : newline;

	buf_append(line, *text, (size_t)(stop - *text));
	*text = newline == NULL ? end : newline + 1;
	while (line->length > 0 && buf_bytes(line)[line->length - 1] == '\r') {
		buf_truncate(line, line->length - 1);
	}
	if (line->length <= *joined ||
	    buf_bytes(line)[line->length - 1] != '\\') {
		return false;
	}
	buf_truncate(line, line->length - 1);
	*joined = line->length;
	return true;
}

/*
 * Lexes SIZE bytes of TEXT, the file of FROM. WORDS NULL: lines of rules;
 * otherwise the file was named as @file, and all its words go to WORDS.
 */
static void
lex_text(struct lexer *lexer, const struct place *from, const char *text,
    size_t size, struct hba_field *words)
{
	const char *end = text + size;
	struct place place = *from;
	struct buf line = {0};
	int number = 1;

	while (text < end && !lexer->is_over) {
		size_t joined = 0;

		place.line = number++;
		buf_clear(&line);
		while (take_line(&text, end, &line, &joined) && text < end) {
			number++;
		}
		if (line.length > HBA_LINE_MAX) {
			problems_add(lexer->problems, PROBLEM_ERROR, place.file,
			    place.line,
			    "the line is longer than %zu bytes; a long list "
			    "can be a file of its own, named @file",
			    HBA_LINE_MAX);
		} else if (line.length > 0 &&
		    memchr(buf_bytes(&line), '\0', line.length) != NULL) {
			problems_add(lexer->problems, PROBLEM_ERROR, place.file,
			    place.line, "the line holds a NUL byte");
		} else {
			lex_line(lexer, &place, buf_text(&line), words);
		}
	}
	buf_fini(&line);
}

static struct lexer
lexer_start(hba_line_fn on_line, void *arg, struct problems *problems)
{
	return (struct lexer){
	    .on_line = on_line,
	    .arg = arg,
	    .problems = problems,
	    .bytes_left = HBA_BYTES_MAX,
	    .words_left = HBA_WORDS_MAX,
	    .files_left = HBA_FILES_MAX,
	};
}

void
hba_lex_file(
    const char *path, hba_line_fn on_line, void *arg, struct problems *problems)
{
	struct lexer lexer = lexer_start(on_line, arg, problems);
	struct place place = {NULL, 0, -1};

	lexer.may_read = true;
	lex_file(&lexer, &place, path, NULL);
}

void
hba_lex_text(const char *path, const char *text, size_t size,
    hba_line_fn on_line, void *arg, struct problems *problems)
{
	struct lexer lexer = lexer_start(on_line, arg, problems);
	struct place place = {path, 0, 0};

	lex_text(&lexer, &place, text, size, NULL);
}
