/* test_form.c - what the description of a prepared statement says. */
#include "support/unit.h"

#include <string.h>

#include "core/buf.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/form.h"

static void
put_column(struct msg *msg, const char *name, uint32_t table, uint32_t type,
    uint32_t modifier, int16_t format)
{
	msg_put_bytes(msg, name, strlen(name) + 1);
	msg_put_u32(msg, table);
	msg_put_i16(msg, 7);
	msg_put_u32(msg, type);
	msg_put_i16(msg, 4);
	msg_put_u32(msg, modifier);
	msg_put_i16(msg, format);
}

/* A form whose rows have COUNT columns like this one. */
static struct form *
rows(int16_t count, const char *name, uint32_t table, uint32_t type,
    uint32_t modifier, int16_t format)
{
	struct form *form = form_new();
	struct buf out = {0};
	struct msg msg;

	msg_begin(&msg, &out, MSG_ROW_DESCRIPTION);
	msg_put_i16(&msg, count);
	for (int i = 0; i < count; i++) {
		put_column(&msg, name, table, type, modifier, format);
	}
	ck_assert(msg_end(&msg));
	form_add(&form, MSG_ROW_DESCRIPTION,
	    buf_bytes(&out) + FRAME_HEADER_BYTES,
	    out.length - FRAME_HEADER_BYTES);
	buf_fini(&out);
	return form;
}

static struct form *
no_rows(void)
{
	struct form *form = form_new();

	form_add(&form, MSG_NO_DATA, (const uint8_t *)"", 0);
	return form;
}

static struct form *
types(const char *body, size_t size)
{
	struct form *form = form_new();

	form_add(&form, MSG_PARAMETER_DESCRIPTION, (const uint8_t *)body, size);
	return form;
}

/* Whether A and B, which end here, have equal rows, either way round. */
static bool
are_same_rows(struct form *a, struct form *b)
{
	bool same = form_has_rows_of(a, b);

	ck_assert(form_has_rows_of(b, a) == same);
	form_release(&a);
	form_release(&b);
	return same;
}

static bool
are_same_types(struct form *a, struct form *b)
{
	bool same = form_has_types_of(a, b);

	ck_assert(form_has_types_of(b, a) == same);
	form_release(&a);
	form_release(&b);
	return same;
}

START_TEST(rows_differ_by_what_postgresql_compares)
{
	ck_assert(are_same_rows(
	    rows(2, "c", 1, 25, 9, 0), rows(2, "c", 1, 25, 9, 0)));
	ck_assert(!are_same_rows(
	    rows(2, "c", 1, 25, 9, 0), rows(3, "c", 1, 25, 9, 0)));
	ck_assert(!are_same_rows(
	    rows(2, "c", 1, 25, 9, 0), rows(2, "d", 1, 25, 9, 0)));
	ck_assert(!are_same_rows(
	    rows(2, "c", 1, 25, 9, 0), rows(2, "c", 1, 26, 9, 0)));
	ck_assert(!are_same_rows(
	    rows(2, "c", 1, 25, 9, 0), rows(2, "c", 1, 25, 8, 0)));
	ck_assert(!are_same_rows(no_rows(), rows(0, "", 0, 0, 0, 0)));
	ck_assert(are_same_rows(no_rows(), no_rows()));
}
END_TEST

START_TEST(rows_do_not_differ_by_table_nor_format)
{
	ck_assert(are_same_rows(
	    rows(2, "c", 1, 25, 9, 0), rows(2, "c", 2, 25, 9, 0)));
	ck_assert(are_same_rows(
	    rows(2, "c", 1, 25, 9, 0), rows(2, "c", 1, 25, 9, 1)));
}
END_TEST

START_TEST(what_is_not_known_differs_from_nothing)
{
	ck_assert(are_same_rows(form_new(), rows(1, "c", 1, 25, 9, 0)));
	ck_assert(are_same_rows(form_new(), no_rows()));
	ck_assert(are_same_types(form_new(), types("\0\1\0\0\0\27", 6)));
}
END_TEST

START_TEST(parameters_differ_by_type_and_count)
{
	ck_assert(are_same_types(
	    types("\0\1\0\0\0\27", 6), types("\0\1\0\0\0\27", 6)));
	ck_assert(!are_same_types(
	    types("\0\1\0\0\0\27", 6), types("\0\1\0\0\0\24", 6)));
	ck_assert(!are_same_types(types("\0\1\0\0\0\27", 6), types("\0\0", 2)));
}
END_TEST

START_TEST(types_end_a_parse_as_they_were_described)
{
	struct form *form = types("\0\1\0\0\0\27", 6);
	size_t size;
	const uint8_t *at = form_types(form, &size);

	ck_assert_uint_eq(size, 6);
	ck_assert_mem_eq(at, "\0\1\0\0\0\27", 6);
	form_release(&form);
	form = form_new();
	ck_assert_ptr_null(form_types(form, &size));
	ck_assert_uint_eq(size, 0);
	form_release(&form);
}
END_TEST

/* Cut anywhere, lengthened, or lying about its count. */
START_TEST(what_is_malformed_says_nothing)
{
	static const char body[] =
	    "\0\1c\0\0\0\0\1\0\1\0\0\0\31\0\4\0\0\0\0\0\0";
	struct form *whole = form_new();
	size_t ignored;

	form_add(&whole, MSG_ROW_DESCRIPTION, (const uint8_t *)body,
	    sizeof(body) - 1);
	ck_assert(form_has_rows(whole));
	for (size_t size = 0; size <= sizeof(body); size++) {
		struct form *form = form_new();

		form_add(
		    &form, MSG_ROW_DESCRIPTION, (const uint8_t *)body, size);
		ck_assert(form_has_rows(form) == (size == sizeof(body) - 1));
		form_release(&form);
	}
	form_release(&whole);
	whole = types("\377\377\0\0\0\1", 6);
	ck_assert_ptr_null(form_types(whole, &ignored));
	form_release(&whole);
	whole = types("\0", 1);
	ck_assert_ptr_null(form_types(whole, &ignored));
	form_release(&whole);
}
END_TEST

START_TEST(only_rows_are_rows)
{
	struct form *form = no_rows();

	ck_assert(!form_has_rows(form));
	form_release(&form);
	form = rows(0, "", 0, 0, 0, 0);
	ck_assert(form_has_rows(form));
	form_release(&form);
	form = form_new();
	ck_assert(!form_has_rows(form));
	form_release(&form);
	form_release(&form);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("form");
	TCase *theme = tcase_create("descriptions");

	tcase_add_test(theme, rows_differ_by_what_postgresql_compares);
	tcase_add_test(theme, rows_do_not_differ_by_table_nor_format);
	tcase_add_test(theme, what_is_not_known_differs_from_nothing);
	tcase_add_test(theme, parameters_differ_by_type_and_count);
	tcase_add_test(theme, types_end_a_parse_as_they_were_described);
	tcase_add_test(theme, what_is_malformed_says_nothing);
	tcase_add_test(theme, only_rows_are_rows);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
