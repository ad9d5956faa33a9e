/* test_buf.c - the growing buffer and the recycled blocks. */
#include "support/unit.h"

#include <string.h>

#include "core/blocks.h"
#include "core/buf.h"

START_TEST(buf_returns_what_was_appended)
{
	struct buf buf = {0};

	for (int i = 0; i < 1000; i++) {
		buf_printf(&buf, "%d,", i % 10);
	}
	ck_assert_uint_eq(buf.length, 2000);
	buf_consume(&buf, 1996);
	ck_assert_str_eq(buf_text(&buf), "8,9,");
	buf_append_str(&buf, "x");
	ck_assert_str_eq(buf_text(&buf), "8,9,x");
	buf_fini(&buf);
	ck_assert_ptr_null(buf_bytes(&buf));
}
END_TEST

START_TEST(buf_reuses_consumed_space_before_growing)
{
	struct buf buf = {0};
	size_t capacity;

	buf_append(&buf, "0123456789012345678901234567890123456789", 40);
	capacity = buf.capacity;
	for (int i = 0; i < 100; i++) {
		buf_consume(&buf, 20);
		buf_append(&buf, "01234567890123456789", 20);
	}
	ck_assert_uint_eq(buf.capacity, capacity);
	ck_assert_uint_eq(buf.length, 40);
	buf_fini(&buf);
}
END_TEST

START_TEST(kept_gives_its_block_back_when_empty)
{
	struct blocks *blocks = blocks_new(1 << 20);
	struct kept kept = {0};
	uint8_t *first;

	kept_append(blocks, &kept, "abc", 3);
	first = kept.data;
	kept_consume(blocks, &kept, 3);
	ck_assert_ptr_null(kept.data);
	ck_assert_uint_eq(blocks_idle_bytes(blocks), 1024);
	kept_append(blocks, &kept, "def", 3);
	ck_assert_ptr_eq(kept.data, first);
	ck_assert_uint_eq(blocks_idle_bytes(blocks), 0);
	kept_fini(blocks, &kept);
	blocks_free(&blocks);
}
END_TEST

START_TEST(kept_holds_any_size_in_order)
{
	struct blocks *blocks = blocks_new(1 << 16);
	struct kept kept = {0};
	uint32_t written = 0, read = 0;

	for (int round = 0; round < 300; round++) {
		for (int i = 0; i < 200; i++, written++) {
			kept_append(blocks, &kept, &written, sizeof(written));
		}
		for (int i = 0; i < 100; i++, read++) {
			uint32_t value;

			ck_assert_ptr_nonnull(kept.data);
			memcpy(&value, kept.data + kept.start, sizeof(value));
			ck_assert_uint_eq(value, read);
			kept_consume(blocks, &kept, sizeof(value));
		}
	}
	ck_assert_uint_eq(kept.length, (written - read) * sizeof(written));
	kept_fini(blocks, &kept);
	ck_assert_uint_le(blocks_idle_bytes(blocks), 1 << 16);
	blocks_free(&blocks);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("buf");
	TCase *theme = tcase_create("buf");

	tcase_add_test(theme, buf_returns_what_was_appended);
	tcase_add_test(theme, buf_reuses_consumed_space_before_growing);
	tcase_add_test(theme, kept_gives_its_block_back_when_empty);
	tcase_add_test(theme, kept_holds_any_size_in_order);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
