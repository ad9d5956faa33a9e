"""SCRAM between clients and the proxy: who comes in, what others learn."""
import base64
import struct
import subprocess

import psycopg
import pytest
from psycopg import sql

import scram
import wire
from cluster import program
from procs import environment, wait_until

SECRETS = {"app": "app-secret", "alice": scram.secret_of("alice-secret"),
           "bob": scram.secret_of("bob-secret", iterations=5000),
           "direct": ""}
METHODS = ["scram-sha-256", "md5"]


@pytest.fixture
def proxy(pgweir):
    return pgweir(auth_type="scram-sha-256", secrets=SECRETS)


def refusal(conn):
    """The one error a login ends with."""
    with pytest.raises(wire.WireError) as caught:
        scram.request(conn)
    conn.assert_closed()
    assert caught.value.severity == "FATAL"
    return caught.value


# ---- who comes in -----------------------------------------------------------
@pytest.mark.parametrize("auth_type", METHODS)
@pytest.mark.parametrize("user", ["app", "alice", "bob"])
def test_psycopg_logs_in(pgweir, auth_type, user):
    proxy = pgweir(auth_type=auth_type, secrets=SECRETS)
    with proxy.connect(user=user, password=f"{user}-secret") as conn:
        assert conn.execute("select current_user").fetchone() == (user,)


def test_psql_logs_in(proxy):
    done = subprocess.run(
        [program("psql"), "-XAtc", "select current_user",
         proxy.dsn(user="alice")],
        env={**environment(), "PGPASSWORD": "alice-secret"},
        capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "alice\n"


def test_asyncpg_logs_in(proxy):
    asyncio = pytest.importorskip("asyncio")
    asyncpg = pytest.importorskip("asyncpg")

    async def run():
        conn = await asyncpg.connect(
            host=proxy.host, port=proxy.port, user="alice", database="app",
            password="alice-secret", ssl=False)
        try:
            return await conn.fetchval("select current_user")
        finally:
            await conn.close()
    assert asyncio.run(run()) == "alice"


def test_the_console_is_entered_by_scram_too(proxy):
    with proxy.connect("pgbouncer", user="admin",
                       password="admin-secret") as conn:
        assert conn.execute("show version").fetchone()
    with pytest.raises(psycopg.OperationalError):
        proxy.connect("pgbouncer", user="admin", password="wrong")


@pytest.mark.parametrize("password", [
    "gr\u00fcn-\u00e4\u00f6", "\u2168", "I\u00adX", "\u00aa",
    "\u0645e", "tab\there", "\U0001f600", "a" * 1000])
def test_passwords_beyond_ascii_are_normalised_as_postgresql_does(
        pgweir, cluster, password):
    """libpq prepares what it is given; both kinds of secret must fit that."""
    with cluster.primary.connect() as admin:
        admin.execute("drop role if exists exotic")
        admin.execute("set password_encryption = 'scram-sha-256'")
        admin.execute(sql.SQL("create role exotic login password {}").format(
            sql.Literal(password)))
        stored, = admin.execute("select rolpassword from pg_authid "
                                "where rolname = 'exotic'").fetchone()
    try:
        for secret in (password, stored):
            proxy = pgweir(auth_type="scram-sha-256",
                           secrets={"exotic": secret})
            with proxy.connect(user="exotic", password=password) as conn:
                assert conn.execute("select 1").fetchone() == (1,)
            proxy.stop()
    finally:
        with cluster.primary.connect() as admin:
            admin.execute("drop role exotic")


def test_an_initial_response_without_a_message_is_asked_for_one(proxy):
    with proxy.wire() as conn:
        scram.begin(conn)
        exchange = scram.Exchange("app-secret")
        conn.send(scram.initial(b"", length=-1))
        assert scram.request(conn) == (11, b"")
        conn.send(wire.frame("p", exchange.first()))
        code, server_first = scram.request(conn)
        assert code == 11
        conn.send(wire.frame("p", exchange.final(server_first)))
        code, server_final = scram.request(conn)
        assert code == 12
        exchange.verify(server_final)
        assert scram.request(conn) == (0, b"")
        conn.read_until("Z")
        assert conn.value("select 1") == "1"


def test_a_login_may_come_one_byte_at_a_time(proxy):
    with proxy.wire() as conn:
        exchange, server_first = scram.challenge(conn, "alice",
                                                 "alice-secret")
        conn.send_bytewise(wire.frame("p", exchange.final(server_first)),
                           wire.query("select 'next'"))
        assert scram.request(conn)[0] == 12
        conn.read_until("Z")
        assert any(got.type == "D" and b"next" in got.payload
                   for got in conn.read_until("Z"))


def test_the_protocol_is_negotiated_before_anybody_is_asked(proxy):
    """Where libpq expects it: as the first thing a server says."""
    with proxy.wire() as conn:
        conn.send(wire.startup({"user": "app", "database": "app",
                                "_pq_.unknown": "x"}))
        assert conn.read_frame().type == "v"
        assert scram.request(conn)[0] == 10


# ---- who does not -----------------------------------------------------------
@pytest.mark.parametrize("user", ["app", "alice", "nobody", "direct"])
@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_wrong_password_and_an_unknown_user_look_the_same(
        proxy, user, password):
    with proxy.wire() as conn:
        exchange, server_first = scram.challenge(conn, user, password)
        conn.send(wire.frame("p", exchange.final(server_first)))
        error = refusal(conn)
    assert error.sqlstate == "28P01"
    assert error.message == "SASL authentication failed: password " \
        f'authentication failed for user "{user}"'


def test_a_user_is_asked_the_same_each_time_known_or_not(proxy):
    def salt(user):
        with proxy.wire() as conn:
            _, server_first = scram.challenge(conn, user)
        return server_first[server_first.index(b",s="):]
    seen = {}
    for user in ("app", "nobody", "noone", "alice", "direct"):
        seen[user] = salt(user)
        assert salt(user) == seen[user]
    assert len(set(seen.values())) == len(seen)
    assert {len(base64.b64decode(text[3:text.index(b",i=")]))
            for text in seen.values()} == {16}


def test_who_is_unknown_is_asked_by_whatever_others_are_asked_by(pgweir):
    proxy = pgweir(auth_type="md5", secrets={
        name: "md5" + "0" * 32 for name in (
            "app", "alice", "bob", "monitor", "hashed", "scram", "direct")})
    with proxy.wire() as conn:
        assert scram.begin(conn, "app")[0] == 5
    with proxy.wire() as conn:
        assert scram.begin(conn, "nobody")[0] == 5
        conn.send(wire.frame("p", wire.text("md5" + "0" * 32)))
        error = refusal(conn)
    assert error.sqlstate == "28P01"
    assert error.message == \
        'password authentication failed for user "nobody"'


def test_an_md5_secret_is_no_use_for_scram_and_only_the_log_says_so(pgweir):
    proxy = pgweir(auth_type="scram-sha-256",
                   secrets={"app": "md5" + "0" * 32})
    with proxy.wire() as conn:
        exchange, server_first = scram.challenge(conn, "app")
        conn.send(wire.frame("p", exchange.final(server_first)))
        error = refusal(conn)
    assert "md5" not in error.message
    proxy.wait_for_log("login cannot succeed: the user's secret is an md5")


def test_md5_lets_in_who_knows_the_password_of_an_md5_secret(pgweir):
    import hashlib
    digest = hashlib.md5(b"app-secret" + b"app").hexdigest()
    proxy = pgweir(auth_type="md5", secrets={"app": "md5" + digest})
    with proxy.wire() as conn:
        conn.login(user="app", database="app", password="app-secret")
        assert conn.value("select 1") == "1"
    with proxy.wire() as conn, pytest.raises(wire.WireError) as caught:
        conn.login(user="app", database="app", password="app-secreT")
    assert caught.value.sqlstate == "28P01"


# ---- messages that are none -------------------------------------------------
BROKEN_FRAMES = [
    ("type Q", wire.query("select 1"), "expected SASL response"),
    ("a password", wire.frame("p", wire.text("app-secret")),
     "invalid SASL authentication mechanism"),
    ("length 3", b"p\0\0\0\3", "invalid message length"),
    ("length 0", b"p\0\0\0\0", "invalid message length"),
    ("length -1", b"p\xff\xff\xff\xff", "invalid message length"),
    ("2 GB", b"p\x7f\xff\xff\xff", "invalid message length"),
    ("1 MB", b"p" + struct.pack("!I", 1 << 20) + b"x" * (1 << 20),
     "invalid message length"),
    ("empty", b"p\0\0\0\4", "invalid SASLInitialResponse"),
    ("other mechanism", scram.initial(b"n,,n=,r=x", b"SCRAM-SHA-1"),
     "invalid SASL authentication mechanism"),
    ("PLUS without TLS",
     scram.initial(b"p=tls-server-end-point,,n=,r=x", b"SCRAM-SHA-256-PLUS"),
     "invalid SASL authentication mechanism"),
    ("lying length", scram.initial(b"n,,n=,r=x", length=10),
     "invalid SASLInitialResponse"),
    ("negative length", scram.initial(b"", length=-2),
     "invalid SASLInitialResponse"),
    ("huge length", scram.initial(b"n,,n=,r=x", length=0x7fffffff),
     "invalid SASLInitialResponse"),
    ("binding", scram.initial(b"p=tls-unique,,n=,r=x"),
     "malformed SCRAM message"),
    ("no nonce", scram.initial(b"n,,n="), "malformed SCRAM message"),
    ("a final", scram.initial(b"c=biws,r=x,p=AAAA"),
     "malformed SCRAM message"),
    ("10 KB", scram.initial(b"n,,n=,r=" + b"x" * 10000),
     "malformed SCRAM message"),
    ("NUL", scram.initial(b"n,,n=,r=x\0"), "malformed SCRAM message"),
]


@pytest.mark.parametrize("user", ["alice", "nobody"])
@pytest.mark.parametrize("what, sent, phrase", BROKEN_FRAMES,
                         ids=[row[0] for row in BROKEN_FRAMES])
def test_a_broken_first_answer_is_one_protocol_error(
        proxy, user, what, sent, phrase):
    with proxy.wire() as conn:
        scram.begin(conn, user)
        try:
            conn.send(sent)
        except (ConnectionResetError, BrokenPipeError):
            pass  # it has seen enough
        error = refusal(conn)
    assert error.sqlstate == "08P01", error
    assert phrase in error.message


BROKEN_FINALS = [
    ("empty", lambda good: b""),
    ("truncated", lambda good: good[:-10]),
    ("half", lambda good: good[:len(good) // 2]),
    ("first again", lambda good: b"n,,n=,r=x"),
    ("reordered", lambda good: b",".join(reversed(good.split(b",")))),
    ("other binding", lambda good: good.replace(b"biws", b"eSws")),
    ("other nonce", lambda good: good.replace(b",r=", b",r=x")),
    ("garbage", lambda good: good + b",x=y"),
    ("long", lambda good: good + b"x" * 5000),
]


@pytest.mark.parametrize("user", ["alice", "nobody"])
@pytest.mark.parametrize("what, change", BROKEN_FINALS,
                         ids=[row[0] for row in BROKEN_FINALS])
def test_a_broken_final_message_is_one_protocol_error(
        proxy, user, what, change):
    with proxy.wire() as conn:
        exchange, server_first = scram.challenge(conn, user, "alice-secret")
        conn.send(wire.frame("p", change(exchange.final(server_first))))
        error = refusal(conn)
    assert error.sqlstate == "08P01", error


def test_a_client_may_leave_at_every_step(proxy):
    for step in range(4):
        with proxy.wire() as conn:
            if step > 0:
                scram.begin(conn, "alice")
            if step > 1:
                conn.send(scram.initial(scram.Exchange("x").first()))
                scram.request(conn)
            if step > 2:
                conn.send(wire.frame("p", b"c=biws,r=")[:7])
    with proxy.connect(user="alice", password="alice-secret") as conn:
        assert conn.execute("select 1").fetchone() == (1,)


def test_nothing_of_an_exchange_is_logged(pgweir):
    proxy = pgweir(auth_type="scram-sha-256", secrets=SECRETS, verbose=3)
    with proxy.wire() as conn:
        exchange, server_first = scram.challenge(conn, "alice", "wrong-one")
        final = exchange.final(server_first)
        conn.send(wire.frame("p", final))
        refusal(conn)
    with proxy.connect(user="alice", password="alice-secret") as conn:
        conn.execute("select 1")
    log = proxy.log()
    for secret in (exchange.nonce, server_first, final[-44:]):
        assert secret.decode() not in log
    for secret in ("wrong-one", "alice-secret", "SCRAM-SHA-256$"):
        assert secret not in log


@pytest.mark.parametrize("user, password", [
    ("app", "app-secret"), ("alice", "alice-secret")])
def test_many_logins_at_once_all_come_in(proxy, user, password):
    conns = []
    for _ in range(50):
        conn = proxy.wire()
        conns.append((conn, *scram.challenge(conn, user, password)))
    for conn, exchange, server_first in conns:
        conn.send(wire.frame("p", exchange.final(server_first)))
    for conn, exchange, _ in conns:
        code, server_final = scram.request(conn)
        assert code == 12
        exchange.verify(server_final)
        conn.read_until("Z")
        conn.close()
    wait_until(lambda: proxy.pool(user=user) is None
               or proxy.pool(user=user)["cl_active"] == 0, 10, "all gone")
