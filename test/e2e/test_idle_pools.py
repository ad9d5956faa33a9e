"""Pools that come and go: databases nobody listed, users that are given, and
what a client is called."""
import pytest

import wire
from procs import wait_until


def place(cluster, more=""):
    primary = cluster.primary
    return f"host={primary.host} port={primary.port} {more}"


def names(proxy):
    """Database and user of every pool but the console's."""
    return {(row["database"], row["user"]) for row in proxy.show("pools")
            if row["database"] != "pgbouncer"}


def servers(cluster, where="true"):
    return [pid for pid, *_ in cluster.primary.backends(
        f"usename <> 'monitor' and ({where})")]


# ---- databases that nobody listed


def test_any_database_can_be_asked_for_where_there_is_a_fallback(
        pgweir, cluster):
    proxy = pgweir(databases={"*": place(cluster)})
    mark = proxy.log_size()
    for user in ("app", "alice"):
        with proxy.login("other", user=user) as conn:
            assert conn.value("select current_database()") == "other"
    with proxy.login("app") as conn:
        assert conn.value("select current_database()") == "app"
    log = proxy.log(mark)
    assert log.count("registered new auto-database db=other") == 1
    assert log.count("registered new auto-database db=app") == 1
    assert names(proxy) == {("app", "app"), ("other", "app"),
                            ("other", "alice")}


def test_a_listed_database_is_no_auto_database(pgweir, cluster):
    proxy = pgweir(databases={"app": place(cluster), "*": place(cluster)},
                   autodb_idle_timeout=0.2)
    for name in ("app", "other"):
        proxy.login(name).close()
    wait_until(lambda: ("other", "app") not in names(proxy), 5,
               "the one is forgotten")
    assert names(proxy) == {("app", "app")}
    assert "auto-database db=app" not in proxy.log()


def test_an_unused_auto_database_is_forgotten_with_its_servers(
        pgweir, cluster):
    proxy = pgweir(databases={"*": place(cluster)}, autodb_idle_timeout=0.4)
    with proxy.login() as conn:
        conn.ask("select 1")
        pids = servers(cluster)
        assert pids
        conn.ask("select pg_sleep(0.7)")  # long, but it is in use
        assert conn.value("select pg_backend_pid()::text") == str(pids[0])
    wait_until(lambda: not names(proxy), 5, "the pool is gone")
    wait_until(lambda: not servers(cluster), 5, "its servers are gone")
    assert "cleaning up idle pool db=app user=app" in proxy.log()
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"


def test_a_client_that_rests_keeps_its_auto_database(pgweir, cluster):
    proxy = pgweir(databases={"*": place(cluster)}, autodb_idle_timeout=0.3)
    with proxy.login() as conn:
        pid = conn.value("select pg_backend_pid()")
        for _ in range(2):
            proxy.login("other").close()
            wait_until(lambda: ("other", "app") not in names(proxy), 5,
                       "the other is forgotten")
        assert names(proxy) == {("app", "app")}
        assert conn.value("select pg_backend_pid()") == pid


def test_a_name_that_does_not_exist_leaves_nothing_behind(pgweir, cluster):
    proxy = pgweir(databases={"*": place(cluster)})
    for i in range(5):
        with pytest.raises(wire.WireError) as caught:
            proxy.login(f"nonsense{i}")
        assert caught.value.sqlstate == "3D000"
    wait_until(lambda: not names(proxy), 5, "they are gone")


# ---- pools


def test_an_empty_pool_is_forgotten_after_pool_idle_timeout(pgweir, cluster):
    proxy = pgweir(databases={"app": place(cluster)}, pool_idle_timeout=0.3,
                   server_idle_timeout=0.2)
    with proxy.login() as conn:
        conn.ask("select 1")
        wait_until(lambda: not servers(cluster), 5, "its server is gone")
        assert names(proxy) == {("app", "app")}
        assert conn.value("select 1") == "1"
    mark = proxy.log_size()
    proxy.wait_for_log("cleaning up idle pool db=app user=app", since=mark)
    assert not names(proxy)
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"


def test_a_pool_with_servers_is_not_forgotten(pgweir, cluster):
    proxy = pgweir(pool_idle_timeout=0.2, databases={
        "app": place(cluster), "other": place(cluster)})
    proxy.login().close()
    with proxy.login("other") as conn:
        pid = conn.value("select pg_backend_pid()::text")
    cluster.primary.ask(f"select pg_terminate_backend({pid})")
    wait_until(lambda: ("other", "app") not in names(proxy), 5,
               "the empty one is gone")
    assert names(proxy) == {("app", "app")}


# ---- users that are given


def test_a_forced_user_is_who_all_clients_are(pgweir, cluster):
    proxy = pgweir(databases={"app": place(cluster, "user=bob")})
    for user in ("app", "alice"):
        with proxy.login(user=user) as conn:
            assert conn.value("select current_user") == "bob"
            assert conn.value("select session_user") == "bob"
    assert names(proxy) == {("app", "bob")}
    assert len(servers(cluster)) == 1


# ---- application_name


def called(conn):
    return conn.value("select current_setting('application_name')")


def origin(conn):
    host, port = conn.sock.getsockname()
    return f" - {host}:{port}"


def test_application_name_says_where_its_client_is(pgweir, cluster):
    proxy = pgweir(databases={"app": place(cluster, "pool_size=1")},
                   application_name_add_host=1)
    with proxy.login(application_name="one") as one, proxy.login() as two:
        for _ in range(3):  # by turns on one server
            assert called(one) == "one" + origin(one)
            assert called(two) == "app" + origin(two)
        assert one.params["application_name"] == "one" + origin(one)
        assert cluster.primary.ask(
            "select application_name from pg_stat_activity"
            " where usename = 'app'") == "app" + origin(two)


def test_what_the_client_sets_later_is_left_alone(pgweir, cluster):
    proxy = pgweir(databases={"app": place(cluster, "pool_size=1")},
                   application_name_add_host=1)
    with proxy.login(application_name="one") as one, proxy.login() as two:
        one.ask("set application_name = 'mine'")
        assert called(two) == "app" + origin(two)
        assert called(one) == "mine"
        one.ask("reset application_name")
        assert called(two) == "app" + origin(two)
        assert called(one) == "one" + origin(one)


def test_a_long_name_does_not_hide_the_address(pgweir, cluster):
    proxy = pgweir(databases={"app": place(cluster)},
                   application_name_add_host=1)
    with proxy.login(application_name="ä" * 60) as conn:
        assert called(conn).endswith(origin(conn))


def test_it_can_be_switched_while_running(pgweir, cluster):
    proxy = pgweir(databases={"app": place(cluster)})
    with proxy.login(application_name="one") as conn:
        assert called(conn) == "one"
    proxy.console("set application_name_add_host = 1")
    with proxy.login(application_name="one") as conn:
        assert called(conn) == "one" + origin(conn)
