"""Configuration: everything wrong is said at once, with file and line; a failed
reload changes nothing; a good one acts under load."""
import os
import re
import signal
import threading

import pytest

import wire
from crowd import run_crowd
from procs import run, wait_until, write_file


def check(proxy, text=None, name="check.ini"):
    """pgweir --check on TEXT; (exit status, output)."""
    path = os.path.join(proxy.dir, name)
    if text is not None:
        write_file(path, text)
    done = run([proxy.binary, "--check", path], check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def idle(pgweir):
    """A directory and a binary; nothing is started."""
    return pgweir(start=False)


GOOD = """\
[databases]
app = host=127.0.0.1,127.0.0.2 port=5432,5433 dbname='my app' pool_size=5
* = host=/var/run/postgresql
[users]
app = pool_mode=session
; a comment
# another
[pgbouncer]
  listen_addr = 127.0.0.1
auth_type = any
pool_mode = transaction
admin_users = root, admin
"""


def test_check_accepts_a_good_file(idle):
    status, output = check(idle, GOOD)
    assert status == 0, output


def test_check_reports_every_error_with_file_and_line(idle):
    status, output = check(idle, GOOD + """\
default_pool_size = many
pool_mode = sometimes
no_such_setting = 1
max_client_conn = -3
""")
    assert status != 0
    for line, word in ((13, "default_pool_size"), (14, "pool_mode"),
                       (15, "no_such_setting"), (16, "max_client_conn")):
        assert any(f"check.ini:{line}: " in text and word in text
                   for text in output.splitlines()), (line, output)


@pytest.mark.parametrize("wrong, right", [
    ("defualt_pool_size", "default_pool_size"),
    ("listen_adr", "listen_addr"), ("poolmode", "pool_mode")])
def test_an_unknown_setting_is_refused_and_the_nearest_named(
        idle, wrong, right):
    status, output = check(idle, GOOD + f"{wrong} = 1\n")
    assert status != 0
    assert "check.ini:13: " in output
    assert wrong in output and right in output


@pytest.mark.parametrize("line", [
    "auth_type = ldap", "client_tls_sslmode = require",
    "auth_type = pam",
    "server_tls_sslmode = verify-ca"])
def test_what_does_not_exist_yet_is_refused_not_ignored(idle, line):
    status, output = check(
        idle, GOOD.replace("auth_type = any\n", "")
        .replace("pool_mode = transaction\n", "") + line + "\n")
    assert status != 0
    assert line.split(" ", maxsplit=1)[0] in output


def test_the_section_may_be_called_pgweir(idle):
    assert check(idle, GOOD.replace("[pgbouncer]", "[pgweir]"))[0] == 0


def test_include_reads_another_file_and_names_it_in_errors(idle):
    write_file(os.path.join(idle.dir, "more.ini"),
               "[pgbouncer]\nlisten_port = x\n")
    status, output = check(idle, GOOD + f"%include {idle.dir}/more.ini\n")
    assert status != 0
    assert "more.ini:2: " in output


def test_a_file_that_includes_itself_is_refused(idle):
    status, output = check(idle, GOOD + f"%include {idle.dir}/check.ini\n")
    assert status != 0
    assert "include" in output


@pytest.mark.parametrize("text", [
    "[databases]\napp = host=", "[nowhere]\na = 1\n", "app = host=x\n",
    "[databases]\napp = hots=x\n", "[databases]\napp = host='x\n",
    "[databases]\npgbouncer = host=x\n", "[pgbouncer\n", "[pgbouncer]\nx\n",
    "[pgbouncer]\nlogfile = a\0b\n",
    "[databases]\napp = " + "x" * 200000 + "=1\n",
    "[databases]\napp = host=a,b,c port=1,2\n"],
    ids=["empty host", "unknown section", "no section", "unknown word",
         "open quote", "reserved name", "open bracket", "no value", "NUL",
         "very long line", "lists that do not match"])
def test_bad_files_are_refused_with_a_line(idle, text):
    status, output = check(idle, text + "\n[pgbouncer]\nauth_type = any\n"
                           if text.startswith("[databases]\napp = h") else
                           text)
    assert status not in (0, 99) and status > 0, output
    assert "check.ini:" in output


def test_lines_of_8_kb_are_read(idle):
    names = ", ".join(f"user{i}" for i in range(1000))
    assert len(names) > 8192
    assert check(idle, GOOD + f"stats_users = {names}\n")[0] == 0


def test_a_file_that_cannot_be_read_is_said(idle):
    status, output = check(idle, name="no-such.ini")
    assert status != 0
    assert "no-such.ini" in output
    assert "No such file or directory" in output


def test_a_missing_auth_file_is_said(idle):
    status, output = check(
        idle, GOOD.replace("auth_type = any", "auth_type = plain")
        + "auth_file = /no/such/userlist.txt\n")
    assert status != 0
    assert "userlist.txt" in output


def test_check_shows_no_secrets(idle):
    write_file(os.path.join(idle.dir, "users.txt"), '"app" "tell-nobody\n')
    _, output = check(idle, GOOD + f"auth_file = {idle.dir}/users.txt\n"
                      "monitor_password = neither-this\nbad = 1\n")
    assert "tell-nobody" not in output
    assert "neither-this" not in output


def test_starting_with_a_bad_file_fails_as_check_does(pgweir):
    proxy = pgweir(start=False, default_pool_size="many")
    proxy.expect_exit = (1,)
    proxy.write_config()
    proxy.launch()
    assert proxy.wait_exit() == 1
    assert f"{proxy.config_path}:" in proxy.log()
    assert "default_pool_size" in proxy.log()


SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


@pytest.mark.parametrize("name", ["pgweir.ini", "pgweir-minimal.ini"])
def test_the_samples_are_accepted(idle, name):
    for file in (name, "userlist.txt"):
        with open(os.path.join(SOURCE, "etc", file), encoding="utf-8") as text:
            write_file(os.path.join(idle.dir, file), text.read(), 0o600)
    done = run([idle.binary, "--check", os.path.join(idle.dir, name)],
               check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(": ok\n")
    assert done.stderr == ""


def test_the_manual_page_has_every_option(idle):
    with open(os.path.join(SOURCE, "doc", "pgweir.1"),
              encoding="utf-8") as file:
        page = file.read().replace("\\-", "-")
    usage = run([idle.binary, "--help"]).stdout
    for option in re.findall(r"--[a-z]+", usage):
        assert option in page, option


# ---- reload -----------------------------------------------------------------
def config_value(proxy, key):
    return next(row["value"] for row in proxy.show("CONFIG")
                if row["key"] == key)


def test_sighup_reloads(pgweir):
    proxy = pgweir()
    proxy.write_config(default_pool_size=3)
    proxy.signal(signal.SIGHUP)
    wait_until(lambda: config_value(proxy, "default_pool_size") == "3", 5,
               "the new value is there")


def test_sighup_with_a_bad_file_changes_nothing(pgweir):
    proxy = pgweir()
    proxy.write_config(default_pool_size=3, max_client_conn="x")
    since = proxy.log_size()
    proxy.signal(signal.SIGHUP)
    proxy.wait_for_log("max_client_conn", since=since)
    assert config_value(proxy, "default_pool_size") == "10"
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"


def test_a_database_added_by_reload_can_be_used(pgweir, cluster):
    proxy = pgweir()
    proxy.databases["added"] = \
        f"host=127.0.0.1 port={cluster.primary.port} dbname=other"
    proxy.write_config()
    proxy.console("RELOAD")
    with proxy.login("added") as conn:
        assert conn.value("select current_database()") == "other"


def test_a_database_removed_by_reload_is_unknown(pgweir):
    proxy = pgweir()
    with proxy.login("other") as conn:
        conn.ask("select 1")
        del proxy.databases["other"]
        proxy.write_config()
        proxy.console("RELOAD")
        with pytest.raises(wire.WireError) as caught:
            proxy.login("other")
        assert "no such database: other" in caught.value.message


def test_a_password_changed_by_reload_counts(pgweir):
    proxy = pgweir(auth_type="plain")
    proxy.write_users({"app": "changed"})
    proxy.console("RELOAD")
    with proxy.wire() as conn:
        conn.login(user="app", database="app", password="changed")
    with pytest.raises(wire.WireError):
        proxy.login()


def test_a_smaller_pool_by_reload_shrinks_and_a_larger_one_grows(
        pgweir, cluster):
    proxy = pgweir(default_pool_size=1)
    holder, waiter = proxy.login(), proxy.login()
    holder.ask("begin")
    waiter.send(wire.query("select 1 for update"))
    wait_until(lambda: proxy.pool()["cl_waiting"] == 1, 5, "it waits")
    proxy.write_config(default_pool_size=2)
    proxy.console("RELOAD")
    assert waiter.read_result().rows == [["1"]]
    for conn in (holder, waiter):
        conn.close()


def test_reloads_under_load_disturb_nobody(pgweir):
    proxy = pgweir()
    done = threading.Event()
    reloads = []

    def keep_reloading():
        size = 3
        while not done.is_set():
            size = 8 if size == 3 else 3
            proxy.write_config(default_pool_size=size)
            proxy.console("RELOAD")
            reloads.append(size)

    thread = threading.Thread(target=keep_reloading)
    thread.start()
    try:
        members = run_crowd(proxy, 100, rounds=15)
    finally:
        done.set()
        thread.join()
    assert sum(member.answers for member in members) > 1500
    assert len(reloads) > 2


def test_what_cannot_change_while_running_is_said(pgweir):
    proxy = pgweir()
    since = proxy.log_size()
    proxy.write_config(listen_backlog=99)
    proxy.console("RELOAD")
    assert "listen_backlog" in proxy.log(since)
    assert config_value(proxy, "listen_backlog") == "128"
