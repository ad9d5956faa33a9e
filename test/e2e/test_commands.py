"""What an operator does on the console: commands that act."""
import re
import signal
import socket
import subprocess

import pytest

import wire
from cluster import program
from procs import environment, spawn, wait_until


def state(proxy):
    return dict(proxy.console("SHOW STATE").rows)


def database(proxy, name="app"):
    return next(row for row in proxy.show("DATABASES") if row["name"] == name)


def refused(proxy, command, user="admin"):
    with pytest.raises(wire.WireError) as caught:
        proxy.console(command, user)
    assert caught.value.sqlstate == "08P01"
    assert caught.value.severity == "ERROR"
    return caught.value.message


# ---- all of them ------------------------------------------------------------
@pytest.mark.parametrize("command", [
    "PAUSE", "PAUSE app", "RESUME", "RESUME app", "DISABLE app", "ENABLE app",
    "RECONNECT", "RECONNECT app", "KILL", "KILL app", "KILL_CLIENT 1",
    "SUSPEND", "SHUTDOWN", "SHUTDOWN WAIT_FOR_SERVERS", "WAIT_CLOSE",
    "WAIT_CLOSE app", "RELOAD", "SET verbose = 0", "SHOW FDS"])
def test_acting_is_for_administrators(proxy, command):
    assert refused(proxy, command, "stats") == "admin access needed"


@pytest.mark.parametrize("command, what", [
    ("PAUSE", "pause"), ("DISABLE", "disable"), ("ENABLE", "enable"),
    ("RECONNECT", "reconnect"), ("KILL", "kill"), ("WAIT_CLOSE", "wait in")])
def test_a_database_must_be_there_and_not_the_consoles(proxy, command, what):
    assert refused(proxy, f"{command} nowhere") == "no such database: nowhere"
    assert refused(proxy, f"{command} pgbouncer") == \
        f"cannot {what} admin db: pgbouncer"
    assert refused(proxy, f"{command} app other").startswith("invalid command")


@pytest.mark.parametrize("command", ["DISABLE", "ENABLE"])
def test_some_commands_need_a_database(proxy, command):
    assert refused(proxy, command) == "a database is required"


@pytest.mark.parametrize("command, tag", [
    ("pause app", "PAUSE"), ('Resume "app";', "RESUME"),
    ("disable app", "DISABLE"), ("enable app", "ENABLE"),
    ("reconnect", "RECONNECT"), ("wait_close", "WAIT_CLOSE"),
    ("reload", "RELOAD"), ("suspend", "SUSPEND"), ("kill other", "KILL")])
def test_the_tag_is_the_command(pgweir, command, tag):
    proxy = pgweir()
    with proxy.login("pgbouncer", "admin") as console:
        if tag == "RESUME":
            console.ask("PAUSE app")
        assert console.ask(command).tag == tag


# ---- PAUSE, RESUME ----------------------------------------------------------
def test_pause_of_one_database_leaves_the_others(pgweir):
    proxy = pgweir()
    with proxy.login() as here, proxy.login("other") as there, \
            proxy.login("pgbouncer", "admin") as console:
        here.ask("begin")
        console.send(wire.query("PAUSE app"))
        wait_until(lambda: database(proxy)["paused"] == "1", 5, "it pauses")
        console.assert_silent()
        assert state(proxy)["active"] == "yes"
        assert there.value("select 1") == "1"
        here.ask("commit")
        assert console.read_result().tag == "PAUSE"
        here.send(wire.query("select 'waited'"))
        wait_until(lambda: proxy.pool()["cl_waiting"] == 1, 5, "it waits")
        assert there.value("select 2") == "2"
        assert console.ask("RESUME app").tag == "RESUME"
        assert here.read_result().rows == [["waited"]]
    assert database(proxy)["paused"] == "0"


def test_a_database_paused_before_it_has_a_pool_is_paused(pgweir):
    proxy = pgweir()
    assert proxy.console("PAUSE app").tag == "PAUSE"
    with proxy.wire() as conn:
        conn.send(wire.startup({"user": "app", "database": "app"}))
        wait_until(lambda: (proxy.pool() or {}).get("cl_waiting") == 1, 5,
                   "it waits")
        proxy.console("RESUME app")
        conn.read_until("Z")


def test_resume_of_all_leaves_a_database_that_was_paused_by_itself(pgweir):
    proxy = pgweir()
    proxy.console("PAUSE app")
    assert refused(proxy, "RESUME") == "pooler is not paused/suspended"
    proxy.console("PAUSE")
    proxy.console("RESUME")
    assert database(proxy)["paused"] == "1"
    proxy.console("RELOAD")
    assert database(proxy)["paused"] == "1"
    assert refused(proxy, "RESUME other") == "database other is not paused"
    assert refused(proxy, "RESUME nowhere") == "no such database: nowhere"
    proxy.console("RESUME app")
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"


def test_while_all_is_paused_nothing_else_can_be(pgweir):
    proxy = pgweir()
    proxy.console("PAUSE")
    for command in ("PAUSE", "PAUSE app", "SUSPEND", "KILL", "KILL app"):
        assert refused(proxy, command) == "already suspended/paused"
    assert state(proxy) == {"active": "no", "paused": "yes",
                            "suspended": "no"}


def test_a_pause_of_one_database_can_be_cancelled(pgweir):
    proxy = pgweir()
    with proxy.login() as busy, proxy.login("pgbouncer", "admin") as console:
        busy.ask("begin")
        console.send(wire.query("PAUSE app"))
        wait_until(lambda: database(proxy)["paused"] == "1", 5, "it pauses")
        console.cancel()
        with pytest.raises(wire.WireError) as caught:
            console.read_result()
        assert "the pause was ended" in caught.value.message
        assert database(proxy)["paused"] == "0"
        busy.ask("commit")


TRANSFER = """
begin;
insert into paid (client) values (:client_id);
update purse set amount = amount + 1 where id = 1 + :client_id;
insert into paid (client) values (:client_id);
end;
"""


def load(proxy, path, transactions, mode, clients=8):
    """pgbench, a thread for each client: where it prepares it waits, and must
    not hold up another client's transaction."""
    return spawn([program("pgbench"), "-n", "-f", path, "-c", str(clients),
                  "-j", str(clients), "-t", str(transactions), "-M", mode,
                  "-h", proxy.host, "-p", str(proxy.port), "-U", "app",
                  "app"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                 text=True, env=environment())


@pytest.fixture
def purse(cluster, tmp_path):
    with cluster.primary.connect(user="app") as conn:
        conn.execute("create table paid (client int)")
        conn.execute("create table purse (id int primary key, amount int)")
        conn.execute("insert into purse select i, 0"
                     " from generate_series(1, 8) i")
    path = tmp_path / "transfer.sql"
    path.write_text(TRANSFER)
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:3]:
        if parent.owner() == tmp_path.owner() and str(parent) != "/tmp":
            parent.chmod(0o755)
    yield str(path)
    with cluster.primary.connect(user="app") as conn:
        conn.execute("drop table paid, purse")


@pytest.mark.parametrize("what", ["PAUSE", "PAUSE app", "RECONNECT",
                                  "SUSPEND"])
@pytest.mark.parametrize("mode", ["simple", "prepared"])
def test_under_load_not_one_transaction_is_lost(pgweir, cluster, purse, what,
                                                mode):
    proxy = pgweir(default_pool_size=4)
    bench = load(proxy, purse, 60, mode)
    rounds = 0
    with proxy.login("pgbouncer", "admin", deadline=30) as console:
        while bench.poll() is None:
            assert console.ask(what).tag == what.split()[0]
            if what.startswith("PAUSE"):
                assert not console.ask("SHOW SERVERS").rows
            if what != "RECONNECT":
                console.ask("RESUME app" if what == "PAUSE app" else "RESUME")
            rounds += 1
            paid = cluster.primary.ask("select count(*) from paid")
            wait_until(lambda: bench.poll() is not None or cluster.primary.ask(
                "select count(*) from paid") > paid + 100, 30, "it goes on")
    output = bench.communicate()[0]
    assert bench.returncode == 0, output
    assert re.search(r"actually processed: 480/480", output), output
    assert rounds > 1
    assert cluster.primary.ask("select sum(amount) from purse") == 480
    assert cluster.primary.ask("select count(*) from paid") == 960


def test_what_is_behind_a_pause_can_be_restarted_under_load(
        pgweir, cluster, purse):
    """Nobody sees more of it than that it takes longer."""
    proxy = pgweir(default_pool_size=4)
    with proxy.login("pgbouncer", "admin", deadline=60) as console, \
            proxy.login() as idle:
        idle.ask("select 1")
        bench = load(proxy, purse, 100, "prepared")
        wait_until(lambda: cluster.primary.ask("select count(*) from paid")
                   > 200 or bench.poll() is not None, 20, "it runs")
        assert console.ask("PAUSE").tag == "PAUSE"
        cluster.primary.stop_fast()
        cluster.primary.start()
        assert console.ask("RESUME").tag == "RESUME"
        output = bench.communicate()[0]
        assert bench.returncode == 0, output
        assert re.search(r"actually processed: 800/800", output), output
        assert idle.value("select 2") == "2"
    assert cluster.primary.ask("select sum(amount) from purse") == 800
    cluster.catch_up()


# ---- DISABLE, ENABLE --------------------------------------------------------
def test_a_disabled_database_lets_nobody_new_in(pgweir):
    proxy = pgweir()
    with proxy.login() as inside:
        proxy.console("DISABLE app")
        assert database(proxy)["disabled"] == "1"
        with pytest.raises(wire.WireError) as caught:
            proxy.login()
        assert caught.value.message == 'database "app" is disabled'
        assert inside.value("select 1") == "1"
        with proxy.login("other") as conn:
            assert conn.value("select 1") == "1"
        proxy.console("ENABLE app")
        assert database(proxy)["disabled"] == "0"
        with proxy.login() as conn:
            assert conn.value("select 1") == "1"


# ---- RECONNECT, WAIT_CLOSE --------------------------------------------------
def test_reconnect_replaces_every_server(pgweir):
    proxy = pgweir()
    with proxy.login("primary") as busy, proxy.login("primary") as idle, \
            proxy.login("other") as other:
        busy.ask("begin")
        old = {busy.value("select pg_backend_pid()"),
               idle.value("select pg_backend_pid()")}
        far = other.value("select pg_backend_pid() for update")
        proxy.console("RECONNECT primary")
        assert idle.value("select pg_backend_pid()") not in old
        marked = [row for row in proxy.show("SERVERS")
                  if row["close_needed"] == "1"]
        assert [row["state"] for row in marked] == ["active"]
        busy.ask("commit")
        assert busy.value("select pg_backend_pid()") not in old
        assert other.value("select pg_backend_pid() for update") == far
        proxy.console("RECONNECT")
        assert other.value("select pg_backend_pid() for update") != far


def test_after_reconnect_prepared_statements_are_there_again(pgweir):
    proxy = pgweir(default_pool_size=1)
    with proxy.login("primary") as conn:
        conn.send(wire.parse("select $1::int + 1", "s", [23]), wire.sync())
        conn.read_until("Z")
        for i in range(3):
            conn.send(wire.bind([str(i)], "s"), wire.execute(), wire.sync())
            assert conn.types_until() == "2DCZ"
            proxy.console("RECONNECT")
        conn.send(wire.describe("S", "s"), wire.sync())
        assert conn.types_until() == "tTZ"


def test_wait_close_answers_when_the_marked_servers_are_gone(pgweir):
    proxy = pgweir()
    with proxy.login("primary") as busy, \
            proxy.login("pgbouncer", "admin") as console:
        busy.ask("begin")
        assert console.ask("WAIT_CLOSE").tag == "WAIT_CLOSE"
        console.ask("RECONNECT primary")
        assert console.ask("WAIT_CLOSE other").tag == "WAIT_CLOSE"
        console.send(wire.query("WAIT_CLOSE primary"))
        assert busy.value("select 1") == "1"
        assert proxy.console("SHOW VERSION").rows
        console.assert_silent()
        busy.ask("commit")
        assert console.read_result().tag == "WAIT_CLOSE"


def test_wait_close_can_be_cancelled(pgweir):
    proxy = pgweir()
    with proxy.login("primary") as busy, \
            proxy.login("pgbouncer", "admin") as console:
        busy.ask("begin")
        console.ask("RECONNECT")
        console.send(wire.query("WAIT_CLOSE"))
        console.cancel()
        with pytest.raises(wire.WireError):
            console.read_result()
        assert console.ask("SHOW VERSION").rows
        busy.ask("commit")


# ---- KILL, KILL_CLIENT ------------------------------------------------------
def test_kill_ends_clients_and_servers_of_a_database_and_pauses_it(
        pgweir, cluster):
    proxy = pgweir()
    with proxy.login() as idle, proxy.login() as busy, \
            proxy.login("other") as other:
        pid = busy.ask("begin") and busy.value("select pg_backend_pid()")
        other.ask("select 1")
        assert proxy.console("KILL app").tag == "KILL"
        for conn in (idle, busy):
            got = conn.read_frame()
            assert got.type == "E"
            fields = wire.fields_of(got.payload)
            assert (fields["S"], fields["M"]) == ("FATAL", "database removed")
            conn.assert_closed()
        wait_until(lambda: not cluster.primary.backends(f"pid = {pid}"), 5,
                   "its server is gone")
        assert database(proxy)["paused"] == "1"
        assert other.value("select 2") == "2"
    with proxy.wire() as late:
        late.send(wire.startup({"user": "app", "database": "app"}))
        wait_until(lambda: len([row for row in proxy.show("CLIENTS")
                                if row["database"] == "app"]) == 1, 5, "in")
        proxy.console("RESUME app")
        late.read_until("Z")
        assert late.value("select 1") == "1"


def test_a_server_killed_while_it_logs_in_has_not_failed(pgweir):
    """Its node is not down: nobody knows."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = pgweir(monitor_user=None, databases={
            "app": "host=127.0.0.1,127.0.0.2 dbname=app"
                   f" port={silent.getsockname()[1]}"})
        with proxy.wire() as conn:
            conn.send(wire.startup({"user": "app", "database": "app"}))
            wait_until(lambda: proxy.pool() and proxy.pool()["sv_login"], 5,
                       "a server is asked")
            proxy.console("KILL app")
            conn.assert_closed()
        assert not proxy.pool()["sv_login"]
        assert "down" not in {row["health"] for row in proxy.show("NODES")}


def test_kill_of_everything_spares_the_console(pgweir):
    proxy = pgweir()
    with proxy.login() as one, proxy.login("other") as two, \
            proxy.login("pgbouncer", "admin") as console:
        assert console.ask("KILL").tag == "KILL"
        one.assert_closed()
        two.assert_closed()
        assert console.ask("SHOW SERVERS").rows == []
        assert console.ask("RESUME").tag == "RESUME"
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"


def test_kill_client_ends_that_client_alone(pgweir):
    proxy = pgweir()
    with proxy.login(application_name="victim") as victim, \
            proxy.login() as other:
        victim.ask("begin")
        number = next(row["id"] for row in proxy.show("CLIENTS")
                      if row["application_name"] == "victim")
        assert proxy.console(f"KILL_CLIENT {number}").tag == "KILL_CLIENT"
        got = victim.read_frame()
        assert wire.fields_of(got.payload)["M"] == "admin forced disconnect"
        victim.assert_closed()
        assert refused(proxy, f"KILL_CLIENT {number}") == "client not found"
        assert other.value("select 1") == "1"
    for nonsense in ("", " 0", " x", " -5", " 99999999999999999999", " 0xc1"):
        assert refused(proxy, "KILL_CLIENT" + nonsense) == \
            "invalid client pointer supplied"


def test_a_console_does_not_kill_itself(pgweir):
    proxy = pgweir()
    with proxy.login("pgbouncer", "admin", application_name="me") as console:
        names = [name for name, _ in console.ask("SHOW CLIENTS").columns]
        row, = console.ask("SHOW CLIENTS").rows
        with pytest.raises(wire.WireError):
            console.ask(f"KILL_CLIENT {row[names.index('id')]}")
        assert console.ask("SHOW VERSION").rows


def test_a_client_killed_in_a_query_has_it_cancelled(pgweir, cluster):
    proxy = pgweir()
    with proxy.login("primary", application_name="sleeper") as victim:
        victim.send(wire.query("select pg_sleep(600)"))
        wait_until(lambda: cluster.primary.backends(
            "query like '%pg_sleep(600)%' and state = 'active'"), 5, "sleeps")
        number = next(row["id"] for row in proxy.show("CLIENTS")
                      if row["application_name"] == "sleeper")
        proxy.console(f"KILL_CLIENT {number}")
        wait_until(lambda: not cluster.primary.backends(
            "query like '%pg_sleep(600)%' and state = 'active'"), 5, "gone")


# ---- SUSPEND ----------------------------------------------------------------
def test_suspend_reads_nobody_until_resume(pgweir):
    proxy = pgweir()
    with proxy.login() as conn, proxy.login() as busy, \
            proxy.login("pgbouncer", "admin") as console:
        busy.ask("begin")
        assert console.ask("SUSPEND").tag == "SUSPEND"
        assert dict(console.ask("SHOW STATE").rows)["suspended"] == "yes"
        conn.send(wire.query("select 'one'"))
        busy.send(wire.query("select 'two'"))
        for command in ("SUSPEND", "PAUSE", "KILL"):
            with pytest.raises(wire.WireError) as caught:
                console.ask(command)
            assert caught.value.message == "already suspended/paused"
        conn.assert_silent()
        busy.assert_silent()
        assert console.ask("RESUME").tag == "RESUME"
        assert conn.read_result().rows == [["one"]]
        assert busy.read_result().rows == [["two"]]
        assert dict(console.ask("SHOW STATE").rows)["active"] == "yes"


def test_suspend_does_not_go_with_paused_databases(pgweir):
    proxy = pgweir()
    proxy.console("PAUSE app")
    assert refused(proxy, "SUSPEND") == "cannot suspend with paused databases"


def test_suspend_waits_for_what_is_on_its_way_and_not_for_ever(pgweir):
    """A client that does not read holds it up for suspend_timeout."""
    proxy = pgweir(suspend_timeout=0.3)
    with proxy.login() as lazy, proxy.login() as other, \
            proxy.login("pgbouncer", "admin") as console:
        lazy.send(wire.query("select repeat('x', 30000000)"))
        wait_until(lambda: proxy.pool()["sv_active"] == 1, 5, "it is asked")
        wait_until(lambda: lazy.sock.recv(1, 2), 5, "it is answered")  # PEEK
        wait_until(lambda: _is_stuck(proxy), 10, "its socket is full")
        assert console.ask("SUSPEND").tag == "SUSPEND"
        console.ask("RESUME")
        proxy.wait_for_log("suspend_timeout")
        assert other.value("select 1") == "1"


def _is_stuck(proxy):
    return any(int(row["send_remain"]) > 0
               for row in proxy.show("ACTIVE_SOCKETS") if row["type"] == "C")


# ---- SHUTDOWN and signals ---------------------------------------------------
def test_shutdown_words_are_checked(proxy):
    assert refused(proxy, "SHUTDOWN NOW").startswith("invalid command")
    assert refused(proxy, "SHUTDOWN a b").startswith("invalid command")


def test_while_shutting_down_a_resume_is_refused(pgweir):
    proxy = pgweir()
    with proxy.login() as busy, proxy.login("pgbouncer", "admin") as console:
        busy.ask("begin")
        assert console.ask("SHUTDOWN WAIT_FOR_SERVERS").tag == "SHUTDOWN"
        with pytest.raises(wire.WireError) as caught:
            console.ask("RESUME")
        assert caught.value.message == "pooler is shutting down"
        proxy.signal(signal.SIGUSR2)
        proxy.wait_for_log("got SIGUSR2 while shutting down, ignoring")
        busy.send(wire.query("commit"))
        assert proxy.wait_exit() == 0


def test_a_shutdown_ends_a_suspension(pgweir):
    proxy = pgweir()
    with proxy.login() as conn, proxy.login("pgbouncer", "admin") as console:
        console.ask("SUSPEND")
        assert console.ask("SHUTDOWN WAIT_FOR_CLIENTS").tag == "SHUTDOWN"
        assert conn.value("select 1") == "1"
    assert proxy.wait_exit() == 0


@pytest.mark.parametrize("number, phrase", [
    (signal.SIGTERM, "got SIGTERM while shutting down, fast exit"),
    (signal.SIGINT, "got SIGINT while shutting down, fast exit")],
    ids=["TERM", "INT"])
def test_the_second_signal_is_logged_as_such(pgweir, number, phrase):
    proxy = pgweir()
    with proxy.login() as conn:
        conn.ask("begin")
        proxy.signal(number)
        proxy.wait_for_log("shutting down, waiting for")
        proxy.signal(number)
        assert proxy.wait_exit() == 0
    assert phrase in proxy.log()


def test_sigusr1_and_sigusr2_say_what_they_do(pgweir):
    proxy = pgweir()
    for number, phrase in (
            (signal.SIGUSR2, "got SIGUSR2, but not paused/suspended"),
            (signal.SIGUSR1, "got SIGUSR1, pausing all activity"),
            (signal.SIGUSR1, "got SIGUSR1, but already paused/suspended"),
            (signal.SIGUSR2, "got SIGUSR2, continuing from PAUSE")):
        proxy.signal(number)
        proxy.wait_for_log(phrase)
    with proxy.login("pgbouncer", "admin") as console:
        console.ask("SUSPEND")
        proxy.signal(signal.SIGUSR2)
        proxy.wait_for_log("got SIGUSR2, continuing from SUSPEND")


def test_every_command_is_logged_with_who_gave_it(pgweir):
    proxy = pgweir()
    for command, phrase in (("PAUSE app", "PAUSE 'app' command issued"),
                            ("RESUME app", "RESUME 'app' command issued"),
                            ("RECONNECT", "RECONNECT command issued")):
        proxy.console(command)
        assert re.search(f"{phrase} .*user=admin", proxy.log())
