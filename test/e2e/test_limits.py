"""Limits: how many clients and servers of whom there may be, and who is served
first where they are shared."""
import pytest

import wire
from procs import wait_until


def place(cluster, **more):
    """A [databases] entry of the primary alone."""
    words = {"host": "127.0.0.1", "port": cluster.primary.port,
             "dbname": "app", **more}
    return " ".join(f"{key}={value}" for key, value in words.items())


def refused(proxy, database, user, setting):
    """Asserts that a client is told of SETTING, as PostgreSQL would say it."""
    with pytest.raises(wire.WireError) as caught:
        proxy.login(database, user)
    assert caught.value.severity == "FATAL"
    assert caught.value.sqlstate == "53300"
    assert setting in caught.value.message


def close(*clients):
    for conn in clients:
        conn.close()


# ---- clients ----------------------------------------------------------------
def row(proxy, what, name):
    return next(row for row in proxy.show(what) if row["name"] == name)


def test_a_database_takes_so_many_clients_and_no_more(pgweir, cluster):
    proxy = pgweir(max_db_client_connections=3, databases={
        "app": place(cluster), "wide": place(cluster),
        "narrow": place(cluster, max_db_client_connections=1),
        "open": place(cluster, max_db_client_connections=0)})
    clients = [proxy.login("app", user) for user in ("app", "alice", "bob")]
    refused(proxy, "app", "app", "max_db_client_connections")
    clients.append(proxy.login("narrow"))
    refused(proxy, "narrow", "alice", "max_db_client_connections")
    clients += [proxy.login("wide"), *(proxy.login("open") for _ in range(5))]
    assert row(proxy, "databases", "app")["max_client_connections"] == "3"
    assert row(proxy, "databases", "app")["current_client_connections"] == "3"
    assert row(proxy, "databases", "open")["current_client_connections"] == "5"
    clients.pop(0).close()
    wait_until(lambda: row(proxy, "databases", "app")
               ["current_client_connections"] == "2", 5, "one has left")
    clients.append(proxy.login("app"))
    close(*clients)


def test_a_user_has_so_many_clients_and_no_more(pgweir, cluster):
    proxy = pgweir(max_user_client_connections=2, databases={
        "app": place(cluster), "forced": place(cluster, user="bob")},
        users={"alice": "max_user_client_connections=1"})
    clients = [proxy.login("app"), proxy.login("forced")]
    refused(proxy, "app", "app", "max_user_client_connections")
    clients.append(proxy.login("forced", "alice"))
    refused(proxy, "app", "alice", "max_user_client_connections")
    # By whom they are here, not by whom the server knows.
    clients.append(proxy.login("app", "bob"))
    app = row(proxy, "users", "app")
    assert app["max_user_client_connections"] == "2"
    assert app["current_client_connections"] == "2"
    assert row(proxy, "users", "alice")["max_user_client_connections"] == "1"
    # The console is for whoever has to look into it.
    clients += [proxy.login("pgbouncer", "admin") for _ in range(4)]
    close(*clients)


def test_who_gives_a_wrong_password_takes_no_place(pgweir, cluster):
    proxy = pgweir(auth_type="plain", max_user_client_connections=1,
                   databases={"app": place(cluster)})
    for _ in range(3):
        with proxy.wire() as conn, pytest.raises(wire.WireError) as caught:
            conn.login(user="app", database="app", password="wrong")
        assert caught.value.sqlstate == "28P01"
    with proxy.login():
        refused(proxy, "app", "app", "max_user_client_connections")


def test_fewer_clients_may_come_after_set_but_none_has_to_go(pgweir, cluster):
    proxy = pgweir(databases={"app": place(cluster)})
    clients = [proxy.login() for _ in range(3)]
    proxy.console("SET max_db_client_connections = 2")
    refused(proxy, "app", "app", "max_db_client_connections")
    for conn in clients:
        assert conn.value("select 1") == "1"
    proxy.console("SET max_db_client_connections = 4")
    clients.append(proxy.login())
    refused(proxy, "app", "app", "max_db_client_connections")
    close(*clients)
