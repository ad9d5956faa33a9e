/*
 * test_pin.c - a text that cannot be read keeps its client's server only if it
 * has run.
 *
 * There is one server: what client 2 asks reaches it if client 1 is not pinned.
 * 'U' is the error to a text that the server cannot read.
 */
#include "support/script.h"
#include "support/unit.h"

static const char config_text[] =
    "[databases]\n"
    "app = host=/nowhere port=1 user=u pool_size=1\n"
    "[pgweir]\n"
    "auth_type = any\n"
    "pool_mode = transaction\n"
    "log_disconnections = 0\n";

#define NEXT ">2 Q:select_2"
#define IS_FREE NEXT, "=s Q:select_2"
#define IS_KEPT NEXT, "=s"

static const struct script scripts[] = {
    {"what the server cannot read either keeps nothing",
        {">1 Q:selec", "=s Q:selec", ">s U Z:I", "=1 U Z:I", IS_FREE}},
    {"nor does it in the extended protocol",
        {">1 P:selec B E S", "=s P:selec B E S", ">s U Z:I", "=1 U Z:I",
            IS_FREE}},
    {"what runs keeps the server",
        {">1 Q:selec", "=s Q:selec", ">s C:SELEC Z:I", "=1 C:SELEC Z:I",
            IS_KEPT}},
    {"what was parsed keeps the server",
        {">1 P:selec S", "=s P:selec S", ">s 1 Z:I", IS_KEPT}},
    {"an error of another kind keeps the server",
        {">1 Q:selec", "=s Q:selec", ">s E:42703 Z:I", IS_KEPT}},
    {"so does an error that does not say where it comes from",
        {">1 Q:selec", "=s Q:selec", ">s E:42601 Z:I", IS_KEPT}},
    {"so does an error behind a statement that was done",
        {">1 Q:selec", "=s Q:selec", ">s C:SET U Z:I", IS_KEPT}},
    {"so does an error behind rows",
        {">1 Q:selec", "=s Q:selec", ">s T D U Z:I", IS_KEPT}},
    {"two errors are no answer to a text that was not read",
        {">1 Q:selec", "=s Q:selec", ">s U U Z:I", IS_KEPT}},
    {"notices and reports beside the error say nothing",
        {">1 Q:selec", "=s Q:selec", ">s N S U S Z:I", "=1 N S U S Z:I"}},
    {"the next batch waits for what the trial comes to",
        {">1 Q:selec Q:select_1", "=s Q:selec", ">s U", "=s", ">s Z:I",
            "=s Q:select_1", ">s C:S Z:I", "=1 U Z:I C:S Z:I", IS_FREE}},
    {"in a transaction it ends with the transaction",
        {">1 Q:begin", "=s Q:begin", ">s C:BEGIN Z:T", ">1 Q:selec",
            "=s Q:selec", ">s U Z:E", NEXT, "=s", ">1 Q:rollback",
            "=s Q:rollback", ">s C:ROLLBACK Z:I", "=s Q:select_2"}},
    {"a pin of another reason is final",
        {">1 Q:listen_x", "=s Q:listen_x", ">s C:LISTEN Z:I", ">1 Q:selec",
            "=s Q:selec", ">s U Z:I", IS_KEPT}},
    {"one more on trial after one taken back",
        {">1 Q:selec", "=s Q:selec", ">s U Z:I", ">1 Q:selec", "=s Q:selec",
            ">s C:SELEC Z:I", IS_KEPT}},
};

static void
play(const struct script *script, bool slowly)
{
	struct stage stage;

	stage_open_single(&stage, script->label, config_text, false);
	stage.slowly = slowly;
	for (int i = 0; script->steps[i] != NULL; i++) {
		stage_run(&stage, script->steps[i]);
	}
	stage_close(&stage);
}

START_TEST(a_trial_comes_to_what_the_script_says)
{
	play(&scripts[_i], false);
}
END_TEST

START_TEST(a_trial_comes_to_the_same_byte_by_byte)
{
	play(&scripts[_i], true);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pin");
	TCase *theme = tcase_create("trials");
	int count = (int)(sizeof(scripts) / sizeof(*scripts));

	tcase_set_timeout(theme, 60);
	tcase_add_loop_test(
	    theme, a_trial_comes_to_what_the_script_says, 0, count);
	tcase_add_loop_test(
	    theme, a_trial_comes_to_the_same_byte_by_byte, 0, count);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
