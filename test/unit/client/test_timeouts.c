/* test_timeouts.c - how long a client may take, and for what. */
#include "support/script.h"
#include "support/unit.h"

#include <string.h>

#include "client/client.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"

#define SECOND ((int64_t)1000000)

#define CONFIG(more)                                      \
	"[databases]\n"                                   \
	"app = host=/nowhere port=1 user=u pool_size=1\n" \
	"[pgweir]\n"                                      \
	"auth_type = any\n"                               \
	"pool_mode = transaction\n"                       \
	"log_disconnections = 0\nlog_pooler_errors = 0\n" more

/* Whether client WHO was told TEXT in an error or a notice. */
static bool
was_told(const struct stage *stage, int who, const char *text)
{
	const struct buf *got = &stage->clients[who - 1]->from_us;

	return got->length > 0 &&
	    memmem(buf_bytes(got), got->length, text, strlen(text)) != NULL;
}

static bool
is_open(const struct stage *stage, int who)
{
	return stage->clients[who - 1]->stream != NULL;
}

static struct stage stage;

static void
begin(const char *config)
{
	stage_open_single(&stage, "timeouts", config, false);
}

/* The other end of the cancel that has just been sent. */
static struct peer *
last_server(void)
{
	return &stage.house.servers[stage.house.server_count - 1];
}

START_TEST(client_login_timeout_counts_from_the_connect)
{
	struct peer *late;

	begin(CONFIG("client_login_timeout = 5\n"));
	late = house_connect(&stage.house);
	house_wait(&stage.house, 3 * SECOND);
	peer_send(&stage.house, late, "\0", 1);
	house_wait(&stage.house, 3 * SECOND / 2);
	ck_assert_ptr_nonnull(late->stream);
	house_wait(&stage.house, SECOND);
	ck_assert_ptr_null(late->stream);
	ck_assert(is_open(&stage, 1));
	stage_close(&stage);
}
END_TEST

START_TEST(client_idle_timeout_counts_since_the_last_answer)
{
	begin(CONFIG("client_idle_timeout = 5\n"));
	house_wait(&stage.house, 4 * SECOND);
	stage_run(&stage, ">1 Q:a");
	house_wait(&stage.house, 4 * SECOND);
	stage_run(&stage, ">s T D C:S Z:I");
	house_wait(&stage.house, 4 * SECOND);
	ck_assert(is_open(&stage, 1));
	ck_assert(!is_open(&stage, 2));
	house_wait(&stage.house, 3 * SECOND / 2);
	ck_assert(!is_open(&stage, 1));
	ck_assert(was_told(&stage, 1, "57P05"));
	ck_assert(was_told(&stage, 1, "client_idle_timeout"));
	stage_close(&stage);
}
END_TEST

START_TEST(a_transaction_is_not_idle_for_client_idle_timeout)
{
	begin(CONFIG("client_idle_timeout = 5\n"));
	stage_run(&stage, ">1 Q:begin");
	stage_run(&stage, ">s C:B Z:T");
	house_wait(&stage.house, 20 * SECOND);
	ck_assert(is_open(&stage, 1));
	stage_close(&stage);
}
END_TEST

START_TEST(idle_transaction_timeout_never_fires_on_a_busy_one)
{
	begin(CONFIG("idle_transaction_timeout = 5\n"));
	stage_run(&stage, ">1 Q:begin");
	stage_run(&stage, ">s C:B Z:T");
	house_wait(&stage.house, 4 * SECOND);
	stage_run(&stage, ">1 Q:a");
	house_wait(&stage.house, 100 * SECOND);
	stage_run(&stage, ">s T D C:S Z:T");
	house_wait(&stage.house, 4 * SECOND);
	ck_assert(is_open(&stage, 1));
	house_wait(&stage.house, 2 * SECOND);
	ck_assert(!is_open(&stage, 1));
	ck_assert(was_told(&stage, 1, "25P03"));
	ck_assert(was_told(&stage, 1, "idle transaction timeout"));
	ck_assert(is_open(&stage, 2));
	stage_close(&stage);
}
END_TEST

START_TEST(a_message_that_stands_still_is_an_idle_transaction)
{
	uint8_t head[5] = {'Q', 0, 16, 0, 0}; /* of a megabyte */
	static uint8_t rest[70000];

	begin(CONFIG("idle_transaction_timeout = 5\n"));
	memset(rest, ' ', sizeof(rest));
	memcpy(rest, "select 1", 8);
	peer_send(&stage.house, stage.clients[0], head, sizeof(head));
	peer_send(&stage.house, stage.clients[0], rest, sizeof(rest));
	house_wait(&stage.house, 4 * SECOND);
	peer_send(&stage.house, stage.clients[0], rest, 1000);
	house_wait(&stage.house, 4 * SECOND);
	ck_assert(is_open(&stage, 1));
	house_wait(&stage.house, 2 * SECOND);
	ck_assert(!is_open(&stage, 1));
	stage_close(&stage);
}
END_TEST

START_TEST(query_timeout_cancels_and_the_session_lives)
{
	begin(CONFIG("query_timeout = 5\n"));
	stage_run(&stage, ">1 Q:a");
	house_wait(&stage.house, 4 * SECOND);
	ck_assert_uint_eq(stage.house.server_count, 1);
	house_wait(&stage.house, SECOND);
	ck_assert_uint_eq(stage.house.server_count, 2); /* the cancel */
	peer_end(&stage.house, last_server());
	stage_run(&stage, ">s E:57014 Z:I");
	ck_assert(is_open(&stage, 1));
	ck_assert(was_told(&stage, 1, "query timeout"));
	ck_assert(was_told(&stage, 1, "57014"));
	stage_forget(&stage);
	stage_run(&stage, ">1 Q:b");
	stage_run(&stage, "=s Q:b");
	stage_run(&stage, ">s E:57014 Z:I");
	ck_assert(!was_told(&stage, 1, "query timeout")); /* another's */
	stage_close(&stage);
}
END_TEST

START_TEST(query_timeout_counts_each_statement_alone)
{
	begin(CONFIG("query_timeout = 5\n"));
	stage_run(&stage, ">1 Q:begin");
	stage_run(&stage, ">s C:B Z:T");
	for (int i = 0; i < 5; i++) {
		stage_run(&stage, ">1 Q:a;b");
		house_wait(&stage.house, 4 * SECOND);
		stage_run(&stage, ">s T D C:S");
		house_wait(&stage.house, 4 * SECOND);
		stage_run(&stage, ">s C:S Z:T");
		house_wait(&stage.house, 20 * SECOND); /* that is not busy */
	}
	ck_assert_uint_eq(stage.house.server_count, 1);
	stage_run(&stage, ">1 Q:a");
	house_wait(&stage.house, 5 * SECOND);
	ck_assert_uint_eq(stage.house.server_count, 2);
	stage_close(&stage);
}
END_TEST

START_TEST(a_cancel_that_does_not_help_ends_both)
{
	begin(CONFIG("query_timeout = 5\n"));
	stage_run(&stage, ">1 Q:a");
	house_wait(&stage.house, 5 * SECOND);
	peer_end(&stage.house, last_server());
	house_wait(&stage.house, 3 * SECOND / 2);
	ck_assert(is_open(&stage, 1));
	house_wait(&stage.house, SECOND);
	ck_assert(!is_open(&stage, 1));
	ck_assert_ptr_null(stage.house.servers[0].stream);
	ck_assert(was_told(&stage, 1, "FATAL"));
	ck_assert(was_told(&stage, 1, "query timeout"));
	stage_close(&stage);
}
END_TEST

START_TEST(query_timeout_action_close_closes_at_once)
{
	begin(CONFIG("query_timeout = 5\nquery_timeout_action = close\n"));
	stage_run(&stage, ">1 Q:a");
	house_wait(&stage.house, 5 * SECOND);
	ck_assert(!is_open(&stage, 1));
	ck_assert(was_told(&stage, 1, "FATAL"));
	stage_close(&stage);
}
END_TEST

START_TEST(transaction_timeout_counts_the_whole_transaction)
{
	begin(CONFIG("transaction_timeout = 5\n"));
	for (int i = 0; i < 5; i++) {
		stage_run(&stage, ">1 Q:a");
		house_wait(&stage.house, 3 * SECOND);
		stage_run(&stage, ">s T D C:S Z:I");
	}
	stage_run(&stage, ">1 Q:begin");
	stage_run(&stage, ">s C:B Z:T");
	for (int i = 0; i < 2; i++) {
		house_wait(&stage.house, 2 * SECOND);
		ck_assert(is_open(&stage, 1));
		stage_run(&stage, ">1 Q:a");
		stage_run(&stage, ">s T D C:S Z:T");
	}
	house_wait(&stage.house, 3 * SECOND / 2);
	ck_assert(!is_open(&stage, 1));
	ck_assert(was_told(&stage, 1, "25P04"));
	ck_assert(was_told(&stage, 1, "transaction timeout"));
	stage_close(&stage);
}
END_TEST

START_TEST(transactions_of_a_pipeline_are_counted_each)
{
	begin(CONFIG("transaction_timeout = 5\n"));
	stage_run(&stage, ">1 Q:a Q:b Q:c");
	for (int i = 0; i < 3; i++) {
		house_wait(&stage.house, 3 * SECOND);
		stage_run(&stage, ">s T D C:S Z:I");
		ck_assert(is_open(&stage, 1));
	}
	stage_close(&stage);
}
END_TEST

START_TEST(who_waits_is_told_and_refused_in_the_end)
{
	begin(CONFIG("query_wait_timeout = 5\nquery_wait_notify = 2\n"));
	stage_run(&stage, ">1 Q:a");
	stage_run(&stage, ">2 Q:b");
	house_wait(&stage.house, 3 * SECOND / 2);
	ck_assert(!was_told(&stage, 2, "NOTICE"));
	house_wait(&stage.house, SECOND);
	ck_assert(was_told(&stage, 2, "NOTICE"));
	ck_assert(was_told(&stage, 2, "client being queued"));
	house_wait(&stage.house, 2 * SECOND);
	ck_assert(is_open(&stage, 2));
	house_wait(&stage.house, SECOND);
	ck_assert(!is_open(&stage, 2));
	ck_assert(was_told(&stage, 2, "query_wait_timeout"));
	ck_assert(is_open(&stage, 1));
	stage_close(&stage);
}
END_TEST

START_TEST(a_reload_counts_from_the_same_beginning)
{
	struct config *config;
	struct error err;

	begin(CONFIG("idle_transaction_timeout = 60\n"));
	stage_run(&stage, ">1 Q:begin");
	stage_run(&stage, ">s C:B Z:T");
	house_wait(&stage.house, 10 * SECOND);
	config = config_with_setting(
	    stage.house.config, "idle_transaction_timeout", "15", &err);
	ck_assert_ptr_nonnull(config);
	clients_configure(stage.house.clients, config);
	config_unref(&config);
	house_wait(&stage.house, 4 * SECOND);
	ck_assert(is_open(&stage, 1));
	house_wait(&stage.house, 2 * SECOND);
	ck_assert(!is_open(&stage, 1));
	stage_close(&stage);
}
END_TEST

START_TEST(a_user_may_have_its_own)
{
	begin("[users]\nu = idle_transaction_timeout=5\n" CONFIG(""));
	stage_run(&stage, ">1 Q:begin");
	stage_run(&stage, ">s C:B Z:T");
	house_wait(&stage.house, 6 * SECOND);
	ck_assert(!is_open(&stage, 1));
	stage_close(&stage);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("timeouts");
	TCase *theme = tcase_create("timeouts");

	tcase_add_test(theme, client_login_timeout_counts_from_the_connect);
	tcase_add_test(theme, client_idle_timeout_counts_since_the_last_answer);
	tcase_add_test(
	    theme, a_transaction_is_not_idle_for_client_idle_timeout);
	tcase_add_test(
	    theme, idle_transaction_timeout_never_fires_on_a_busy_one);
	tcase_add_test(
	    theme, a_message_that_stands_still_is_an_idle_transaction);
	tcase_add_test(theme, query_timeout_cancels_and_the_session_lives);
	tcase_add_test(theme, query_timeout_counts_each_statement_alone);
	tcase_add_test(theme, a_cancel_that_does_not_help_ends_both);
	tcase_add_test(theme, query_timeout_action_close_closes_at_once);
	tcase_add_test(theme, transaction_timeout_counts_the_whole_transaction);
	tcase_add_test(theme, transactions_of_a_pipeline_are_counted_each);
	tcase_add_test(theme, who_waits_is_told_and_refused_in_the_end);
	tcase_add_test(theme, a_reload_counts_from_the_same_beginning);
	tcase_add_test(theme, a_user_may_have_its_own);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
