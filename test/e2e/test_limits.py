"""Limits: how many clients and servers of whom there may be, and who is served
first where they are shared."""
import threading
import time

import pytest

import wire
from cluster import WHO
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


def test_there_are_so_many_clients_and_no_more(pgweir, cluster):
    """The console's are not counted, and can raise the limit."""
    proxy = pgweir(max_client_conn=2)
    clients = [proxy.login("app", user) for user in ("app", "alice")]
    for _ in range(2):
        refused(proxy, "app", "bob", "max_client_conn")
    proxy.console("SET max_client_conn = 3")
    clients.append(proxy.login("app", "bob"))
    refused(proxy, "app", "app", "max_client_conn")
    clients.pop(0).close()
    wait_until(lambda: len(proxy.show("clients")) == 3, 5, "one has left")
    clients.append(proxy.login("app"))
    assert [conn.value("select 1") for conn in clients] == ["1"] * 3
    close(*clients)


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


# ---- servers of a pool ------------------------------------------------------
def servers(node, user="app", database="app"):
    """How many server connections USER has on NODE."""
    return len(node.backends(
        f"usename = '{user}' and datname = '{database}'"))


def hold(proxy, count, database="app", user="app"):
    """COUNT clients in a transaction each, with a server or waiting for it."""
    clients = [proxy.login(database, user) for _ in range(count)]
    for conn in clients:
        conn.send(wire.query("begin"))
    return clients


def begun(proxy, count, database="app", user="app"):
    """COUNT clients in a transaction each, with a server."""
    clients = hold(proxy, count, database, user)
    for conn in clients:
        conn.read_result()
    return clients


def waiting_in(proxy):
    return sum(int(pool["cl_waiting"]) for pool in proxy.show("pools"))


def line_up(proxy, clients, query="begin"):
    """The CLIENTS ask, and wait, each behind the one before."""
    before = waiting_in(proxy)
    for i, conn in enumerate(clients):
        conn.send(wire.query(query))
        wait_until(lambda: waiting_in(proxy) == before + i + 1, 5, "it waits")


def queue(proxy, count, database="app", user="app"):
    """COUNT more clients that wait, each behind the one before. One of its kind
    must have logged in before: the first needs a server for that."""
    clients = [proxy.login(database, user) for _ in range(count)]
    line_up(proxy, clients)
    return clients


def test_a_user_has_a_pool_size_of_its_own(pgweir, cluster):
    """The user's goes before the database's, and that before the global."""
    proxy = pgweir(default_pool_size=1, users={"alice": "pool_size=3"},
                   databases={"app": place(cluster, pool_size=2)})
    clients = hold(proxy, 5) + hold(proxy, 5, user="alice")
    wait_until(lambda: servers(cluster.primary) == 2
               and servers(cluster.primary, "alice") == 3
               and proxy.pool()["cl_waiting"] == 3
               and proxy.pool(user="alice")["cl_waiting"] == 2, 5, "5 wait")
    assert row(proxy, "users", "alice")["pool_size"].strip() == "3"
    assert row(proxy, "users", "app")["pool_size"] == ""
    assert row(proxy, "databases", "app")["pool_size"] == "2"
    close(*clients)


def test_min_pool_size_is_kept_open_while_a_client_is_there(pgweir, cluster):
    proxy = pgweir(databases={"app": place(cluster, min_pool_size=3)},
                   server_idle_timeout=0.2)
    assert row(proxy, "databases", "app")["min_pool_size"] == "3"
    with proxy.login() as conn:
        wait_until(lambda: proxy.pool()["sv_idle"] == 3, 5, "three are open")
        pids = {pid for pid, *_ in cluster.primary.backends("usename = 'app'")}
        # Longer than server_idle_timeout: a moment has no other sign.
        conn.ask("select pg_sleep(0.5)")
        assert {pid for pid, *_ in
                cluster.primary.backends("usename = 'app'")} == pids
        cluster.primary.ask("select count(pg_terminate_backend(pid)) from"
                            " pg_stat_activity where usename = 'app'")
        wait_until(lambda: proxy.pool()["sv_idle"] == 3
                   and servers(cluster.primary) == 3, 5, "three again")
    wait_until(lambda: servers(cluster.primary) == 0, 5, "nobody needs them")


def test_min_pool_size_of_a_forced_user_needs_no_client(pgweir, cluster):
    proxy = pgweir(min_pool_size=2, databases={
        "forced": place(cluster, user="bob"), "app": place(cluster)})
    wait_until(lambda: servers(cluster.primary, "bob") == 2, 5, "two are open")
    assert servers(cluster.primary) == 0
    proxy.write_config(min_pool_size=4)
    proxy.console("RELOAD")
    wait_until(lambda: servers(cluster.primary, "bob") == 4, 5, "four")
    proxy.console("SET min_pool_size = 0")
    assert proxy.pool("forced", "bob")["sv_idle"] == 4


def test_min_pool_size_of_a_forced_user_is_kept_after_a_pause(pgweir, cluster):
    """However long: a pool without servers is not idle if it has to have some."""
    proxy = pgweir(min_pool_size=1, pool_idle_timeout=0.3, databases={
        "forced": place(cluster, user="bob"),
        "app": place(cluster, min_pool_size=0)})
    wait_until(lambda: servers(cluster.primary, "bob") == 1, 5, "it is open")
    with proxy.login() as conn:
        conn.ask("select 1")
    proxy.console("PAUSE")
    wait_until(lambda: servers(cluster.primary, "bob") == 0, 5, "it is closed")
    proxy.wait_for_log("cleaning up idle pool db=app user=app")
    proxy.console("RESUME")
    wait_until(lambda: servers(cluster.primary, "bob") == 1, 5, "it is back")


def test_min_pool_size_holds_for_each_node_and_not_beyond_the_pool(
        pgweir, cluster):
    proxy = pgweir(databases={"app": f"{cluster.host_list()} dbname=app"
                              " min_pool_size=5 pool_size=2"})
    with proxy.login():
        wait_until(lambda: all(servers(node) == 2 for node in cluster.nodes),
                   10, "two on each node")
        assert proxy.pool()["sv_idle"] == 6


def test_the_reserve_is_for_who_has_waited_long(pgweir, cluster):
    proxy = pgweir(default_pool_size=2, reserve_pool_timeout=0.4,
                   databases={"app": place(cluster, reserve_pool_size=1)})
    assert row(proxy, "databases", "app")["reserve_pool_size"] == "1"
    clients = begun(proxy, 2)
    late = proxy.login()
    late.send(wire.query("begin; select clock_timestamp() - "
                         "backend_start > interval '0' from pg_stat_activity"
                         " where pid = pg_backend_pid()"))
    wait_until(lambda: proxy.pool()["cl_waiting"] == 1, 5, "the third waits")
    assert "reserve_pool" not in proxy.log()
    late.read_result()
    assert proxy.log().count("taking connection from reserve_pool") == 1
    assert servers(cluster.primary) == 3
    # One, and no more.
    later = hold(proxy, 1)[0]
    wait_until(lambda: proxy.pool()["maxwait_us"] > 800000
               or proxy.pool()["maxwait"] > 0, 5, "it has waited long")
    assert servers(cluster.primary) == 3
    assert proxy.log().count("taking connection from reserve_pool") == 1
    # When nobody needs it any more it goes.
    for conn in [*clients, late]:
        conn.ask("rollback")
    later.read_result()
    wait_until(lambda: servers(cluster.primary) == 2, 5, "two are left")
    proxy.wait_for_log("closing because: reserve no longer needed")
    close(later, late, *clients)


def test_a_user_has_a_reserve_of_its_own_and_0_seconds_is_no_reserve(
        pgweir, cluster):
    proxy = pgweir(default_pool_size=1, reserve_pool_size=0,
                   reserve_pool_timeout=0,
                   users={"alice": "reserve_pool_size=2"},
                   databases={"app": place(cluster)})
    assert row(proxy, "users", "alice")["reserve_pool_size"].strip() == "2"
    clients = hold(proxy, 4, user="alice")
    wait_until(lambda: proxy.pool(user="alice")["maxwait_us"] > 300000, 5,
               "they have waited")
    assert servers(cluster.primary, "alice") == 1
    proxy.console("SET reserve_pool_timeout = 0.2")
    wait_until(lambda: servers(cluster.primary, "alice") == 3, 5, "all of it")
    assert proxy.pool(user="alice")["cl_waiting"] == 1
    close(*clients)


# ---- sizes that change ------------------------------------------------------
@pytest.mark.parametrize("how", ["reload", "set"])
def test_a_smaller_pool_loses_servers_as_they_come_free(pgweir, cluster, how):
    proxy = pgweir(default_pool_size=4, databases={"app": place(cluster)})

    def resize(size):
        if how == "set":
            proxy.console(f"SET default_pool_size = {size}")
        else:
            proxy.write_config(default_pool_size=size)
            proxy.console("RELOAD")

    clients = begun(proxy, 4)
    waiting = queue(proxy, 2)
    resize(2)
    assert servers(cluster.primary) == 4
    for conn in clients:
        assert conn.value("select 1") == "1"
    for left, conn in zip((3, 2), clients):
        conn.ask("commit")
        wait_until(lambda: servers(cluster.primary) == left, 5, "one less")
        assert proxy.pool()["cl_waiting"] == 2
    clients[2].ask("commit")
    waiting[0].read_result()
    assert servers(cluster.primary) == 2
    resize(3)
    waiting[1].read_result()
    assert servers(cluster.primary) == 3
    close(*clients, *waiting)


# ---- servers under a shared limit -------------------------------------------
def _who(proxy):
    with proxy.login() as conn:
        return conn.value(f"select {WHO}")


def total(node):
    return len(node.backends("datname = 'app' and usename <> 'monitor'"))


def test_a_database_has_so_many_servers_whatever_the_user(pgweir, cluster):
    proxy = pgweir(max_db_connections=9, databases={
        "app": place(cluster, max_db_connections=3),
        "wide": place(cluster)})
    clients = [proxy.login(user=user) for user in ("app", "alice", "bob") * 3]
    for conn in clients:
        conn.send(wire.query("begin"))
    wait_until(lambda: waiting_in(proxy) == 6, 5, "six wait")
    assert total(cluster.primary) == 3
    shown = row(proxy, "databases", "app")
    assert shown["max_connections"] == shown["current_connections"] == "3"
    assert row(proxy, "databases", "wide")["max_connections"] == "9"
    # Its own limit is not the other's, though it is the same on the server.
    more = begun(proxy, 4, "wide")
    assert total(cluster.primary) == 7
    close(*clients, *more)


def test_a_user_has_so_many_servers_whatever_the_database(pgweir, cluster):
    proxy = pgweir(max_user_connections=2, databases={
        "app": place(cluster), "other": place(cluster, dbname="other"),
        "forced": place(cluster, user="bob")},
        users={"bob": "max_user_connections=1"})
    clients = begun(proxy, 1) + begun(proxy, 1, "other")
    clients += queue(proxy, 1) + queue(proxy, 1, "other")
    # As the servers know it.
    clients += begun(proxy, 1, "forced") + queue(proxy, 1, "forced", "bob")
    for user, most in (("app", "2"), ("bob", "1")):
        shown = row(proxy, "users", user)
        assert shown["max_user_connections"] == most
        assert shown["current_connections"] == most
    assert len(cluster.primary.backends("usename = 'app'")) == 2
    assert len(cluster.primary.backends("usename = 'bob'")) == 1
    close(*clients)


def test_the_limit_of_a_database_holds_for_each_node(pgweir, cluster):
    proxy = pgweir(databases={"app": f"{cluster.host_list()} dbname=app"
                              " max_db_connections=2"})
    wait_until(lambda: _who(proxy).startswith("replica"), 5, "it reads there")
    writers, readers = ([proxy.login(user=user)
                         for user in ("app", "alice") * 4] for _ in range(2))
    for conn in writers:
        conn.send(wire.query("begin"))
    for conn in readers:
        conn.send(wire.query("select pg_sleep(0.1)"))
    for conn in readers:
        conn.read_result()
    for node in cluster.nodes:
        assert total(node) == 2
    assert row(proxy, "databases", "app")["current_connections"] == "6"
    close(*writers, *readers)


def test_an_idle_server_of_another_user_makes_room_at_once(pgweir, cluster):
    proxy = pgweir(databases={"app": place(cluster, max_db_connections=2)})
    with proxy.login() as conn, proxy.login(user="alice") as other:
        for client in begun(proxy, 2):
            client.close()
        assert conn.value("select 1") == "1"
        began = time.monotonic()
        assert other.value("begin; select 1") == "1"
        assert time.monotonic() - began < 5
        assert servers(cluster.primary, "alice") == 1
        assert servers(cluster.primary) == 1
        assert proxy.log().count("closing because: evicted") == 1


def test_the_oldest_of_two_users_is_served_first(pgweir, cluster):
    """Two users in turn: neither overtakes the other."""
    proxy = pgweir(databases={"app": place(cluster, max_db_connections=1)})
    clients = [proxy.login(user=("app", "alice", "alice")[i % 3])
               for i in range(8)]
    first = begun(proxy, 1)
    line_up(proxy, clients, "select clock_timestamp()::text for update")
    first[0].ask("commit")
    times = [conn.read_result().rows[0][0] for conn in clients]
    assert times == sorted(times)
    assert total(cluster.primary) == 1
    close(*first, *clients)


def test_a_busy_user_does_not_starve_another(pgweir, cluster):
    """Many clients of one user keep all servers busy; the other is served as
    soon as its turn comes, though each waits for a login."""
    proxy = pgweir(databases={"app": place(cluster, max_db_connections=2)})
    stop = threading.Event()

    def work():
        with proxy.login() as conn:
            while not stop.is_set():
                conn.ask("select pg_sleep(0.005) for update")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        with proxy.login(user="alice") as conn:
            for _ in range(20):
                began = time.monotonic()
                assert conn.value("select 1 for update") == "1"
                assert time.monotonic() - began < 3
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("how", ["reload", "set"])
def test_a_limit_that_changes_acts_at_once(pgweir, cluster, how):
    proxy = pgweir(databases={"app": place(cluster)})

    def limit(most):
        if how == "set":
            proxy.console(f"SET max_db_connections = {most}")
        else:
            proxy.write_config(max_db_connections=most)
            proxy.console("RELOAD")

    late = [proxy.login() for _ in range(3)]
    clients = begun(proxy, 2) + begun(proxy, 2, user="alice")
    limit(2)
    for left, client in zip((3, 2), clients[1:]):
        assert client.value("select 1") == "1"
        client.ask("commit")
        wait_until(lambda: total(cluster.primary) == left, 5, "one less")
    line_up(proxy, late[:1])
    limit(3)
    late[0].read_result()
    assert total(cluster.primary) == 3
    line_up(proxy, late[1:])
    limit(0)
    for client in late[1:]:
        client.read_result()
    assert total(cluster.primary) == 5
    close(*clients, *late)


def test_a_limit_counts_what_does_not_come_to_be(pgweir, cluster):
    """Logins that fail give their places back."""
    proxy = pgweir(databases={"app": place(cluster, max_db_connections=2)},
                   secrets={"nobody": "x"})
    for _ in range(5):
        with pytest.raises(wire.WireError):
            proxy.login(user="nobody")
    clients = begun(proxy, 2)
    assert row(proxy, "databases", "app")["current_connections"] == "2"
    close(*clients)
