"""Every SHOW of pgbouncer: its columns, types and rows, and figures that are
true."""
import pathlib
import re
import time

import psycopg
import pytest

import wire
from procs import wait_until

TEXT, INT4, INT8, NUMERIC, BYTEA = 25, 23, 20, 1700, 17


def columns(kind, *names):
    return [(name, kind) for name in names]


SOCKET = (
    columns(TEXT, "type", "user", "database", "replication", "state", "addr")
    + columns(INT4, "port") + columns(TEXT, "local_addr")
    + columns(INT4, "local_port")
    + columns(TEXT, "connect_time", "request_time")
    + columns(INT4, "wait", "wait_us", "close_needed")
    + columns(TEXT, "ptr", "link") + columns(INT4, "remote_pid")
    + columns(TEXT, "tls", "application_name")
    + columns(INT4, "prepared_statements", "id"))
BUFFERS = columns(INT4, "recv_pos", "pkt_pos", "pkt_remain", "send_pos",
                  "send_remain", "pkt_avail", "send_avail")
COUNTERS = ["server_assignment_count", "xact_count", "query_count",
            "bytes_received", "bytes_sent", "xact_time", "query_time",
            "wait_time", "client_parse_count", "server_parse_count",
            "bind_count", "client_login_count"]
TOTALS = ["server_assignment_count", "xact_count", "query_count",
          "client_bytes", "server_bytes", "xact_time", "query_time",
          "wait_time", "ps_client_parse_count", "ps_server_parse_count",
          "ps_bind_count", "client_login_count"]
COLUMNS = {
    "ACTIVE_SOCKETS": SOCKET + BUFFERS,
    "CLIENTS": SOCKET,
    "CONFIG": columns(TEXT, "key", "value", "default", "changeable"),
    "DATABASES": (
        columns(TEXT, "name", "host") + columns(INT4, "port")
        + columns(TEXT, "database", "force_user")
        + columns(INT4, "pool_size", "min_pool_size", "reserve_pool_size",
                  "server_lifetime")
        + columns(TEXT, "pool_mode", "load_balance_hosts")
        + columns(INT4, "max_connections", "current_connections",
                  "max_client_connections", "current_client_connections",
                  "paused", "disabled")),
    "DNS_HOSTS": columns(TEXT, "hostname") + columns(INT8, "ttl")
    + columns(TEXT, "addrs"),
    "DNS_ZONES": columns(TEXT, "zonename") + columns(INT8, "serial")
    + columns(INT4, "count"),
    "FDS": (
        columns(INT4, "fd") + columns(TEXT, "task", "user", "database", "addr")
        + columns(INT4, "port") + columns(INT8, "cancel")
        + columns(INT4, "link")
        + columns(TEXT, "client_encoding", "std_strings", "datestyle",
                  "timezone", "password")
        + columns(BYTEA, "scram_client_key", "scram_server_key")),
    "LISTS": columns(TEXT, "list") + columns(INT4, "items"),
    "MEM": columns(TEXT, "name")
    + columns(INT4, "size", "used", "free", "memtotal"),
    "PEERS": columns(INT4, "peer_id") + columns(TEXT, "host")
    + columns(INT4, "port", "pool_size"),
    "PEER_POOLS": columns(INT4, "peer_id", "cl_active_cancel_req",
                          "cl_waiting_cancel_req", "sv_active_cancel",
                          "sv_login"),
    "POOLS": (
        columns(TEXT, "database", "user")
        + columns(INT4, "cl_active", "cl_waiting", "cl_active_cancel_req",
                  "cl_waiting_cancel_req", "sv_active", "sv_active_cancel",
                  "sv_being_canceled", "sv_idle", "sv_used", "sv_tested",
                  "sv_login", "maxwait", "maxwait_us")
        + columns(TEXT, "pool_mode", "load_balance_hosts")),
    "SERVERS": SOCKET,
    "SOCKETS": SOCKET + BUFFERS,
    "STATE": columns(TEXT, "key", "value"),
    "STATS": columns(TEXT, "database") + columns(
        NUMERIC, "total_server_assignment_count", "total_xact_count",
        "total_query_count", "total_received", "total_sent",
        "total_xact_time", "total_query_time", "total_wait_time",
        "total_client_parse_count", "total_server_parse_count",
        "total_bind_count", "total_client_login_count",
        "avg_server_assignment_count", "avg_xact_count", "avg_query_count",
        "avg_recv", "avg_sent", "avg_xact_time", "avg_query_time",
        "avg_wait_time", "avg_client_parse_count", "avg_server_parse_count",
        "avg_bind_count", "avg_client_login_count"),
    "STATS_AVERAGES": columns(TEXT, "database") + columns(
        NUMERIC, *COUNTERS[:8], "avg_client_parse_count",
        "avg_server_parse_count", "avg_bind_count", "avg_client_login_count"),
    "STATS_TOTALS": columns(TEXT, "database") + columns(NUMERIC, *COUNTERS),
    "TOTALS": columns(TEXT, "name") + columns(NUMERIC, "value"),
    "USERS": (
        columns(TEXT, "name", "pool_size", "reserve_pool_size", "pool_mode")
        + columns(INT4, "max_user_connections", "current_connections",
                  "max_user_client_connections",
                  "current_client_connections")),
    "VERSION": columns(TEXT, "version"),
}
ROWS = {
    "LISTS": ["databases", "users", "peers", "pools", "peer_pools",
              "free_clients", "used_clients", "login_clients", "free_servers",
              "used_servers", "dns_names", "dns_zones", "dns_queries",
              "dns_pending"],
    "MEM": ["user_cache", "credentials_cache", "db_cache", "peer_cache",
            "peer_pool_cache", "pool_cache", "outstanding_request_cache",
            "server_cache", "client_cache", "iobuf_cache", "var_list_cache",
            "server_prepared_statement_cache"],
    "STATE": ["active", "paused", "suspended"],
    "TOTALS": ["total_" + name for name in TOTALS]
    + ["avg_" + name for name in TOTALS],
}


# ---- shape ------------------------------------------------------------------
@pytest.mark.parametrize("what", COLUMNS)
def test_columns_and_types_are_pgbouncers_and_no_more(proxy, what):
    with proxy.login() as conn:
        conn.ask("begin")
        for word in (what, what.lower(), what.title()):
            result = proxy.console(f"sHoW {word} ;")
            assert result.columns == COLUMNS[what]
            assert result.tag == "SHOW"


def documented():
    """doc/console.md: what is said of each SHOW, by its name."""
    page = (pathlib.Path(__file__).parents[2] / "doc/console.md").read_text()
    sections = {}
    for section in page.split("\n### ")[1:]:
        title, _, text = section.partition("\n")
        text = text.split("\n## ")[0]
        for what in re.findall(r"SHOW (\w+)", title):
            sections[what] = text
    return sections


# Whose columns are told with those of another, or in one sentence.
TOLD_ELSEWHERE = {"SOCKETS", "ACTIVE_SOCKETS", "STATS", "STATS_TOTALS",
                  "STATS_AVERAGES", "TOTALS", "VERSION"}


@pytest.mark.parametrize("what", sorted(COLUMNS.keys() - TOLD_ELSEWHERE))
def test_every_column_is_documented(what):
    told = set()
    for row in re.findall(r"^\| ([^|]+) \|", documented()[what], re.M):
        told.update(re.split(r", ", row))
    assert {name for name, _ in COLUMNS[what]} <= told


@pytest.mark.parametrize("what", ROWS)
def test_rows_are_pgbouncers_in_its_order(proxy, what):
    assert [row[0] for row in proxy.console(f"SHOW {what}").rows] == ROWS[what]


def test_rows_stand_in_the_order_of_their_names(pgweir, cluster):
    place = f"host=127.0.0.1 port={cluster.primary.port} dbname=app"
    proxy = pgweir(databases={name: place for name in ("zebra", "app", "q")})
    with proxy.login("zebra"), proxy.login("app", "bob"), \
            proxy.login("app", "alice"):
        assert [(row["database"], row["user"]) for row in proxy.show("POOLS")
                ] == [("app", "alice"), ("app", "bob"),
                      ("pgbouncer", "pgbouncer"), ("zebra", "app")]
        for what in "STATS", "STATS_TOTALS", "STATS_AVERAGES":
            assert [row["database"] for row in proxy.show(what)
                    ] == ["app", "pgbouncer", "zebra"]
    for what in "DATABASES", "USERS":
        names = [row["name"] for row in proxy.show(what)]
        assert names == sorted(names) and "pgbouncer" in names


@pytest.mark.parametrize("what", COLUMNS)
def test_the_extended_protocol_gives_the_same(proxy, what):
    with proxy.login("pgbouncer", "admin") as conn:
        plain = conn.ask(f"SHOW {what}")
        conn.send(wire.parse(f"show {what.lower()}", "s"),
                  wire.describe("S", "s"), wire.bind(statement="s"),
                  wire.describe(), wire.execute(), wire.sync())
        frames = conn.read_until("Z")
        described = [wire.columns_of(f.payload) for f in frames
                     if f.type == "T"]
        assert described == [plain.columns] * 2
        assert frames[-2].payload == b"SHOW\0"
        for frame in frames:
            if frame.type == "D":
                assert len(wire.row_of(frame.payload)) == len(plain.columns)


@pytest.mark.parametrize("what", COLUMNS)
def test_numbers_are_numbers(proxy, what):
    with proxy.login() as conn:
        conn.ask("begin")
        result = proxy.console(f"SHOW {what}")
    for row in result.rows:
        for (name, kind), value in zip(result.columns, row):
            if kind in (INT4, INT8, NUMERIC) and value is not None:
                assert value.isdigit(), (name, value)
            if kind == INT4 and value is not None:
                assert int(value) < 2 ** 31


def test_help_names_every_table_and_command(proxy):
    result = proxy.console("SHOW HELP")
    text = result.notices[0]["D"]
    assert result.notices[0]["M"] == "Console usage"
    for word in (*COLUMNS, "SET key = arg", "RELOAD", "PAUSE [<db>]",
                 "RESUME [<db>]", "DISABLE <db>", "ENABLE <db>",
                 "RECONNECT [<db>]", "KILL [<db>]", "KILL_CLIENT <client_id>",
                 "SUSPEND", "SHUTDOWN", "WAIT_CLOSE [<db>]"):
        assert word in text, word


# ---- sockets ----------------------------------------------------------------
def test_show_sockets_has_clients_and_servers_and_who_is_logging_in(pgweir):
    proxy = pgweir(tcp_defer_accept=0)
    with proxy.login() as conn, proxy.wire():
        conn.ask("begin")
        wait_until(lambda: {row["state"] for row in proxy.show("SOCKETS")}
                   >= {"active", "login", "idle"}, 5, "all are shown")
        rows = proxy.show("SOCKETS")
        assert {row["type"] for row in rows} == {"C", "S"}
        login = next(row for row in rows if row["state"] == "login")
        assert (login["user"], login["database"]) == ("(nouser)", "(nodb)")


def test_show_active_sockets_has_those_with_bytes_on_their_way(pgweir):
    proxy = pgweir()
    with proxy.login() as lazy, proxy.login():
        assert proxy.show("ACTIVE_SOCKETS") == []
        lazy.send(wire.query("select repeat('x', 30000000)"))
        row, = wait_until(lambda: [
            row for row in proxy.show("ACTIVE_SOCKETS")
            if row["type"] == "C" and int(row["send_remain"]) > 0], 10,
            "it is stuck")
        assert row["send_avail"] == row["send_remain"]


def test_show_fds_has_every_descriptor_and_no_secret(pgweir):
    proxy = pgweir(auth_type="plain")
    with proxy.login(client_encoding="LATIN1") as conn:
        conn.ask("begin")
        rows = proxy.show("FDS")
        assert {row["task"] for row in rows} == {"pooler", "client", "server"}
        client = next(row for row in rows if row["task"] == "client")
        server = next(row for row in rows if row["task"] == "server")
        assert client["link"] == server["fd"]
        assert server["link"] == client["fd"]
        assert client["client_encoding"] == "LATIN1"
        for row in rows:
            assert row["cancel"] == "0"
            assert {row["password"], row["scram_client_key"],
                    row["scram_server_key"]} == {None}
    assert "-secret" not in str(rows)


# ---- statistics -------------------------------------------------------------
def stats(proxy, database="app"):
    row = next(row for row in proxy.show("STATS_TOTALS")
               if row["database"] == database)
    return {key: int(value) for key, value in row.items()
            if key != "database"}


def grown(before, after):
    return {key: after[key] - before[key] for key in after}


def test_known_traffic_gives_known_counts(pgweir):
    proxy = pgweir(default_pool_size=1, read_write_split=0)
    with proxy.login() as conn:
        conn.ask("select 1")
        before = stats(proxy)
        for _ in range(7):
            conn.ask("select 1")
        conn.ask("begin")
        for _ in range(3):
            conn.ask("select 1")
        conn.ask("commit")
        change = grown(before, stats(proxy))
    assert change["query_count"] == 12
    assert change["xact_count"] == 8
    assert change["server_assignment_count"] == 8
    assert change["client_login_count"] == 0
    assert change["client_parse_count"] == change["bind_count"] == 0


def test_bytes_are_those_the_client_sent_and_got(pgweir):
    proxy = pgweir()
    with proxy.login() as conn:
        conn.ask("select 1")
        before = stats(proxy)
        question = wire.query("select repeat('x', 100000)")
        conn.send(question)
        answer = sum(len(f.payload) + 5 for f in conn.read_until("Z"))
        change = grown(before, stats(proxy))
    assert change["bytes_received"] == len(question)
    assert change["bytes_sent"] == answer


def test_prepared_statements_are_counted(pgweir):
    proxy = pgweir(read_write_split=0)
    with proxy.login() as one, proxy.login() as two:
        one.ask("select 1")
        before = stats(proxy)
        for conn in (one, two):
            conn.send(wire.parse("select $1::int", "s"), wire.sync())
            conn.read_until("Z")
            for i in range(5):
                conn.send(wire.bind([str(i)], "s"), wire.execute(),
                          wire.sync())
                conn.read_until("Z")
        conn.send(wire.parse("select 2"), wire.bind(), wire.execute(),
                  wire.sync())
        conn.read_until("Z")
        change = grown(before, stats(proxy))
    assert change["client_parse_count"] == 2
    assert change["server_parse_count"] == 1
    assert change["bind_count"] == 10
    assert change["query_count"] == 13


def test_a_pipeline_counts_every_sync(pgweir):
    proxy = pgweir(read_write_split=0)
    with proxy.login() as conn:
        conn.ask("select 1")
        before = stats(proxy)
        conn.send(*[wire.query("select pg_sleep(0.01)")] * 5)
        for _ in range(5):
            conn.read_until("Z")
        change = grown(before, stats(proxy))
    assert change["query_count"] == 5
    assert change["xact_count"] == 5
    assert 50000 <= change["query_time"] < 2000000


def test_read_only_transactions_are_counted_whole(pgweir):
    """BEGIN is answered before it goes anywhere."""
    proxy = pgweir()
    with proxy.login() as conn:
        conn.ask("select 1")
        before = stats(proxy)
        conn.ask("begin read only")
        conn.ask("select 1")
        conn.ask("commit")
        change = grown(before, stats(proxy))
    assert change["query_count"] == 3
    assert change["xact_count"] == 1


def test_times_are_those_of_queries_transactions_and_waiting(pgweir):
    proxy = pgweir(default_pool_size=1, read_write_split=0)
    with proxy.login() as one, proxy.login() as two:
        one.ask("select 1")
        before = stats(proxy)
        started = time.monotonic()
        one.ask("begin")
        one.ask("select pg_sleep(0.2)")
        two.send(wire.query("select 2"))
        wait_until(lambda: proxy.pool()["cl_waiting"] == 1, 5, "it waits")
        time.sleep(0.1)  # time passes, that is what is measured
        one.ask("commit")
        two.read_result()
        most = (time.monotonic() - started) * 1e6
        change = grown(before, stats(proxy))
    assert 200000 <= change["query_time"] < most
    assert 300000 <= change["xact_time"] < 2 * most
    assert 100000 <= change["wait_time"] < most
    assert change["query_time"] < change["xact_time"]


def test_logins_are_counted_per_database(pgweir):
    proxy = pgweir()
    for _ in range(3):
        proxy.login().close()
    proxy.login("other").close()
    assert stats(proxy)["client_login_count"] == 3
    assert stats(proxy, "other")["client_login_count"] == 1


def test_users_of_a_database_are_added_up(pgweir):
    proxy = pgweir()
    for user in ("app", "alice", "bob"):
        with proxy.login("app", user) as conn:
            conn.ask("select 1")
    rows = [row for row in proxy.show("STATS") if row["database"] == "app"]
    assert len(rows) == 1
    assert rows[0]["total_query_count"] == "3"
    assert rows[0]["total_client_login_count"] == "3"


def test_the_console_has_statistics_too(pgweir):
    proxy = pgweir()
    before = stats(proxy, "pgbouncer")
    with proxy.login("pgbouncer", "admin") as conn:
        for _ in range(4):
            conn.ask("SHOW VERSION")
    change = grown(before, stats(proxy, "pgbouncer"))
    assert change["query_count"] == change["xact_count"] == 5
    assert change["client_login_count"] == 2


def test_totals_are_the_sums_over_all_databases(pgweir):
    proxy = pgweir()
    for name in ("app", "other"):
        with proxy.login(name) as conn:
            conn.ask("select 1")
    with proxy.login("pgbouncer", "admin") as conn:
        names = [name for name, _ in conn.ask("SHOW STATS_TOTALS").columns]
        rows = conn.ask("SHOW STATS_TOTALS").rows
        totals = dict(conn.ask("SHOW TOTALS").rows)
    at = names.index("server_assignment_count")
    assert int(totals["total_server_assignment_count"]) == \
        sum(int(row[at]) for row in rows)
    assert int(totals["total_query_count"]) == 1 + \
        sum(int(row[names.index("query_count")]) for row in rows)


def test_averages_are_over_the_period(pgweir):
    """Their window is this period and the last one."""
    proxy = pgweir(stats_period=0.5, read_write_split=0)

    def averages():
        return next({key: int(value) for key, value in row.items()
                     if key != "database"}
                    for row in proxy.show("STATS_AVERAGES")
                    if row["database"] == "app")

    with proxy.login() as conn:
        started = time.monotonic()
        for _ in range(200):
            conn.ask("select pg_sleep(0.001)")
        took = time.monotonic() - started
        average = averages()
        assert 0 < average["query_count"] <= 200 / min(took, 0.5)
        assert average["query_count"] == pytest.approx(
            average["xact_count"], abs=1)
        assert 1000 <= average["query_time"] < took * 1e6
        assert average["bytes_received"] > 0
        wait_until(lambda: averages()["query_count"] == 0, 5,
                   "it is long ago")
    totals = stats(proxy)
    assert totals["query_count"] == 200


def test_the_line_of_statistics_is_logged_each_period(pgweir):
    proxy = pgweir(stats_period=0.2)
    with proxy.login() as conn:
        conn.ask("select 1")
        proxy.wait_for_log("stats: ")
    assert re.search(
        r"stats: \d+ xacts/s, \d+ queries/s, .*in \d+ B/s, out \d+ B/s,"
        r" xact \d+ us, query \d+ us, wait \d+ us", proxy.log())
    proxy.console("SET log_stats = 0")
    since = proxy.log_size()
    proxy.console("SET stats_period = 0.1")
    with proxy.login() as conn:
        conn.ask("select pg_sleep(0.5)")
    assert "stats: " not in proxy.log(since)


# ---- other tables -----------------------------------------------------------
def test_show_mem_counts_what_there_is(pgweir):
    proxy = pgweir()
    with proxy.login() as one, proxy.login():
        one.ask("select 1")
        rows = {row["name"]: row for row in proxy.show("MEM")}
        assert rows["client_cache"]["used"] == "3"
        assert int(rows["server_cache"]["used"]) >= 1
        assert rows["pool_cache"]["used"] == "1"
        for row in rows.values():
            assert int(row["memtotal"]) == int(row["size"]) * (
                int(row["used"]) + int(row["free"]))


def test_show_users_has_who_is_configured_and_who_is_here(pgweir):
    proxy = pgweir(users={"bob": "pool_size=3 pool_mode=session"})
    with proxy.login(user="alice") as conn:
        conn.ask("begin")
        rows = {row["name"]: row for row in proxy.show("USERS")}
        assert rows["bob"]["pool_size"].strip() == "3"
        assert rows["bob"]["pool_mode"] == "session"
        assert rows["app"]["pool_size"] == ""
        assert rows["alice"]["current_client_connections"] == "1"
        assert int(rows["alice"]["current_connections"]) >= 1
        assert rows["app"]["current_connections"] == "0"


def test_psycopg_reads_every_table_with_its_types(proxy):
    with psycopg.connect(proxy.dsn("pgbouncer", "admin"),
                         autocommit=True) as conn:
        for what, expected in COLUMNS.items():
            for prepare in (False, True):
                cursor = conn.execute(f"SHOW {what}", prepare=prepare)
                assert [(c.name, c.type_code) for c in cursor.description] \
                    == expected
                for row in cursor.fetchall():
                    assert len(row) == len(expected)
