/*
 * test_monitor.c - what becomes of nodes under the monitor.
 *
 * Two scripted servers on loopback, served by the same loop, answer every
 * question with one prepared row. Each test sets intervals and deadlines small
 * enough to see what it is about and waits for that to happen.
 */
#include "support/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "node/cluster.h"
#include "node/node.h"
#include "route/monitor.h"

#define MS ((int64_t)1000)
#define LONG (3600 * 1000 * MS)
#define PATIENCE (3000 * MS)
#define PEERS 2
#define CONNECTIONS 8
#define COLUMNS 6

enum script {
	ANSWER,  /* every question with .row */
	SILENT,  /* no question, but logins */
	REJECT,  /* logins, with .sqlstate */
	NO_RIGHT /* questions that name pg_control, with 42501 */
};

struct peer;

struct connection {
	struct io io;
	struct peer *peer;
	int fd; /* -1: free */
	bool has_login;
	struct buf in, out;
};

struct peer {
	enum script script;
	const char *row[COLUMNS];
	const char *sqlstate;
	int listener, port;
	struct io io;
	int logins, questions;
	struct connection connections[CONNECTIONS];
};

static struct loop *loop;
static struct resolver *resolver;
static struct peer peers[PEERS];
static struct node_set *set;
static struct cluster *cluster;
static struct node *nodes[PEERS];
static struct monitor *monitor;
static const struct monitor_login login = {
    .user = "monitor", .dbname = "postgres", .sslmode = "disable"};

/* ---- the servers --------------------------------------------------------- */

static void
put32(struct buf *out, uint32_t value)
{
	uint32_t wire = htonl(value);

	buf_append(out, &wire, 4);
}

static void
put_message(struct buf *out, char type, const void *body, size_t size)
{
	buf_append_char(out, type);
	put32(out, (uint32_t)size + 4);
	buf_append(out, body, size);
}

#define PUT(out, type, literal) \
	put_message((out), (type), (literal), sizeof(literal) - 1)

static void
put_error(struct buf *out, const char *severity, const char *code)
{
	struct buf body = {0};

	buf_printf(&body, "S%s%cV%s%cC%s%cMtold so%c%c", severity, 0, severity,
	    0, code, 0, 0, 0);
	put_message(out, 'E', buf_bytes(&body), body.length);
	buf_fini(&body);
}

static void
put_row(struct buf *out, const char *const row[COLUMNS])
{
	static const char field[] =
	    "c\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0";
	struct buf body = {0};

	PUT(out, '1', "");
	PUT(out, '2', "");
	buf_append(&body, "\0\6", 2);
	for (int i = 0; i < COLUMNS; i++) {
		buf_append(&body, field, sizeof(field) - 1);
	}
	put_message(out, 'T', buf_bytes(&body), body.length);
	buf_clear(&body);
	buf_append(&body, "\0\6", 2);
	for (int i = 0; i < COLUMNS; i++) {
		put32(&body,
		    row[i] == NULL ? UINT32_MAX : (uint32_t)strlen(row[i]));
		buf_append_str(&body, row[i] == NULL ? "" : row[i]);
	}
	put_message(out, 'D', buf_bytes(&body), body.length);
	buf_fini(&body);
	PUT(out, 'C', "SELECT 1\0");
	PUT(out, 'Z', "I");
}

static void
hang_up(struct connection *c)
{
	if (c->fd >= 0) {
		io_close(&c->io);
		close(c->fd);
		buf_fini(&c->in);
		buf_fini(&c->out);
	}
	c->fd = -1;
}

static void
log_in(struct connection *c)
{
	c->has_login = true;
	c->peer->logins++;
	if (c->peer->script == REJECT) {
		put_error(&c->out, "FATAL", c->peer->sqlstate);
		return;
	}
	PUT(&c->out, 'R', "\0\0\0\0");
	PUT(&c->out, 'S', "client_encoding\0UTF8\0");
	PUT(&c->out, 'K', "\0\0\0\1\0\0\0\2");
	PUT(&c->out, 'Z', "I");
}

/* Answers the batch whose Parse was SQL. */
static void
answer(struct connection *c, bool names_control)
{
	c->peer->questions++;
	if (c->peer->script == SILENT) {
		return;
	}
	if (c->peer->script == NO_RIGHT && names_control) {
		put_error(&c->out, "ERROR", "42501");
		PUT(&c->out, 'Z', "I");
		return;
	}
	put_row(&c->out, c->peer->row);
}

/* Takes one message; false when none is complete. */
static bool
take_message(struct connection *c, bool *names_control)
{
	const uint8_t *at = buf_bytes(&c->in);
	size_t head = c->has_login ? 1 : 0;
	uint32_t length;

	if (c->in.length < head + 4) {
		return false;
	}
	memcpy(&length, at + head, 4);
	length = ntohl(length);
	if (c->in.length < head + length) {
		return false;
	}
	if (!c->has_login) {
		log_in(c);
	} else if (at[0] == 'P') {
		*names_control = memmem(at, length, "pg_control", 10) != NULL;
	} else if (at[0] == 'S') {
		answer(c, *names_control);
	}
	buf_consume(&c->in, head + length);
	return true;
}

static void
on_bytes(struct io *io, unsigned events)
{
	struct connection *c = list_entry(io, struct connection, io);
	bool names_control = false;
	ssize_t got =
	    recv(c->fd, buf_reserve(&c->in, 65536), 65536, MSG_DONTWAIT);

	(void)events;
	if (got <= 0) {
		hang_up(c);
		return;
	}
	buf_added(&c->in, (size_t)got);
	while (take_message(c, &names_control)) {
	}
	if (c->out.length > 0) {
		(void)!send(
		    c->fd, buf_bytes(&c->out), c->out.length, MSG_NOSIGNAL);
		buf_clear(&c->out);
	}
	if (c->peer->script == REJECT) {
		hang_up(c);
	}
}

static void
on_accept(struct io *io, unsigned events)
{
	struct peer *peer = list_entry(io, struct peer, io);
	struct connection *c = peer->connections;

	(void)events;
	while (c->fd >= 0) {
		c++;
		ck_assert(c < peer->connections + CONNECTIONS);
	}
	memset(c, 0, sizeof(*c));
	c->peer = peer;
	c->fd =
	    accept4(peer->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(c->fd, 0);
	io_open(&c->io, loop, c->fd, on_bytes);
	io_set(&c->io, IO_READ);
}

/* Listens on a port of the system's choice, or again on the one it had. */
static void
peer_listen(struct peer *peer)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)peer->port);
	peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(
	    peer->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ck_assert_int_eq(
	    bind(peer->listener, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(listen(peer->listener, 8), 0);
	ck_assert_int_eq(
	    getsockname(peer->listener, (struct sockaddr *)&address, &size), 0);
	peer->port = ntohs(address.sin_port);
	io_open(&peer->io, loop, peer->listener, on_accept);
	io_set(&peer->io, IO_READ);
}

/* Is gone: nobody listens, all connections break. */
static void
peer_die(struct peer *peer)
{
	if (peer->listener >= 0) {
		io_close(&peer->io);
		close(peer->listener);
		peer->listener = -1;
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		hang_up(&peer->connections[i]);
	}
}

/* ---- the stage ----------------------------------------------------------- */

static struct timer tick;

static void
on_tick(struct timer *timer)
{
	(void)timer;
}

/* Runs the loop until CONDITION holds. */
#define RUN_UNTIL(condition)                                         \
	do {                                                         \
		int64_t end_us = loop_now_us(loop) + PATIENCE;       \
		while (!(condition) && loop_now_us(loop) < end_us) { \
			loop_turn(loop, true);                       \
		}                                                    \
		ck_assert_msg((condition), "never: %s", #condition); \
	} while (0)

static void
run_for(int64_t duration_us)
{
	int64_t end_us = loop_now_us(loop) + duration_us;

	while (loop_now_us(loop) < end_us) {
		loop_turn(loop, true);
	}
}

static void
setup(void)
{
	static const char *const primary[COLUMNS] = {
	    "f", "1000", "0/100", "000000010000000000000001", NULL, "7"};
	static const char *const replica[COLUMNS] = {
	    "t", "2000", "0/90", NULL, "1", "7"};
	struct resolver_options names = {
	    .max_ttl_us = LONG, .negative_ttl_us = LONG};
	struct monitor_options options = {.interval_us = 20 * MS,
	    .connect_timeout_us = 100 * MS,
	    .question_timeout_us = 100 * MS};
	struct cluster_host hosts[PEERS];

	loop = loop_new(NULL);
	resolver = resolver_new(loop, &names, NULL);
	memset(peers, 0, sizeof(peers));
	for (int i = 0; i < PEERS; i++) {
		for (int c = 0; c < CONNECTIONS; c++) {
			peers[i].connections[c].fd = -1;
		}
		peer_listen(&peers[i]);
		memcpy(
		    peers[i].row, i == 0 ? primary : replica, sizeof(primary));
		hosts[i] = (struct cluster_host){"127.0.0.1", peers[i].port, 1};
	}
	set = node_set_new();
	cluster = cluster_new(set, hosts, PEERS);
	for (size_t i = 0; i < PEERS; i++) {
		nodes[i] = cluster_node(cluster, i);
	}
	monitor = monitor_new(loop, resolver, NULL, &options);
	memset(&tick, 0, sizeof(tick));
	timer_start(&tick, loop, 5 * MS, 5 * MS, on_tick);
}

static void
teardown(void)
{
	monitor_free(&monitor);
	cluster_free(&cluster);
	node_set_free(&set);
	for (int i = 0; i < PEERS; i++) {
		peer_die(&peers[i]);
	}
	timer_stop(&tick);
	resolver_free(&resolver);
	loop_free(&loop);
}

static void
set_interval(int64_t interval_us)
{
	monitor_configure(monitor,
	    &(struct monitor_options){.interval_us = interval_us,
	        .connect_timeout_us = 100 * MS,
	        .question_timeout_us = 100 * MS});
}

/* Watches, until both nodes have answered. */
static void
watch_both(void)
{
	monitor_watch(monitor, cluster, &login);
	RUN_UNTIL(nodes[0]->health == NODE_UP && nodes[1]->health == NODE_UP);
}

/* ---- what is found ------------------------------------------------------- */

START_TEST(monitor_finds_roles_positions_and_the_primary)
{
	watch_both();
	ck_assert_ptr_eq(cluster_primary(cluster), nodes[0]);
	ck_assert_int_eq(nodes[1]->role, NODE_REPLICA);
	ck_assert(nodes[0]->has_position && nodes[0]->position == 0x100);
	ck_assert(nodes[1]->has_position && nodes[1]->position == 0x90);
	ck_assert_uint_eq(nodes[0]->timeline, 1);
	ck_assert_uint_eq(nodes[0]->system_identifier, 7);
	ck_assert(nodes[0]->is_monitored);
	ck_assert(cluster_is_replica(cluster, nodes[1]));
}
END_TEST

START_TEST(monitor_follows_a_promotion)
{
	watch_both();
	peers[1].row[0] = "f";
	peers[1].row[3] = "000000020000000000000001";
	peers[1].row[4] = NULL;
	RUN_UNTIL(cluster_primary(cluster) == nodes[1]);
	ck_assert_int_eq(nodes[0]->role, NODE_PRIMARY);
}
END_TEST

START_TEST(monitor_numbers_questions_as_they_are_asked)
{
	uint64_t asked;

	set_interval(LONG);
	watch_both();
	asked = monitor_last_question(monitor);
	ck_assert_uint_eq(asked, 2);
	ck_assert_uint_ne(
	    nodes[0]->position_question, nodes[1]->position_question);
	run_for(10 * MS); /* a node is not asked more often than every 5 ms */
	monitor_probe(monitor, nodes[1]);
	ck_assert_uint_eq(monitor_last_question(monitor), 3);
	RUN_UNTIL(nodes[1]->position_question == 3);
}
END_TEST

START_TEST(monitor_probes_are_spaced_and_asked_again_ever_more_slowly)
{
	int64_t start_us, most;
	int after_first;

	set_interval(LONG);
	watch_both();
	for (int i = 0; i < 100; i++) {
		monitor_probe(monitor, nodes[0]);
	}
	/* After 5, 10, 20, 40 and 80 ms, then 160. */
	run_for(200 * MS);
	ck_assert_int_ge(peers[0].questions, 3);
	ck_assert_int_le(peers[0].questions, 7);
	ck_assert_int_eq(peers[0].logins, 1);
	after_first = peers[0].questions;
	start_us = clock_monotonic_us();
	while (clock_monotonic_us() < start_us + 100 * MS) {
		monitor_probe(monitor, nodes[0]);
		loop_turn(loop, false);
	}
	ck_assert_int_gt(peers[0].questions, after_first);
	most = (clock_monotonic_us() - start_us) / (5 * MS) + 2;
	ck_assert_int_le(peers[0].questions - after_first, most);
}
END_TEST

START_TEST(monitor_asks_a_node_of_two_clusters_once)
{
	struct cluster_host hosts[PEERS] = {
	    {"127.0.0.1", peers[1].port, 1}, {"127.0.0.1", peers[0].port, 1}};
	struct cluster *other = cluster_new(set, hosts, PEERS);

	watch_both();
	monitor_watch(monitor, other, &login);
	run_for(50 * MS);
	ck_assert_ptr_eq(cluster_primary(other), nodes[0]);
	ck_assert_int_eq(peers[0].logins, 1);
	/* The first goes; the second has the same login: no break. */
	monitor_unwatch(monitor, cluster);
	run_for(50 * MS);
	ck_assert_int_eq(peers[0].logins, 1);
	ck_assert(nodes[0]->is_monitored);
	monitor_unwatch(monitor, other);
	ck_assert(!nodes[0]->is_monitored);
	cluster_free(&other);
}
END_TEST

START_TEST(monitor_goes_on_by_the_login_of_another_cluster)
{
	struct cluster_host hosts[PEERS] = {
	    {"127.0.0.1", peers[1].port, 1}, {"127.0.0.1", peers[0].port, 1}};
	struct cluster *other = cluster_new(set, hosts, PEERS);
	struct monitor_login second = login;

	second.password = "changed";
	watch_both();
	monitor_watch(monitor, other, &second);
	monitor_unwatch(monitor, cluster);
	RUN_UNTIL(peers[0].logins == 2);
	RUN_UNTIL(nodes[0]->is_monitored);
	monitor_unwatch(monitor, other);
	cluster_free(&other);
}
END_TEST

START_TEST(monitor_leaves_a_node_that_stands_alone)
{
	struct cluster_host host = {"127.0.0.1", peers[0].port, 1};
	struct cluster *one = cluster_new(set, &host, 1);

	monitor_watch(monitor, one, &login);
	run_for(50 * MS);
	ck_assert_int_eq(peers[0].logins, 0);
	monitor_probe(monitor, nodes[0]);
	monitor_unwatch(monitor, one);
	cluster_free(&one);
}
END_TEST

START_TEST(monitor_without_a_user_asks_nobody)
{
	struct monitor_login nobody = {.user = "", .dbname = "postgres"};

	monitor_watch(monitor, cluster, &nobody);
	monitor_probe(monitor, nodes[0]);
	run_for(50 * MS);
	ck_assert_int_eq(peers[0].logins + peers[1].logins, 0);
	node_report_hot_standby(nodes[1], false, 1);
	ck_assert_ptr_eq(cluster_primary(cluster), nodes[1]);
}
END_TEST

START_TEST(monitor_asks_for_less_where_rights_are_missing)
{
	peers[0].script = NO_RIGHT;
	peers[0].row[5] = NULL;
	watch_both();
	ck_assert_uint_eq(nodes[0]->system_identifier, 0);
	ck_assert(nodes[0]->has_position);
	ck_assert_int_eq(peers[0].logins, 1);
}
END_TEST

/* Lines in the file at PATH that contain TEXT. */
static int
count_lines(const char *path, const char *text)
{
	FILE *file = fopen(path, "r");
	char line[1024];
	int count = 0;

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		count += strstr(line, text) != NULL;
	}
	(void)fclose(file);
	return count;
}

START_TEST(monitor_says_each_change_once_and_not_endlessly)
{
	char path[] = "/tmp/test_monitor.XXXXXX";
	int fd = mkstemp(path);
	struct logger *logger = logger_new();
	struct logger_options to_file = {.file = path, .level = LEVEL_INFO};
	struct monitor_options options = {.interval_us = LONG};
	struct monitor *talker;

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(logger_configure(logger, &to_file, NULL), 0);
	talker = monitor_new(loop, resolver, logger, &options);
	monitor_watch(talker, cluster, &(struct monitor_login){.user = NULL});
	for (int i = 0; i < 5; i++) {
		node_report_hot_standby(nodes[1], true, i);
	}
	ck_assert_int_eq(count_lines(path, "node is up"), 1);
	ck_assert_int_eq(count_lines(path, "role=replica health=up"), 1);
	for (int i = 0; i < 100; i++) {
		node_report_hot_standby(nodes[1], i % 2 == 0, 10 + i);
	}
	ck_assert_int_eq(count_lines(path, "node="), 20);
	monitor_free(&talker);
	logger_free(&logger);
	unlink(path);
}
END_TEST

/* ---- failures ------------------------------------------------------------ */

START_TEST(monitor_marks_a_node_that_is_gone_and_finds_it_again)
{
	watch_both();
	peer_die(&peers[0]);
	RUN_UNTIL(nodes[0]->health == NODE_DOWN);
	ck_assert(!nodes[0]->has_position);
	ck_assert_int_eq(nodes[0]->role, NODE_PRIMARY);
	ck_assert_ptr_null(cluster_primary(cluster));
	ck_assert_str_eq(nodes[0]->last_error.text, "Connection refused");
	ck_assert_int_eq(nodes[1]->health, NODE_UP);
	peer_listen(&peers[0]);
	RUN_UNTIL(nodes[0]->health == NODE_UP);
	ck_assert_ptr_eq(cluster_primary(cluster), nodes[0]);
}
END_TEST

START_TEST(monitor_probe_shortens_the_pause)
{
	watch_both();
	peer_die(&peers[0]);
	RUN_UNTIL(nodes[0]->health == NODE_DOWN);
	run_for(900 * MS); /* the pauses are 400 and 800 ms long by now */
	peer_listen(&peers[0]);
	for (int i = 0; i < 50; i++) {
		monitor_probe(monitor, nodes[0]);
	}
	run_for(130 * MS);
	ck_assert_int_eq(nodes[0]->health, NODE_UP);
}
END_TEST

START_TEST(monitor_bears_one_break_but_not_two_silences)
{
	int64_t silent_us;

	watch_both();
	hang_up(&peers[0].connections[0]);
	RUN_UNTIL(peers[0].logins == 2);
	run_for(30 * MS);
	ck_assert_int_eq(nodes[0]->health, NODE_UP);
	ck_assert_int_eq(nodes[0]->health_since_us, nodes[0]->role_since_us);

	peers[0].script = SILENT;
	silent_us = loop_now_us(loop);
	RUN_UNTIL(!nodes[0]->has_position);
	ck_assert_int_eq(nodes[0]->health, NODE_UP);
	RUN_UNTIL(nodes[0]->health == NODE_DOWN);
	ck_assert_int_ge(loop_now_us(loop) - silent_us, 200 * MS);
}
END_TEST

static const struct {
	const char *sqlstate;
	enum node_health health;
	bool is_monitored;
} rejections[] = {
    {"57P03", NODE_DOWN, true},
    {"57P01", NODE_DOWN, true},
    {"53300", NODE_UP, true},
    {"28P01", NODE_UP, false},
    {"3D000", NODE_UP, false},
};

START_TEST(monitor_tells_a_node_that_is_down_from_one_that_lets_it_not_in)
{
	watch_both();
	peers[0].script = REJECT;
	peers[0].sqlstate = rejections[_i].sqlstate;
	for (int i = 0; i < CONNECTIONS; i++) {
		hang_up(&peers[0].connections[i]);
	}
	RUN_UNTIL(strcmp(nodes[0]->last_error.sqlstate,
	              rejections[_i].sqlstate) == 0);
	ck_assert_int_eq(nodes[0]->health, rejections[_i].health);
	ck_assert_int_eq(nodes[0]->is_monitored, rejections[_i].is_monitored);
	ck_assert(!nodes[0]->has_position);
}
END_TEST

START_TEST(monitor_treats_senseless_answers_as_no_answers)
{
	peers[0].row[2] = "no position";
	monitor_watch(monitor, cluster, &login);
	RUN_UNTIL(nodes[0]->last_error.text[0] != '\0');
	ck_assert_int_eq(nodes[0]->role, NODE_ROLE_UNKNOWN);
	ck_assert(!nodes[0]->is_monitored);
}
END_TEST

START_TEST(monitor_can_be_stopped_at_any_moment)
{
	for (int turns = 0; turns < 25; turns++) {
		monitor_watch(monitor, cluster, &login);
		for (int i = 0; i < turns; i++) {
			loop_turn(loop, false);
		}
		monitor_unwatch(monitor, cluster);
		monitor_unwatch(monitor, cluster);
		ck_assert(!nodes[0]->is_monitored);
		for (int i = 0; i < 5; i++) {
			loop_turn(loop, false);
		}
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("monitor");
	TCase *find = tcase_create("findings");
	TCase *failure = tcase_create("failures");

	tcase_add_checked_fixture(find, setup, teardown);
	tcase_add_checked_fixture(failure, setup, teardown);
	tcase_set_timeout(find, 20);
	tcase_set_timeout(failure, 20);
	tcase_add_test(find, monitor_finds_roles_positions_and_the_primary);
	tcase_add_test(find, monitor_follows_a_promotion);
	tcase_add_test(find, monitor_numbers_questions_as_they_are_asked);
	tcase_add_test(
	    find, monitor_probes_are_spaced_and_asked_again_ever_more_slowly);
	tcase_add_test(find, monitor_asks_a_node_of_two_clusters_once);
	tcase_add_test(find, monitor_goes_on_by_the_login_of_another_cluster);
	tcase_add_test(find, monitor_leaves_a_node_that_stands_alone);
	tcase_add_test(find, monitor_without_a_user_asks_nobody);
	tcase_add_test(find, monitor_says_each_change_once_and_not_endlessly);
	tcase_add_test(find, monitor_asks_for_less_where_rights_are_missing);
	tcase_add_test(
	    failure, monitor_marks_a_node_that_is_gone_and_finds_it_again);
	tcase_add_test(failure, monitor_probe_shortens_the_pause);
	tcase_add_test(failure, monitor_bears_one_break_but_not_two_silences);
	tcase_add_loop_test(failure,
	    monitor_tells_a_node_that_is_down_from_one_that_lets_it_not_in, 0,
	    sizeof(rejections) / sizeof(*rejections));
	tcase_add_test(failure, monitor_treats_senseless_answers_as_no_answers);
	tcase_add_test(failure, monitor_can_be_stopped_at_any_moment);
	suite_add_tcase(suite, find);
	suite_add_tcase(suite, failure);
	return unit_run(suite);
}
