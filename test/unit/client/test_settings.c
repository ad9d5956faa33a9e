/*
 * test_settings.c - two clients with settings of their own share a server.
 *
 * "jit" travels with the request, "timezone" does once it was accepted, "role"
 * and "my.x" wait. Client 1 was welcomed first, client 2 last: the server, 's',
 * has the settings of client 2 when a script begins.
 */
#include "support/script.h"
#include "support/unit.h"

#include <string.h>

#include "proto/msg.h"

static const char config_text[] =
    "[databases]\n"
    "app = host=/nowhere port=1 user=u pool_size=1\n"
    "[pgweir]\n"
    "auth_type = any\n"
    "pool_mode = transaction\n"
    "log_disconnections = 0\n";

#define SET(name, value) \
	"Q:SELECT_pg~catalog.set~config(E'" name "',_E'" value "',_false)"
#define RESET(name) "Q:RESET_\"" name "\";_"
#define LEAVE "Q:RESET_SESSION_AUTHORIZATION;_RESET_ROLE;_"
#define OK "T D C:SELECT_1 Z:I"

/* Client number INDEX comes with NAME at VALUE; the server accepts it. */
static void
come_with(struct stage *stage, int index, const char *name, const char *value)
{
	struct msg_parameter parameters[] = {
	    {"user", "u"}, {"database", "app"}, {name, value}};
	struct peer *server = &stage->house.servers[0];
	struct buf out = {0};

	stage->clients[index] = house_connect(&stage->house);
	msg_startup(&out, parameters, name == NULL ? 2 : 3);
	peer_send(
	    &stage->house, stage->clients[index], buf_bytes(&out), out.length);
	buf_fini(&out);
	if (server->from_us.length > 0) {
		stage_run(stage, ">s " OK);
	}
	stage_forget(stage);
}

struct scene {
	const char *label;
	const char *settings[4]; /* name and value of client 1, of client 2 */
	const char *steps[STEPS_MAX];
};

static const struct scene scenes[] = {
    {"what is harmless travels", {"jit", "off", "jit", "on"},
        {">1 Q:select_1", "=s " SET("jit", "off") " Q:select_1",
            ">s " OK " " OK, "=1 " OK, ">1 Q:select_1", "=s Q:select_1"}},
    {"what travels, in two reads", {"jit", "off", "jit", "on"},
        {">1 Q:select_1", "=s " SET("jit", "off") " Q:select_1", ">s T D", "=1",
            ">s C:SELECT_1 Z:I T", "=1 T", ">s D C:SELECT_1 Z:I",
            "=1 D C:SELECT_1 Z:I", ">2 Q:select_2",
            "=s " SET("jit", "on") " Q:select_2"}},
    {"with an extended batch", {"jit", "off", NULL, NULL},
        {">1 P:select_1 B E S", "=s " SET("jit", "off") " P:select_1 B E S",
            ">s " OK " 1 2 C:S Z:I", "=1 1 2 C:S Z:I"}},
    {"a report of what has travelled is nobody's", {"jit", "off", NULL, NULL},
        {">1 Q:select_1", "=s " SET("jit", "off") " Q:select_1",
            ">s T D C:SELECT_1 S Z:I " OK, "=1 " OK, ">2 Q:select_2",
            "=s " RESET("jit") " Q:select_2", ">s C:RESET S Z:I " OK,
            "=2 " OK}},
    {"a report behind that is the client's", {"jit", "off", NULL, NULL},
        {">1 Q:select_1", "=s " SET("jit", "off") " Q:select_1",
            ">s " OK " T D C:SELECT_1 S Z:I", "=1 T D C:SELECT_1 S Z:I"}},
    {"a notice about what travels is nobody's", {"jit", "off", NULL, NULL},
        {">1 Q:select_1", "=s " SET("jit", "off") " Q:select_1",
            ">s N " OK " N " OK, "=1 N " OK}},
    {"settings that travelled and were refused: the request is answered",
        {"jit", "off", NULL, NULL},
        {">1 Q:select_1", "=s " SET("jit", "off") " Q:select_1",
            ">s E:22023 Z:I " OK, "=1 " OK, "xs"}},
    {"a format that was accepted before travels",
        {"timezone", "a", "timezone", "b"},
        {">1 Q:select_1", "=s " SET("timezone", "a") " Q:select_1",
            ">s " OK " " OK, "=1 " OK, ">2 Q:select_2",
            "=s " SET("timezone", "b") " Q:select_2"}},
    {"formats wait where the last client's statements are in a hurry",
        {"timezone", "a", "statement_timeout", "1"},
        {">1 Q:select_1",
            "=s Q:RESET_\"statement~timeout\";_SELECT_pg~catalog."
            "set~config(E'timezone',_E'a',_false)",
            ">s C:RESET " OK, "=s Q:select_1"}},
    {"a role waits", {"role", "a", NULL, NULL},
        {">1 Q:select_1", "=s " SET("role", "a"), ">s " OK, "=s Q:select_1",
            ">s " OK, "=1 " OK, ">2 Q:select_2", "=s " LEAVE,
            ">s C:RESET C:RESET Z:I", "=s Q:select_2"}},
    {"what nobody knows waits", {"my.x", "1", "my.x", "2"},
        {">1 Q:select_1", "=s " SET("my.x", "1"), ">s T D", "=s",
            ">s C:SELECT_1 Z:I", "=s Q:select_1"}},
    {"a role refused is an error of the request", {"role", "a", NULL, NULL},
        {">1 Q:select_1", "=s " SET("role", "a"), ">s T E:22023",
            "=1 E:22023 Z:I", "xs"}},
    {"and of a whole batch", {"role", "a", NULL, NULL},
        {">1 P:select_1 B E S Q:select_3", "=s " SET("role", "a"),
            ">s T E:22023", "=1 E:22023 Z:I", "xs"}},
    {"what was left behind fails: not the client's fault",
        {"my.x", "1", "my.y", "2"},
        {">1 Q:select_1",
            "=s Q:RESET_\"my\".\"y\";_SELECT_pg~catalog.set~config("
            "E'my.x',_E'1',_false)",
            ">s E:42704", "=1", "xs"}},
    {"a timeout of the one before: not the client's fault",
        {"my.x", "1", "my.x", "2"},
        {">1 Q:select_1", "=s " SET("my.x", "1"), ">s T E:57014", "=1", "xs"}},
};

/*
 * What clients set themselves. Client 1 came with jit, the server is its.
 */
#define IN "jit", "off", NULL, NULL
#define OWN SET("jit", "off") " "

static const struct scene own_scenes[] = {
    {"what was set comes along", {IN},
        {">1 Q:set_geqo_=_off", "=s " OWN "Q:set_geqo_=_off",
            ">s " OK " C:SET Z:I", "=1 C:SET Z:I", ">2 Q:select_2",
            "=s Q:RESET_\"geqo\";_RESET_\"jit\";_ Q:select_2",
            ">s C:RESET C:RESET Z:I " OK, "=2 " OK, ">1 Q:select_1",
            "=s Q:SELECT_pg~catalog.set~config(E'geqo',_E'off',_false),_"
            "pg~catalog.set~config(E'jit',_E'off',_false) Q:select_1"}},
    {"what failed was not set", {IN},
        {">1 Q:set_geqo_=_off;_select_1",
            "=s " OWN "Q:set_geqo_=_off;_select_1",
            ">s " OK " C:SET E:22012 Z:I", "=1 C:SET E:22012 Z:I",
            ">2 Q:select_2", "=s " RESET("jit") " Q:select_2"}},
    {"what was rolled back was not set", {IN},
        {">1 Q:begin", "=s " OWN "Q:begin", ">s " OK " C:BEGIN Z:T",
            ">1 Q:set_geqo_=_off", "=s Q:set_geqo_=_off", ">s C:SET Z:T",
            ">1 Q:rollback", "=s Q:rollback", ">s C:ROLLBACK Z:I",
            "=1 C:BEGIN Z:T C:SET Z:T C:ROLLBACK Z:I", ">2 Q:select_2",
            "=s " RESET("jit") " Q:select_2"}},
    {"a COMMIT that rolls back has set nothing", {IN},
        {">1 Q:begin;_set_geqo_=_off", "=s " OWN "Q:begin;_set_geqo_=_off",
            ">s " OK " C:BEGIN C:SET Z:T", ">1 Q:commit", "=s Q:commit",
            ">s C:ROLLBACK Z:I", ">2 Q:select_2",
            "=s " RESET("jit") " Q:select_2"}},
    {"what is local ends with its transaction", {IN},
        {">1 Q:begin;_set_local_geqo_=_off;_commit",
            "=s " OWN "Q:begin;_set_local_geqo_=_off;_commit",
            ">s " OK " C:BEGIN C:SET C:COMMIT Z:I", ">2 Q:select_2",
            "=s " RESET("jit") " Q:select_2"}},
    {"the next batch waits for what a SET comes to", {IN},
        {">1 Q:set_geqo_=_off Q:select_1", "=s " OWN "Q:set_geqo_=_off",
            ">s " OK " C:SET", "=s", ">s Z:I", "=s Q:select_1"}},
    {"in an extended batch", {IN},
        {">1 P:set_geqo_=_off B E S P:select_1 B E S",
            "=s " OWN "P:set_geqo_=_off B E S", ">s " OK " 1 2 C:SET Z:I",
            "=1 1 2 C:SET Z:I", "=s P:select_1 B E S", ">s 1 2 C:S Z:I",
            "=1 1 2 C:S Z:I", ">2 Q:select_2",
            "=s Q:RESET_\"geqo\";_RESET_\"jit\";_ Q:select_2"}},
    {"behind a RESET goes what the client came with", {IN},
        {">1 Q:reset_jit;_select_1",
            "=s " OWN "Q:reset_jit;_SELECT_pg~catalog.set~config(E'jit',_"
            "E'off',_false);_select_1",
            ">s " OK " C:RESET T D C:SELECT_1 " OK, "=1 C:RESET " OK}},
    {"a RESET of something else is passed on", {IN},
        {">1 Q:reset_geqo", "=s " OWN "Q:reset_geqo", ">s " OK " C:RESET Z:I",
            "=1 C:RESET Z:I"}},
    {"RESET ALL", {IN},
        {">1 Q:reset_all",
            "=s " OWN
            "Q:reset_all;_SELECT_pg~catalog.set~config(E'jit',_E'off',_false)",
            ">s " OK " C:RESET " OK, "=1 C:RESET Z:I"}},
    {"an error behind a RESET is the client's", {IN},
        {">1 Q:reset_jit",
            "=s " OWN "Q:reset_jit;_SELECT_pg~catalog.set~"
            "config(E'jit',_E'off',_false)",
            ">s " OK " C:RESET E:22023 Z:I", "=1 C:RESET E:22023 Z:I"}},
    {"DISCARD ALL is taken apart", {IN},
        {">1 Q:discard_all",
            "=s " OWN
            "Q:RESET_SESSION_AUTHORIZATION;_RESET_ALL;_SELECT_pg~catalog.set~"
            "config(E'jit',_E'off',_false);_",
            ">s " OK " C:RESET C:RESET " OK, "=1 C:DISCARD_ALL Z:I"}},
    {"DISCARD ALL in a transaction fails", {IN},
        {">1 Q:begin", "=s " OWN "Q:begin", ">s " OK " C:BEGIN Z:T",
            ">1 Q:discard_all", "=s Q:discard_all", ">s E:25001 Z:E",
            "=1 C:BEGIN Z:T E:25001 Z:E"}},
    {"a setting the server reports is the client's", {IN},
        {">1 Q:set_timezone_=_'UTC'", "=s " OWN "Q:set_timezone_=_'UTC'",
            ">s " OK " C:SET S Z:I", "=1 C:SET S Z:I", ">2 Q:select_2",
            "=s Q:RESET_\"jit\";_RESET_\"timezone\";_ Q:select_2"}},
    {"what nothing explains keeps the server", {IN},
        {">1 Q:set_geqo_=_off", "=s " OWN "Q:set_geqo_=_off",
            ">s " OK " C:SET S Z:I", "=1 C:SET S Z:I", ">2 Q:select_2", "=s"}},
};

static void
play(const struct scene *scene, bool slowly)
{
	const char *const *settings = scene->settings;
	struct stage stage;

	stage_open_single(&stage, scene->label, config_text, false);
	come_with(&stage, 0, settings[0], settings[1]);
	come_with(&stage, 1, settings[2], settings[3]);
	if (settings[2] == NULL) {
		/* as it logged in */
		stage_run(&stage, ">2 Q:select_0");
		if (stage.bound['s']->from_us.length > 0) {
			stage_run(&stage, ">s C:RESET Z:I");
			stage_run(&stage, ">s " OK);
		}
		stage_forget(&stage);
	}
	stage.slowly = slowly;
	for (int i = 0; scene->steps[i] != NULL; i++) {
		if (scene->steps[i][0] == 'x') {
			ck_assert_msg(stage.bound['s']->stream == NULL,
			    "%s: server still open", scene->label);
		} else {
			stage_run(&stage, scene->steps[i]);
		}
	}
	stage_close(&stage);
}

START_TEST(settings_follow_the_scene_at_once)
{
	play(&scenes[_i], false);
}
END_TEST

START_TEST(settings_follow_the_scene_byte_by_byte)
{
	play(&scenes[_i], true);
}
END_TEST

START_TEST(what_a_client_sets_follows_the_scene_at_once)
{
	play(&own_scenes[_i], false);
}
END_TEST

START_TEST(what_a_client_sets_follows_the_scene_byte_by_byte)
{
	play(&own_scenes[_i], true);
}
END_TEST

/* The server that replaced a closed one, logged in to, is 's'. */
static void
replace_server(struct stage *stage)
{
	struct peer *server;

	house_settle(&stage->house);
	server = house_server_at(&stage->house, 1);
	ck_assert_ptr_nonnull(server);
	stage_bind(stage, 's', server);
	buf_clear(&server->from_us);
	peer_welcome(&stage->house, server, false);
}

START_TEST(a_client_lives_on_when_its_role_was_refused)
{
	struct stage stage;

	stage_open_single(&stage, "refused", config_text, false);
	come_with(&stage, 0, "role", "a");
	come_with(&stage, 1, "role", "b");
	for (int i = 0; i < 3; i++) {
		stage_run(&stage, ">1 Q:select_1");
		stage_run(&stage, ">s T E:22023");
		stage_run(&stage, "=1 E:22023 Z:I");
		stage_run(&stage, ">2 Q:select_2");
		replace_server(&stage);
		stage_run(&stage, "=s " SET("role", "b"));
		stage_run(&stage, ">s " OK);
		stage_run(&stage, "=s Q:select_2");
		stage_run(&stage, ">s " OK);
		stage_run(&stage, "=2 " OK);
	}
	stage_close(&stage);
}
END_TEST

START_TEST(what_is_no_refusal_is_tried_with_another_server)
{
	struct stage stage;

	stage_open_single(&stage, "tried again", config_text, false);
	come_with(&stage, 0, "my.x", "1");
	come_with(&stage, 1, "my.x", "2");
	stage_run(&stage, ">1 Q:select_1");
	stage_run(&stage, "=s " SET("my.x", "1"));
	stage_run(&stage, ">s T E:57014");
	replace_server(&stage);
	stage_run(&stage, "=s " SET("my.x", "1"));
	stage_run(&stage, ">s " OK);
	stage_run(&stage, "=s Q:select_1");
	stage_run(&stage, ">s " OK);
	stage_run(&stage, "=1 " OK);
	stage_close(&stage);
}
END_TEST

START_TEST(a_greeting_that_is_not_refused_is_asked_of_another_server)
{
	struct msg_parameter parameters[] = {
	    {"user", "u"}, {"database", "app"}, {"my.x", "1"}};
	struct stage stage;
	struct buf out = {0};

	stage_open_single(&stage, "greeting", config_text, false);
	stage.clients[0] = house_connect(&stage.house);
	msg_startup(&out, parameters, 3);
	peer_send(&stage.house, stage.clients[0], buf_bytes(&out), out.length);
	buf_fini(&out);
	stage_run(&stage, "=s " SET("my.x", "1"));
	stage_run(&stage, ">s E:57014");
	replace_server(&stage);
	stage_run(&stage, "=s " SET("my.x", "1"));
	stage_run(&stage, ">s " OK);
	stage_forget(&stage);
	stage_run(&stage, ">1 Q:select_1");
	stage_run(&stage, "=s Q:select_1");
	stage_close(&stage);
}
END_TEST

START_TEST(what_never_works_is_told_in_the_end)
{
	struct stage stage;

	stage_open_single(&stage, "told", config_text, false);
	come_with(&stage, 0, "my.x", "1");
	come_with(&stage, 1, "my.x", "2");
	stage_run(&stage, ">1 Q:select_1");
	stage_run(&stage, ">s T E:57014");
	for (int i = 0; i < 2; i++) {
		stage_run(&stage, "=1");
		replace_server(&stage);
		stage_run(&stage, ">s T E:57014");
	}
	stage_run(&stage, "=1 E:57014 Z:I");
	stage_run(&stage, ">1 Q:select_3");
	replace_server(&stage);
	stage_run(&stage, "=s " SET("my.x", "1"));
	stage_run(&stage, ">s " OK);
	stage_run(&stage, "=s Q:select_3");
	stage_close(&stage);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("settings");
	TCase *theme = tcase_create("scenes");
	TCase *ugly = tcase_create("refusals");
	int count = (int)(sizeof(scenes) / sizeof(*scenes));
	int own_count = (int)(sizeof(own_scenes) / sizeof(*own_scenes));

	tcase_set_timeout(theme, 60);
	tcase_add_loop_test(theme, settings_follow_the_scene_at_once, 0, count);
	tcase_add_loop_test(
	    theme, settings_follow_the_scene_byte_by_byte, 0, count);
	tcase_add_loop_test(
	    theme, what_a_client_sets_follows_the_scene_at_once, 0, own_count);
	tcase_add_loop_test(theme,
	    what_a_client_sets_follows_the_scene_byte_by_byte, 0, own_count);
	tcase_add_test(ugly, a_client_lives_on_when_its_role_was_refused);
	tcase_add_test(ugly, what_is_no_refusal_is_tried_with_another_server);
	tcase_add_test(
	    ugly, a_greeting_that_is_not_refused_is_asked_of_another_server);
	tcase_add_test(ugly, what_never_works_is_told_in_the_end);
	suite_add_tcase(suite, theme);
	suite_add_tcase(suite, ugly);
	return unit_run(suite);
}
