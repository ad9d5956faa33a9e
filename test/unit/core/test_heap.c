/* test_heap.c - a priority queue: the smallest key first. */
#include "core/heap.h"

#include "support/unit.h"

#define MANY 10000

struct item {
	struct heap_link link;
};

static struct item items[MANY];

/* Keys in an order of their own, each once. */
static uint64_t
scattered(size_t i)
{
	return (i * 7919) % MANY;
}

static void
fill(struct heap *heap)
{
	for (size_t i = 0; i < MANY; i++) {
		heap_set(heap, &items[i].link, scattered(i));
	}
}

static uint64_t
take(struct heap *heap)
{
	struct heap_link *first = heap_first(heap);
	uint64_t key;

	ck_assert_ptr_nonnull(first);
	key = first->key;
	heap_remove(heap, first);
	ck_assert(!heap_is_linked(first));
	return key;
}

START_TEST(an_empty_heap_has_no_first)
{
	struct heap heap = {0};

	ck_assert_ptr_null(heap_first(&heap));
	heap_fini(&heap);
}
END_TEST

START_TEST(keys_come_out_in_order)
{
	struct heap heap = {0};

	fill(&heap);
	for (uint64_t i = 0; i < MANY; i++) {
		ck_assert_uint_eq(take(&heap), i);
	}
	ck_assert_ptr_null(heap_first(&heap));
	heap_fini(&heap);
}
END_TEST

START_TEST(any_element_can_be_taken_out)
{
	struct heap heap = {0};

	fill(&heap);
	for (size_t i = 0; i < MANY; i++) {
		if (scattered(i) % 3 != 0) {
			heap_remove(&heap, &items[i].link);
		}
	}
	for (uint64_t i = 0; i < MANY; i += 3) {
		ck_assert_uint_eq(take(&heap), i);
	}
	heap_fini(&heap);
}
END_TEST

START_TEST(a_key_can_become_smaller_and_larger)
{
	struct heap heap = {0};

	fill(&heap);
	for (size_t i = 0; i < MANY; i++) {
		heap_set(&heap, &items[i].link, MANY - scattered(i));
	}
	ck_assert_uint_eq(heap.count, MANY);
	for (uint64_t i = 0; i < MANY; i++) {
		ck_assert_uint_eq(take(&heap), i + 1);
	}
	heap_fini(&heap);
}
END_TEST

START_TEST(equal_keys_are_all_kept)
{
	struct heap heap = {0};

	for (size_t i = 0; i < 100; i++) {
		heap_set(&heap, &items[i].link, 7);
	}
	for (size_t i = 0; i < 100; i++) {
		ck_assert_uint_eq(take(&heap), 7);
	}
	heap_fini(&heap);
}
END_TEST

START_TEST(many_cost_their_logarithm)
{
	struct heap heap = {0};

	fill(&heap);
	while (heap.count > 0) {
		(void)take(&heap);
	}
	/* in and out: twice 14 levels, two comparisons each */
	ck_assert_uint_lt(heap.steps, (uint64_t)MANY * 2 * 2 * 14);
	heap_fini(&heap);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("heap");
	TCase *order = tcase_create("order");

	tcase_add_test(order, an_empty_heap_has_no_first);
	tcase_add_test(order, keys_come_out_in_order);
	tcase_add_test(order, any_element_can_be_taken_out);
	tcase_add_test(order, a_key_can_become_smaller_and_larger);
	tcase_add_test(order, equal_keys_are_all_kept);
	tcase_add_test(order, many_cost_their_logarithm);
	suite_add_tcase(suite, order);
	return unit_run(suite);
}
