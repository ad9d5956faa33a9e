"""TLS between clients and pgweir."""
import os
import re
import socket
import ssl
import subprocess
import threading
import time

import psycopg
import pytest

import procs
import wire
from certs import Authority

SSL_REQUEST = wire.request(80877103)
MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


@pytest.fixture(scope="module")
def authority():
    made = Authority()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("proxy", "/CN=localhost",
                           ["DNS:localhost", "IP:127.0.0.1"])


@pytest.fixture(scope="module")
def alice(authority):
    """A client's certificate, with a key where libpq lets us use it."""
    made = authority.issue("alice", "/O=Example/CN=alice")
    os.chown(made.key, os.geteuid(), os.getegid())
    return made


def client_tls(pair, mode="require", **more):
    return {"client_tls_sslmode": mode, "client_tls_cert_file": pair.cert,
            "client_tls_key_file": pair.key, **more}


@pytest.fixture(scope="module")
def tls_proxy(request, cluster, authority, pair):
    from conftest import Factory
    factory = Factory(request, cluster)
    yield factory(**client_tls(pair, "prefer"))
    factory.end()


def start_tls(conn, context=None):
    """CONN, a raw connection, goes on with TLS; without checks by default."""
    context = context or anything()
    conn.send(SSL_REQUEST)
    assert conn.read_exact(1) == b"S"
    conn.sock = context.wrap_socket(conn.sock, server_hostname="localhost")
    return conn


def anything():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


# ---- clients: every mode of theirs against every mode of ours ----------------

def is_accepted(ours, theirs):
    """What PostgreSQL itself would do with "ssl = on" and hostssl lines."""
    if ours == "disable":
        return theirs in ("disable", "allow", "prefer")
    if ours in ("allow", "prefer"):
        return True
    return theirs != "disable"


@pytest.mark.parametrize("ours", MODES)
def test_every_sslmode_of_libpq_meets_every_mode_of_ours(
        pgweir, authority, pair, alice, ours):
    more = {"client_tls_ca_file": authority.cert} \
        if ours.startswith("verify") else {}
    proxy = pgweir(**client_tls(pair, ours, **more))
    for theirs in MODES:
        words = {"sslmode": theirs, "sslrootcert": authority.cert,
                 "sslcert": alice.cert, "sslkey": alice.key,
                 "host": "localhost", "hostaddr": "127.0.0.1"}
        if not is_accepted(ours, theirs):
            with pytest.raises(psycopg.OperationalError):
                proxy.connect(**words)
            continue
        with proxy.connect(**words) as conn:
            assert conn.execute("select 7").fetchone() == (7,)
            # libpq's allow begins without; where that is refused it tries
            # again with.
            encrypted = ours != "disable" and theirs != "disable" and (
                theirs != "allow" or ours not in ("allow", "prefer"))
            assert conn.pgconn.ssl_in_use == encrypted, (ours, theirs)


def test_the_console_says_version_and_cipher(tls_proxy):
    with tls_proxy.connect(sslmode="require") as conn:
        conn.execute("select 1")
        rows = [row for row in tls_proxy.show("CLIENTS")
                if row["user"] == "app"]
        assert [row["tls"] for row in rows] == [
            "TLSv1.3/TLS_AES_256_GCM_SHA384"]
    with tls_proxy.connect(sslmode="disable") as conn:
        rows = [row for row in tls_proxy.show("CLIENTS")
                if row["user"] == "app"]
        assert [row["tls"] for row in rows] == [""]


def test_who_must_use_tls_is_told_so(pgweir, pair):
    proxy = pgweir(**client_tls(pair))
    with pytest.raises(psycopg.OperationalError, match="SSL required"):
        proxy.connect(sslmode="disable")
    with wire.Wire((proxy.host, proxy.port)) as conn:
        with pytest.raises(wire.WireError) as caught:
            conn.login(user="app", database="app")
        assert caught.value.sqlstate == "28000"
        assert "sslmode=require" in caught.value.fields["H"]
    with proxy.wire(unix=True) as conn:
        conn.send(SSL_REQUEST)
        assert conn.read_exact(1) == b"N"
        conn.login(user="app", database="app")


# ---- clients: what the network may do to a handshake -------------------------

def handshake_bytewise(conn, context=None, direct=False):
    """A whole handshake of CONN's, one byte per segment in our direction.
    Returns functions that send and receive through it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = (context or anything()).wrap_bio(incoming, outgoing,
                                           server_hostname="localhost")
    if not direct:
        conn.send_bytewise(SSL_REQUEST)
        assert conn.read_exact(1) == b"S"

    def step(action):
        while True:
            try:
                result = action()
                conn.send_bytewise(outgoing.read())
                return result
            except ssl.SSLWantReadError:
                conn.send_bytewise(outgoing.read())
                data = conn.sock.recv(65536)
                if not data:
                    incoming.write_eof()
                incoming.write(data)

    step(tls.do_handshake)
    return (lambda data: step(lambda: tls.write(data)),
            lambda: step(lambda: tls.read(65536)))


def test_a_handshake_may_come_byte_by_byte(tls_proxy):
    with tls_proxy.wire() as conn:
        send, receive = handshake_bytewise(conn)
        send(wire.startup({"user": "app", "database": "app"}))
        answer = receive()
        while not answer.endswith(b"I"):
            answer += receive()
        send(wire.query("select 'byte by byte'"))
        answer = receive()
        while not answer.endswith(b"I"):
            answer += receive()
        assert b"byte by byte" in answer


@pytest.mark.parametrize("extra", [
    b"\x00", wire.startup({"user": "app", "database": "app"}),
    b"\x16\x03\x01" + b"x" * 600])
def test_bytes_behind_the_request_are_not_taken_for_tls(tls_proxy, extra):
    with tls_proxy.wire() as conn:
        conn.send(SSL_REQUEST + extra)
        got = conn.read_frame()
        assert got.type == "E"
        fields = wire.fields_of(got.payload)
        assert (fields["S"], fields["C"]) == ("FATAL", "08P01")
        assert "unencrypted data" in fields["M"]
        conn.assert_closed()


def test_tls_is_not_begun_twice(tls_proxy):
    with tls_proxy.wire() as conn:
        start_tls(conn)
        conn.send(SSL_REQUEST)
        fields = wire.fields_of(conn.read_frame().payload)
        assert fields["C"] == "08P01"
        assert "within TLS" in fields["M"]


def test_gss_is_declined_with_and_without_tls(tls_proxy):
    with tls_proxy.wire() as conn:
        conn.send(wire.request(wire.GSSENC_REQUEST))
        assert conn.read_exact(1) == b"N"
        start_tls(conn).login(user="app", database="app")
        assert conn.value("select 1") == "1"


def test_what_is_no_tls_ends_the_connection(tls_proxy):
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" * 99,
                     b"\x00" * 4000):
        with tls_proxy.wire() as conn:
            conn.send(SSL_REQUEST)
            assert conn.read_exact(1) == b"S"
            conn.send(nonsense)
            conn.assert_closed()
    tls_proxy.wait_for_log("TLS handshake: ")


def test_who_vanishes_in_a_handshake_or_a_record_leaves_nothing(tls_proxy):
    before = tls_proxy.open_files()
    hello = ssl.MemoryBIO()
    tls = anything().wrap_bio(ssl.MemoryBIO(), hello)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = hello.read()
    for cut in (0, 1, 5, 40, len(hello) - 1, len(hello)):
        with tls_proxy.wire() as conn:
            conn.send(SSL_REQUEST)
            conn.read_exact(1)
            conn.send(hello[:cut])
    with tls_proxy.wire() as conn:
        start_tls(conn).login(user="app", database="app")
        raw = socket.socket(fileno=os.dup(conn.sock.fileno()))
        raw.sendall(b"\x17\x03\x03\x40\x00half a record")
        raw.close()
    procs.wait_until(lambda: tls_proxy.open_files() <= before + 12, 10)
    procs.wait_until(lambda: not [row for row in tls_proxy.show("SOCKETS")
                                  if row["type"] == "C" and
                                  row["user"] != "admin"], 10)


def test_a_handshake_that_is_not_gone_on_with_is_ended(pgweir, pair):
    proxy = pgweir(**client_tls(pair, client_login_timeout="0.5"))
    with wire.Wire((proxy.host, proxy.port)) as conn:
        conn.send(SSL_REQUEST)
        conn.read_exact(1)
        conn.assert_closed()
    proxy.wait_for_log("client_login_timeout")


def test_a_cancel_request_comes_by_tls_too(tls_proxy):
    with tls_proxy.wire() as conn:
        start_tls(conn).login(user="app", database="app")
        conn.send(wire.query("select pg_sleep(30)"))
        procs.wait_until(lambda: [row for row in tls_proxy.show("SERVERS")
                                  if row["state"] == "active"], 10)
        time.sleep(0.05)
        with tls_proxy.wire() as other:
            start_tls(other).send(wire.request(wire.CANCEL_REQUEST, conn.key))
            other.assert_closed()
        with pytest.raises(wire.WireError, match="57014"):
            conn.read_result()


# ---- direct TLS and sessions: openssl s_client -------------------------------

def s_client(proxy, *args, send=b"", starttls=False):
    """What "openssl s_client" says and gets when it sends SEND."""
    command = ["openssl", "s_client", "-connect",
               f"{proxy.host}:{proxy.port}", "-ign_eof", *args]
    if starttls:
        command += ["-starttls", "postgres"]
    done = subprocess.run(command, input=send, timeout=20, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout


def startup_and_query():
    return (wire.startup({"user": "app", "database": "app"}) +
            wire.query("select 'by ' || 'TLS'") + wire.terminate())


def test_direct_tls_with_alpn(tls_proxy):
    said = s_client(tls_proxy, "-alpn", "postgresql",
                    send=startup_and_query())
    assert b"ALPN protocol: postgresql" in said
    assert b"by TLS" in said


def test_direct_tls_byte_by_byte(tls_proxy):
    context = anything()
    context.set_alpn_protocols(["postgresql"])
    with tls_proxy.wire() as conn:
        send, receive = handshake_bytewise(conn, context, direct=True)
        send(startup_and_query())
        answer = receive()
        while b"by TLS" not in answer:
            answer += receive()


def test_direct_tls_has_to_say_what_it_is_for(tls_proxy):
    said = s_client(tls_proxy, send=startup_and_query())
    assert b"without ALPN protocol negotiation extension" in said
    assert b"08P01" in said
    assert b"by TLS" not in said
    said = s_client(tls_proxy, "-alpn", "http/1.1", send=startup_and_query())
    assert b"no application protocol" in said
    # Who has asked first may say nothing, but nothing else.
    assert b"by TLS" in s_client(tls_proxy, starttls=True,
                                 send=startup_and_query())
    assert b"no application protocol" in s_client(
        tls_proxy, "-alpn", "http/1.1", starttls=True)


def test_direct_tls_where_there_is_none(pgweir):
    proxy = pgweir()
    said = s_client(proxy, "-alpn", "postgresql", send=startup_and_query())
    assert b"by TLS" not in said
    proxy.wait_for_log("direct TLS connections are not accepted here")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_session_is_resumed(tls_proxy, tmp_path, version):
    ticket = str(tmp_path / "session")
    first = s_client(tls_proxy, "-alpn", "postgresql", version, "-sess_out",
                     ticket, send=startup_and_query())
    assert b"New, TLSv1" in first and b"by TLS" in first
    second = s_client(tls_proxy, "-alpn", "postgresql", version, "-sess_in",
                      ticket, send=startup_and_query())
    assert b"Reused, TLSv1" in second and b"by TLS" in second
    tls_proxy.wait_for_log("(resumed)")


@pytest.mark.parametrize("settings, arguments, ok", [
    ({"client_tls_protocols": "tlsv1.2"}, ["-tls1_2"], True),
    ({"client_tls_protocols": "tlsv1.2"}, ["-tls1_3"], False),
    ({"client_tls_protocols": "tlsv1.3"}, ["-tls1_2"], False),
    ({"client_tls_protocols": "secure"}, ["-tls1_1"], False),
    ({"client_tls13_ciphers": "TLS_CHACHA20_POLY1305_SHA256"},
     ["-ciphersuites", "TLS_AES_128_GCM_SHA256", "-tls1_3"], False),
    ({"client_tls_ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256"},
     ["-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256", "-tls1_2"], True),
    ({"client_tls_ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256"},
     ["-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384", "-tls1_2"], False),
    ({"client_tls_ecdhcurve": "secp384r1"}, ["-groups", "P-384"], True),
    ({"client_tls_ecdhcurve": "secp384r1"}, ["-groups", "P-256"], False),
])
def test_versions_ciphers_and_curves_are_as_set(
        pgweir, pair, settings, arguments, ok):
    proxy = pgweir(**client_tls(pair, **settings))
    said = s_client(proxy, "-alpn", "postgresql", *arguments,
                    send=startup_and_query())
    assert (b"by TLS" in said) == ok, said


# ---- certificates of clients -------------------------------------------------

def test_clients_need_a_certificate_where_it_is_verified(
        pgweir, authority, pair, alice):
    stranger = Authority("Somebody else", prefix="pw-ca2-")
    try:
        theirs = stranger.issue("alice", "/CN=alice")
        os.chown(theirs.key, os.geteuid(), os.getegid())
        proxy = pgweir(**client_tls(pair, "verify-full",
                                    client_tls_ca_file=authority.cert))
        words = {"sslmode": "require", "sslcert": "/none", "sslkey": "/none"}
        with pytest.raises(psycopg.OperationalError, match="certificate"):
            proxy.connect(**words)
        with pytest.raises(psycopg.OperationalError, match="unknown ca"):
            proxy.connect(sslmode="require", sslcert=theirs.cert,
                          sslkey=theirs.key)
        proxy.wait_for_log("certificate verify failed (unable to get local "
                           "issuer certificate)")
        proxy.connect(sslmode="require", sslcert=alice.cert,
                      sslkey=alice.key).close()
        # Where it is not asked for, a strange one does no harm.
        open_door = pgweir(**client_tls(pair, "require",
                                        client_tls_ca_file=authority.cert))
        open_door.connect(**words).close()
        open_door.connect(sslmode="require", sslcert=theirs.cert,
                          sslkey=theirs.key).close()
    finally:
        stranger.remove()


# ---- certificates that are replaced ------------------------------------------

def served_serial(proxy):
    """The serial number of the certificate that is shown to clients now."""
    said = s_client(proxy, starttls=True, send=startup_and_query())
    cert = re.search(rb"-----BEGIN.*?END CERTIFICATE-----", said, re.S)[0]
    return subprocess.run(["openssl", "x509", "-noout", "-serial"],
                          input=cert, capture_output=True,
                          check=True).stdout.strip()


@pytest.fixture
def renewable(authority):
    """A pair that a test may replace."""
    return authority.issue("renewable", "/CN=localhost")


def test_certificates_are_renewed_under_load(pgweir, authority, renewable):
    proxy = pgweir(**client_tls(renewable))
    failures, count, stop = [], [0], threading.Event()

    def work():
        while not stop.is_set():
            try:
                with proxy.connect(sslmode="verify-full", host="localhost",
                                   hostaddr="127.0.0.1",
                                   sslrootcert=authority.cert) as conn:
                    conn.execute("select 1")
                    count[0] += 1
            except psycopg.Error as problem:
                failures.append(str(problem))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        with proxy.connect(sslmode="require") as old:
            for number in range(3):
                mark = proxy.log_size()
                before = served_serial(proxy)
                authority.issue(f"next{number}", "/CN=localhost")
                authority.issue(f"next{number}", "/CN=localhost").copy_to(
                    renewable)
                if number == 2:
                    proxy.console("RELOAD")
                else:
                    proxy.wait_for_log("were read again", since=mark)
                assert served_serial(proxy) != before
            assert old.execute("select 1").fetchone() == (1,)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures and count[0] > 20, (count, failures[:3])
    assert "ERROR" not in proxy.log()


def test_a_broken_certificate_leaves_the_old_one_in_force(
        pgweir, authority, renewable, tmp_path):
    proxy = pgweir(**client_tls(renewable))
    ticket = str(tmp_path / "session")
    s_client(proxy, starttls=True, send=startup_and_query())
    s_client(proxy, "-alpn", "postgresql", "-sess_out", ticket,
             send=startup_and_query())
    before = served_serial(proxy)
    good = open(renewable.key, encoding="ascii").read()
    mark = proxy.log_size()
    procs.write_file(renewable.key, "broken\n", 0o600)
    proxy.wait_for_log("stay in force", since=mark)
    line = next(line for line in proxy.log(mark).splitlines()
                if "stay in force" in line)
    assert "ERROR" in line and renewable.key in line
    assert served_serial(proxy) == before
    # A reload says the same, with file and line, and changes nothing.
    with pytest.raises(wire.WireError):
        proxy.console("RELOAD")
    assert re.search(r"pgweir\.ini:\d+: TLS setup failed: client_tls_key_file",
                     proxy.log(mark))
    assert served_serial(proxy) == before
    # Another setting can be changed meanwhile.
    proxy.console("SET verbose = 0")
    assert served_serial(proxy) == before
    os.unlink(renewable.key)
    proxy.wait_for_log("No such file or directory", since=mark)
    assert proxy.log(mark).count("stay in force") == 2
    fresh = authority.issue("fresh", "/CN=localhost")
    fresh.copy_to(renewable)
    proxy.wait_for_log("were read again", since=mark)
    assert served_serial(proxy) != before
    assert good != open(renewable.key, encoding="ascii").read()
    # And who has a ticket from before comes back with it.
    said = s_client(proxy, "-alpn", "postgresql", "-sess_in", ticket,
                    send=startup_and_query())
    assert b"Reused, TLSv1.3" in said


@pytest.mark.parametrize("change, complaint", [
    ({"client_tls_key_file": None}, "client_tls_sslmode needs"),
    ({"client_tls_cert_file": "/nowhere.crt"},
     "client_tls_cert_file: cannot open"),
    ({"client_tls_sslmode": "verify-ca"}, "client_tls_ca_file"),
    ({"client_tls_ciphers": "NO-SUCH-CIPHER"}, "client_tls_ciphers"),
    ({"client_tls13_ciphers": "NO_SUCH"},
     "failed to set the TLSv1.3 cipher suites"),
    ({"client_tls_protocols": "tlsv9"}, "names no versions of TLS"),
    ({"client_tls_ecdhcurve": "nosuch"}, "is no curve"),
    ({"client_tls_dheparams": "nosuch"}, "auto, legacy, none"),
    ({"server_tls_sslmode": "verify-ca"}, "needs server_tls_ca_file"),
    ({"server_tls_sslmode": "require", "server_tls_cert_file": "CERT"},
     "belong together"),
    ({"client_tls_key_file": "OTHER"}, "does not belong to the certificate"),
    ({"client_tls_cert_file": "KEY"}, "there is none in it"),
])
def test_what_is_wrong_is_said_with_file_and_line(
        pgweir, authority, pair, change, complaint):
    other = authority.issue("other", "/CN=other")
    names = {"OTHER": other.key, "KEY": pair.key, "CERT": pair.cert}
    change = {key: names.get(value, value) for key, value in change.items()}
    proxy = pgweir(start=False)
    proxy.write_config(**{**client_tls(pair), **change})
    done = procs.run([proxy.binary, "--check", proxy.config_path], check=False)
    assert done.returncode != 0
    line = next(line for line in done.stderr.splitlines()
                if complaint in line)
    assert re.match(r"/\S+pgweir\.ini:\d+: ", line), line


def test_a_passphrase_is_not_waited_for(pgweir, authority, pair):
    locked = os.path.join(authority.dir, "locked.key")
    subprocess.run(["openssl", "pkey", "-in", pair.key, "-aes256", "-passout",
                    "pass:secret", "-out", locked], check=True)
    procs.give(locked)
    proxy = pgweir(start=False)
    proxy.write_config(**client_tls(pair, client_tls_key_file=locked))
    done = procs.run([proxy.binary, "--check", proxy.config_path], check=False)
    assert "is protected by a passphrase" in done.stderr


# ---- work --------------------------------------------------------------------

def test_much_data_passes_both_ways(tls_proxy):
    with tls_proxy.connect(sslmode="require") as conn:
        conn.execute("create table if not exists tls_copy (t text)")
        conn.execute("truncate tls_copy")
        row = "x" * 9999 + "\n"
        with conn.cursor().copy("copy tls_copy from stdin") as copy:
            for _ in range(3000):
                copy.write(row)
        assert conn.execute("select count(*), sum(length(t)) from tls_copy"
                            ).fetchone() == (3000, 3000 * 9999)
        size = 0
        with conn.cursor().copy("copy tls_copy to stdout") as copy:
            for data in copy:
                size += len(data)
        assert size == 3000 * 10000
        got = conn.execute("select repeat('abcdefghij', 10000000)"
                           ).fetchone()[0]
        assert got == "abcdefghij" * 10000000
        # And what comes in many records that fill no read.
        got = conn.execute("select repeat('z', i) from generate_series(1, 3000)"
                           " i").fetchall()
        assert [len(text) for text, in got] == list(range(1, 3001))
        conn.execute("drop table tls_copy")


def test_who_does_not_read_stops_the_flow(tls_proxy):
    before = tls_proxy.memory_bytes()
    with tls_proxy.wire(deadline=30) as conn:
        start_tls(conn).login(user="app", database="app")
        conn.send(wire.query(
            "select repeat('x', 1000000) from generate_series(1, 60)"))
        time.sleep(0.5)
        assert tls_proxy.memory_bytes() - before < 8 << 20
        assert len(conn.read_result().rows) == 60


def test_ten_thousand_small_queries(tls_proxy):
    with tls_proxy.connect(sslmode="require") as conn:
        for number in range(5000):
            assert conn.execute("select %s::int", (number,)).fetchone() == (
                number,)
        with conn.pipeline():
            cursors = [conn.execute("select %s::int", (number,))
                       for number in range(5000)]
            assert [c.fetchone()[0] for c in cursors] == list(range(5000))


def test_psql_and_asyncpg_come_by_tls(tls_proxy, authority):
    import asyncio
    import asyncpg
    done = procs.run(
        ["psql", "-XAt", tls_proxy.dsn(
            sslmode="verify-full", sslrootcert=authority.cert,
            host="localhost", hostaddr="127.0.0.1", sslcert="/none"),
         "-c", r"\conninfo", "-c", "select 42"])
    assert "TLSv1.3" in done.stdout and "42" in done.stdout

    async def ask():
        conn = await asyncpg.connect(
            host=tls_proxy.host, port=tls_proxy.port, user="app",
            database="app", password="app-secret",
            ssl=ssl.create_default_context(cafile=authority.cert))
        try:
            return await conn.fetchval("select 43")
        finally:
            await conn.close()

    assert asyncio.run(ask()) == 43


# ---- logging in --------------------------------------------------------------

def test_a_scram_login_is_bound_to_its_channel(pgweir, pair):
    proxy = pgweir(auth_type="scram-sha-256", **client_tls(pair, "prefer"))
    with proxy.connect(sslmode="require", channel_binding="require") as conn:
        assert conn.execute("select 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="channel binding"):
        proxy.connect(sslmode="disable", channel_binding="require")
    # Somebody in between with a certificate of his own is found out.
    with pytest.raises(psycopg.OperationalError,
                       match="channel binding check failed"):
        with between(proxy, pair) as port:
            proxy.connect(sslmode="require", channel_binding="require",
                          port=port)


class between:
    """Decrypts and encrypts again on the way, with another certificate."""

    def __init__(self, proxy, pair):
        self.proxy = proxy
        self.authority = Authority("In between", prefix="pw-mitm-")
        self.pair = self.authority.issue("mitm", "/CN=localhost")
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self.sock.getsockname()[1]

    def __exit__(self, *_):
        self.sock.close()
        self.thread.join()
        self.authority.remove()

    def serve(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pair.cert, self.pair.key)
        client, _ = self.sock.accept()
        while client.recv(8) != SSL_REQUEST:
            client.sendall(b"N")  # to GSS
        client.sendall(b"S")
        client = context.wrap_socket(client, server_side=True)
        with self.proxy.wire() as server:
            start_tls(server)
            one = threading.Thread(target=pump, args=(client, server.sock))
            one.start()
            pump(server.sock, client)
            one.join()
        client.close()


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def test_a_certificate_says_who_somebody_is(pgweir, authority, pair, alice):
    proxy = pgweir(start=False, auth_type="cert", **client_tls(
        pair, "verify-full", client_tls_ca_file=authority.cert))
    proxy.write_config()
    proxy.launch()  # the console would want a certificate, too
    proxy.wait_for_log("process up")
    words = {"sslmode": "require", "sslcert": alice.cert, "sslkey": alice.key}
    with proxy.connect(user="alice", **words) as conn:
        assert conn.execute("select current_user").fetchone() == ("alice",)
    with pytest.raises(psycopg.OperationalError):
        proxy.connect(user="bob", **words)
