"""Out of open files, out of server connections, storms of clients: it is said,
nothing spins, who is there is served, and it is over by itself."""
import contextlib
import re
import signal
import socket
import subprocess
import time

import pytest

import wire
from procs import environment, is_root, spawn, wait_until
from syscalls import counted

needs_root = pytest.mark.skipif(not is_root(), reason="needs root")


def with_limit(proxy, soft, hard, as_root=False):
    """Starts PROXY with limits of open files."""
    proxy.write_config()
    with open(proxy.log_path, "ab") as log:
        proxy.proc = spawn(
            ["prlimit", f"--nofile={soft}:{hard}", proxy.binary,
             *proxy.arguments, proxy.config_path], as_root=as_root,
            stdout=log, stderr=subprocess.STDOUT,
            env=environment(**proxy.variables))
    wait_until(proxy.is_ready, 10, lambda: f"it answers: {proxy.log()}")
    return proxy


def limits_of(proxy):
    with open(f"/proc/{proxy.pid}/limits", encoding="ascii") as file:
        line = next(line for line in file if line.startswith("Max open"))
    return [int(word) for word in line.split()[3:5]]


# ---- the limit --------------------------------------------------------------
def test_the_limit_is_raised_as_far_as_allowed(pgweir):
    proxy = with_limit(pgweir(start=False, max_client_conn=100), 64, 3000)
    assert limits_of(proxy) == [3000, 3000]
    assert "open files" not in proxy.log()


@pytest.mark.skipif(
    not is_root() or subprocess.run(
        ["prlimit", "--nofile=100000:100000", "true"], check=False,
        stderr=subprocess.DEVNULL).returncode != 0,
    reason="needs CAP_SYS_RESOURCE")
def test_root_raises_it_to_what_is_needed_before_it_becomes_another(pgweir):
    proxy = pgweir(start=False, max_client_conn=1000, user="postgres")
    with_limit(proxy, 64, 64, as_root=True)
    soft, hard = limits_of(proxy)
    assert soft == hard >= 1000
    assert "open files" not in proxy.log()


def test_a_limit_too_low_is_said_with_setting_need_and_limit(pgweir, cluster):
    proxy = with_limit(pgweir(
        start=False, max_client_conn=700, default_pool_size=99, databases={
            "app": f"{cluster.host_list()} dbname=app user=app"},
        users={"app": "pool_size=8 reserve_pool_size=2"}), 300, 300)
    found = re.search(r"WARNING max_client_conn = 700 and the pools need (\d+)"
                      r" open files, the limit is 300", proxy.log())
    assert found, proxy.log()
    # Clients, three pools of ten, and a few more.
    assert 730 <= int(found[1]) <= 830
    proxy.console("SET max_client_conn = 800")
    assert "max_client_conn = 800 and the pools need" in proxy.log()
    before = proxy.log_size()
    proxy.console("SET server_idle_timeout = 60")
    proxy.console("SET max_client_conn = 200")
    assert "open files" not in proxy.log(before)


# ---- out of files -----------------------------------------------------------
@contextlib.contextmanager
def as_many_as_possible(proxy, most=200):
    """Clients until one is no more accepted; that one, not logged in yet, and
    two more wait. Yields (those within, those who wait)."""
    within, outside = [], []
    try:
        while len(within) < most:
            conn = proxy.wire()
            conn.send(wire.startup({"user": "app", "database": "app"}))
            outside.append(conn)
            if not answers(conn, proxy):
                break
            within.append(outside.pop())
        assert outside, "there is a limit"
        for _ in range(2):
            conn = proxy.wire()
            conn.send(wire.startup({"user": "app", "database": "app"}))
            outside.append(conn)
        yield within, outside
    finally:
        for conn in within + outside:
            conn.close()


def answers(conn, proxy):
    """Whether CONN's login goes through, or it is said that it has to wait."""
    def known():
        conn.sock.settimeout(0.01)
        try:
            return conn.sock.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return None

    wait_until(lambda: known() or "new connections wait" in proxy.log(), 10)
    got = known()
    conn.sock.settimeout(10)
    if got:
        conn.read_until("Z")
    return bool(got)


@pytest.fixture
def tight(pgweir, cluster):
    """A proxy that may open 64 files, for pools of 8 servers."""
    primary = cluster.primary
    return with_limit(pgweir(
        start=False, default_pool_size=8, databases={
            "app": f"host={primary.host} port={primary.port} dbname=app"}),
        64, 64)


def test_out_of_files_who_is_there_is_served_and_others_wait(tight):
    with as_many_as_possible(tight) as (within, outside):
        assert 20 < len(within) < 60
        # There are files left for all the servers they need at once.
        for conn in within[:8]:
            assert conn.ask("begin").tag == "BEGIN"
            assert conn.value("select 1 for update") == "1"
        assert len({conn.value("select pg_backend_pid() for update")
                    for conn in within[:8]}) == 8
        for conn in within[:8]:
            conn.ask("commit")
        for conn in within:
            assert conn.value("select 2") == "2"
        # The first waits no longer than until there is room.
        for conn in within[:5]:
            conn.close()
        for conn in outside:
            conn.read_until("Z")
            assert conn.value("select 3") == "3"
        assert tight.log().count("new connections wait") == 1
        assert re.search("WARNING accept failed: .* raise LimitNOFILE",
                         tight.log())
    with tight.login() as conn:
        assert conn.value("select 4") == "4"
    tight.wait_for_log("accepting connections again")


@needs_root
def test_out_of_files_nothing_spins(tight):
    with as_many_as_possible(tight) as (within, _):
        with counted(tight.pid) as calls:
            for i in range(20):
                assert within[0].value(f"select {i}") == str(i)
            time.sleep(1)  # the time that is measured
        # Ten looks a second, the pool's sweep, the queries.
        assert calls["epoll_wait"] + calls["epoll_pwait"] < 150, calls
        assert sum(calls.values()) < 500, calls


def test_at_the_limit_for_long_the_log_stays_short(tight):
    """Over it and back, again and again."""
    with as_many_as_possible(tight) as (within, outside):
        for _ in range(6):
            for _ in range(8):
                within.pop(0).close()
            for conn in outside:
                conn.read_until("Z")
            within += outside
            outside.clear()
            for _ in range(8):
                outside.append(tight.wire())
                outside[-1].send(wire.startup(
                    {"user": "app", "database": "app"}))
            for _ in range(5):
                outside[0].read_until("Z")
                within.append(outside.pop(0))
    assert tight.log().count("new connections wait") <= 2
    assert tight.log().count("accepting connections again") <= 2


# ---- out of server connections ----------------------------------------------
@pytest.fixture
def limited(cluster):
    """A role that may have two connections."""
    with cluster.primary.connect() as conn:
        conn.execute("create role limited login connection limit 2")
    yield "limited"
    with cluster.primary.connect() as conn:
        wait_until(lambda: not cluster.primary.backends(
            "usename = 'limited'"), 10)
        conn.execute("drop role limited")


def limited_proxy(pgweir, cluster, **settings):
    primary = cluster.primary
    return pgweir(secrets={"limited": ""}, databases={
        "app": f"host={primary.host} port={primary.port} dbname=app"},
        **settings)


def test_fewer_server_connections_than_the_pool_would_have(
        limited, pgweir, cluster):
    proxy = limited_proxy(pgweir, cluster, server_unreachable_timeout=0.3)
    with contextlib.ExitStack() as stack:
        conns = [stack.enter_context(proxy.login(user=limited))
                 for _ in range(12)]
        for i in range(4):
            for conn in conns:
                conn.send(wire.query(f"select {i} from pg_sleep(0.05)"
                                     " for update"))
            for conn in conns:
                assert conn.read_result().rows == [[str(i)]]
    refused = proxy.log().count("too many connections for role")
    # Each is said twice; the pauses between them grow.
    assert 0 < refused < 40, refused


def test_without_any_the_client_hears_why(limited, pgweir, cluster):
    proxy = limited_proxy(pgweir, cluster, server_unreachable_timeout=0.5)
    with cluster.primary.connect(user=limited), \
            cluster.primary.connect(user=limited):
        with pytest.raises(wire.WireError) as error:
            with proxy.login(user=limited) as conn:
                conn.ask("select 1 for update")
        assert "too many connections for role" in error.value.message
    # It has recovered by itself.
    def answers_again():
        try:
            with proxy.login(user=limited) as conn:
                return conn.value("select 1 for update")
        except wire.WireError:
            return None

    wait_until(lambda: answers_again() == "1", 10)


def test_who_waits_is_served_when_there_is_one_again(
        limited, pgweir, cluster):
    proxy = limited_proxy(pgweir, cluster, server_unreachable_timeout=30,
                          server_login_retry=0.2)
    first = cluster.primary.connect(user=limited)
    second = cluster.primary.connect(user=limited)
    with proxy.wire() as conn:
        conn.send(wire.startup({"user": limited, "database": "app"}),)
        proxy.wait_for_log("too many connections for role")
        first.close()
        conn.read_until("Z")
        assert conn.value("select 1 for update") == "1"
    second.close()


@needs_root
def test_out_of_server_connections_nothing_spins(limited, pgweir, cluster):
    proxy = limited_proxy(pgweir, cluster, server_unreachable_timeout=30,
                          server_login_retry=15)
    with cluster.primary.connect(user=limited), \
            cluster.primary.connect(user=limited), \
            contextlib.ExitStack() as stack:
        for _ in range(50):
            conn = stack.enter_context(proxy.wire())
            conn.send(wire.startup({"user": limited, "database": "app"}))
        wait_until(lambda: proxy.log().count("too many connections") >= 2, 10)
        with counted(proxy.pid) as calls:
            time.sleep(1)  # the time that is measured
        assert calls["connect"] < 6, calls
        assert sum(calls.values()) < 300, calls


# ---- a storm ----------------------------------------------------------------
def test_a_storm_of_clients_starves_nobody(pgweir):
    """Hundreds at once, while another one works."""
    proxy = pgweir(max_client_conn=50, listen_backlog=1000)
    with proxy.login() as worker:
        worker.ask("select 1")
        storm = []
        proxy.signal(signal.SIGSTOP)
        for _ in range(600):
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex((proxy.host, proxy.port))
            each.setblocking(True)
            each.sendall(wire.startup({"user": "app", "database": "app"}))
            storm.append(each)
        worker.send(wire.query("select 'first'"))
        proxy.signal(signal.SIGCONT)
        begun = time.monotonic()
        assert worker.read_result().rows == [["first"]]
        assert time.monotonic() - begun < 2
        refused = 0
        for each in storm:
            each.settimeout(10)
            head = each.recv(1)
            refused += head == b"E"
        assert refused >= 550
        for each in storm:
            each.close()
        assert worker.value("select 'still'") == "still"
    wait_until(lambda: len(proxy.show("CLIENTS")) == 1, 5)
