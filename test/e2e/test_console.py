"""The admin console, as psql, exporters and scripts use it."""
import re
import socket

import psycopg
import pytest

import wire
from cluster import program
from procs import run, wait_until

TEXT, INT4, INT8, NUMERIC = 25, 23, 20, 1700

SOCKET = [
    ("type", TEXT), ("user", TEXT), ("database", TEXT), ("replication", TEXT),
    ("state", TEXT), ("addr", TEXT), ("port", INT4), ("local_addr", TEXT),
    ("local_port", INT4), ("connect_time", TEXT), ("request_time", TEXT),
    ("wait", INT4), ("wait_us", INT4), ("close_needed", INT4), ("ptr", TEXT),
    ("link", TEXT), ("remote_pid", INT4), ("tls", TEXT),
    ("application_name", TEXT), ("prepared_statements", INT4), ("id", INT4)]
COLUMNS = {
    "VERSION": [("version", TEXT)],
    "POOLS": [("database", TEXT), ("user", TEXT)] + [
        (name, INT4) for name in (
            "cl_active", "cl_waiting", "cl_active_cancel_req",
            "cl_waiting_cancel_req", "sv_active", "sv_active_cancel",
            "sv_being_canceled", "sv_idle", "sv_used", "sv_tested",
            "sv_login", "maxwait", "maxwait_us")] + [
        ("pool_mode", TEXT), ("load_balance_hosts", TEXT)],
    "CLIENTS": SOCKET,
    "SERVERS": SOCKET,
    "DATABASES": [
        ("name", TEXT), ("host", TEXT), ("port", INT4), ("database", TEXT),
        ("force_user", TEXT), ("pool_size", INT4), ("min_pool_size", INT4),
        ("reserve_pool_size", INT4), ("server_lifetime", INT4),
        ("pool_mode", TEXT), ("load_balance_hosts", TEXT),
        ("max_connections", INT4), ("current_connections", INT4),
        ("max_client_connections", INT4),
        ("current_client_connections", INT4), ("paused", INT4),
        ("disabled", INT4)],
    "CONFIG": [("key", TEXT), ("value", TEXT), ("default", TEXT),
               ("changeable", TEXT)],
    "LISTS": [("list", TEXT), ("items", INT4)],
}
LISTS = ["databases", "users", "peers", "pools", "peer_pools", "free_clients",
         "used_clients", "login_clients", "free_servers", "used_servers",
         "dns_names", "dns_zones", "dns_queries", "dns_pending"]


# ---- SHOW -------------------------------------------------------------------
@pytest.mark.parametrize("what", COLUMNS)
def test_show_has_pgbouncers_columns_and_types_and_no_more(proxy, what):
    with proxy.login():
        result = proxy.console(f"SHOW {what}")
    assert result.columns == COLUMNS[what]
    assert result.tag == "SHOW"
    assert result.rows


def test_show_version_names_both_programs(proxy):
    version = proxy.console("SHOW VERSION").rows[0][0]
    assert re.match(r"PgBouncer 1\.25\.\d+ \(pgweir \d+\.\d+\.\d+\)", version)


def test_the_first_line_of_version_is_that_of_show_version(proxy):
    done = run([proxy.binary, "--version"])
    assert done.stdout.splitlines()[0] == \
        proxy.console("SHOW VERSION").rows[0][0]


def test_show_lists_names_what_exporters_read(proxy):
    assert [row[0] for row in proxy.console("SHOW LISTS").rows] == LISTS


def test_show_lists_counts_clients_and_servers(proxy):
    before = dict(proxy.console("SHOW LISTS").rows)
    with proxy.login() as one, proxy.login():
        one.ask("begin")
        now = dict(proxy.console("SHOW LISTS").rows)
        assert int(now["used_clients"]) == int(before["used_clients"]) + 2
        assert int(now["used_servers"]) >= 1
        assert int(now["databases"]) >= 3


def test_show_pools_counts_active_waiting_and_idle(pgweir):
    proxy = pgweir(default_pool_size=1)
    with proxy.login() as one, proxy.login() as two, proxy.login():
        one.ask("begin; select 1")
        two.send(wire.query("select 2 for update"))
        wait_until(lambda: proxy.pool()["cl_waiting"] == 1, 5, "two waits")
        pool = proxy.pool()
        assert pool["cl_active"] == 2
        assert pool["sv_active"] == 1
        assert pool["pool_mode"] == "transaction"
        assert pool["maxwait"] >= 0 and pool["maxwait_us"] >= 0
        one.ask("commit")
        two.read_result()
        pool = proxy.pool()
        assert (pool["cl_active"], pool["cl_waiting"]) == (3, 0)
        assert pool["sv_active"] == 0 and pool["sv_idle"] >= 1


def test_show_pools_has_a_row_for_the_console(proxy):
    row = next(row for row in proxy.show("POOLS")
               if row["database"] == "pgbouncer")
    assert row["user"] in ("pgbouncer", "admin")


def test_show_clients_and_servers_say_who_is_linked_to_whom(proxy):
    with proxy.login(application_name="looked at") as conn:
        conn.ask("begin; select 1")
        client = next(row for row in proxy.show("CLIENTS")
                      if row["application_name"] == "looked at")
        assert client["type"] == "C"
        assert client["state"] == "active"
        assert client["addr"] == "127.0.0.1"
        assert client["port"] == str(conn.sock.getsockname()[1])
        assert client["local_port"] == str(proxy.port)
        assert client["replication"] == "none"
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+$",
                        client["connect_time"])
        server = next(row for row in proxy.show("SERVERS")
                      if row["link"] == client["ptr"])
        assert server["type"] == "S"
        assert server["state"] == "active"
        assert server["ptr"] == client["link"]
        assert server["remote_pid"] == conn.value("select pg_backend_pid()")
        conn.ask("commit")
        client = next(row for row in proxy.show("CLIENTS")
                      if row["application_name"] == "looked at")
        assert client["state"] == "idle"
        assert client["link"] == ""


def test_show_databases_shows_the_configuration(proxy, cluster):
    rows = {row["name"]: row for row in proxy.show("DATABASES")}
    assert {"app", "primary", "other", "pgbouncer"} <= set(rows)
    assert rows["primary"]["host"] == "127.0.0.1"
    assert rows["primary"]["port"] == str(cluster.primary.port)
    assert rows["primary"]["database"] == "app"
    assert rows["app"]["pool_size"] == "10"
    assert rows["app"]["disabled"] == "0"
    assert rows["app"]["load_balance_hosts"] == "round-robin"
    assert rows["primary"]["load_balance_hosts"] is None


def test_show_config_shows_values_defaults_and_what_can_change(proxy):
    rows = {row["key"]: row for row in proxy.show("CONFIG")}
    assert rows["default_pool_size"]["value"] == "10"
    assert rows["default_pool_size"]["default"] == "20"
    assert rows["default_pool_size"]["changeable"] == "yes"
    assert rows["listen_port"]["changeable"] == "no"
    assert rows["max_client_conn"]["value"].isdigit()
    assert rows["max_user_connections"]["value"].isdigit()


def test_show_config_shows_no_secret(pgweir):
    proxy = pgweir(monitor_password="hidden-from-all")
    assert "hidden-from-all" not in str(proxy.console("SHOW CONFIG").rows)


def test_show_nodes_says_who_is_primary_and_who_is_replica(proxy, cluster):
    def roles():
        result = proxy.console("SHOW NODES")
        names = [name for name, _ in result.columns]
        assert {"host", "port"} <= set(names)
        return {row[names.index("port")]: row for row in result.rows}

    def complete():
        found = roles()
        return all(str(node.port) in found for node in cluster.nodes) and \
            "primary" in found[str(cluster.primary.port)] and all(
                "replica" in found[str(node.port)]
                for node in cluster.replicas)

    wait_until(complete, 10, lambda: f"roles: {roles()}")


def test_show_help_is_a_notice(proxy):
    result = proxy.console("SHOW HELP")
    assert result.rows == []
    assert len(result.notices) == 1
    text = str(result.notices[0])
    for word in ("SHOW", "POOLS", "RELOAD", "SHUTDOWN"):
        assert word in text


# ---- how it is spoken to ----------------------------------------------------
@pytest.mark.parametrize("command", [
    "show version", "SHOW VERSION;", "  sHoW   VeRsIoN  ; ",
    'SHOW "version"', "select version"])
def test_commands_are_read_as_pgbouncer_reads_them(proxy, command):
    assert proxy.console(command).columns == COLUMNS["VERSION"]


@pytest.mark.parametrize("database", ["pgbouncer", "pgweir"])
def test_the_console_goes_by_two_names(proxy, database):
    assert proxy.console("SHOW VERSION", database=database).rows


@pytest.mark.parametrize("command", [
    "SHOW NOTHING", "FROBNICATE", "SELECT 1", "", "SHOW"])
def test_an_unknown_command_is_an_error_and_the_console_lives(
        proxy, command):
    with proxy.login("pgbouncer", "admin") as conn:
        try:
            conn.ask(command)
        except wire.WireError as error:
            assert error.sqlstate == "08P01"
        assert conn.ask("SHOW VERSION").rows


def test_several_commands_on_one_connection(proxy):
    with proxy.login("pgbouncer", "admin") as conn:
        for _ in range(20):
            assert conn.ask("SHOW POOLS").tag == "SHOW"


def test_the_welcome_of_the_console_is_pgbouncers(proxy):
    with proxy.login("pgbouncer", "admin", extra_float_digits="2") as conn:
        assert conn.params["server_version"].endswith("/bouncer")
        assert conn.params["server_version"].startswith("1.25")
        assert conn.params["server_encoding"] == "UTF8"
        assert conn.params["DateStyle"] == "ISO"
        assert conn.params["TimeZone"] == "GMT"
        assert conn.params["standard_conforming_strings"] == "on"
        assert conn.params["is_superuser"] == "on"


def test_the_startup_of_lib_pq_is_accepted(proxy):
    with proxy.login("pgbouncer", "admin", client_encoding="UTF8",
                     datestyle="ISO, MDY", extra_float_digits="2") as conn:
        assert conn.ask("SHOW LISTS").rows


def test_the_console_understands_the_extended_protocol(proxy):
    with proxy.login("pgbouncer", "admin") as conn:
        conn.send(wire.parse("SHOW VERSION"), wire.bind(), wire.describe(),
                  wire.execute(), wire.sync())
        assert conn.types_until() == "12TDCZ"


def extended(sql, **bind):
    return [wire.parse(sql), wire.bind(**bind), wire.describe(),
            wire.execute(), wire.sync()]


@pytest.mark.parametrize("bytewise", [False, True])
def test_a_named_statement_of_the_console_runs_again_and_again(
        proxy, bytewise):
    with proxy.login("pgbouncer", "admin") as conn:
        send = conn.send_bytewise if bytewise else conn.send
        send(wire.parse("SHOW POOLS", "s"), wire.describe("S", "s"),
             wire.sync())
        assert conn.types_until() == "1tTZ"
        for _ in range(3):
            send(wire.bind(statement="s"), wire.execute(), wire.sync())
            types = conn.types_until()
            assert types[0] == "2" and types.endswith("DCZ")
        send(wire.close("S", "s"), wire.bind(statement="s"),
             wire.execute(), wire.sync(), wire.query("SHOW VERSION"))
        assert conn.types_until() == "3EZ"
        assert conn.types_until() == "TDCZ"


def test_describing_a_command_of_the_console_does_not_run_it(pgweir):
    proxy = pgweir()
    with proxy.login("pgbouncer", "admin") as conn:
        for command in ("SHUTDOWN", "SET default_pool_size = 3", "", "NO"):
            conn.send(wire.parse(command), wire.describe("S"), wire.sync())
            assert conn.types_until() == "1tnZ"
        rows = {row["key"]: row["value"] for row in proxy.show("CONFIG")}
        assert rows["default_pool_size"] == "10"
        conn.send(*extended("SET default_pool_size = 3"))
        assert conn.types_until() == "12nCZ"
        conn.send(*extended(""))
        assert conn.types_until() == "12nIZ"
        conn.send(*extended("SHOW HELP"))
        assert conn.types_until() == "12nCZ"


def test_an_error_in_a_batch_of_the_console_skips_to_its_sync(proxy):
    with proxy.login("pgbouncer", "admin") as conn:
        conn.send(wire.parse("NO SUCH"), wire.bind(), wire.describe(),
                  wire.execute(), wire.parse("SHOW VERSION"), wire.bind(),
                  wire.execute(), wire.query("SHOW VERSION"), wire.sync())
        assert conn.types_until() == "12nEZ"
        conn.send(*extended("SHOW VERSION", result_format=1))
        assert conn.types_until() == "12TDCZ"
        conn.send(*extended("SHOW VERSION", result_format=2))
        assert conn.types_until() == "1EZ"
        conn.send(*extended("SHOW VERSION", params=["1"]))
        assert conn.types_until() == "1EZ"
        conn.send(wire.execute("nothing"), wire.sync())
        assert conn.types_until() == "EZ"
        # 100 there may be, and the unnamed one is there already.
        for i in range(99):
            conn.send(wire.parse("x", f"s{i}"))
        conn.send(wire.parse("x", "more"), wire.sync())
        assert conn.types_until() == "1" * 99 + "EZ"


@pytest.mark.parametrize("message", [
    wire.frame("P", b"x"), wire.frame("B", b"\0\0\0\1"),
    wire.frame("B", b"\0\0\0\0\0\1\x7f\xff\xff\xff"),
    wire.frame("D", b"X\0"), wire.frame("E", b"\0"), wire.frame("S", b"x"),
    wire.frame("Q", b""), wire.frame("Q", b"SHOW\0POOLS\0"),
    wire.frame("Q", b"SHOW POOLS"), wire.frame("d", b""),
    wire.frame("F", b""), wire.frame("?", b""),
    b"Q\xff\xff\xff\xff", b"Q\x00\x10\x00\x00"])
def test_what_is_no_message_ends_the_console(proxy, message):
    with proxy.login("pgbouncer", "admin") as conn:
        conn.send(message)
        assert conn.types_until("E") == "E"
        conn.assert_closed()
    assert proxy.console("SHOW VERSION").rows


def test_pause_by_the_extended_protocol(pgweir):
    proxy = pgweir()
    with proxy.login() as busy, proxy.login("pgbouncer", "admin") as console:
        busy.ask("begin")
        console.send(*extended("PAUSE"), *extended("SHOW STATE"))
        wait_until(lambda: dict(proxy.console("SHOW STATE").rows)["paused"]
                   == "yes", 5, "it pauses")
        busy.ask("commit")
        assert console.types_until() == "12nCZ"
        assert console.types_until() == "12TDDDCZ"


def test_many_commands_at_once_are_answered_in_order(proxy):
    with proxy.login("pgbouncer", "admin", deadline=30) as conn:
        conn.send(*[wire.query(sql) for _ in range(500)
                    for sql in ("SHOW CONFIG", "SHOW VERSION")])
        for _ in range(500):
            assert len(conn.read_result().rows) > 90
            assert len(conn.read_result().rows) == 1


def test_psql_and_psycopg_talk_to_the_console(proxy):
    done = run([program("psql"), "-X", "-A", "-t", "-d",
                proxy.dsn("pgbouncer", "admin"), "-c", "show version"])
    assert done.stdout.startswith("PgBouncer 1.25")
    with psycopg.connect(proxy.dsn("pgbouncer", "admin"),
                         autocommit=True) as conn:
        assert conn.execute("SHOW POOLS").fetchall()
        assert conn.execute("SHOW POOLS", prepare=True).fetchall()
        assert conn.execute("SHOW POOLS", []).fetchall()


# ---- who may ----------------------------------------------------------------
def test_a_stats_user_may_look_and_not_act(proxy):
    with proxy.login("pgbouncer", "stats") as conn:
        assert conn.ask("SHOW POOLS").rows
        for command in ("RELOAD", "SHUTDOWN", "SET verbose = 1"):
            with pytest.raises(wire.WireError):
                conn.ask(command)
        assert conn.ask("SHOW POOLS").rows


def test_others_may_not_even_look(proxy):
    with pytest.raises(wire.WireError) as caught:
        proxy.login("pgbouncer", "app")
    assert caught.value.severity == "FATAL"


def test_over_the_unix_socket_the_daemons_own_user_is_administrator(pgweir):
    """As user pgbouncer, without password, whatever auth_type says."""
    proxy = pgweir(auth_type="plain")
    done = run([program("psql"), "-X", "-A", "-t", "-w", "-c", "SHOW VERSION",
                "-d", f"host={proxy.dir} port={proxy.port}"
                " user=pgbouncer dbname=pgbouncer"])
    assert "pgweir" in done.stdout


def test_over_tcp_user_pgbouncer_is_nobody_special(pgweir):
    proxy = pgweir(auth_type="plain")
    with proxy.wire() as conn, pytest.raises(wire.WireError):
        conn.login(user="pgbouncer", database="pgbouncer", password="")


# ---- SET, RELOAD, SHUTDOWN --------------------------------------------------
@pytest.mark.parametrize("command", [
    "SET default_pool_size = 3", "set default_pool_size to 3",
    "SET default_pool_size = '3'", "SET default_pool_size='3';"])
def test_set_changes_a_setting_at_once(pgweir, command):
    proxy = pgweir()
    result = proxy.console(command)
    assert result.tag.upper().startswith("SET")
    rows = {row["key"]: row["value"] for row in proxy.show("CONFIG")}
    assert rows["default_pool_size"] == "3"


@pytest.mark.parametrize("command", [
    "SET default_pool_size = many", "SET no_such_setting = 1",
    "SET listen_port = 7000", "SET default_pool_size"])
def test_set_refuses_what_cannot_be(proxy, command):
    with pytest.raises(wire.WireError) as caught:
        proxy.console(command)
    assert caught.value.sqlstate == "08P01"
    rows = {row["key"]: row["value"] for row in proxy.show("CONFIG")}
    assert rows["default_pool_size"] == "10"


def test_what_drivers_set_by_habit_is_ignored_with_a_notice(proxy):
    result = proxy.console("SET client_encoding = 'UTF8'")
    assert [n["M"] for n in result.notices] == ["SET ignored"]


def test_reload_takes_the_file_as_it_is_now(pgweir):
    proxy = pgweir()
    proxy.write_config(default_pool_size=4)
    assert proxy.console("RELOAD").tag == "RELOAD"
    rows = {row["key"]: row["value"] for row in proxy.show("CONFIG")}
    assert rows["default_pool_size"] == "4"


def test_a_reload_that_fails_changes_nothing_and_says_so(pgweir):
    proxy = pgweir()
    proxy.write_config(default_pool_size="lots", max_client_conn=7)
    with pytest.raises(wire.WireError) as caught:
        proxy.console("RELOAD")
    assert caught.value.sqlstate == "F0000"
    assert "RELOAD failed, see logs for additional details" in \
        caught.value.message
    rows = {row["key"]: row["value"] for row in proxy.show("CONFIG")}
    assert rows["default_pool_size"] == "10"
    assert rows["max_client_conn"] == "2000"
    assert f"{proxy.config_path}:" in proxy.log()


def test_shutdown_ends_the_program(pgweir):
    proxy = pgweir()
    with proxy.login("pgbouncer", "admin") as conn:
        conn.send(wire.query("SHUTDOWN"))
        conn.assert_closed()
    assert proxy.wait_exit() == 0


def test_shutdown_wait_for_clients_lets_them_finish(pgweir):
    proxy = pgweir()
    with proxy.login() as conn:
        conn.ask("begin")
        proxy.console("SHUTDOWN WAIT_FOR_CLIENTS")
        assert conn.value("select 1") == "1"
        assert conn.ask("commit").tag == "COMMIT"
        assert proxy.proc.poll() is None
    assert proxy.wait_exit() == 0


def test_shutdown_wait_for_servers_waits_for_transactions(pgweir):
    proxy = pgweir()
    with proxy.login() as busy, proxy.login():
        busy.ask("begin")
        proxy.console("SHUTDOWN WAIT_FOR_SERVERS")
        assert busy.value("select 1") == "1"
        busy.send(wire.query("commit"))
        assert busy.read_frame().type == "C"
        assert proxy.wait_exit() == 0


# ---- PAUSE, RESUME ----------------------------------------------------------
def test_pause_answers_when_the_last_server_is_free(pgweir, cluster):
    proxy = pgweir()
    with proxy.login() as busy, proxy.login() as other, \
            proxy.login("pgbouncer", "admin") as console:
        other.ask("select 1")
        busy.ask("begin")
        console.send(wire.query("PAUSE"))
        wait_until(lambda: dict(proxy.console("SHOW STATE").rows)["paused"]
                   == "yes", 5, "it pauses")
        pid = busy.value("select pg_backend_pid()")
        console.assert_silent()
        busy.ask("commit")
        assert console.read_result().tag == "PAUSE"
        assert proxy.console("SHOW SERVERS").rows == []
        wait_until(lambda: not cluster.primary.backends(f"pid = {pid}"), 5,
                   "PostgreSQL has seen it go")
        other.send(wire.query("select 7"))
        wait_until(lambda: proxy.pool()["cl_waiting"] == 1, 5, "it waits")
        assert console.ask("RESUME").tag == "RESUME"
        assert other.read_result().rows == [["7"]]
        assert dict(console.ask("SHOW STATE").rows)["active"] == "yes"


def test_pause_of_an_idle_pool_answers_at_once(pgweir):
    proxy = pgweir()
    with proxy.login() as conn:
        conn.ask("select 1")
        assert proxy.console("PAUSE").tag == "PAUSE"
        with pytest.raises(wire.WireError) as caught:
            proxy.console("PAUSE")
        assert "already suspended/paused" in caught.value.message
        assert proxy.console("RESUME").tag == "RESUME"
        with pytest.raises(wire.WireError) as caught:
            proxy.console("RESUME")
        assert "pooler is not paused/suspended" in caught.value.message
        assert conn.value("select 2") == "2"


def test_a_pause_does_not_make_a_healthy_host_look_down(pgweir):
    proxy = pgweir()
    with proxy.login() as conn:
        conn.ask("select 1")
        wait_until(lambda: {row["health"] for row in proxy.show("NODES")}
                   == {"up"})
        proxy.console("PAUSE")
        proxy.console("RESUME")
        assert conn.value("select 1") == "1"
    assert {row["health"] for row in proxy.show("NODES")} == {"up"}
    assert {row["last_error"] for row in proxy.show("NODES")} == {None}


def test_a_login_that_ends_during_a_pause_has_not_failed(pgweir):
    """The connection is not wanted any more; its host is not to blame."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        proxy = pgweir(databases={
            "slow": f"host=127.0.0.1 port={listener.getsockname()[1]}"})
        with proxy.wire() as client, \
                proxy.login("pgbouncer", "admin") as console:
            client.send(wire.startup({"user": "app", "database": "slow"}))
            server, _ = listener.accept()
            with server:
                server.settimeout(10)
                server.recv(1000)
                console.send(wire.query("PAUSE"))
                wait_until(lambda: dict(proxy.console("SHOW STATE").rows)
                           ["paused"] == "yes", 5, "it pauses")
                server.sendall(wire.frame("R", b"\0\0\0\0")
                               + wire.frame("Z", b"I"))
                assert console.read_result().tag == "PAUSE"
            node, = proxy.show("NODES")
            assert node["last_error"] is None
            assert node["health"] != "down"


@pytest.mark.parametrize("how", ["resume", "cancel"])
def test_a_pause_that_still_waits_can_be_taken_back(pgweir, how):
    proxy = pgweir()
    with proxy.login() as busy, proxy.login("pgbouncer", "admin") as console:
        busy.ask("begin")
        console.send(wire.query("PAUSE"), wire.query("SHOW VERSION"))
        wait_until(lambda: dict(proxy.console("SHOW STATE").rows)["paused"]
                   == "yes", 5, "it pauses")
        if how == "resume":
            proxy.console("RESUME")
        else:
            console.cancel()
        with pytest.raises(wire.WireError) as caught:
            console.read_result()
        assert "the pause was ended" in caught.value.message
        assert console.read_result().columns == COLUMNS["VERSION"]
        assert dict(proxy.console("SHOW STATE").rows)["active"] == "yes"
        busy.ask("commit")


def test_who_leaves_while_its_pause_waits_leaves_no_trace(pgweir):
    proxy = pgweir()
    with proxy.login() as busy:
        busy.ask("begin")
        with proxy.login("pgbouncer", "admin") as console:
            console.send(wire.query("PAUSE"))
            wait_until(lambda: dict(proxy.console("SHOW STATE").rows)
                       ["paused"] == "yes", 5, "it pauses")
        wait_until(lambda: len(proxy.show("CLIENTS")) == 2, 5, "it has left")
        busy.ask("commit")
        wait_until(lambda: not proxy.show("SERVERS"), 5, "no server is left")
        assert proxy.console("RESUME").tag == "RESUME"
        assert busy.value("select 1") == "1"
