"""Sockets: what is set on them is read back from the process's own, and dead
paths are noticed."""
import contextlib
import os
import pwd
import socket
import stat
import struct
import time

import pytest

import wire
from cluster import has_ipv6
from procs import is_root, service_user, wait_until
from sockets import come_alive, go_dead, peer_of, sockets_of

TCP_USER_TIMEOUT = 18
TCP_DEFER_ACCEPT = 9
SO_BUF_LOCK = 72
OPTIONS = {
    "keepalive": (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    "idle": (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
    "interval": (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
    "count": (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
    "user_timeout": (socket.IPPROTO_TCP, TCP_USER_TIMEOUT),
    "send_buffer": (socket.SOL_SOCKET, socket.SO_SNDBUF),
    "receive_buffer": (socket.SOL_SOCKET, socket.SO_RCVBUF),
    "fixed_size": (socket.SOL_SOCKET, SO_BUF_LOCK),
    "no_delay": (socket.IPPROTO_TCP, socket.TCP_NODELAY)}

needs_root = pytest.mark.skipif(not is_root(), reason="needs root")
needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="needs IPv6")


@contextlib.contextmanager
def all_sockets(proxy):
    found = sockets_of(proxy.pid)
    try:
        yield found
    finally:
        for each in found:
            each.close()


def is_listening(each):
    return each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1


def server_ports(proxy):
    """Our own ports towards servers; the monitor's connections, which are
    libpq's, have others."""
    return [int(row["local_port"]) for row in proxy.show("SERVERS")]


def options_of(proxy, address, ports=None):
    """What is set on the proxy's socket whose other end is ADDRESS, and whose
    own port is one of PORTS."""
    with all_sockets(proxy) as found:
        for each in found:
            if peer_of(each) == address and (
                    ports is None or each.getsockname()[1] in ports):
                return {name: each.getsockopt(*where)
                        for name, where in OPTIONS.items()}
    raise AssertionError(f"no socket to {address}")


def both_sides(proxy, cluster, conn):
    """The options towards the client CONN, and those towards its server."""
    conn.ask("select 1 for update")
    return [options_of(proxy, conn.sock.getsockname()),
            options_of(proxy, (cluster.primary.host, cluster.primary.port),
                       server_ports(proxy))]


def expect(options, **wanted):
    assert {name: options[name] for name in wanted} == wanted


# ---- keepalive and its kin --------------------------------------------------
@needs_root
def test_by_default_a_dead_path_is_noticed_within_a_minute(pgweir, cluster):
    proxy = pgweir()
    with proxy.login() as conn:
        for options in both_sides(proxy, cluster, conn):
            expect(options, keepalive=1, no_delay=1)
            # The system's own would end who is there and does not read.
            assert options["user_timeout"] == 0
            # Nothing to send, and nobody there any more.
            silence = options["idle"] \
                + options["interval"] * options["count"]
            assert silence <= 60
    shown = {row["key"]: row["value"] for row in proxy.show("CONFIG")}
    # Data sent, and nobody there to take it; looked for every eighth of it.
    assert 0 < float(shown["dead_path_timeout"]) * 9 / 8 <= 60


@needs_root
def test_keepalive_settings_are_on_both_sides(pgweir, cluster):
    proxy = pgweir(tcp_keepidle=111, tcp_keepintvl=22, tcp_keepcnt=7,
                   tcp_user_timeout=12345)
    with proxy.login() as conn:
        for options in both_sides(proxy, cluster, conn):
            expect(options, keepalive=1, idle=111, interval=22, count=7,
                   user_timeout=12345)


@needs_root
def test_what_is_set_to_0_is_the_systems(pgweir, cluster):
    proxy = pgweir(tcp_keepidle=0, tcp_keepintvl=0, tcp_keepcnt=0,
                   tcp_user_timeout=0, tcp_keepalive=0)
    with socket.socket() as fresh:
        systems = {name: fresh.getsockopt(*OPTIONS[name])
                   for name in ("idle", "interval", "count")}
    with proxy.login() as conn:
        for options in both_sides(proxy, cluster, conn):
            expect(options, keepalive=0, user_timeout=0, **systems)


@needs_root
def test_new_values_count_for_the_next_connections(pgweir, cluster):
    proxy = pgweir()
    with socket.socket() as fresh:
        system = fresh.getsockopt(*OPTIONS["idle"])
    for key, value, name, wanted in [
            ("tcp_keepidle", 99, "idle", 99), ("tcp_keepidle", 0, "idle", system),
            ("tcp_keepintvl", 9, "interval", 9), ("tcp_keepcnt", 5, "count", 5),
            ("tcp_user_timeout", 2222, "user_timeout", 2222),
            ("tcp_user_timeout", 0, "user_timeout", 0),
            ("tcp_keepalive", 0, "keepalive", 0),
            ("tcp_keepalive", 1, "keepalive", 1)]:
        proxy.console(f"SET {key} = {value}")
        proxy.console("RECONNECT")
        with proxy.login() as conn:
            # The old server may still be there for a moment.
            wait_until(lambda: [each[name] for each in both_sides(
                proxy, cluster, conn)] == [wanted, wanted], 5,
                lambda: f"{key} = {value}: {both_sides(proxy, cluster, conn)}")


@needs_root
def test_buffers_have_the_size_asked_for_until_it_is_0_again(pgweir, cluster):
    proxy = pgweir(tcp_socket_buffer=20000)
    with proxy.login() as conn:
        for options in both_sides(proxy, cluster, conn):
            expect(options, send_buffer=40000, receive_buffer=40000,
                   fixed_size=3)
        large = conn.value("select repeat('x', 3000000) for update")
        assert len(large) == 3000000
    proxy.console("SET tcp_socket_buffer = 0")
    with proxy.login() as conn:
        client = both_sides(proxy, cluster, conn)[0]
        expect(client, fixed_size=0)
        assert client["receive_buffer"] != 40000
        assert client["send_buffer"] != 40000


# ---- dead paths -------------------------------------------------------------
def reset_on_close(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))


def test_a_client_that_takes_no_more_packets_is_dropped(pgweir):
    """It is busy sending; nobody takes it."""
    proxy = pgweir(dead_path_timeout=0.7)
    conn = proxy.login()
    conn.ask("begin")
    conn.send(wire.query("select repeat('x', 1000) from"
                         " generate_series(1, 100), pg_sleep(0.01)"))
    go_dead(conn.sock)
    wait_until(lambda: not proxy.show("CLIENTS")[1:], 15,
               lambda: f"it is noticed: {proxy.show('CLIENTS')}")
    assert proxy.pool()["sv_active"] == 0
    assert "nothing acknowledged for" in proxy.log()
    reset_on_close(conn.sock)
    conn.close()


def test_a_client_that_is_there_and_does_not_read_is_left_alone(pgweir):
    """Its system answers that there is no room; that is no dead path."""
    proxy = pgweir(dead_path_timeout=0.3)
    with proxy.login(deadline=30) as conn:
        conn.send(wire.query("select repeat('x', 1000000)"
                             " from generate_series(1, 40)"))
        time.sleep(3)  # the time that is measured
        assert len(conn.read_result().rows) == 40
        assert conn.value("select 1") == "1"
    assert "nothing acknowledged" not in proxy.log()


def test_a_silent_client_that_is_gone_is_dropped(pgweir):
    """Nothing is sent: only keepalive can tell."""
    proxy = pgweir(tcp_keepidle=1, tcp_keepintvl=1, tcp_keepcnt=1)
    with proxy.login() as alive:
        conn = proxy.login()
        conn.ask("begin")
        go_dead(conn.sock)
        wait_until(lambda: proxy.pool()["cl_active"] +
                   proxy.pool()["cl_waiting"] == 1, 20,
                   lambda: f"it is noticed: {proxy.show('CLIENTS')}")
        assert proxy.pool()["sv_active"] == 0
        # Who only has nothing to say stays.
        assert alive.value("select 1") == "1"
        reset_on_close(conn.sock)
        conn.close()


@needs_root
@pytest.mark.parametrize("silent", [False, True],
                         ids=["with a query to send", "waiting for an answer"])
def test_a_server_that_is_gone_is_an_error_and_not_a_wait_for_ever(
        pgweir, cluster, silent):
    proxy = pgweir(tcp_keepidle=1, tcp_keepintvl=1, tcp_keepcnt=1,
                   dead_path_timeout=1)
    with proxy.login(deadline=20) as conn, contextlib.ExitStack() as after:
        conn.ask("begin")
        pid = int(conn.value("select pg_backend_pid() from pg_class limit 1"))
        if silent:
            conn.send(wire.query("select pg_sleep(100)"))
            wait_until(lambda: cluster.primary.backends(
                f"pid = {pid} and state = 'active'"), 10)
        with all_sockets(proxy) as found:
            mine = [each.getsockname() for each in found if peer_of(each) ==
                    (cluster.primary.host, cluster.primary.port)]
        theirs = sockets_of(pid)
        after.callback(cluster.primary.ask,
                       f"select pg_terminate_backend({pid})")
        for each in theirs:
            after.callback(each.close)
            if peer_of(each) in mine:
                go_dead(each)
                after.callback(come_alive, each)
        if not silent:
            conn.send(wire.query("select 1"))
        frames = conn.read_until("E")
        fields = wire.fields_of(frames[-1].payload)
        assert fields["C"] in ("08006", "08000", "57P01"), fields
        with proxy.login() as other:
            assert other.value("select 1 for update") == "1"


# ---- listening --------------------------------------------------------------
def listening(proxy, family):
    """The options of the sockets the proxy listens on."""
    with all_sockets(proxy) as found:
        return [{"reuse_port": each.getsockopt(socket.SOL_SOCKET,
                                               socket.SO_REUSEPORT),
                 "defer": each.getsockopt(socket.IPPROTO_TCP,
                                          TCP_DEFER_ACCEPT)
                 if family != socket.AF_UNIX else None}
                for each in found
                if is_listening(each) and each.family == family]


@needs_root
def test_defer_accept_can_be_had_and_left_out(pgweir):
    proxy = pgweir()
    assert listening(proxy, socket.AF_INET)[0]["defer"] >= 45
    with proxy.wire() as silent:  # connected, but not yet known
        assert len(proxy.show("CLIENTS")) == 1
        proxy.console("SET tcp_defer_accept = 0")
        assert listening(proxy, socket.AF_INET)[0]["defer"] == 0
        before = proxy.open_files()
        with proxy.wire():
            wait_until(lambda: proxy.open_files() > before, 5, "is known")
        silent.login(user="app", database="app")


@pytest.mark.parametrize("value", [0, 1, 45])
def test_defer_accept_takes_a_number_as_in_pgbouncer(pgweir, value):
    proxy = pgweir(tcp_defer_accept=value)
    shown = {row["key"]: row["value"] for row in proxy.show("CONFIG")}
    assert shown["tcp_defer_accept"] == str(value)


def test_the_backlog_is_as_long_as_asked_for(pgweir):
    """As many as fit wait while the process is held; ss tells the limit."""
    from procs import run
    proxy = pgweir(listen_backlog=17)
    rows = run(["ss", "-Htln", f"sport = :{proxy.port}"]).stdout.split()
    assert rows[2] == "17"
    unix = run(["ss", "-Hxl"]).stdout
    mine = [line.split() for line in unix.splitlines()
            if proxy.socket_path in line]
    assert mine[0][3] == "17"


def test_two_processes_can_share_a_port(pgweir):
    first = pgweir(so_reuseport=1)
    second = pgweir(so_reuseport=1, listen_port=first.port)
    held = []
    try:
        # The kernel chooses by address and port: in 200 tries both have some.
        for _ in range(200):
            held.append(first.login())
        counts = []
        for proxy in (first, second):
            with wire.Wire(proxy.socket_path) as console:
                console.login(user="admin", database="pgbouncer")
                counts.append(len(console.ask("show clients").rows) - 1)
        assert sum(counts) == 200
        assert min(counts) > 20, counts
        for conn in held[::10]:
            assert conn.value("select 1") == "1"
    finally:
        for conn in held:
            conn.close()


def test_without_it_a_shared_port_is_refused(pgweir):
    first = pgweir(so_reuseport=1)
    second = pgweir(start=False, listen_port=first.port)
    second.expect_exit = (1,)
    second.write_config()
    second.launch()
    assert second.wait_exit() == 1
    assert "Address already in use" in second.log()


# ---- Unix sockets -----------------------------------------------------------
def test_a_unix_socket_has_its_mode_and_group(pgweir):
    """A group that the user is in, and that it would not have by itself."""
    entry = pwd.getpwnam(service_user())
    group = ([each for each in os.getgrouplist(entry.pw_name, entry.pw_gid)
              if each != entry.pw_gid] or [entry.pw_gid])[0]
    proxy = pgweir(unix_socket_mode="0710", unix_socket_group=str(group))
    about = os.stat(proxy.socket_path)
    assert stat.S_IMODE(about.st_mode) == 0o710
    assert about.st_gid == group


def test_an_unknown_group_is_said(pgweir):
    proxy = pgweir(start=False, unix_socket_group="no-such-group")
    proxy.expect_exit = (1,)
    proxy.write_config()
    proxy.launch()
    assert proxy.wait_exit() == 1
    assert 'unix_socket_group "no-such-group" does not exist' in proxy.log()


def test_an_abstract_socket_leaves_no_file(pgweir):
    proxy = pgweir(start=False)
    name = f"@{proxy.dir}"
    proxy.settings["unix_socket_dir"] = name
    proxy.start()
    assert not os.path.exists(f"{proxy.dir}/.s.PGSQL.{proxy.port}")
    address = f"\0{proxy.dir}/.s.PGSQL.{proxy.port}"
    with wire.Wire(address) as conn:
        conn.login(user="app", database="app")
        assert conn.value("select 1") == "1"
        assert proxy.show("CLIENTS")[0]["addr"] == "unix"
    with proxy.connect(host=name) as conn:  # libpq knows them, too
        assert conn.execute("select 2").fetchone() == (2,)


@pytest.mark.parametrize("abstract", [False, True], ids=["file", "abstract"])
def test_a_server_is_reached_by_its_unix_socket(pgweir, cluster, abstract):
    node = cluster.primary
    folder = ("@" if abstract else "") + cluster.base
    proxy = pgweir(databases={
        "app": f"host={folder} port={node.port} dbname=app"})
    with proxy.login() as conn:
        assert conn.value("select inet_server_addr() is null") == "t"
        assert proxy.show("SERVERS")[0]["addr"] == "unix"


# ---- IPv6 -------------------------------------------------------------------
@needs_ipv6
def test_ipv6_on_both_sides(pgweir, cluster):
    hosts = ",".join("::1" for _ in cluster.nodes)
    ports = ",".join(str(node.port) for node in cluster.nodes)
    proxy = pgweir(listen_addr="127.0.0.1, ::1", databases={
        "app": f"host={hosts} port={ports} dbname=app"})
    with wire.Wire(("::1", proxy.port)) as conn:
        conn.login(user="app", database="app")
        assert conn.value("select inet_server_addr() for update") == "::1"
        client = [row for row in proxy.show("CLIENTS")
                  if row["database"] == "app"][0]
        assert (client["addr"], client["local_addr"]) == ("::1", "::1")
        assert {row["addr"] for row in proxy.show("SERVERS")} == {"::1"}
        conn.send(wire.query("select pg_sleep(60) for update"))
        wait_until(lambda: any(node.backends(
            "query like '%pg_sleep(60)%'") for node in cluster.nodes), 10,
            "some node sleeps")
        conn.cancel()
        assert wire.fields_of(conn.read_until("E")[-1].payload)["C"] == \
            "57014"


@needs_ipv6
@needs_root
def test_a_star_listens_on_both_families(pgweir):
    proxy = pgweir(listen_addr="*")
    for host in ("127.0.0.1", "::1"):
        with wire.Wire((host, proxy.port)) as conn:
            conn.login(user="app", database="app")
            rows = [row for row in proxy.show("CLIENTS")
                    if row["database"] == "app"]
            assert [row["addr"] for row in rows] == [host]
        wait_until(lambda: len(proxy.show("CLIENTS")) == 1, 5)
    assert len(listening(proxy, socket.AF_INET)) == 1
    assert len(listening(proxy, socket.AF_INET6)) == 1


@needs_ipv6
def test_a_name_with_both_families_is_tried_in_turn(pgweir, cluster):
    """"localhost" is ::1 and 127.0.0.1; nothing but IPv4 answers there."""
    from procs import free_port
    import threading
    port = free_port()
    done = threading.Event()

    def forward():
        """127.0.0.1:PORT only, to the primary."""
        with socket.create_server(("127.0.0.1", port)) as front:
            front.settimeout(0.1)
            while not done.is_set():
                try:
                    one, _ = front.accept()
                except TimeoutError:
                    continue
                other = socket.create_connection(
                    (cluster.primary.host, cluster.primary.port))
                for a, b in ((one, other), (other, one)):
                    threading.Thread(target=_pump, args=(a, b),
                                     daemon=True).start()

    worker = threading.Thread(target=forward)
    worker.start()
    try:
        proxy = pgweir(databases={
            "app": f"host=localhost port={port} dbname=app"})
        with proxy.login() as conn:
            assert conn.value("select 1") == "1"
            assert proxy.show("SERVERS")[0]["addr"] == "127.0.0.1"
        proxy.stop()
    finally:
        done.set()
        worker.join()


def _pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
