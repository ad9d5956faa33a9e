/*
 * batch_judge.c - what a batch is: a read for certain, something to be held
 * back, something that keeps its server.
 *
 * Unknown is never a read, and what is not known to be free of session effects
 * pins. A prepared statement is what its text is, when it is bound.
 */
#include <string.h>

#include "client/batch.h"
#include "client/client_int.h"
#include "client/prepare_int.h"
#include "proto/frame.h"
#include "server/statement.h"
#include "sql/session_ops.h"

/* What a batch has named itself: more than so many and it is not for a
 * replica. */
#define DEFINED_MAX 4

struct defined {
	struct prepare_name name;
	struct verdict verdict;
	struct hash128 shape;
	bool has_shape;
};

/* What is collected over the messages of a batch. */
struct collected {
	unsigned texts;    /* Query and Parse */
	unsigned executes; /* and Query */
	unsigned binds;
	unsigned describes;
	bool all_read;
	bool first_begins; /* the first text is BEGIN READ ONLY */
	bool first_ends;   /* the first text is COMMIT or ROLLBACK */
	bool rest_reads;   /* all after the first */
	bool is_odd;       /* something that is not for a replica */
	bool own_unnamed;  /* an unnamed statement of this batch is there */
	bool is_harmless;  /* nothing has been written, nor read */
	bool has_named;    /* a statement with a name is parsed or used */
	bool has_kept;     /* the unnamed one of an earlier batch is used */
	unsigned defined_count;
	struct defined *defined; /* DEFINED_MAX of them */
};

/*
 * A READ ONLY transaction that may go to a replica. Its every statement has a
 * snapshot of its own, so that it can move to the primary between two of them;
 * one that must keep its snapshot is there from the start.
 */
static bool
begins_read_only(const struct client *client, const struct verdict *verdict)
{
	return verdict->kind == SQL_BEGIN &&
	    !(client->keeps_snapshot &&
	        verdict->isolation == ISOLATION_DEFAULT) &&
	    verdict->access == ACCESS_READ_ONLY &&
	    verdict->isolation != ISOLATION_REPEATABLE_READ &&
	    verdict->isolation != ISOLATION_SERIALIZABLE;
}

/* A text that touches nothing but its own session and transaction. */
static bool
is_harmless(const struct verdict *verdict)
{
	switch (verdict->kind) {
	case SQL_EMPTY:
	case SQL_SHOW:
	case SQL_BEGIN:
	case SQL_SET_TRANSACTION:
	case SQL_SET:
	case SQL_DEALLOCATE:
	case SQL_DISCARD:
		return true;
	default:
		return verdict->is_read;
	}
}

/* What is learnt of a batch is learnt of all its statements together. */
static void
collect_shape(const struct collected *all, const struct hash128 *shape,
    bool has_shape, struct batch *batch)
{
	struct hash128 shapes[2] = {batch->shape, *shape};

	if (all->texts == 0) {
		batch->shape = *shape;
		batch->has_shape = has_shape;
		return;
	}
	batch->shape = hash_bytes128(shapes, sizeof(shapes));
	batch->has_shape = batch->has_shape && has_shape;
}

static void
collect_verdict(struct client *client, const struct verdict *verdict,
    const struct hash128 *shape, bool has_shape, struct collected *all,
    struct batch *batch)
{
	if (all->texts == 0) {
		session_look_for_way_out(client, verdict->ops);
		all->first_begins = begins_read_only(client, verdict);
		all->first_ends = (verdict->kind == SQL_COMMIT ||
		                      verdict->kind == SQL_ROLLBACK) &&
		    !verdict->has_chain;
	} else {
		all->rest_reads = all->rest_reads && verdict->is_read;
	}
	collect_shape(all, shape, has_shape, batch);
	batch->has_several = all->texts > 0 || verdict->kind == SQL_MULTI;
	all->all_read = all->all_read && verdict->is_read;
	batch->may_end = batch->may_end || verdict->kind == SQL_COMMIT ||
	    verdict->kind == SQL_ROLLBACK ||
	    verdict->kind == SQL_PREPARE_TRANSACTION ||
	    verdict->kind == SQL_MULTI;
	all->texts++;
	if (batch->pin == NULL) {
		batch->pin = batch_pin_reason(client, verdict);
	}
	batch->untracks = batch->untracks || batch_untracks(client, verdict);
	batch->has_begin = batch->has_begin || verdict->kind == SQL_BEGIN ||
	    (verdict->kind == SQL_MULTI && verdict->has_transaction_control);
	batch->has_unread = batch->has_unread || verdict->kind == SQL_UNKNOWN;
	batch->has_ops = batch->has_ops || verdict->ops != NULL;
	all->is_harmless = all->is_harmless && is_harmless(verdict);
}

/* As collect_verdict(), for the text just looked up. */
static void
collect_text(struct client *client, const struct verdict *verdict,
    struct collected *all, struct batch *batch)
{
	struct hash128 shape = {0};
	bool has_shape = catalogue_last_shape(client->set->catalogue, &shape);

	collect_verdict(client, verdict, &shape, has_shape, all, batch);
}

/* A statement with a name, in a Parse of SIZE bytes: it counts when it is used.
 */
static void
collect_definition(struct client *client, const struct prepare_name *name,
    size_t size, const struct verdict *verdict, struct collected *all,
    struct batch *batch)
{
	struct defined *defined = &all->defined[all->defined_count];

	all->has_named = true;
	if (!client->is_tracked) {
		batch->pin = "prepared statement";
		return;
	}
	if (all->defined_count == DEFINED_MAX) {
		all->is_odd = true;
		return;
	}
	/* Who parses what cannot be followed keeps its server. */
	all->is_odd = all->is_odd || !prepare_is_ascii(name) ||
	    !prepare_has_room(client, size);
	defined->name = *name;
	defined->verdict = *verdict;
	defined->has_shape =
	    catalogue_last_shape(client->set->catalogue, &defined->shape);
	all->defined_count++;
}

static void
collect_parse(struct client *client, const uint8_t *body, size_t size,
    struct collected *all, struct batch *batch)
{
	struct verdict verdict;
	struct prepare_name name;
	size_t length, name_length;
	const char *text =
	    batch_text(MSG_PARSE, body, size, &length, &name_length);

	if (text == NULL) {
		all->is_odd = true; /* the server will say so */
		return;
	}
	batch_look_up(client, text, length, &verdict);
	if (prepare_find_name(MSG_PARSE, body, size, &name) &&
	    name.length > 0) {
		collect_definition(client, &name, size, &verdict, all, batch);
		return;
	}
	collect_text(client, &verdict, all, batch);
	all->own_unnamed = true;
	batch->leaves_unnamed = true;
}

/* A definition of this batch, the latest by NAME. */
static const struct defined *
find_defined(const struct collected *all, const struct prepare_name *name)
{
	for (unsigned i = all->defined_count; i > 0; i--) {
		const struct defined *defined = &all->defined[i - 1];

		if (defined->name.length == name->length &&
		    memcmp(defined->name.bytes, name->bytes, name->length) ==
		        0) {
			return defined;
		}
	}
	return NULL;
}

static void
collect_named_use(struct client *client, uint8_t type,
    const struct prepare_name *name, struct collected *all, struct batch *batch)
{
	const struct defined *defined = find_defined(all, name);
	struct statement *statement;

	all->has_named = true;
	if (type == MSG_CLOSE) {
		/* Whatever it is called afterwards is not looked for. */
		all->is_odd = all->is_odd || all->defined_count > 0;
		return;
	}
	if (defined != NULL) {
		if (type == MSG_BIND) {
			collect_verdict(client, &defined->verdict,
			    &defined->shape, defined->has_shape, all, batch);
		}
		return;
	}
	if (!client->is_tracked ||
	    prepare_look_up(client, name, &statement) != NAME_KNOWN) {
		all->is_odd = true;
		return;
	}
	if (type == MSG_BIND) {
		collect_verdict(client, &statement->verdict, &statement->shape,
		    statement->has_shape, all, batch);
	}
}

/* The unnamed statement, parsed in an earlier batch. */
static void
collect_kept(struct client *client, uint8_t type, struct collected *all,
    struct batch *batch)
{
	const struct unnamed *unnamed = &client->unnamed;
	size_t length, ignored;
	struct verdict verdict;
	const char *text;

	if (!client->is_tracked || unnamed->size == 0) {
		all->is_odd = true;
		return;
	}
	all->has_kept = true;
	if (type != MSG_BIND) {
		return;
	}
	text = batch_text(
	    MSG_PARSE, unnamed->bytes, unnamed->size, &length, &ignored);
	if (text == NULL) {
		all->is_odd = true;
		return;
	}
	batch_look_up(client, text, length, &verdict);
	collect_text(client, &verdict, all, batch);
}

static void
collect_use(struct client *client, uint8_t type, const uint8_t *body,
    size_t size, struct collected *all, struct batch *batch)
{
	struct prepare_name name;

	if (!prepare_find_name(type, body, size, &name)) {
		return; /* a portal, or malformed */
	}
	if (name.length > 0) {
		collect_named_use(client, type, &name, all, batch);
		return;
	}
	if (type == MSG_CLOSE) {
		all->own_unnamed = false;
		batch->leaves_unnamed = false;
		return;
	}
	if (!all->own_unnamed) {
		collect_kept(client, type, all, batch);
	}
	if (type == MSG_BIND) {
		batch->leaves_unnamed = false;
	}
}

/* Of an unnamed portal, to its end: leaves nothing behind. Body: the portal's
 * name, and how many rows at most. */
static bool
is_plain_execute(const uint8_t *body, size_t size)
{
	static const uint8_t plain[5];

	return size == sizeof(plain) && memcmp(body, plain, size) == 0;
}

static void
collect(struct client *client, const struct frame *frame, const uint8_t *body,
    struct collected *all, struct batch *batch)
{
	struct verdict verdict;
	size_t length, ignored;
	const char *text;

	switch (frame->type) {
	case MSG_QUERY:
		text = batch_text(
		    MSG_QUERY, body, frame->body_bytes, &length, &ignored);
		if (text == NULL) {
			all->is_odd = true;
			return;
		}
		batch_look_up(client, text, length, &verdict);
		collect_text(client, &verdict, all, batch);
		all->executes++;
		all->is_odd = all->is_odd || verdict.has_copy_in;
		return;
	case MSG_PARSE:
		collect_parse(client, body, frame->body_bytes, all, batch);
		return;
	case MSG_BIND:
		all->binds++;
		/* A named portal lives until the transaction ends. */
		all->is_odd =
		    all->is_odd || (frame->body_bytes > 0 && body[0] != '\0');
		collect_use(
		    client, frame->type, body, frame->body_bytes, all, batch);
		return;
	case MSG_DESCRIBE:
	case MSG_CLOSE:
		all->describes += frame->type == MSG_DESCRIBE ? 1 : 0;
		collect_use(
		    client, frame->type, body, frame->body_bytes, all, batch);
		return;
	case MSG_EXECUTE:
		all->executes++;
		all->is_odd =
		    all->is_odd || !is_plain_execute(body, frame->body_bytes);
		return;
	case MSG_SYNC:
		return;
	case MSG_FUNCTION_CALL:
		batch->pin = "function call";
		all->is_odd = true;
		return;
	default:
		all->is_odd = true;
		return;
	}
}

void
batch_judge(struct client *client, const uint8_t *at, struct batch *batch)
{
	struct defined defined[DEFINED_MAX];
	struct collected all = {.all_read = true,
	    .is_harmless = true,
	    .rest_reads = true,
	    .defined = defined};
	size_t position = 0;
	unsigned frames = 0;
	bool reads;

	session_forget_way_out(client);
	while (position < batch->bytes) {
		struct frame frame;

		if (frame_parse(at + position, batch->bytes - position,
		        FRAME_MAX_BODY, &frame) != FRAME_OK) {
			break; /* cannot be: batch_find() has seen it */
		}
		collect(client, &frame, at + position + FRAME_HEADER_BYTES,
		    &all, batch);
		position += frame_bytes(&frame);
		frames++;
		if (frame.type == MSG_EXECUTE && all.executes == 1) {
			batch->begin_bytes = position;
		}
	}
	if (client->session.way_out_alone && all.texts > 1) {
		session_forget_way_out(client);
	}
	batch->has_several = batch->has_several || all.executes > 1;
	batch->is_described = all.describes >= all.binds;
	batch->uses_prepared = all.has_named;
	batch->syncs = batch->is_complete ? 1 : 0;
	batch->is_empty =
	    batch->is_complete && frames == 1 && at[0] == MSG_SYNC;
	reads = batch->is_complete && !all.is_odd && batch->pin == NULL &&
	    !batch->leaves_unnamed && all.texts > 0 && all.executes > 0;
	batch->is_read = reads && all.all_read;
	batch->uses_kept = all.has_kept && batch->is_read;
	batch->is_harmless = all.texts > 0 && all.is_harmless && !all.is_odd &&
	    batch->is_complete;
	batch->begins_read_only = reads && all.first_begins && !all.has_named &&
	    all.texts == 1 && all.executes == 1;
	batch->ends_transaction =
	    reads && all.first_ends && all.texts == 1 && all.executes == 1;
	if (!reads || !all.first_begins || all.has_named || all.texts < 2 ||
	    !all.rest_reads) {
		batch->begin_bytes = 0;
	}
}
