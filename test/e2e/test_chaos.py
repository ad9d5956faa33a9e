"""Whatever clients and an administrator do at the same time: nothing committed
is lost or doubled, everybody sees what is his own, and in the end everything is
given back and everybody is served.

--chaos-seconds N goes on for longer (15), --chaos-seed N does it otherwise (1).
"""
import re
import threading
import time

import pytest

import wire
from chaos import NAMED, Administrator, Customer, run
from procs import is_running, wait_until

CUSTOMERS = 14
SERVED_SECONDS = 5

# Lines that tell of what was done on purpose. All others above "info" are news.
ON_PURPOSE = re.compile("|".join((
    "admin forced disconnect", "query_wait_timeout", "query timeout",
    "idle transaction timeout", "server conn crashed\\?", "no server",
    "taking connection from reserve_pool", "login refused",
    "no more connections allowed", "client connections exceeded",
    "does not allow connections", "is disabled", "login failed",
    "must be superuser or replication role", "suspend_timeout",
    "transaction blocks not allowed", "test query failed", "PAUSE|KILL",
    "database .* is ")))


@pytest.fixture
def stage(pgweir, cluster):
    with cluster.primary.connect() as conn:
        conn.execute("create table ledger (client int, number int, mark text)")
        conn.execute("grant all on ledger to public")
        conn.execute("alter role alice replication")
    only = f"host=127.0.0.1 port={cluster.primary.port} dbname=app"
    yield pgweir(databases={
        "app": f"{cluster.host_list()} dbname=app", "one": only,
        "session": f"{only} pool_mode=session pool_size=2 min_pool_size=1",
        "statement": f"{only} pool_mode=statement pool_size=2",
        "small": f"{only} pool_size=1 max_db_connections=2"
                 " reserve_pool_size=1",
        "*": only},
        default_pool_size=3, query_wait_timeout=3, query_timeout=2,
        idle_transaction_timeout=2, autodb_idle_timeout=1,
        server_check_delay=0.2, reserve_pool_timeout=0.2, server_lifetime=3,
        server_idle_timeout=1, max_user_connections=8, suspend_timeout=3,
        max_client_conn=200)
    with cluster.primary.connect() as conn:
        conn.execute("drop table ledger")
        conn.execute("alter role alice noreplication")


def pytest_generate_tests(metafunc):
    """It may take as long as it goes on, and some more."""
    seconds = metafunc.config.getoption("--chaos-seconds")
    metafunc.parametrize("seconds", [pytest.param(
        seconds, marks=pytest.mark.timeout(seconds + 120))])


def test_chaos_leaves_nothing_behind(stage, cluster, request, seconds):
    seed = request.config.getoption("--chaos-seed")
    customers = [Customer(stage, n, seed) for n in range(1, CUSTOMERS + 1)]
    administrator = Administrator(stage, seed)
    files = stage.open_files()
    run(stage, customers, administrator, seconds)
    assert is_running(stage.pid)
    assert sum(one.answers for one in customers) > 10 * seconds
    stage.write_config()  # as at first
    administrator.tell("reload")
    administrator.undo()
    everybody_is_served(stage)
    the_ledger_is_right(cluster, customers)
    nothing_is_left(stage, cluster, files)
    the_books_agree(stage, customers)
    the_log_is_dull(stage)


def everybody_is_served(proxy):
    """In every database, more at once than it has servers."""
    answers, end = [], time.monotonic() + SERVED_SECONDS

    def ask(database, number):
        with proxy.login(database, deadline=SERVED_SECONDS) as conn:
            answers.append((database, number)
                           if conn.value(f"select {number}") == str(number)
                           and conn.value("show work_mem") == "4MB" else None)

    threads = [threading.Thread(target=ask, args=(database, number))
               for database in (*NAMED, "auto1") for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    assert len(set(answers)) == len(threads), \
        f"{len(set(answers))} of {len(threads)} are served"


def the_ledger_is_right(cluster, customers):
    wait_until(lambda: not cluster.primary.backends("state = 'active'"), 10,
               "nothing is being written")
    with cluster.primary.connect() as conn:
        rows = conn.execute("select client, number, mark from ledger"
                            ).fetchall()
    written = [(client, number) for client, number, _ in rows]
    assert len(written) == len(set(written)), "a row is there twice"
    there = set(written)
    for one in customers:
        own = {number for client, number in there if client == one.number}
        assert one.acknowledged <= own, \
            f"lost: {sorted(one.acknowledged - own)} of {one.mark}"
        assert not own & one.refused, \
            f"refused and there: {sorted(own & one.refused)} of {one.mark}"
        assert own <= one.acknowledged | one.unknown
    marks = {one.number: one.mark for one in customers}
    assert all(marks[client] == mark for client, _, mark in rows)
    assert sum(len(one.acknowledged) for one in customers) > 0


def nothing_is_left(proxy, cluster, files):
    """Neither clients nor servers in use, and no file."""
    def at_rest():
        return all(row[key] == "0" for row in proxy.show("pools")
                   if row["database"] != "pgbouncer"
                   for key in ("cl_active", "cl_waiting", "sv_active",
                               "cl_active_cancel_req", "cl_waiting_cancel_req",
                               "sv_active_cancel", "sv_being_canceled",
                               "sv_tested", "sv_login"))
    wait_until(at_rest, 10, lambda: f"all is quiet: {proxy.show('pools')}")
    lists = {row["list"]: int(row["items"]) for row in proxy.show("lists")}
    assert lists["used_clients"] == 1 and lists["login_clients"] == 0
    # min_pool_size is 0 now: what is idle goes.
    def gone():
        return sum(int(row["sv_idle"]) for row in proxy.show("pools")) <= 2
    wait_until(gone, 10, lambda: f"idle ones go: {proxy.show('pools')}")
    wait_until(lambda: sum(len(node.backends("usename <> 'monitor'"))
                           for node in cluster.nodes) ==
               len(proxy.show("servers")), 10, "PostgreSQL knows of no others")
    wait_until(lambda: proxy.open_files() <= files + 8, 10,
               lambda: f"{proxy.open_files()} files, {files} at first")


def the_books_agree(proxy, customers):
    """SHOW STATS, TOTALS and what clients know of."""
    stats = {row["database"]: row for row in proxy.show("stats")}
    for name in NAMED:
        row = {key: int(value) for key, value in stats[name].items()
               if key != "database"}
        welcomed = sum(one.logins.get(name, 0) for one in customers) + 8
        begun = sum(one.attempts.get(name, 0) for one in customers) + 8
        assert welcomed <= row["total_client_login_count"] <= begun, name
        assert row["total_xact_count"] <= row["total_query_count"], name
        assert row["total_query_time"] >= 0 and row["total_wait_time"] >= 0
        assert row["total_server_assignment_count"] <= \
            row["total_xact_count"] + begun + 1000, name
        for key, value in row.items():
            assert 0 <= value < 1 << 50, (name, key, value)


def the_log_is_dull(proxy):
    loud = [line for line in proxy.log().splitlines()
            if re.search(r" (ERROR|FATAL|WARNING) ", line)
            and not ON_PURPOSE.search(line)]
    assert not loud, "\n".join(loud[:20])
