/* test_hash.c - uthash under a secret seed. */
#include "support/unit.h"

#include "core/hash.h"

struct item {
	int key;
	UT_hash_handle hh;
};

START_TEST(hash_finds_what_was_added_and_forgets_what_was_removed)
{
	static struct item items[1000];
	struct item *table = NULL, *found;

	for (int i = 0; i < 1000; i++) {
		items[i].key = i * 7;
		HASH_ADD_INT(table, key, &items[i]);
	}
	for (int i = 0; i < 7000; i++) {
		HASH_FIND_INT(table, &i, found);
		ck_assert_int_eq(found != NULL, i % 7 == 0);
	}
	for (int i = 0; i < 1000; i++) {
		HASH_DEL(table, &items[i]);
	}
	ck_assert_ptr_null(table);
}
END_TEST

START_TEST(hash_is_stable_and_depends_on_every_byte)
{
	char text[] = "select 1";
	struct hash128 before = hash_bytes128(text, sizeof(text));

	for (size_t i = 0; i < sizeof(text); i++) {
		struct hash128 other;

		text[i] ^= 1;
		other = hash_bytes128(text, sizeof(text));
		ck_assert(other.low != before.low || other.high != before.high);
		text[i] ^= 1;
	}
	ck_assert_uint_eq(hash_bytes128(text, sizeof(text)).low, before.low);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("hash");
	TCase *theme = tcase_create("hash");

	tcase_add_test(
	    theme, hash_finds_what_was_added_and_forgets_what_was_removed);
	tcase_add_test(theme, hash_is_stable_and_depends_on_every_byte);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
