/*
 * test_refuse.c - a request that is answered with an error instead of being
 * run, as a server would.
 *
 * Client 1 came with a role that the server refuses when it is to have it;
 * client 2 with none, and was there last.
 */
#include "support/script.h"
#include "support/unit.h"

#include "proto/msg.h"

static const char config_text[] =
    "[databases]\n"
    "app = host=/nowhere port=1 user=u pool_size=1\n"
    "[pgweir]\n"
    "auth_type = any\n"
    "pool_mode = transaction\n"
    "log_disconnections = 0\n";

#define ROLE "=s Q:SELECT_pg~catalog.set~config(E'role',_E'a',_false)"
#define REFUSED ROLE, ">s T E:22023"

static const struct script scripts[] = {
    {"a Query", {">1 Q:select_1", REFUSED, "=1 E:22023 Z:I"}},
    {"a batch", {">1 P:select_1 B E S", REFUSED, "=1 E:22023 Z:I"}},
    {"only the first of two batches",
        {">1 P:select_1 B E S Q:select_3", REFUSED, "=1 E:22023 Z:I"}},
    {"what of a batch comes later is dropped up to its Sync",
        {">1 P:select_1 B E H", REFUSED, "=1 E:22023", ">1 P:select_2 B E",
            "=1", ">1 S", "=1 Z:I"}},
    {"BEGIN has begun a transaction that has failed",
        {">1 Q:begin", REFUSED, "=1 E:22023 Z:E"}},
    {"so has BEGIN in a batch with more in it",
        {">1 P:begin B E P:select_1 B E S", REFUSED, "=1 E:22023 Z:E"}},
    {"who ends the session behind it has ended it",
        {">1 P:select_1 B E H", REFUSED, "=1 E:22023", ">1 X"}},
};

static void
come(struct stage *stage, int index, size_t count)
{
	static const struct msg_parameter parameters[] = {
	    {"user", "u"}, {"database", "app"}, {"role", "a"}};
	struct peer *server = &stage->house.servers[0];
	struct buf out = {0};

	stage->clients[index] = house_connect(&stage->house);
	msg_startup(&out, parameters, count);
	peer_send(
	    &stage->house, stage->clients[index], buf_bytes(&out), out.length);
	buf_fini(&out);
	if (server->from_us.length > 0) {
		stage_run(stage,
		    count > 2 ? ">s T D C:SELECT_1 Z:I"
		              : ">s C:RESET C:RESET Z:I");
	}
	stage_forget(stage);
}

static void
play(const struct script *script, bool slowly)
{
	struct stage stage;

	stage_open_single(&stage, script->label, config_text, false);
	come(&stage, 0, 3);
	come(&stage, 1, 2);
	stage_run(&stage, ">2 Q:select_0");
	if (stage.bound['s']->from_us.length > 0) {
		stage_run(&stage, ">s C:RESET C:RESET Z:I");
		stage_run(&stage, ">s T D C:SELECT_1 Z:I");
	}
	stage_forget(&stage);
	stage.slowly = slowly;
	for (int i = 0; script->steps[i] != NULL; i++) {
		stage_run(&stage, script->steps[i]);
	}
	stage_close(&stage);
}

START_TEST(what_is_refused_is_answered_as_a_server_would)
{
	play(&scripts[_i], false);
}
END_TEST

START_TEST(what_is_refused_is_answered_so_byte_by_byte)
{
	play(&scripts[_i], true);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("refuse");
	TCase *theme = tcase_create("requests");
	int count = (int)(sizeof(scripts) / sizeof(*scripts));

	tcase_set_timeout(theme, 60);
	tcase_add_loop_test(
	    theme, what_is_refused_is_answered_as_a_server_would, 0, count);
	tcase_add_loop_test(
	    theme, what_is_refused_is_answered_so_byte_by_byte, 0, count);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
