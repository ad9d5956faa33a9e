"""RELOAD and SET: at once, as a whole, or not at all."""
import os
import signal

import psycopg
import pytest

import wire
from procs import wait_until, write_file


def config(proxy):
    return {row["key"]: row for row in proxy.show("CONFIG")}


def value(proxy, key):
    return config(proxy)[key]["value"]


def marked(proxy):
    return [row for row in proxy.show("SERVERS") if row["close_needed"] == "1"]


# ---- SET --------------------------------------------------------------------
def test_what_show_config_calls_changeable_can_be_set(pgweir):
    """To what it is: the shortest way to ask every one."""
    proxy = pgweir()
    with proxy.login("pgbouncer", "admin") as conn:
        refused = []
        for key, row in config(proxy).items():
            text = row["value"].replace("'", "''")
            if text == "****":
                continue
            try:
                conn.ask(f"SET {key} = '{text}'")
                outcome = "yes"
            except wire.WireError as error:
                outcome = "no"
                assert error.sqlstate == "08P01"
                if row["changeable"] == "yes":
                    refused.append((key, error.message))
            assert row["changeable"] == outcome, key
        assert refused == []
    assert {key: row["value"] for key, row in config(proxy).items()}


def test_set_of_a_limit_counts_for_the_next_client(pgweir):
    proxy = pgweir()
    with proxy.login():
        proxy.console("SET max_client_conn = 1")
        with pytest.raises(wire.WireError) as caught:
            proxy.login()
        assert "max_client_conn" in caught.value.message
        proxy.console("SET max_client_conn = 2")
        proxy.login().close()


def test_set_of_a_pool_size_lets_those_who_wait_go_on(pgweir):
    proxy = pgweir(default_pool_size=1, read_write_split=0)
    with proxy.login() as one, proxy.login() as two:
        one.ask("begin")
        two.send(wire.query("select 'second'"))
        wait_until(lambda: proxy.pool()["cl_waiting"] == 1, 5, "it waits")
        proxy.console("SET default_pool_size = 2")
        assert two.read_result().rows == [["second"]]
        one.ask("commit")


def test_set_of_a_timeout_counts_for_those_who_are_there(pgweir):
    proxy = pgweir()
    with proxy.login() as conn:
        conn.ask("select 1")
        assert proxy.show("SERVERS")
        proxy.console("SET server_idle_timeout = 0.1")
        wait_until(lambda: not proxy.show("SERVERS"), 5, "all are closed")
        proxy.console("SET server_idle_timeout = 600")
        assert conn.value("select 1") == "1"


def test_set_of_the_log_level_and_file_counts_at_once(pgweir):
    proxy = pgweir()
    path = os.path.join(proxy.dir, "other.log")
    proxy.console("SET verbose = 1")
    with proxy.login() as conn:
        conn.ask("select 1")
    assert " DEBUG " in proxy.log()
    proxy.console(f"SET logfile = '{path}'")
    with proxy.login() as conn:
        conn.ask("select 1")
    wait_until(lambda: os.path.exists(path) and os.path.getsize(path), 5,
               "it logs there")
    with pytest.raises(wire.WireError):
        proxy.console("SET logfile = '/nowhere/at/all'")
    assert value(proxy, "logfile") == path


def test_set_of_who_may_counts_for_who_is_there(pgweir):
    proxy = pgweir()
    with proxy.login("pgbouncer", "admin") as admin, \
            proxy.login("pgbouncer", "stats") as stats:
        admin.ask("SET admin_users = 'stats'")
        stats.ask("SET verbose = 0")
        with pytest.raises(wire.WireError) as caught:
            admin.ask("SET admin_users = 'admin'")
        assert caught.value.message == "admin access needed"


def test_a_reload_takes_back_what_was_set(pgweir):
    proxy = pgweir()
    proxy.console("SET default_pool_size = 3")
    proxy.console("SET server_idle_timeout = 99")
    proxy.console("RELOAD")
    assert value(proxy, "default_pool_size") == "10"
    assert value(proxy, "server_idle_timeout") == "600"


def test_the_file_of_the_next_reload_can_be_set(pgweir):
    proxy = pgweir()
    other = os.path.join(proxy.dir, "other.ini")
    with open(proxy.config_path, encoding="utf-8") as file:
        text = file.read()
    write_file(other, text.replace("default_pool_size = 10",
                                   "default_pool_size = 6"), 0o600)
    proxy.console(f"SET conffile = '{other}'")
    proxy.console("RELOAD")
    assert value(proxy, "default_pool_size") == "6"


# ---- errors -----------------------------------------------------------------
@pytest.mark.parametrize("extended", [False, True])
def test_a_files_errors_are_told_with_file_and_line(pgweir, extended):
    proxy = pgweir()
    with open(proxy.config_path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    lines += ["default_pool_size = lots", "no_such_key = 1"]
    write_file(proxy.config_path, "\n".join(lines) + "\n", 0o600)
    first = f"{proxy.config_path}:{len(lines) - 1}: "
    second = f"{proxy.config_path}:{len(lines)}: "
    since = proxy.log_size()
    with proxy.login("pgbouncer", "admin") as conn:
        if extended:
            conn.send(wire.parse("RELOAD"), wire.bind(), wire.execute(),
                      wire.parse("SHOW VERSION"), wire.sync())
        else:
            conn.send(wire.query("RELOAD"))
        frames = conn.read_until("Z")
        texts = [wire.fields_of(f.payload)["M"] for f in frames
                 if f.type == "N"]
        error, = [wire.fields_of(f.payload) for f in frames if f.type == "E"]
    assert error["M"] == \
        "RELOAD failed, see logs for additional details"
    assert error["C"] == "F0000"
    assert any(text.startswith(first) and "default_pool_size" in text
               for text in texts), texts
    assert any(text.startswith(second) for text in texts), texts
    log = proxy.log(since)
    assert first in log and second in log
    assert "nothing changed" in log
    assert value(proxy, "default_pool_size") == "10"


@pytest.mark.parametrize("harm", ["auth_file", "include", "database", "user",
                                  "logfile"])
def test_with_one_error_nothing_at_all_changes(pgweir, harm):
    proxy = pgweir()
    with proxy.login() as conn:
        conn.ask("select 1")
        before = {key: row["value"] for key, row in config(proxy).items()}
        databases = [row["name"] for row in proxy.show("DATABASES")]
        changes = {"default_pool_size": 7}
        if harm == "auth_file":
            changes["auth_file"] = "/nowhere/userlist.txt"
        elif harm == "include":
            changes["%include /nowhere/more.ini"] = ""
        elif harm == "database":
            proxy.databases["fresh"] = "host=127.0.0.1 port=none"
        elif harm == "user":
            proxy.users = {"app": "pool_size=many"}
        else:
            changes["logfile"] = "/nowhere/pgweir.log"
        proxy.databases["added"] = "host=127.0.0.1"
        proxy.write_config(**changes)
        if harm == "include":
            with open(proxy.config_path, encoding="utf-8") as file:
                text = file.read()
            write_file(proxy.config_path, text.replace(
                "%include /nowhere/more.ini = ", "%include /nowhere/more.ini"),
                0o600)
        with pytest.raises(wire.WireError) as caught:
            proxy.console("RELOAD")
        assert caught.value.sqlstate == "F0000"
        assert {key: row["value"]
                for key, row in config(proxy).items()} == before
        assert [row["name"] for row in proxy.show("DATABASES")] == databases
        assert conn.value("select 2") == "2"
        proxy.login().close()


# ---- databases --------------------------------------------------------------
def move(proxy, name, **words):
    """Changes the entry's words."""
    entry = dict(word.split("=", 1) for word in proxy.databases[name].split())
    entry.update({key: str(value) for key, value in words.items()})
    proxy.databases[name] = " ".join(
        f"{key}={value}" for key, value in entry.items())
    proxy.write_config()


def test_a_database_that_moves_drains_its_servers_and_keeps_its_clients(
        pgweir):
    proxy = pgweir(pool_mode="transaction")
    with proxy.login("primary") as busy, proxy.login("primary") as idle:
        busy.ask("begin")
        idle.ask("select 1")
        assert busy.value("select current_database()") == "app"
        move(proxy, "primary", dbname="other")
        proxy.console("RELOAD")
        assert idle.value("select current_database()") == "other"
        assert busy.value("select current_database()") == "app"
        assert [row["state"] for row in marked(proxy)] == ["active"]
        busy.ask("commit")
        assert marked(proxy) == []
        assert busy.value("select current_database()") == "other"


def test_a_database_that_moves_to_another_host(pgweir, cluster):
    proxy = pgweir(databases={
        "app": f"host=127.0.0.1 port={cluster.replicas[0].port} dbname=app"})
    who = "select current_setting('cluster_name')"
    with proxy.login() as conn:
        assert conn.value(who) == "replica1"
        move(proxy, "app", port=cluster.replicas[1].port)
        proxy.console("RELOAD")
        assert conn.value(who) == "replica2"


def test_what_a_reload_leaves_as_it_is_keeps_its_servers(pgweir):
    proxy = pgweir()
    with proxy.login("primary") as here, proxy.login("other") as there:
        pid = here.value("select pg_backend_pid()")
        there.ask("select 1")
        proxy.databases["other"] += " application_name=changed"
        proxy.write_config(default_pool_size=5)
        proxy.console("RELOAD")
        assert here.value("select pg_backend_pid()") == pid


def test_who_uses_a_database_that_is_removed_is_told(pgweir):
    proxy = pgweir()
    with proxy.login("other") as idle, proxy.login("other") as busy, \
            proxy.login() as unconcerned:
        idle.ask("select 1")
        busy.ask("begin")
        busy.ask("select 1")
        del proxy.databases["other"]
        proxy.write_config()
        proxy.console("RELOAD")
        got = idle.read_frame()
        fields = wire.fields_of(got.payload)
        assert (fields["S"], fields["M"]) == ("FATAL", "database removed")
        assert busy.value("select 2") == "2"
        assert unconcerned.value("select 3") == "3"
        busy.send(wire.query("commit"))
        assert busy.read_frame().type == "C"
        busy.assert_closed()
        wait_until(lambda: not [row for row in proxy.show("SERVERS")
                                if row["database"] == "other"], 5, "drained")
    proxy.wait_for_log("closing because: database removed (age=")


def test_who_waits_for_a_database_that_is_removed_is_told(pgweir):
    proxy = pgweir(default_pool_size=1)
    with proxy.login("primary") as busy, proxy.login("primary") as waiter:
        busy.ask("begin")
        waiter.send(wire.query("select 1"))
        wait_until(lambda: proxy.pool("primary")["cl_waiting"] == 1, 5,
                   "it waits")
        del proxy.databases["primary"]
        proxy.write_config()
        proxy.console("RELOAD")
        got = waiter.read_frame()
        assert wire.fields_of(got.payload)["M"] == "database removed"
        busy.send(wire.query("commit"))
        busy.assert_closed()


def test_a_database_that_comes_back_can_be_used_again(pgweir):
    proxy = pgweir()
    entry = proxy.databases.pop("other")
    proxy.write_config()
    proxy.console("RELOAD")
    proxy.databases["other"] = entry
    proxy.write_config()
    proxy.console("RELOAD")
    with proxy.login("other") as conn:
        assert conn.value("select current_database()") == "other"


# ---- session pooling and server_fast_close ----------------------------------
@pytest.mark.parametrize("how", ["RECONNECT", "RELOAD"])
def test_server_fast_close_ends_sessions_between_transactions(pgweir, how):
    proxy = pgweir(pool_mode="session", server_fast_close=1)
    with proxy.login("primary") as idle, proxy.login("primary") as busy:
        idle.ask("select 1")
        busy.ask("begin")
        if how == "RELOAD":
            move(proxy, "primary", dbname="other")
        proxy.console(how)
        got = idle.read_frame()
        assert wire.fields_of(got.payload)["M"] == \
            "database configuration changed"
        assert busy.value("select 2") == "2"
        busy.ask("commit")
        got = busy.read_frame()
        assert wire.fields_of(got.payload)["M"] == \
            "database configuration changed"
    proxy.wait_for_log("closing because: database configuration changed (age=")


def test_without_server_fast_close_a_session_keeps_its_server(pgweir):
    proxy = pgweir(pool_mode="session")
    with proxy.login("primary") as conn:
        pid = conn.value("select pg_backend_pid()")
        proxy.console("RECONNECT")
        assert conn.value("select pg_backend_pid()") == pid
        row, = marked(proxy)
        assert row["state"] == "active"
        with proxy.login("pgbouncer", "admin") as console:
            console.send(wire.query("WAIT_CLOSE primary"))
            assert conn.value("select 1") == "1"
            console.assert_silent()
            conn.close()
            assert console.read_result().tag == "WAIT_CLOSE"


def test_a_pause_marks_nothing(pgweir):
    """Sessions that outlive it go on as they were."""
    proxy = pgweir(pool_mode="session", server_fast_close=1)
    with proxy.login("primary") as conn:
        pid = conn.value("select pg_backend_pid()")
        proxy.signal(signal.SIGUSR1)
        wait_until(lambda: dict(proxy.console("SHOW STATE").rows)["paused"]
                   == "yes", 5, "it pauses")
        assert marked(proxy) == []
        proxy.console("RESUME")
        assert conn.value("select pg_backend_pid()") == pid


# ---- the auth_file by itself ------------------------------------------------
def replace_users(proxy, **secrets):
    """As an editor does it: another file takes the name of the old one."""
    path = proxy.settings["auth_file"]
    write_file(path + ".new", "".join(
        f'"{user}" "{secret}"\n' for user, secret in secrets.items()), 0o600)
    os.rename(path + ".new", path)


def can_log_in(proxy, user, password):
    try:
        proxy.connect(user=user, password=password).close()
        return True
    except psycopg.OperationalError as error:
        assert "password authentication failed" in str(error)
        return False


def test_a_changed_auth_file_is_read_without_a_reload(pgweir):
    proxy = pgweir(auth_type="scram-sha-256")
    with proxy.connect() as conn:
        pid = conn.execute("select pg_backend_pid()").fetchone()
        replace_users(proxy, admin="admin-secret", app="app-secret",
                      bob="a new one")
        wait_until(lambda: can_log_in(proxy, "bob", "a new one"), 10)
        assert not can_log_in(proxy, "bob", "bob-secret")
        assert not can_log_in(proxy, "alice", "alice-secret")
        # Databases and pools are the same, so are their connections.
        assert conn.execute("select pg_backend_pid()").fetchone() == pid
        # Once more, now that the users are others than at the start.
        replace_users(proxy, admin="admin-secret", alice="alice-secret")
        wait_until(lambda: can_log_in(proxy, "alice", "alice-secret"), 10)
        assert not can_log_in(proxy, "bob", "a new one")
    assert "configuration reloaded" not in proxy.log()


@pytest.mark.parametrize("harm", ["missing", "a faulty line"])
def test_a_changed_auth_file_that_is_of_no_use_changes_nothing(pgweir, harm):
    proxy = pgweir(auth_type="scram-sha-256")
    path = proxy.settings["auth_file"]
    if harm == "missing":
        os.rename(path, path + ".away")
    else:
        write_file(path, '"app" "other"\n"app\n', 0o600)
    proxy.wait_for_log("the users read before stay until the file changes")
    assert can_log_in(proxy, "app", "app-secret")
    replace_users(proxy, admin="admin-secret", app="mended")
    wait_until(lambda: can_log_in(proxy, "app", "mended"), 10)
    assert proxy.log().count("the users read before stay") == 1
