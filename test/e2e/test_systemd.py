"""Under a service manager: what it is told, and sockets that it has opened.
Played by the tests themselves, after sd_notify(3) and sd_listen_fds(3)."""
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

import pytest

import wire
from procs import (environment, give, run, spawn, wait_until,
                   write_file)

ETC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..",
                   "etc")


# ---- being told -------------------------------------------------------------
class Manager:
    """The end of NOTIFY_SOCKET that systemd has."""

    def __init__(self, folder, abstract=False):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(10)
        if abstract:
            self.name = f"@pgweir-test-{os.getpid()}-{id(self)}"
            self.socket.bind("\0" + self.name[1:])
        else:
            self.name = os.path.join(folder, "notify")
            self.socket.bind(self.name)
            give(self.name)

    def hear(self):
        """The next message as a dictionary."""
        text = self.socket.recv(65536).decode()
        return dict(line.split("=", 1) for line in text.splitlines())

    def hear_of(self, key):
        """The next message with KEY, and the keys of those before it."""
        before = []
        while True:
            message = self.hear()
            if key in message:
                return message, before
            before += message

    def is_silent(self):
        self.socket.setblocking(False)
        try:
            self.socket.recv(65536)
            return False
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


@pytest.fixture
def managed(pgweir):
    """A function that gives a proxy that is to tell a manager; not started."""
    managers = []

    def make(abstract=False, watchdog=None, watchdog_pid=None, **settings):
        proxy = pgweir(start=False, **settings)
        manager = Manager(proxy.dir, abstract)
        managers.append(manager)
        proxy.variables["NOTIFY_SOCKET"] = manager.name
        if watchdog:
            proxy.variables["WATCHDOG_USEC"] = str(watchdog)
        if watchdog_pid:
            proxy.variables["WATCHDOG_PID"] = str(watchdog_pid)
        proxy.write_config()
        return proxy, manager

    yield make
    for manager in managers:
        manager.socket.close()


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_it_tells_when_it_is_ready(managed, abstract):
    proxy, manager = managed(abstract)
    proxy.launch()
    message = manager.hear()
    assert message["READY"] == "1"
    assert message["MAINPID"] == str(proxy.pid)
    assert message["STATUS"].startswith("serving; 0 clients")
    with proxy.login() as conn:  # at once: that is what ready means
        assert conn.value("select 1") == "1"


def test_who_cannot_listen_is_never_ready(managed, pgweir):
    other = pgweir()
    proxy, manager = managed(listen_port=other.port)
    proxy.expect_exit = (1,)
    proxy.launch()
    assert proxy.wait_exit() == 1
    assert manager.is_silent()


def test_a_reload_is_told_with_its_time_and_its_end(managed):
    proxy, manager = managed()
    proxy.start()
    manager.hear_of("READY")
    for good in (True, False, True):
        proxy.write_config(nonsense=None if good else "1")
        before = time.monotonic_ns() // 1000
        proxy.signal(signal.SIGHUP)
        message, _ = manager.hear_of("RELOADING")
        assert before <= int(message["MONOTONIC_USEC"]) \
            <= time.monotonic_ns() // 1000
        assert "READY" in manager.hear()
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"


@pytest.mark.parametrize("number, how", [
    (signal.SIGINT, "every server is free"),
    (signal.SIGTERM, "every client has left"),
    (signal.SIGQUIT, None)], ids=["SIGINT", "SIGTERM", "SIGQUIT"])
def test_it_tells_when_it_begins_to_stop(managed, number, how):
    proxy, manager = managed()
    proxy.start()
    with proxy.login() as conn:
        conn.ask("begin")
        proxy.signal(number)
        message, _ = manager.hear_of("STOPPING")
        if how:
            assert how in message["STATUS"]
            assert proxy.proc.poll() is None
            assert conn.value("select 1") == "1"
    assert proxy.wait_exit() == 0


def test_its_status_says_how_it_is(managed):
    proxy, manager = managed()
    proxy.start()
    manager.hear_of("READY")
    with proxy.login() as conn:
        conn.ask("begin")
        wait_until(lambda: re.fullmatch(
            r"serving; 1 clients, 1 of \d servers busy",
            manager.hear_of("STATUS")[0]["STATUS"]), 20)
    proxy.signal(signal.SIGUSR1)
    wait_until(lambda: manager.hear_of("STATUS")[0]["STATUS"].startswith(
        "paused"), 20)
    proxy.signal(signal.SIGUSR2)
    wait_until(lambda: manager.hear_of("STATUS")[0]["STATUS"].startswith(
        "serving"), 20)


def test_a_manager_that_has_gone_is_said_once_and_left_alone(managed):
    proxy, manager = managed(watchdog=20000)
    proxy.start()
    manager.hear_of("WATCHDOG")
    manager.socket.close()
    proxy.wait_for_log("the service manager is gone")
    proxy.console("RELOAD")
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"
    assert proxy.log().count("service manager") == 1


def test_no_manager_at_all_is_said_and_does_no_harm(pgweir):
    proxy = pgweir(variables={"NOTIFY_SOCKET": "/nonexistent/notify"})
    assert "the service manager cannot be told" in proxy.log()
    proxy.signal(signal.SIGHUP)
    proxy.wait_for_log("configuration reloaded")
    for name in ("vsock:2:1234", "relative", "/" + 200 * "x"):
        again = pgweir(variables={"NOTIFY_SOCKET": name})
        assert "the service manager cannot be told" in again.log()


# ---- the watchdog -----------------------------------------------------------
def test_the_watchdog_sees_the_loop_turn(managed):
    proxy, manager = managed(watchdog=200000)
    proxy.start()
    manager.hear_of("READY")
    times = []
    for _ in range(8):
        manager.hear_of("WATCHDOG")
        times.append(time.monotonic())
    # Every 100 ms; a busy machine may be late, but never early.
    assert times[-1] - times[1] > 0.45
    os.kill(proxy.pid, signal.SIGSTOP)
    try:
        # What was sent before it was stopped may still be there.
        manager.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            for _ in range(8):
                manager.hear_of("WATCHDOG")
    finally:
        os.kill(proxy.pid, signal.SIGCONT)
    manager.socket.settimeout(10)
    manager.hear_of("WATCHDOG")


def test_a_watchdog_of_another_process_is_not_ours(managed):
    proxy, manager = managed(watchdog=20000, watchdog_pid=1)
    proxy.start()
    manager.hear_of("READY")
    proxy.console("RELOAD")
    assert "WATCHDOG" not in manager.hear_of("RELOADING")[1]
    proxy.signal(signal.SIGQUIT)
    assert "WATCHDOG" not in manager.hear_of("STOPPING")[1]
    assert proxy.wait_exit() == 0


def test_a_manager_that_does_not_listen_stops_nothing(managed):
    """Signs of life fill its queue; what counts comes through in order."""
    proxy, manager = managed(watchdog=200)
    proxy.start()
    with open("/proc/sys/net/unix/max_dgram_qlen", encoding="ascii") as file:
        most = int(file.read())
    if most > 600:
        pytest.skip("this system keeps very many datagrams")
    wait_until(lambda: _is_full(proxy), 20, "its queue is full")
    for _ in range(3):
        proxy.console("RELOAD")
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"
    manager.hear_of("READY")
    for _ in range(3):
        manager.hear_of("RELOADING")
        assert manager.hear_of("READY")[1] == []
    manager.hear_of("WATCHDOG")


def _is_full(proxy):
    """Whether its socket to the manager would not take one more."""
    state = run(["ss", "-xpn"], as_root=True).stdout
    mine = [line.split() for line in state.splitlines()
            if f"pid={proxy.pid}," in line and line.startswith("u_dgr")]
    return mine and int(mine[0][3]) > 2000


# ---- sockets handed on ------------------------------------------------------
# Puts descriptors where the protocol wants them, and becomes the program.
LAUNCHER = """
import os, sys
given = [int(word) for word in sys.argv[1].split(",") if word]
for i, fd in enumerate(given):
    os.dup2(fd, 50 + i, inheritable=False)
os.closerange(3, 50)
for i in range(len(given)):
    os.dup2(50 + i, 3 + i)
os.environ["LISTEN_FDS"] = str(len(given))
os.environ["LISTEN_PID"] = sys.argv[2] or str(os.getpid())
os.execv(sys.argv[3], sys.argv[3:])
"""


def hand_on(proxy, *sockets, pid=""):
    """Starts PROXY with SOCKETS as systemd would."""
    fds = [each.fileno() for each in sockets]
    with open(proxy.log_path, "ab") as log:
        proxy.proc = spawn(
            [sys.executable, "-c", LAUNCHER, ",".join(map(str, fds)),
             str(pid), proxy.binary, *proxy.arguments, proxy.config_path],
            stdout=log, stderr=subprocess.STDOUT, pass_fds=fds,
            env=environment(**proxy.variables))
    return proxy


def tcp_socket(family=socket.AF_INET, host="127.0.0.1"):
    made = socket.socket(family)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    made.bind((host, 0))
    made.listen(100)
    return made


def unix_socket(proxy, port=7777):
    made = socket.socket(socket.AF_UNIX)
    path = wire.socket_path(proxy.dir, port)
    made.bind(path)
    os.chmod(path, 0o777)
    give(path)
    made.listen(100)
    return made, path


def login_at(address, deadline=10.0, **params):
    conn = wire.Wire(address, deadline)
    return conn.login(**{"user": "app", "database": "app", **params})


def refuses(address):
    with socket.socket() as probe:
        return probe.connect_ex(address) != 0


def test_sockets_handed_on_are_used_and_no_others(pgweir):
    proxy = pgweir(start=False)
    proxy.write_config()
    unix, path = unix_socket(proxy)
    with tcp_socket() as tcp, unix:
        hand_on(proxy, tcp, unix)
        with login_at(tcp.getsockname()) as conn, login_at(path) as other:
            assert conn.value("select 1") == "1"
            assert other.value("select 2") == "2"
        assert refuses((proxy.host, proxy.port))
        assert not os.path.exists(proxy.socket_path)
        assert "listening on 127.0.0.1:%d" % tcp.getsockname()[1] \
            in proxy.log()
        assert f"listening on unix:{proxy.dir}:7777" in proxy.log()
        proxy.stop()
        assert stat.S_ISSOCK(os.stat(path).st_mode), "its maker keeps it"


def test_a_restart_refuses_nobody(pgweir):
    """Who comes while nothing runs waits in the manager's socket."""
    proxy = pgweir(start=False)
    proxy.write_config()
    with tcp_socket() as tcp:
        address = tcp.getsockname()
        for i in range(3):
            conn = wire.Wire(address, 20)
            conn.send(wire.startup({"user": "app", "database": "app"}))
            hand_on(proxy, tcp)
            with conn:
                assert [f.type for f in conn.read_until("Z")][-1] == "Z"
                assert conn.value(f"select {i}") == str(i)
            proxy.stop()


def test_the_console_knows_the_owner_by_a_socket_handed_on(pgweir):
    proxy = pgweir(start=False, auth_type="plain")
    proxy.write_config()
    unix, _ = unix_socket(proxy)
    with unix:
        hand_on(proxy, unix)
        done = run(["psql", "-h", proxy.dir, "-p", "7777", "-U", "pgbouncer",
                    "-d", "pgbouncer", "-w", "-Atc", "show version"])
        assert "pgweir" in done.stdout


def test_a_client_by_ipv4_is_known_by_ipv4(pgweir):
    """A socket for both families sees ::ffff:127.0.0.1."""
    proxy = pgweir(start=False)
    proxy.write_config()
    try:
        both = tcp_socket(socket.AF_INET6, "::")
    except OSError:
        pytest.skip("this machine has no IPv6")
    with both:
        hand_on(proxy, both)
        port = both.getsockname()[1]
        with login_at(("127.0.0.1", port)), login_at(
                ("127.0.0.1", port), database="pgbouncer",
                user="admin") as console:
            rows = console.ask("show clients")
            at = [name for name, _ in rows.columns].index("addr")
            assert {row[at] for row in rows.rows} == {"127.0.0.1"}


def test_descriptors_for_another_process_are_left_alone(pgweir):
    proxy = pgweir(start=False)
    proxy.write_config()
    with tcp_socket() as tcp:
        hand_on(proxy, tcp, pid=1)
        wait_until(proxy.is_ready, 10, lambda: proxy.log())
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"


@pytest.mark.parametrize("kind", ["datagram", "bound only", "file"])
def test_what_does_not_listen_is_refused(pgweir, kind):
    proxy = pgweir(start=False)
    proxy.expect_exit = (1,)
    proxy.write_config()
    if kind == "file":
        made = open(proxy.config_path, encoding="ascii")
    elif kind == "datagram":
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    else:
        made = socket.socket()
        made.bind(("127.0.0.1", 0))
    with made:
        hand_on(proxy, made)
        assert proxy.wait_exit() == 1
    assert "inherited descriptor 3 is no stream socket that listens" \
        in proxy.log()


@pytest.mark.parametrize("count", ["-1", "many", "2000000000"])
def test_a_senseless_number_of_descriptors_is_refused(pgweir, count):
    proxy = pgweir(start=False)
    proxy.expect_exit = (1,)
    proxy.write_config()
    proxy.proc = spawn(
        ["sh", "-c", f'LISTEN_FDS={count} LISTEN_PID=$$ exec "$0" "$1"',
         proxy.binary, proxy.config_path],
        stdout=open(proxy.log_path, "ab"), stderr=subprocess.STDOUT,
        env=environment(**proxy.variables))
    assert proxy.wait_exit() == 1
    assert "LISTEN_FDS" in proxy.log()


# ---- the units --------------------------------------------------------------
@pytest.mark.skipif(not shutil.which("systemd-analyze"),
                    reason="needs systemd-analyze")
def test_the_units_are_good_and_the_service_is_confined(binary, tmp_path):
    with open(os.path.join(ETC, "pgweir.service"), encoding="utf-8") as file:
        text = file.read()
    service = write_file(str(tmp_path / "pgweir.service"), re.sub(
        "^ExecStart=/usr/bin/pgweir", f"ExecStart={binary}", text,
        flags=re.M))
    sockets = shutil.copy(os.path.join(ETC, "pgweir.socket"), str(tmp_path))
    done = run(["systemd-analyze", "verify", "--man=no", service, sockets],
               check=False, as_root=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    done = run(["systemd-analyze", "security", "--offline=yes", service],
               check=False, as_root=True)
    found = re.search(r"exposure level for pgweir.service: ([\d.]+)",
                      done.stdout)
    assert found and float(found[1]) <= 2.0, done.stdout + done.stderr
