"""TLS between clients and pgweir, and between pgweir and servers."""
import os
import re
import signal
import socket
import ssl
import struct
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
