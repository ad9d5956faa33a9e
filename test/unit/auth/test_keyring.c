/* test_keyring.c - keys of SCRAM that are known already. */
#include "support/unit.h"

#include <string.h>

#include "auth/keyring.h"

static const uint8_t salt[] = "0123456789abcdef";

static struct scram_keys
derive(struct keyring *keyring, const char *password, int iterations)
{
	struct scram_keys keys;

	ck_assert_int_eq(
	    keyring_derive(keyring, password, salt, 16, iterations, &keys), 0);
	return keys;
}

START_TEST(keyring_derives_each_password_salt_and_count_once)
{
	struct keyring *keyring = keyring_new();
	struct scram_keys first = derive(keyring, "pencil", 10), again, other;

	ck_assert_uint_eq(keyring_derivations(keyring), 1);
	again = derive(keyring, "pencil", 10);
	ck_assert_uint_eq(keyring_derivations(keyring), 1);
	ck_assert_mem_eq(&first, &again, sizeof(first));
	other = derive(keyring, "pencils", 10);
	ck_assert_mem_ne(&first, &other, sizeof(first));
	other = derive(keyring, "pencil", 11);
	ck_assert_mem_ne(&first, &other, sizeof(first));
	ck_assert_int_eq(
	    keyring_derive(keyring, "pencil", salt + 1, 15, 10, &other), 0);
	ck_assert_mem_ne(&first, &other, sizeof(first));
	ck_assert_uint_eq(keyring_derivations(keyring), 4);
	ck_assert_uint_eq(keyring_count(keyring), 4);
	keyring_free(&keyring);
	ck_assert_ptr_null(keyring);
	keyring_free(&keyring);
}
END_TEST

START_TEST(keyring_tells_a_salt_from_the_password_behind_it)
{
	struct keyring *keyring = keyring_new();
	struct scram_keys one, two;

	ck_assert_int_eq(
	    keyring_derive(keyring, "cd", (const uint8_t *)"ab", 2, 1, &one),
	    0);
	ck_assert_int_eq(
	    keyring_derive(keyring, "bcd", (const uint8_t *)"a", 1, 1, &two),
	    0);
	ck_assert_mem_ne(&one, &two, sizeof(one));
	ck_assert_uint_eq(keyring_derivations(keyring), 2);
	keyring_free(&keyring);
}
END_TEST

START_TEST(keyring_recalls_what_it_knows_and_computes_nothing)
{
	struct keyring *keyring = keyring_new();
	struct scram_keys keys, known;

	ck_assert(!keyring_recall(keyring, "pencil", salt, 16, 10, &keys));
	ck_assert_uint_eq(keyring_derivations(keyring), 0);
	known = derive(keyring, "pencil", 10);
	ck_assert(keyring_recall(keyring, "pencil", salt, 16, 10, &keys));
	ck_assert_mem_eq(&keys, &known, sizeof(keys));
	ck_assert(!keyring_recall(keyring, "pencil", salt, 16, 11, &keys));
	keyring_free(&keyring);
}
END_TEST

START_TEST(keyring_wipes_the_longest_unused_when_it_is_full)
{
	struct keyring *keyring = keyring_new();
	uint8_t stored[SCRAM_KEY_BYTES] = {0}, key[SCRAM_KEY_BYTES] = {7};
	uint8_t first[SCRAM_KEY_BYTES] = {0}, second[SCRAM_KEY_BYTES] = {0};

	for (uint32_t i = 0; i <= KEYRING_MAX; i++) {
		memcpy(stored, &i, sizeof(i));
		keyring_keep(keyring, stored, key);
		if (i == 1) {
			memcpy(second, stored, sizeof(second));
			/* The oldest has been of use since. */
			ck_assert(keyring_find(keyring, first, key));
		}
	}
	ck_assert_uint_eq(keyring_count(keyring), KEYRING_MAX);
	ck_assert(keyring_find(keyring, first, key));
	ck_assert(!keyring_find(keyring, second, key));
	ck_assert(keyring_find(keyring, stored, key));
	keyring_free(&keyring);
}
END_TEST

START_TEST(keyring_keeps_what_clients_have_shown_until_it_is_dropped)
{
	struct keyring *keyring = keyring_new();
	static const uint8_t stored[SCRAM_KEY_BYTES] = {1};
	static const uint8_t shown[SCRAM_KEY_BYTES] = {2};
	uint8_t key[SCRAM_KEY_BYTES] = {0};

	ck_assert(!keyring_find(keyring, stored, key));
	keyring_keep(keyring, stored, shown);
	keyring_keep(keyring, stored, shown);
	ck_assert_uint_eq(keyring_count(keyring), 1);
	ck_assert(keyring_find(keyring, stored, key));
	ck_assert_mem_eq(key, shown, sizeof(key));
	keyring_drop(keyring, stored);
	ck_assert(!keyring_find(keyring, stored, key));
	keyring_drop(keyring, stored);
	ck_assert_uint_eq(keyring_count(keyring), 0);
	keyring_free(&keyring);
}
END_TEST

START_TEST(keyring_has_one_salt_for_each_name_that_nobody_else_can_compute)
{
	struct keyring *keyring = keyring_new(), *other = keyring_new();
	uint8_t app[SCRAM_SALT_BYTES], again[SCRAM_SALT_BYTES];
	uint8_t bob[SCRAM_SALT_BYTES], elsewhere[SCRAM_SALT_BYTES];

	ck_assert_int_eq(keyring_salt(keyring, "app", app), 0);
	ck_assert_int_eq(keyring_salt(keyring, "app", again), 0);
	ck_assert_int_eq(keyring_salt(keyring, "bob", bob), 0);
	ck_assert_int_eq(keyring_salt(other, "app", elsewhere), 0);
	ck_assert_mem_eq(app, again, sizeof(app));
	ck_assert_mem_ne(app, bob, sizeof(app));
	ck_assert_mem_ne(app, elsewhere, sizeof(app));
	ck_assert_uint_eq(
	    keyring_number(keyring, "app"), keyring_number(keyring, "app"));
	ck_assert_uint_ne(
	    keyring_number(keyring, "app"), keyring_number(keyring, "bob"));
	keyring_free(&keyring);
	keyring_free(&other);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("keyring");
	TCase *keys = tcase_create("keys");

	tcase_add_test(keys, keyring_derives_each_password_salt_and_count_once);
	tcase_add_test(keys, keyring_tells_a_salt_from_the_password_behind_it);
	tcase_add_test(
	    keys, keyring_recalls_what_it_knows_and_computes_nothing);
	tcase_add_test(keys, keyring_wipes_the_longest_unused_when_it_is_full);
	tcase_add_test(
	    keys, keyring_keeps_what_clients_have_shown_until_it_is_dropped);
	tcase_add_test(keys,
	    keyring_has_one_salt_for_each_name_that_nobody_else_can_compute);
	suite_add_tcase(suite, keys);
	return unit_run(suite);
}
