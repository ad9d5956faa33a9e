/* test_builtins.c - tables of what PostgreSQL brings, and of encodings. */
#include "support/unit.h"

#include <string.h>

#include "sql/builtins.h"
#include "sql/encoding.h"

static enum builtin_class
class_of(const char *name)
{
	return builtin_function(name, strlen(name)).class;
}

START_TEST(builtins_are_sorted_for_the_search)
{
	ck_assert(builtins_are_sorted());
}
END_TEST

START_TEST(builtins_find_first_last_and_whole_names_only)
{
	ck_assert_int_eq(class_of("abbrev"), BUILTIN_READ);
	ck_assert_int_eq(class_of("xpath_exists"), BUILTIN_READ);
	ck_assert_int_eq(class_of("lower"), BUILTIN_READ);
	ck_assert_int_eq(class_of("lowe"), BUILTIN_UNKNOWN);
	ck_assert_int_eq(class_of("lowerr"), BUILTIN_UNKNOWN);
	ck_assert_int_eq(class_of("LOWER"), BUILTIN_UNKNOWN);
	ck_assert_int_eq(class_of(""), BUILTIN_UNKNOWN);
	ck_assert_int_eq(
	    builtin_function("lower\0x", 7).class, BUILTIN_UNKNOWN);
	ck_assert_int_eq(builtin_function("lowerx", 5).class, BUILTIN_READ);
	ck_assert_int_eq(class_of("pg_stat_get_new_thing"), BUILTIN_NODE);
}
END_TEST

START_TEST(builtins_judged_by_a_person_are_in_one_table_only)
{
	static const char *const judged[] = {
#define VOLATILE(name, class, why) #name,
#include "sql/volatiles.def"
#undef VOLATILE
	};
	static const char *const generated[] = {
#define FUNCTION(name) name,
#include "sql/builtins.def"
	};

	for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++) {
		for (size_t k = 0; k < sizeof(generated) / sizeof(generated[0]);
		     k++) {
			ck_assert_str_ne(judged[i], generated[k]);
		}
	}
}
END_TEST

START_TEST(builtins_with_effects_are_not_reads)
{
	static const char *const names[] = {"nextval", "setval", "currval",
	    "lastval", "set_config", "pg_advisory_lock", "pg_notify",
	    "txid_current", "lo_create", "lo_open", "pg_export_snapshot",
	    "query_to_xml", "pg_read_file", "pg_promote", "setseed",
	    "pg_terminate_backend", "pg_create_logical_replication_slot",
	    "current_setting", "pg_logical_slot_get_changes"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert_msg(
		    class_of(names[i]) > BUILTIN_READ, "%s", names[i]);
		ck_assert_ptr_nonnull(
		    builtin_function(names[i], strlen(names[i])).reason);
	}
}
END_TEST

START_TEST(builtins_know_operators_types_and_key_words)
{
	ck_assert(builtin_is_operator("->>", 3));
	ck_assert(!builtin_is_operator("<%>", 3));
	ck_assert(builtin_is_type("int4", 4) && builtin_is_type("_text", 5));
	ck_assert(!builtin_is_type("mood", 4) && !builtin_is_type("_", 1));
	ck_assert_int_eq(builtin_keyword("select", 6), 'R');
	ck_assert_int_eq(builtin_keyword("coalesce", 8), 'C');
	ck_assert_int_eq(builtin_keyword("left", 4), 'T');
	ck_assert_int_eq(builtin_keyword("abort", 5), 'U');
	ck_assert_int_eq(builtin_keyword("abor", 4), '\0');
	ck_assert(builtin_is_node_relation("pg_stat_activity", 16));
	ck_assert(!builtin_is_node_relation("pg_class", 8));
	ck_assert(builtin_is_session_setting("timezone", 8));
	ck_assert(!builtin_is_session_setting("in_hot_standby", 14));
}
END_TEST

START_TEST(encodings_with_ascii_in_their_characters_are_unsafe)
{
	static const char *const unsafe[] = {"SJIS", "sjis", "Shift_JIS",
	    "ShiftJIS", "SHIFT_JIS_2004", "mskanji", "WIN932", "Windows932",
	    "BIG5", "WIN950", "GBK", "WIN936", "gb18030", "GB-18030", "JOHAB",
	    "UHC", "WIN949", "", "no such thing",
	    "a name that is far too long to be an encoding"};
	static const char *const safe[] = {"UTF8", "utf-8", "Unicode", "LATIN1",
	    "iso_8859_1", "SQL_ASCII", "EUC_JP", "EUC_CN", "EUC_KR", "EUC_TW",
	    "EUC_JIS_2004", "KOI8R", "WIN1252", "WIN", "MULE_INTERNAL"};

	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++) {
		ck_assert_msg(
		    sql_encoding_is_unsafe(unsafe[i]), "%s", unsafe[i]);
	}
	for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++) {
		ck_assert_msg(!sql_encoding_is_unsafe(safe[i]), "%s", safe[i]);
	}
	ck_assert(sql_encoding_is_unsafe(NULL));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("builtins");
	TCase *tcase = tcase_create("tables");

	tcase_add_test(tcase, builtins_are_sorted_for_the_search);
	tcase_add_test(tcase, builtins_find_first_last_and_whole_names_only);
	tcase_add_test(
	    tcase, builtins_judged_by_a_person_are_in_one_table_only);
	tcase_add_test(tcase, builtins_with_effects_are_not_reads);
	tcase_add_test(tcase, builtins_know_operators_types_and_key_words);
	tcase_add_test(
	    tcase, encodings_with_ascii_in_their_characters_are_unsafe);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
