/* test_datestyle.c - what PostgreSQL 15 makes of a DateStyle. */
#include "support/unit.h"

#include <string.h>

#include "core/buf.h"
#include "server/datestyle.h"

static const struct {
	const char *before;
	const char *value;
	const char *after;
} rows[] = {
    {"ISO, MDY", "german", "German, DMY"},
    {"ISO, MDY", "dmy", "ISO, DMY"},
    {"ISO, MDY", "iso", "ISO, MDY"},
    {"ISO, MDY", "sql", "SQL, MDY"},
    {"ISO, MDY", "postgres", "Postgres, MDY"},
    {"ISO, MDY", "ISO", "ISO, MDY"},
    {"ISO, MDY", "us", "ISO, MDY"},
    {"ISO, MDY", "european", "ISO, DMY"},
    {"ISO, MDY", "noneuropean", "ISO, MDY"},
    {"ISO, MDY", "iso, ymd", "ISO, YMD"},
    {"ISO, MDY", "german, mdy", "German, MDY"},
    {"ISO, MDY", "postgresql", "Postgres, MDY"},
    {"German, DMY", "german", "German, DMY"},
    {"German, DMY", "dmy", "German, DMY"},
    {"German, DMY", "iso", "ISO, DMY"},
    {"German, DMY", "sql", "SQL, DMY"},
    {"German, DMY", "postgres", "Postgres, DMY"},
    {"German, DMY", "ISO", "ISO, DMY"},
    {"German, DMY", "us", "German, MDY"},
    {"German, DMY", "european", "German, DMY"},
    {"German, DMY", "noneuropean", "German, MDY"},
    {"German, DMY", "iso, ymd", "ISO, YMD"},
    {"German, DMY", "german, mdy", "German, MDY"},
    {"German, DMY", "postgresql", "Postgres, DMY"},
    {"SQL, YMD", "german", "German, DMY"},
    {"SQL, YMD", "dmy", "SQL, DMY"},
    {"SQL, YMD", "iso", "ISO, YMD"},
    {"SQL, YMD", "sql", "SQL, YMD"},
    {"SQL, YMD", "postgres", "Postgres, YMD"},
    {"SQL, YMD", "ISO", "ISO, YMD"},
    {"SQL, YMD", "us", "SQL, MDY"},
    {"SQL, YMD", "european", "SQL, DMY"},
    {"SQL, YMD", "noneuropean", "SQL, MDY"},
    {"SQL, YMD", "iso, ymd", "ISO, YMD"},
    {"SQL, YMD", "german, mdy", "German, MDY"},
    {"SQL, YMD", "postgresql", "Postgres, YMD"},
    {"Postgres, MDY", "german", "German, DMY"},
    {"Postgres, MDY", "dmy", "Postgres, DMY"},
    {"Postgres, MDY", "iso", "ISO, MDY"},
    {"Postgres, MDY", "sql", "SQL, MDY"},
    {"Postgres, MDY", "postgres", "Postgres, MDY"},
    {"Postgres, MDY", "ISO", "ISO, MDY"},
    {"Postgres, MDY", "us", "Postgres, MDY"},
    {"Postgres, MDY", "european", "Postgres, DMY"},
    {"Postgres, MDY", "noneuropean", "Postgres, MDY"},
    {"Postgres, MDY", "iso, ymd", "ISO, YMD"},
    {"Postgres, MDY", "german, mdy", "German, MDY"},
    {"Postgres, MDY", "postgresql", "Postgres, MDY"},
    {"ISO, MDY", "\"SQL\",\tDMY", "SQL, DMY"},
    {"ISO, MDY", "klingon", "klingon"},
    {"ISO, MDY", "", ""},
    {"dmy", "us", "us"},
    {"", "german", "german"},
};

START_TEST(a_half_of_a_style_keeps_the_other)
{
	struct buf out = {0};

	datestyle_put_whole(rows[_i].before, rows[_i].value, &out);
	ck_assert_msg(strcmp(buf_text(&out), rows[_i].after) == 0,
	    "%s, then %s: \"%s\"", rows[_i].before, rows[_i].value,
	    buf_text(&out));
	buf_fini(&out);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("datestyle");
	TCase *styles = tcase_create("styles");

	tcase_add_loop_test(styles, a_half_of_a_style_keeps_the_other, 0,
	    (int)(sizeof(rows) / sizeof(*rows)));
	suite_add_tcase(suite, styles);
	return unit_run(suite);
}
