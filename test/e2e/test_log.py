"""The log: one line per event, the phrases that people's alerts look for, and
never a secret."""
import os
import re

import pytest

import wire
from procs import free_port, wait_until


def test_a_connection_leaves_its_lines(pgweir):
    proxy = pgweir()
    with proxy.login() as conn:
        conn.ask("select 1 for update")
    proxy.wait_for_log("closing because: ")
    log = proxy.log()
    assert re.search(r"new connection to server \(from \S+", log)
    assert re.search(r"closing because: .* \(age=\d+", log)
    assert "127.0.0.1" in log


def test_a_wait_too_long_is_logged_with_its_reason(pgweir, cluster):
    proxy = pgweir(default_pool_size=1, query_wait_timeout=0.2)
    with proxy.login() as holder, proxy.login() as late:
        holder.ask("begin")
        with pytest.raises((wire.WireError, wire.Closed)):
            late.ask("select 1 for update")
    proxy.wait_for_log("closing because: query_wait_timeout (age=")


def test_a_refused_login_is_logged_with_its_reason(pgweir):
    proxy = pgweir(auth_type="plain")
    with proxy.wire() as conn, pytest.raises(wire.WireError):
        conn.login(user="app", database="app", password="guessed-wrong")
    proxy.wait_for_log("closing because: password authentication failed")
    with pytest.raises(wire.WireError):
        proxy.login("nowhere")
    proxy.wait_for_log("no such database: nowhere")


def test_a_failed_server_login_is_logged_in_postgresqls_words(pgweir):
    proxy = pgweir(secrets={"scram": "wrong-word"})
    with pytest.raises(wire.WireError):
        proxy.login(user="scram")
    proxy.wait_for_log("server login failed: FATAL")


def test_a_refused_connection_is_logged(pgweir):
    proxy = pgweir(server_unreachable_timeout=0.3, databases={
        "app": f"host=127.0.0.1 port={free_port()}"})
    with pytest.raises(wire.WireError):
        proxy.login().ask("select 1")
    proxy.wait_for_log("connect failed")


def test_a_reload_is_logged(pgweir):
    proxy = pgweir()
    since = proxy.log_size()
    proxy.console("RELOAD")
    proxy.wait_for_log("RELOAD", since=since)


@pytest.mark.parametrize("arguments", [[], ["-v", "-v", "-v"]],
                         ids=["ordinary", "verbose"])
def test_no_secret_is_ever_logged(pgweir, arguments):
    proxy = pgweir(auth_type="plain", arguments=arguments,
                   monitor_password="monitor-secret")
    for user in ("app", "plain", "hashed", "scram"):
        with proxy.login(user=user) as conn:
            conn.ask("select 1")
    with proxy.wire() as conn, pytest.raises(wire.WireError):
        conn.login(user="app", database="app", password="mistyped-secret")
    proxy.console("RELOAD")
    log = proxy.log()
    assert "-secret" not in log
    assert "SCRAM-SHA-256$" not in log
    assert not re.search(r"\bmd5[0-9a-f]{32}\b", log)
    assert not re.search(r"[,\"]p=[A-Za-z0-9+/]{20}", log)


def test_query_text_is_not_logged_ordinarily(pgweir):
    proxy = pgweir()
    with proxy.login() as conn:
        conn.ask("select 'card 4111-1111'")
        with pytest.raises(wire.WireError):
            conn.ask("select 'card 4111-1111'::int")
    assert "4111" not in proxy.log()


@pytest.mark.parametrize("text, reason", [
    ("create temp table t (n int)", "temporary object"),
    ("select pg_advisory_lock(1)", "session advisory lock"),
    ("listen news", "LISTEN")])
def test_why_a_client_keeps_its_server_is_logged_once(pgweir, text, reason):
    proxy = pgweir()
    with proxy.login() as conn:
        for _ in range(3):
            conn.ask(text if _ == 0 else "select 1 for update")
            conn.ask("declare c cursor with hold for select 1")
            conn.ask("close c")
    proxy.wait_for_log("closing because: client")
    lines = [line for line in proxy.log().splitlines()
             if "pinned to its server: " in line]
    assert len(lines) == 1, lines
    assert f"pinned to its server: {reason}" in lines[0]
    assert " INFO " in lines[0] and "user=app" in lines[0]


def test_a_typing_error_pins_nobody_and_leaves_no_line(pgweir):
    proxy = pgweir()
    with proxy.login() as conn:
        with pytest.raises(wire.WireError):
            conn.ask("selct 1")
    proxy.wait_for_log("closing because: client")
    assert "pinned to its server" not in proxy.log()


def test_session_pooling_is_no_pin_worth_a_line(pgweir):
    proxy = pgweir(pool_mode="session")
    with proxy.login() as conn:
        conn.ask("create temp table t (n int)")
    proxy.wait_for_log("closing because: client")
    assert "pinned to its server" not in proxy.log()


def test_log_connections_off_is_quiet(pgweir):
    proxy = pgweir(log_connections=0, log_disconnections=0)
    since = proxy.log_size()
    with proxy.login(application_name="unheard") as conn:
        conn.ask("select 1")
    with proxy.login() as conn:
        conn.ask("select 1")
    assert "closing because: client close" not in proxy.log(since)


def test_every_line_has_time_process_and_level(pgweir):
    proxy = pgweir()
    with proxy.login() as conn:
        conn.ask("select 1")
    for line in proxy.log().splitlines():
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \S+ \[\d+\] \S+",
                        line), line
        assert str(proxy.pid) in line


def test_names_from_clients_cannot_forge_lines(pgweir):
    proxy = pgweir()
    forged = "x\n2030-01-01 00:00:00.000 UTC [1] ERROR forged"
    with proxy.login(application_name=forged) as conn:
        conn.ask("select 1")
    with pytest.raises(wire.WireError):
        proxy.login(database=forged)
    assert not any(line.startswith("2030-") for line in
                   proxy.log().splitlines())


def test_a_log_file_moved_away_is_opened_anew_on_reload(pgweir):
    proxy = pgweir(start=False)
    path = os.path.join(proxy.dir, "moved.log")
    proxy.settings["logfile"] = path
    proxy.start()
    os.rename(path, path + ".1")
    proxy.console("RELOAD")
    with proxy.login() as conn:
        conn.ask("select 1")
    wait_until(lambda: os.path.exists(path) and os.path.getsize(path), 5,
               "a new file is written")
