"""What statements and settings cost a transaction: nothing, in system calls."""
import pytest

import wire
from cluster import program
from procs import run, write_file
from syscalls import counted
from wire import bind, execute, parse, sync

TURNS = 400
# pgweir's own housekeeping, once a second or so, is among what is counted.
ALIKE = 0.02


@pytest.fixture
def narrow(pgweir, cluster):
    """The primary alone; nothing is asked by ourselves meanwhile."""
    primary = cluster.primary

    def start(servers, **settings):
        place = (f"host={primary.host} port={primary.port} dbname=app"
                 f" pool_size={servers}")
        return pgweir(monitor_interval="1h", databases={"app": place},
                      **{"query_wait_timeout": 3, **settings})
    return start


def per_turn(proxy, work, waiting=True):
    """System calls of one more turn, from two runs of different length."""
    totals = []
    for turns in (60, 60 + TURNS):
        with counted(proxy.pid) as calls:
            work(turns)
        totals.append(sum(count for name, count in calls.items()
                          if waiting or not name.startswith("epoll")))
    return (totals[1] - totals[0]) / TURNS


def pgbench(proxy, mode, clients):
    script = write_file(f"{proxy.dir}/script.sql",
                        "\\set x random(1, 1000)\nselect :x + 1;\n"
                        "select :x::text;\n")

    def work(turns):
        run([program("pgbench"), "-n", "-M", mode, "-c", str(clients), "-t",
             str(turns // clients), "-f", script, "-h", proxy.host, "-p",
             str(proxy.port), "-U", "app", "app"])
    return work


def test_a_transaction_of_a_query_costs_two_receives_and_two_sends(narrow):
    """Receive and send on each side, and a wait for each side."""
    proxy = narrow(1)
    with proxy.login() as conn:
        def work(turns):
            for _ in range(turns):
                conn.value("select 1")
        assert per_turn(proxy, work) <= 6.1
        assert per_turn(proxy, work, waiting=False) <= 4.1


def test_timeouts_cost_no_calls(narrow):
    proxy = narrow(1, query_timeout=60, transaction_timeout=61,
                   idle_transaction_timeout=62, client_idle_timeout=63,
                   query_wait_timeout=64, client_login_timeout=65)
    with proxy.login() as conn:
        def work(turns):
            for _ in range(turns):
                conn.value("select 1")
        assert per_turn(proxy, work, waiting=False) <= 4.1


def test_limits_cost_no_calls(narrow):
    proxy = narrow(1, max_db_connections=20, max_user_connections=21,
                   max_db_client_connections=22, min_pool_size=1,
                   max_user_client_connections=23, reserve_pool_size=1)
    with proxy.login() as conn:
        def work(turns):
            for _ in range(turns):
                conn.value("select 1")
        assert per_turn(proxy, work, waiting=False) <= 4.1


@pytest.mark.timeout(120)
def test_prepared_statements_cost_no_more_calls_than_others(narrow):
    proxy = narrow(1)
    extended = per_turn(proxy, pgbench(proxy, "extended", 1))
    prepared = per_turn(proxy, pgbench(proxy, "prepared", 1))
    assert prepared == pytest.approx(extended, rel=ALIKE)


@pytest.mark.timeout(120)
def test_prepared_statements_of_many_cost_no_more_calls(narrow):
    """How many are served in one turn of the loop is chance: waits are left
    out."""
    proxy = narrow(2)
    extended = per_turn(proxy, pgbench(proxy, "extended", 6), waiting=False)
    prepared = per_turn(proxy, pgbench(proxy, "prepared", 6), waiting=False)
    assert prepared == pytest.approx(extended, rel=ALIKE)


SETTINGS = {
    "work_mem": "7MB", "search_path": "pg_catalog, public",
    "datestyle": "German", "timezone": "Asia/Tokyo", "role": "app",
    "statement_timeout": "77s", "lock_timeout": "78s",
    "application_name": "costly", "extra_float_digits": "0",
    "bytea_output": "escape", "intervalstyle": "iso_8601",
    "enable_seqscan": "off", "random_page_cost": "1.1",
    "default_transaction_isolation": "read committed",
    "client_min_messages": "warning", "my.tenant": "seven",
    "my.other": "eight", "geqo": "off", "row_security": "off",
    "idle_in_transaction_session_timeout": "79s"}


def asking(conns):
    """Each by turns, always on the same server."""
    def work(turns):
        for turn in range(turns):
            conn = conns[turn % len(conns)]
            conn.send(parse("select $1::int"), bind(["1"]), execute(), sync())
            assert conn.read_result().rows == [["1"]]
    return work


def cost_with(proxy, count, settings=(), startup=None):
    conns = [proxy.login(**(startup or {})) for _ in range(count)]
    try:
        for conn in conns:
            for key, value in dict(settings).items():
                conn.ask(f"set {key} = '{value}'" if key != "search_path"
                         else f"set {key} = {value}")
        return per_turn(proxy, asking(conns))
    finally:
        for conn in conns:
            conn.send(wire.terminate())
            conn.assert_closed()


@pytest.mark.timeout(120)
def test_twenty_settings_cost_nothing_while_they_stay(narrow):
    assert len(SETTINGS) == 20
    proxy = narrow(1)
    bare = cost_with(proxy, 1)
    assert cost_with(proxy, 1, SETTINGS) == pytest.approx(bare, rel=ALIKE)


@pytest.mark.timeout(120)
def test_twenty_settings_brought_along_cost_nothing(narrow):
    proxy = narrow(1)
    options = " ".join("-c " + f"{key}={value}".replace(" ", "\\ ")
                       for key, value in SETTINGS.items())
    bare = cost_with(proxy, 2)
    assert cost_with(proxy, 2, startup={"options": options}) == \
        pytest.approx(bare, rel=ALIKE)


@pytest.mark.timeout(120)
def test_twenty_settings_that_two_have_in_common_cost_nothing(narrow):
    """In whatever order they were set."""
    proxy = narrow(1)
    bare = cost_with(proxy, 2)
    assert cost_with(proxy, 2, SETTINGS) == pytest.approx(bare, rel=ALIKE)
