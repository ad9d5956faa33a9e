"""TLS between pgweir and servers: real ones, and some that cheat."""
import os
import socket
import struct
import threading

import psycopg
import pytest

import procs
import wire
from certs import Authority
from cluster import Cluster

MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


@pytest.fixture(scope="module")
def authority():
    made = Authority(prefix="pw-sca-")
    yield made
    made.remove()


class Server:
    """A PostgreSQL whose TLS can be changed."""

    def __init__(self, authority):
        self.authority = authority
        self.cluster = Cluster(replicas=0, prefix="pw-tls-").create()
        self.node = self.cluster.primary
        # By name and address; see set_certificate().
        self.good = authority.issue("server", "/CN=localhost",
                                    ["DNS:localhost", "IP:127.0.0.1"])

    def set(self, *rules, ssl="on", pair=None, ca=False):
        """RULES are the lines of pg_hba.conf for others than the tests."""
        pair = pair or self.good
        data = self.node.data
        for source, name in ((pair.cert, "server.crt"),
                             (pair.key, "server.key")):
            with open(source, encoding="ascii") as file:
                procs.write_file(os.path.join(data, name), file.read(), 0o600)
        lines = ["local all all trust", "host all direct 127.0.0.1/32 trust",
                 *(rules or ["host all all 127.0.0.1/32 trust"])]
        procs.write_file(os.path.join(data, "pg_hba.conf"),
                         "\n".join(lines) + "\n", 0o600)
        self.node.configure(
            ssl=ssl, ssl_cert_file="server.crt", ssl_key_file="server.key",
            ssl_ca_file=self.authority.cert if ca else "")
        mark = self.node.log_size()
        with self.node.connect(sslmode="disable") as conn:
            conn.execute("select pg_reload_conf()")
        procs.wait_until(lambda: "reloading configuration" in
                         self.node.log(mark), 10)
        want = ssl == "on"
        procs.wait_until(lambda: self._has_ssl() == want, 10)

    def _has_ssl(self):
        with self.node.connect(sslmode="prefer") as conn:
            return conn.pgconn.ssl_in_use

    def uses_tls(self, conn):
        return conn.execute("select ssl from pg_stat_ssl where pid ="
                            " pg_backend_pid()").fetchone()[0]


@pytest.fixture(scope="module")
def server(authority):
    made = Server(authority)
    yield made
    made.cluster.destroy()


def server_tls(mode, **more):
    return {"server_tls_sslmode": mode, "server_unreachable_timeout": "0.3",
            "auth_type": "trust", "read_write_split": "1", **more}


def through(pgweir, server, mode, host="127.0.0.1", **more):
    return pgweir(databases={
        "app": f"host={host} port={server.node.port} dbname=app"},
        cluster=server.cluster, **server_tls(mode, **more))


# ---- every mode --------------------------------------------------------------

@pytest.mark.parametrize("mode", MODES)
def test_a_server_with_tls(pgweir, server, authority, mode):
    server.set()
    proxy = through(pgweir, server, mode,
                    server_tls_ca_file=authority.cert)
    with proxy.connect() as conn:
        expected = mode not in ("disable", "allow")
        assert server.uses_tls(conn) == expected
        row = next(row for row in proxy.show("SERVERS")
                   if row["user"] == "app")
        assert row["tls"] == ("TLSv1.3/TLS_AES_256_GCM_SHA384"
                              if expected else "")
    # The monitor goes the same way.
    how = server.node.ask(
        "select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using"
        " (pid) where usename = 'monitor'")
    assert how in (None, expected)


@pytest.mark.parametrize("mode", MODES)
def test_a_server_without_tls(pgweir, server, authority, mode):
    server.set(ssl="off")
    proxy = through(pgweir, server, mode, server_tls_ca_file=authority.cert)
    if mode in ("disable", "allow", "prefer"):
        with proxy.connect() as conn:
            assert not server.uses_tls(conn)
    else:
        with pytest.raises(psycopg.OperationalError,
                           match="server does not support TLS"):
            proxy.connect()


def test_the_rules_of_a_server_decide_as_with_libpq(pgweir, server):
    only = {"with": "hostssl all all 127.0.0.1/32 trust",
            "without": "hostnossl all all 127.0.0.1/32 trust"}
    for rule, mode, ok in (
            ("with", "allow", True), ("with", "disable", False),
            ("with", "prefer", True), ("with", "require", True),
            ("without", "prefer", True), ("without", "require", False),
            ("without", "allow", True)):
        server.set(only[rule])
        proxy = through(pgweir, server, mode)
        if ok:
            with proxy.connect() as conn:
                assert server.uses_tls(conn) == (rule == "with")
        else:
            with pytest.raises(psycopg.OperationalError,
                               match="no pg_hba.conf entry"):
                proxy.connect()


def test_a_wrong_password_is_not_tried_the_other_way(pgweir, server):
    server.set("host all all 127.0.0.1/32 scram-sha-256")
    proxy = through(pgweir, server, "prefer",
                    secrets={"scram": "wrong"})
    mark = server.node.log_size()
    with pytest.raises(psycopg.OperationalError,
                       match="password authentication failed"):
        proxy.connect(user="scram", password="wrong")
    assert "connecting again" not in proxy.log()
    assert server.node.log(mark).count(
        'password authentication failed for user "scram"') == 1


# ---- whose certificate it is -------------------------------------------------

@pytest.mark.parametrize("subject, names, host, ok", [
    ("/CN=other", ["DNS:localhost"], "localhost", True),
    ("/CN=localhost", [], "localhost", True),
    ("/CN=localhost", ["DNS:other"], "localhost", False),
    ("/CN=other", [], "localhost", False),
    ("/CN=other", ["IP:127.0.0.1"], "127.0.0.1", True),
    ("/CN=127.0.0.1", [], "127.0.0.1", True),
    ("/CN=localhost", ["DNS:localhost"], "127.0.0.1", False),
    ("/CN=other", ["IP:127.0.0.2"], "127.0.0.1", False),
    ("/CN=local*", [], "localhost", False),
])
def test_verify_full_wants_the_name(
        pgweir, server, authority, subject, names, host, ok):
    pair = authority.issue("named", subject, names)
    server.set(pair=pair)
    proxy = through(pgweir, server, "verify-full", host=host,
                    server_tls_ca_file=authority.cert)
    if ok:
        with proxy.connect() as conn:
            assert server.uses_tls(conn)
    else:
        with pytest.raises(psycopg.OperationalError,
                           match="certificate verify failed"):
            proxy.connect()
        assert f'not for host "{host}"' in proxy.log()
    # To verify-ca the name is all the same.
    proxy = through(pgweir, server, "verify-ca", host=host,
                    server_tls_ca_file=authority.cert)
    proxy.connect().close()


def test_only_authorities_of_ours_count(pgweir, server, authority):
    server.set()
    stranger = Authority("Somebody else", prefix="pw-sca2-")
    try:
        for mode in ("verify-ca", "verify-full"):
            proxy = through(pgweir, server, mode,
                            server_tls_ca_file=stranger.cert)
            with pytest.raises(psycopg.OperationalError,
                               match="certificate verify failed"):
                proxy.connect()
        through(pgweir, server, "require",
                server_tls_ca_file=stranger.cert).connect().close()
        # Without a file: those of the system, who do not know it either.
        proxy = through(pgweir, server, "verify-full")
        with pytest.raises(psycopg.OperationalError,
                           match="certificate verify failed"):
            proxy.connect()
    finally:
        stranger.remove()


def test_a_server_may_want_a_certificate(pgweir, server, authority):
    server.set("hostssl all all 127.0.0.1/32 cert", ca=True)
    ours = authority.issue("ours", "/CN=app")
    proxy = through(pgweir, server, "require", server_tls_cert_file=ours.cert,
                    server_tls_key_file=ours.key)
    with proxy.connect() as conn:
        assert server.uses_tls(conn)
        assert conn.execute(
            "select client_dn from pg_stat_ssl where pid = pg_backend_pid()"
        ).fetchone()[0] == "/CN=app"
    proxy = through(pgweir, server, "require")
    with pytest.raises(psycopg.OperationalError,
                       match="requires a valid client certificate"):
        proxy.connect()


# ---- changes -----------------------------------------------------------------

def test_files_for_servers_are_read_again_when_they_change(
        pgweir, server, authority):
    server.set("hostssl all all 127.0.0.1/32 cert", ca=True)
    stranger = Authority("Somebody else", prefix="pw-sca2-")
    try:
        ours = stranger.issue("ours", "/CN=app")
        trusted = os.path.join(stranger.dir, "trusted.crt")
        procs.write_file(trusted, open(stranger.cert, encoding="ascii").read())
        proxy = through(pgweir, server, "verify-full",
                        server_tls_ca_file=trusted,
                        server_tls_cert_file=ours.cert,
                        server_tls_key_file=ours.key)
        with pytest.raises(psycopg.OperationalError,
                           match="certificate verify failed"):
            proxy.connect()
        mark = proxy.log_size()
        authority.issue("theirs", "/CN=app").copy_to(ours)
        procs.write_file(trusted, open(authority.cert, encoding="ascii").read())
        proxy.wait_for_log("were read again", since=mark)

        def comes_in():
            try:
                proxy.connect().close()
                return True
            except psycopg.OperationalError:
                return False
        procs.wait_until(comes_in, 10, "servers are logged in to")
    finally:
        stranger.remove()


def test_a_changed_mode_replaces_connections(pgweir, server):
    server.set()
    proxy = through(pgweir, server, "disable")
    with proxy.connect() as conn:
        assert not server.uses_tls(conn)
        proxy.console("SET server_tls_sslmode = require")
        procs.wait_until(lambda: server.uses_tls(conn), 5)
        proxy.write_config(server_tls_sslmode="disable")
        proxy.console("RELOAD")
        procs.wait_until(lambda: not server.uses_tls(conn), 5)


def test_a_cancel_goes_as_its_connection_does(pgweir, server, authority):
    server.set()
    proxy = through(pgweir, server, "verify-full",
                    server_tls_ca_file=authority.cert)
    with proxy.connect() as conn:
        for _ in range(3):
            timer = threading.Timer(0.3, conn.cancel)
            timer.start()
            with pytest.raises(psycopg.errors.QueryCanceled):
                conn.execute("select pg_sleep(30)")
            timer.join()
        assert conn.execute("select 1").fetchone() == (1,)
    assert "cancel request failed" not in proxy.log()


# ---- work --------------------------------------------------------------------

def test_much_data_passes_both_ways_over_tls_on_both_sides(
        pgweir, server, authority):
    server.set()
    proxy = through(
        pgweir, server, "verify-full", server_tls_ca_file=authority.cert,
        client_tls_sslmode="require", client_tls_cert_file=server.good.cert,
        client_tls_key_file=server.good.key)
    with proxy.connect(sslmode="require") as conn:
        assert server.uses_tls(conn)
        got = conn.execute("select repeat('abcdefghij', 10000000)"
                           ).fetchone()[0]
        assert got == "abcdefghij" * 10000000
        got = conn.execute("select length(%s::text)",
                           ("x" * 20000000,)).fetchone()[0]
        assert got == 20000000
        conn.execute("create temp table c (t text)")
        with conn.cursor().copy("copy c from stdin") as copy:
            for _ in range(2000):
                copy.write("y" * 9999 + "\n")
        size = 0
        with conn.cursor().copy("copy c to stdout") as copy:
            for data in copy:
                size += len(data)
        assert size == 2000 * 10000
        with conn.pipeline():
            cursors = [conn.execute("select %s::int", (number,))
                       for number in range(3000)]
            assert [c.fetchone()[0] for c in cursors] == list(range(3000))


# ---- servers that cheat ------------------------------------------------------

class Cheat:
    """A server that answers the request for TLS with SAYS, whatever comes."""

    def __init__(self, says, go_on=None):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.says, self.go_on = says, go_on
        self.requests = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            with conn:
                conn.settimeout(5)
                try:
                    self.requests.append(conn.recv(8))
                    conn.sendall(self.says)
                    if self.go_on is not None:
                        self.go_on(conn)
                    while conn.recv(4096):
                        pass
                except OSError:
                    pass

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join()


def an_error(message):
    body = b"SFATAL\0C53300\0M" + message + b"\0\0"
    return b"E" + struct.pack("!I", len(body) + 4) + body


def nonsense(conn):
    """In the midst of the handshake."""
    conn.recv(4096)
    conn.sendall(b"nonsense" * 10)


def hang_up(conn):
    conn.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("says, go_on, complaint", [
    (b"S" + b"R\0\0\0\x08\0\0\0\0", None, "received unencrypted data after"),
    (b"S\x16", None, "received unencrypted data after SSL response"),
    (b"S", nonsense, "TLS handshake: "),
    (b"S", hang_up, "closed the connection unexpectedly"),
    (b"X", None, "received invalid response to TLS negotiation"),
    (b"N", None, "server does not support TLS"),
    (an_error(b"FORGED: call 555-1234"), None,
     "server sent an error response during TLS exchange"),
    (b"E", None, "server sent an error response during TLS exchange"),
    (b"E\xff\xff\xff\xff", None, "server sent an error response during TLS"),
    (b"", hang_up, "closed the connection unexpectedly"),
])
def test_a_server_that_cheats_gets_nothing(pgweir, says, go_on, complaint):
    cheat = Cheat(says, go_on)
    try:
        proxy = pgweir(databases={
            "app": f"host=127.0.0.1 port={cheat.port} dbname=app"},
            monitor_user="", **server_tls("require"))
        with pytest.raises(psycopg.OperationalError) as caught:
            proxy.connect()
        assert complaint in str(caught.value)
        assert "FORGED" not in str(caught.value)
        assert ("FORGED" in proxy.log()) == (b"FORGED" in says)
        # Not a word about who wants in has left.
        assert set(cheat.requests) == {wire.request(wire.SSL_REQUEST)}
    finally:
        cheat.close()


def test_a_server_that_fails_over_tls_is_reached_without_if_it_may(pgweir):
    cheat = Cheat(b"S", nonsense)
    try:
        proxy = pgweir(databases={
            "app": f"host=127.0.0.1 port={cheat.port} dbname=app"},
            monitor_user="", **server_tls("prefer"))
        with pytest.raises(psycopg.OperationalError):
            proxy.connect()
        procs.wait_until(lambda: any(
            request[4:8] == b"\0\3\0\0" for request in cheat.requests), 5)
        proxy.wait_for_log("connecting again without TLS")
    finally:
        cheat.close()


# ---- secrets -----------------------------------------------------------------

@pytest.fixture
def unlisted(server):
    """A user that only the server knows."""
    with server.node.connect() as conn:
        conn.execute("create role aq_tls login password 'aq_tls-secret'")
    yield "aq_tls"
    server.set()
    with server.node.connect() as conn:
        conn.execute("drop role aq_tls")


@pytest.mark.parametrize("mode", MODES)
def test_secrets_are_asked_for_by_tls_as_well(
        pgweir, server, authority, unlisted, mode):
    server.set()
    proxy = through(pgweir, server, mode, auth_type="plain",
                    auth_user="direct", server_tls_ca_file=authority.cert)
    with proxy.connect(user=unlisted) as conn:
        assert conn.execute("select current_user").fetchone() == (unlisted,)
    used = server.node.ask(
        "select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using"
        " (pid) where application_name = 'pgweir auth_query'")
    assert used == (mode not in ("disable", "allow"))


def test_secrets_are_not_asked_of_a_stranger(
        pgweir, server, authority, unlisted):
    server.set(pair=authority.issue("other", "/CN=other.example",
                                    ["DNS:other.example"]))
    mark = server.node.log_size()
    proxy = through(pgweir, server, "verify-full", auth_type="plain",
                    auth_user="direct", server_tls_ca_file=authority.cert)
    with pytest.raises(psycopg.OperationalError, match="cannot be reached"):
        proxy.connect(user=unlisted)
    assert "cannot connect for auth_query" in proxy.log()
    assert "pgweir auth_query" not in server.node.log(mark)


def test_the_login_to_a_server_is_bound_to_its_channel(pgweir, server):
    server.set("hostssl all all 127.0.0.1/32 scram-sha-256")
    proxy = through(pgweir, server, "require",
                    secrets={"scram": "scram-secret"})
    with proxy.connect(user="scram") as conn:
        assert server.uses_tls(conn)
        assert conn.execute("select 1").fetchone() == (1,)
