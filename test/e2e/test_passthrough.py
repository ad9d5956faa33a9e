"""Logging in to servers with what is stored, and with what clients show."""
import os
import threading
import time

import psycopg
import pytest

import scram
import wire
from cluster import password_of
from procs import wait_until, write_file


def stored(cluster, role):
    """What PostgreSQL has stored for ROLE."""
    return cluster.primary.ask("select rolpassword from pg_authid "
                               "where rolname = %s", [role])


def reload(proxy):
    proxy.console("RELOAD")


@pytest.fixture
def verifier(cluster):
    return stored(cluster, "scram")


def ask(proxy, user="scram", dbname="primary", **more):
    with proxy.connect(dbname, user=user, **more) as conn:
        return conn.execute("select current_user").fetchone()[0]


class Later(threading.Thread):
    """Something that waits."""

    def __init__(self, action):
        super().__init__(daemon=True)
        self.action, self.result, self.error = action, None, None
        self.start()

    def run(self):
        try:
            self.result = self.action()
        except Exception as error:  # noqa: the test looks at it
            self.error = error

    def outcome(self, deadline=20):
        self.join(deadline)
        assert not self.is_alive(), "still waits"
        if self.error is not None:
            raise self.error
        return self.result


# ---- pass-through -----------------------------------------------------------
@pytest.mark.parametrize("auth_type", ["scram-sha-256", "md5", "plain"])
def test_a_client_logs_in_to_servers_with_its_own_key(
        pgweir, verifier, auth_type):
    proxy = pgweir(auth_type=auth_type, secrets={"scram": verifier})
    assert ask(proxy) == "scram"
    assert ask(proxy, dbname="app") == "scram"


def test_later_connections_of_the_pool_use_the_same_key(pgweir, verifier):
    proxy = pgweir(auth_type="scram-sha-256", secrets={"scram": verifier})
    with proxy.connect("primary", user="scram") as conn:
        before = conn.execute("select pg_backend_pid()").fetchone()
        proxy.console("RECONNECT")
        assert conn.execute("select pg_backend_pid()").fetchone() != before
        reload(proxy)
        proxy.console("RECONNECT")
        assert conn.execute("select 1").fetchone() == (1,)


def test_a_minimum_of_servers_waits_for_the_first_client(
        pgweir, cluster, verifier):
    primary = cluster.primary
    entry = f"host={primary.host} port={primary.port} dbname=app"
    proxy = pgweir(auth_type="scram-sha-256", secrets={"scram": verifier},
                   databases={"app": entry,
                              "kept": f"{entry} user=scram min_pool_size=2"})
    proxy.wait_for_log("no client has shown the key")
    assert proxy.pool("kept", "scram")["sv_idle"] == 0
    attempts = proxy.log().count("new connection to server")
    assert ask(proxy, dbname="app") == "scram"
    wait_until(lambda: proxy.pool("kept", "scram")["sv_idle"] == 2, 10,
               "the minimum is there")
    assert attempts <= 2, "it has waited, and not tried over and over"


def test_who_cannot_show_the_key_waits_for_who_can(pgweir, cluster, verifier):
    primary = cluster.primary
    entry = f"host={primary.host} port={primary.port} dbname=app"
    proxy = pgweir(auth_type="scram-sha-256", secrets={"scram": verifier},
                   databases={"app": entry, "forced": f"{entry} user=scram"})
    waiting = Later(lambda: ask(proxy, user="alice", dbname="forced"))
    proxy.wait_for_log("no client has shown the key")
    assert ask(proxy, dbname="app") == "scram"
    assert waiting.outcome() == "scram"


def test_nobody_waits_for_a_key_for_ever(pgweir, verifier):
    proxy = pgweir(auth_type="trust", secrets={"scram": verifier},
                   server_unreachable_timeout="500ms")
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError) as caught:
            ask(proxy)
        assert "only the SCRAM secret is known" in str(caught.value)
        assert "HINT:  Log in once as that user" in str(caught.value)


def test_a_server_that_asks_for_nothing_needs_no_key(pgweir, cluster):
    proxy = pgweir(auth_type="trust",
                   secrets={"alice": stored(cluster, "alice")})
    assert ask(proxy, user="alice") == "alice"


def test_a_changed_secret_needs_a_login_with_the_new_password(
        pgweir, cluster, verifier):
    proxy = pgweir(auth_type="scram-sha-256", secrets={"scram": verifier})
    with cluster.primary.connect() as admin, \
            proxy.connect("primary", user="scram") as conn:
        conn.execute("select 1")
        admin.execute("set password_encryption = 'scram-sha-256'")
        admin.execute("alter role scram password 'another'")
        try:
            proxy.write_users({"scram": stored(cluster, "scram")})
            reload(proxy)
            proxy.console("RECONNECT")
            waiting = Later(
                lambda: conn.execute("select 1").fetchone()[0])
            proxy.wait_for_log("no client has shown the key")
            with pytest.raises(psycopg.OperationalError):
                ask(proxy)  # the old password is none any more
            assert ask(proxy, password="another") == "scram"
            assert waiting.outcome() == 1
        finally:
            admin.execute(
                f"alter role scram password '{password_of('scram')}'")


def test_a_secret_the_server_does_not_have_is_refused_in_its_words(pgweir):
    proxy = pgweir(auth_type="scram-sha-256",
                   secrets={"scram": scram.secret_of("scram-secret")})
    with pytest.raises(psycopg.OperationalError) as caught:
        ask(proxy)
    assert 'password authentication failed for user "scram"' in str(
        caught.value)
    assert "must be the very one the server has" in str(caught.value)


def test_replication_uses_the_clients_key(pgweir, cluster, verifier):
    with cluster.primary.connect() as admin:
        admin.execute("alter role scram replication")
    try:
        proxy = pgweir(auth_type="scram-sha-256", secrets={"scram": verifier})
        with proxy.wire() as conn:
            conn.login(user="scram", database="primary",
                       password="scram-secret", replication="database")
            assert conn.ask("IDENTIFY_SYSTEM").rows
    finally:
        with cluster.primary.connect() as admin:
            admin.execute("alter role scram noreplication")


# ---- other secrets ----------------------------------------------------------
def test_an_md5_secret_logs_in_to_a_server_that_asks_for_md5(pgweir, cluster):
    proxy = pgweir(auth_type="md5",
                   secrets={"hashed": stored(cluster, "hashed")})
    assert ask(proxy, user="hashed") == "hashed"


@pytest.mark.parametrize("user, secret, asked, kind", [
    ("scram", "md5", "SCRAM-SHA-256", "md5 secret"),
    ("plain", "md5", "clear-text password", "md5 secret"),
    ("plain", "scram", "clear-text password", "SCRAM secret"),
    ("hashed", "scram", "md5", "SCRAM secret")])
def test_a_secret_of_no_use_to_the_server_is_refused_with_the_remedy(
        pgweir, user, secret, asked, kind):
    text = "md5" + "0" * 32 if secret == "md5" else \
        scram.secret_of(password_of(user))
    proxy = pgweir(auth_type="trust", secrets={user: text})
    with pytest.raises(psycopg.OperationalError) as caught:
        ask(proxy, user=user)
    assert f'asks user "{user}" to log in by {asked}, for which the {kind}' \
        in str(caught.value)
    assert "HINT:  Store the password itself" in str(caught.value)


def test_without_any_secret_the_remedy_is_named(pgweir):
    proxy = pgweir(auth_type="trust", secrets={"scram": ""})
    with pytest.raises(psycopg.OperationalError) as caught:
        ask(proxy)
    assert "and none is known" in str(caught.value)
    assert "HINT:  Add the user to auth_file" in str(caught.value)


# ---- a server that says no --------------------------------------------------
def test_every_waiting_client_is_told_the_servers_own_words(pgweir, cluster):
    with cluster.primary.connect() as admin:
        admin.execute("alter role scram valid until '2020-01-01'")
    try:
        proxy = pgweir(auth_type="scram-sha-256")
        clients = [Later(lambda: ask(proxy)) for _ in range(10)]
        for client in clients:
            with pytest.raises(psycopg.OperationalError) as caught:
                client.outcome()
            assert 'FATAL:  password authentication failed for user "scram"' \
                in str(caught.value)
    finally:
        with cluster.primary.connect() as admin:
            admin.execute("alter role scram valid until 'infinity'")


def test_a_role_that_may_not_log_in_is_told_so_with_its_sqlstate(
        pgweir, cluster):
    with cluster.primary.connect() as admin:
        admin.execute("alter role alice nologin")
    try:
        proxy = pgweir(auth_type="scram-sha-256")
        with proxy.wire() as conn, pytest.raises(wire.WireError) as caught:
            conn.login(user="alice", database="primary",
                       password="alice-secret")
        assert caught.value.sqlstate == "28000"
        assert caught.value.message == 'role "alice" is not permitted to ' \
            "log in"
    finally:
        with cluster.primary.connect() as admin:
            admin.execute("alter role alice login")


def test_the_pause_before_the_next_attempt_grows(pgweir, cluster):
    proxy = pgweir(auth_type="trust", secrets={"scram": "wrong"},
                   server_login_retry="15")
    mark = cluster.primary.log_size()
    end = time.monotonic() + 3.5
    refused = 0
    while time.monotonic() < end:
        with pytest.raises(psycopg.OperationalError):
            ask(proxy)
        refused += 1
    # At 0, 0.1, 0.3, 0.7, 1.5, 3.1 and 6.3 s; without growth it would be 35.
    assert 3 <= refused <= 8, refused
    attempts = cluster.primary.log(mark).count(
        'password authentication failed for user "scram"')
    assert 3 <= attempts <= 8, attempts


def test_a_corrected_password_is_tried_at_once(pgweir):
    proxy = pgweir(auth_type="trust", secrets={"scram": "wrong"},
                   server_login_retry="60")
    end = time.monotonic() + 4
    while time.monotonic() < end:
        with pytest.raises(psycopg.OperationalError):
            ask(proxy)
    waiting = Later(lambda: ask(proxy))
    proxy.write_users({})
    reload(proxy)
    # The pause would be 6.4 s.
    assert waiting.outcome(deadline=4) == "scram"


def test_a_primary_that_says_no_is_quoted_though_replicas_serve(
        pgweir, own_cluster):
    """Its pg_hba.conf is another than theirs."""
    nodes = own_cluster
    rules = "host all alice 127.0.0.1/32 reject\n"
    path = os.path.join(nodes.primary.data, "pg_hba.conf")
    with open(path, encoding="ascii") as file:
        old = file.read()
    proxy = pgweir(cluster=nodes, server_unreachable_timeout="500ms",
                   auth_type="scram-sha-256")
    with proxy.login(user="alice") as conn:
        conn.ask("select 1")
        write_file(path, rules + old, 0o600)
        with nodes.primary.connect() as admin:
            admin.execute("select pg_reload_conf()")
        wait_until(lambda: is_rejected(nodes.primary), 10, "a rejection")
        with nodes.primary.connect() as admin:
            admin.execute("select pg_terminate_backend(pid) from"
                          " pg_stat_activity where usename = 'alice'")
        wait_until(lambda: not any(
            row["user"] == "alice" and row["port"] == str(nodes.primary.port)
            and row["state"] != "new" for row in proxy.show("SERVERS")), 10,
            "the proxy has seen its connection end")
        conn.send(wire.query("create temp table t ()"))
        error = wire.fields_of(conn.read_until("E")[-1].payload)
    assert error["C"] == "28000"
    assert error["M"].startswith("pg_hba.conf rejects connection")


def is_rejected(node):
    try:
        node.connect(user="alice").close()
    except psycopg.OperationalError:
        return True
    return False
