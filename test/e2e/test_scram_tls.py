"""SCRAM bound to the TLS connection it takes place in."""
import hashlib
import ssl

import psycopg
import pytest

import scram
import wire
from certs import Authority
from conftest import Factory
from test_tls import client_tls, start_tls
from test_tls_servers import Server, through

PLUS = b"SCRAM-SHA-256-PLUS"


@pytest.fixture(scope="module")
def authority():
    made = Authority(prefix="pw-bca-")
    yield made
    made.remove()


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("proxy", "/CN=localhost",
                           ["DNS:localhost", "IP:127.0.0.1"])


@pytest.fixture(scope="module")
def proxy(request, cluster, pair):
    factory = Factory(request, cluster)
    yield factory(auth_type="scram-sha-256", secrets={
        "alice": scram.secret_of("alice-secret")},
        **client_tls(pair, "allow"))
    factory.end()


def end_point(pair):
    """The certificate's hash, as RFC 5929 has it for SHA-256."""
    with open(pair.cert, encoding="ascii") as file:
        der = ssl.PEM_cert_to_DER_cert(file.read())
    return hashlib.sha256(der).digest()


@pytest.mark.parametrize("user", ["alice", "app"])
@pytest.mark.parametrize("binding", ["require", "prefer", "disable"])
def test_libpq_binds_its_login(proxy, user, binding):
    with proxy.connect(user=user, sslmode="require",
                       channel_binding=binding) as conn:
        assert conn.execute("select 1").fetchone() == (1,)


def test_without_tls_there_is_nothing_to_bind_to(proxy):
    with proxy.connect(user="alice", sslmode="disable") as conn:
        assert conn.execute("select 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError):
        proxy.connect(user="alice", sslmode="disable",
                      channel_binding="require")


def log_in(proxy, exchange, mechanism):
    """How a login over TLS ends: the error, or None."""
    with start_tls(proxy.wire()) as conn:
        assert scram.begin(conn, "alice") == (
            10, PLUS + b"\0SCRAM-SHA-256\0\0")
        conn.send(scram.initial(exchange.first(), mechanism))
        try:
            code, server_first = scram.request(conn)
            assert code == 11
            conn.send(wire.frame("p", exchange.final(server_first)))
            code, server_final = scram.request(conn)
        except wire.WireError as error:
            assert error.severity == "FATAL"
            return error
        assert code == 12
        exchange.verify(server_final)
        return None


def test_the_binding_is_the_hash_of_the_certificate(proxy, pair):
    good = scram.Exchange("alice-secret", end_point(pair))
    assert log_in(proxy, good, PLUS) is None
    # Somebody in between has another certificate.
    bad = scram.Exchange("alice-secret", b"x" * 32)
    error = log_in(proxy, bad, PLUS)
    assert error.sqlstate == "28000"
    assert error.message == "SCRAM channel binding check failed"


def test_who_was_not_shown_the_offer_is_warned(proxy):
    error = log_in(proxy, scram.Exchange("alice-secret", flag=b"y"),
                   b"SCRAM-SHA-256")
    assert error.sqlstate == "28000"
    assert "channel binding negotiation error" in error.message


def test_who_cannot_bind_comes_in_all_the_same(proxy):
    assert log_in(proxy, scram.Exchange("alice-secret", flag=b"n"),
                  b"SCRAM-SHA-256") is None


@pytest.mark.parametrize("flag, mechanism", [
    (b"n", PLUS), (b"y", PLUS), (b"p=tls-server-end-point", b"SCRAM-SHA-256"),
    (b"p=tls-unique", PLUS)])
def test_flag_and_mechanism_have_to_agree(proxy, flag, mechanism):
    error = log_in(proxy, scram.Exchange("alice-secret", flag=flag), mechanism)
    assert error.sqlstate == "08P01"


# ---- to servers -------------------------------------------------------------
@pytest.fixture(scope="module")
def server(authority):
    made = Server(authority)
    yield made
    made.cluster.destroy()


def test_logins_to_a_server_are_bound_to_its_certificate(pgweir, server):
    """PostgreSQL would refuse a login that could be bound and is not ("y"), and
    one bound to something else."""
    server.set("hostssl all all 127.0.0.1/32 scram-sha-256")
    proxy = through(pgweir, server, "require")
    with proxy.connect(user="scram") as conn:
        assert server.uses_tls(conn)


def test_a_clients_key_opens_a_server_by_tls(pgweir, server):
    server.set("hostssl all all 127.0.0.1/32 scram-sha-256")
    secret = server.node.ask("select rolpassword from pg_authid"
                             " where rolname = 'scram'")
    proxy = through(pgweir, server, "require", auth_type="scram-sha-256",
                    secrets={"scram": secret})
    with proxy.connect(user="scram") as conn:
        assert server.uses_tls(conn)
