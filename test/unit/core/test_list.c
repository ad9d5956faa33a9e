/* test_list.c - lists through links inside the elements. */
#include "support/unit.h"

#include "core/list.h"

struct item {
	int value;
	struct list_link link;
};

START_TEST(list_keeps_order_and_count)
{
	struct list list = {0};
	struct item items[4] = {
	    {.value = 1}, {.value = 2}, {.value = 3}, {.value = 0}};
	int expected = 0;

	for (int i = 0; i < 3; i++) {
		list_append(&list, &items[i].link);
	}
	list_prepend(&list, &items[3].link);
	list_foreach (&list, at) {
		ck_assert_int_eq(
		    list_entry(at, struct item, link)->value, expected++);
	}
	ck_assert_uint_eq(list.count, 4);
	list_remove(&list, &items[1].link);
	ck_assert(!list_is_linked(&items[1].link));
	ck_assert_ptr_eq(list_first(&list, struct item, link), &items[3]);
	ck_assert_uint_eq(list.count, 3);
}
END_TEST

START_TEST(list_foreach_safe_allows_removal_of_the_current)
{
	struct list list = {0};
	struct item items[10] = {0};
	int seen = 0;

	for (int i = 0; i < 10; i++) {
		list_append(&list, &items[i].link);
	}
	list_foreach_safe (&list, at) {
		list_remove(&list, at);
		seen++;
	}
	ck_assert_int_eq(seen, 10);
	ck_assert_ptr_null(list_pop(&list));
	ck_assert_ptr_null(list_first(&list, struct item, link));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("list");
	TCase *theme = tcase_create("list");

	tcase_add_test(theme, list_keeps_order_and_count);
	tcase_add_test(theme, list_foreach_safe_allows_removal_of_the_current);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
