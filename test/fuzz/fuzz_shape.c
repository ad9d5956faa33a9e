/*
 * fuzz_shape.c - any bytes as SQL: lexer, shape, verdict and effect scan.
 *
 * The first byte chooses the string setting and the size of pieces; the rest is
 * the text.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "sql/effects.h"
#include "sql/session_ops.h"
#include "sql/shape.h"
#include "sql/verdict.h"
#include "support/lexer_compare.h"
#include "support/ops_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t
scan_in_pieces(const char *text, size_t length, size_t piece, bool std_strings)
{
	struct effect_scan scan;

	effect_scan_init(&scan, std_strings);
	for (size_t i = 0; i < length; i += piece) {
		effect_scan_feed(
		    &scan, text + i, length - i < piece ? length - i : piece);
	}
	return effect_scan_finish(&scan);
}

/* A clean shape is its own shape. */
static void
check_stable(const struct shape *shape, struct buf *text)
{
	struct buf again = {0};
	struct shape second;

	shape_scan(&second, &again, buf_text(text), text->length, true);
	assert(again.length == text->length &&
	    memcmp(buf_text(&again), buf_text(text), text->length) == 0);
	assert(second.token_count == shape->token_count);
	buf_fini(&again);
}

/* Their texts lie where they say. */
static void
check_ops(const struct session_ops *ops)
{
	struct buf out = {0};

	ops_to_text(&out, ops);
	buf_fini(&out);
}

static void
check_verdict(const struct shape *shape, struct buf *text, uint32_t by_words)
{
	struct verdict verdict;

	if (verdict_parse(
	        &verdict, shape, buf_text(text), &verdict_bounds_default)) {
		assert(!verdict.is_read || verdict.effects == EFFECT_NONE);
		assert((verdict.effects & ~(uint32_t)EFFECT_TEMPORARY) ==
		        EFFECT_NONE ||
		    by_words != EFFECT_NONE);
	} else {
		assert(!verdict.is_read && verdict.effects == EFFECT_UNKNOWN);
	}
	assert(verdict.effects == EFFECT_NONE || verdict.needs_primary);
	assert(verdict.is_read == (verdict.reason == NULL));
	assert((verdict.followed & ~verdict.effects) == 0);
	assert(verdict.followed == 0 || verdict.ops != NULL);
	check_ops(verdict.ops);
	session_ops_release(&verdict.ops);
}

/* What is recognised without the parser is what the parser makes of it. */
static void
check_recognised(const struct shape *shape, struct buf *text)
{
	struct verdict seen, parsed;
	struct buf want = {0}, got = {0};

	if (!verdict_recognise(
	        &seen, shape, buf_text(text), &verdict_bounds_default)) {
		return;
	}
	if (verdict_parse(
	        &parsed, shape, buf_text(text), &verdict_bounds_default)) {
		ops_to_text(&want, parsed.ops);
		ops_to_text(&got, seen.ops);
		assert(strcmp(buf_text(&want), buf_text(&got)) == 0);
		assert(parsed.kind == seen.kind &&
		    parsed.effects == seen.effects &&
		    parsed.followed == seen.followed &&
		    parsed.needs_primary == seen.needs_primary);
		session_ops_release(&parsed.ops);
	}
	session_ops_release(&seen.ops);
	buf_fini(&want);
	buf_fini(&got);
}

/* The shape does to its session what TEXT does, statement for statement. */
static void
check_same_ops(const struct shape *shape, struct buf *masked, const char *text)
{
	struct verdict plain, kept;
	struct buf want = {0}, got = {0};
	size_t start, end;

	if (!verdict_parse(
	        &kept, shape, buf_text(masked), &verdict_bounds_default)) {
		return;
	}
	if (verdict_parse(&plain, shape, text, &verdict_bounds_default)) {
		ops_to_text(&want, plain.ops);
		ops_to_text(&got, kept.ops);
		assert(strcmp(buf_text(&want), buf_text(&got)) == 0);
		assert(plain.followed == kept.followed);
		if (plain.ops != NULL) {
			assert(!sql_statement_range(text, strlen(text), true,
			    plain.ops->statements, &start, &end));
		}
		session_ops_release(&plain.ops);
	}
	session_ops_release(&kept.ops);
	buf_fini(&want);
	buf_fini(&got);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned clean = SHAPE_JUNK | SHAPE_UNTERMINATED | SHAPE_HAS_NUL;
	struct buf out = {0};
	struct shape shape;
	char message[256];
	bool std_strings, could_scan;
	uint32_t effects;
	char *text;

	if (size < 1 || size > 8192) {
		return 0;
	}
	std_strings = data[0] & 1;
	text = mem_strndup((const char *)data + 1, size - 1);
	effects = effect_scan_text(text, size - 1, std_strings);
	if (effects !=
	    scan_in_pieces(
	        text, size - 1, 1 + (size_t)(data[0] >> 1) % 7, std_strings)) {
		abort();
	}
	shape_scan(&shape, &out, text, size - 1, std_strings);
	assert(out.length <= 2 * (size - 1) + 64);
	if ((shape.flags & clean) == 0) {
		check_stable(&shape, &out);
	}
	check_verdict(&shape, &out, effects);
	check_recognised(&shape, &out);
	if (std_strings) {
		check_same_ops(&shape, &out, text);
	}
	if (std_strings && !(shape.flags & SHAPE_HAS_NUL) &&
	    !lexer_agrees(text, &could_scan, message, sizeof(message))) {
		(void)fprintf(stderr, "%s\n", message);
		abort();
	}
	free(text);
	buf_fini(&out);
	return 0;
}
