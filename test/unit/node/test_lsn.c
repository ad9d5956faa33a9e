/* test_lsn.c - positions in the write-ahead log. */
#include "support/unit.h"

#include "node/lsn.h"

static const struct {
	const char *text;
	bool valid;
	uint64_t lsn;
	const char *canonical;
} cases[] = {
    {"0/0", true, 0, "0/0"},
    {"16/B374D848", true, 0x16B374D848, "16/B374D848"},
    {"16/b374d848", true, 0x16B374D848, "16/B374D848"},
    {"00000001/0000000A", true, 0x10000000A, "1/A"},
    {"FFFFFFFF/FFFFFFFF", true, UINT64_MAX, "FFFFFFFF/FFFFFFFF"},
    {"", false, 0, NULL},
    {"/", false, 0, NULL},
    {"1/", false, 0, NULL},
    {"/1", false, 0, NULL},
    {"1", false, 0, NULL},
    {"1/2/3", false, 0, NULL},
    {"1/2 ", false, 0, NULL},
    {" 1/2", false, 0, NULL},
    {"-1/2", false, 0, NULL},
    {"0x1/2", false, 0, NULL},
    {"G/1", false, 0, NULL},
    {"100000000/0", false, 0, NULL},
    {"0/100000000", false, 0, NULL},
};

START_TEST(lsn_reads_and_writes_what_postgresql_does)
{
	uint64_t lsn = 0;
	char text[LSN_TEXT_BYTES];

	ck_assert_msg(lsn_parse(cases[_i].text, &lsn) == cases[_i].valid, "%s",
	    cases[_i].text);
	if (cases[_i].valid) {
		ck_assert_uint_eq(lsn, cases[_i].lsn);
		lsn_format(lsn, text);
		ck_assert_str_eq(text, cases[_i].canonical);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("lsn");
	TCase *theme = tcase_create("lsn");

	tcase_add_loop_test(theme, lsn_reads_and_writes_what_postgresql_does, 0,
	    sizeof(cases) / sizeof(*cases));
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
