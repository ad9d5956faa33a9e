"""The program as a process: arguments, signals, files, privileges."""
import os
import pwd
import signal
import socket
import stat
import subprocess

import pytest

import wire
from cluster import WHO
from procs import (environment, is_root, is_running, run, spawn, wait_until,
                   write_file)

needs_root = pytest.mark.skipif(not is_root(), reason="needs root")


def call(proxy, *arguments, **how):
    return run([proxy.binary, *arguments], check=False, **how)


@pytest.fixture
def idle(pgweir):
    return pgweir(start=False)


# ---- arguments --------------------------------------------------------------
@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_version(idle, flag):
    done = call(idle, flag)
    assert done.returncode == 0
    assert done.stdout.startswith("PgBouncer 1.25")
    assert "pgweir" in done.stdout.splitlines()[0]


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help(idle, flag):
    done = call(idle, flag)
    assert done.returncode == 0
    for word in ("Usage", "-d", "-q", "-v", "-u", "-V", "-h", "--check"):
        assert word in done.stdout


@pytest.mark.parametrize("arguments", [
    [], ["--no-such-flag"], ["-u"], ["one.ini", "two.ini"]],
    ids=["none", "unknown", "no value", "two files"])
def test_wrong_arguments_are_refused_with_a_hint(idle, arguments):
    done = call(idle, *arguments)
    assert done.returncode not in (0, 99) and done.returncode > 0
    assert "--help" in done.stderr or "Usage" in done.stderr


def test_quiet_says_nothing_on_the_terminal(pgweir):
    proxy = pgweir(start=False, arguments=["-q"])
    proxy.settings["logfile"] = os.path.join(proxy.dir, "real.log")
    proxy.start()
    with proxy.login() as conn:
        conn.ask("select 1")
    assert proxy.log() == ""
    with open(os.path.join(proxy.dir, "real.log"), encoding="utf-8") as log:
        assert log.read()


def test_verbose_says_more(pgweir):
    counts = []
    for arguments in ([], ["-v"]):
        proxy = pgweir(arguments=arguments)
        with proxy.login() as conn:
            for _ in range(20):
                conn.ask("select 1")
        proxy.stop()
        counts.append(proxy.log().count(" DEBUG "))
    assert counts[0] == 0
    assert counts[1] >= 20


def number_in(path):
    """What a pid file says; None before there is a whole line in it."""
    try:
        with open(path, encoding="ascii") as file:
            text = file.read()
    except FileNotFoundError:
        return None
    return int(text) if text.endswith("\n") else None


def test_daemonising_leaves_the_terminal_and_writes_a_pid_file(pgweir):
    proxy = pgweir(start=False)
    pid_file = os.path.join(proxy.dir, "pgweir.pid")
    log_file = os.path.join(proxy.dir, "daemon.log")
    proxy.write_config(pidfile=pid_file, logfile=log_file)
    done = call(proxy, "-d", proxy.config_path)
    assert done.returncode == 0, done.stderr
    # It is there before the number is in it.
    pid = wait_until(lambda: number_in(pid_file), 10, "the pid file")
    try:
        wait_until(proxy.is_ready, 10, "it answers")
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        assert fields[3] != "0" and fields[4] == "0", "no terminal"
        with proxy.login() as conn:
            assert conn.value("select 1") == "1"
    finally:
        os.kill(pid, signal.SIGQUIT)
        wait_until(lambda: not is_running(pid), 10, "it ends")
    assert not os.path.exists(pid_file)


def test_daemonising_without_a_log_file_is_refused(pgweir):
    proxy = pgweir(start=False)
    proxy.write_config(pidfile=os.path.join(proxy.dir, "p.pid"))
    done = call(proxy, "-d", proxy.config_path)
    if done.returncode == 0:
        os.kill(wait_until(
            lambda: number_in(os.path.join(proxy.dir, "p.pid"))),
            signal.SIGQUIT)
    assert done.returncode != 0
    assert "logfile" in done.stderr or "syslog" in done.stderr


def test_a_pid_file_of_a_running_one_prevents_a_second(pgweir):
    proxy = pgweir(start=False)
    proxy.write_config(pidfile=os.path.join(proxy.dir, "pgweir.pid"))
    proxy.start()
    done = call(proxy, proxy.config_path, timeout=10)
    assert done.returncode != 0
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"


def test_a_pid_file_left_behind_does_not(pgweir):
    proxy = pgweir(start=False)
    pid_file = os.path.join(proxy.dir, "pgweir.pid")
    dead = subprocess.Popen(["true"])
    dead.wait()
    write_file(pid_file, f"{dead.pid}\n")
    proxy.write_config(pidfile=pid_file)
    proxy.start()
    with open(pid_file, encoding="ascii") as file:
        assert int(file.read()) == proxy.pid


def test_a_taken_port_is_said(pgweir):
    first = pgweir()
    second = pgweir(start=False, listen_port=first.port)
    second.write_config()
    second.launch()
    assert second.wait_exit() != 0
    assert "Address already in use" in second.log()
    assert str(first.port) in second.log()
    second.expect_exit = (1,)


def test_a_socket_file_left_behind_is_replaced(pgweir):
    proxy = pgweir()
    proxy.proc.kill()
    proxy.proc.wait()
    assert os.path.exists(proxy.socket_path)
    proxy.start()
    with proxy.wire(unix=True) as conn:
        conn.login(user="app", database="app")


def test_the_socket_file_has_its_mode_and_goes_with_the_program(pgweir):
    proxy = pgweir(unix_socket_mode="0700")
    assert stat.S_IMODE(os.stat(proxy.socket_path).st_mode) == 0o700
    proxy.stop()
    assert not os.path.exists(proxy.socket_path)


# ---- a connection string instead of a file ----------------------------------
def with_string(pgweir, text):
    """Starts with a connection string; it listens on its default port, so
    whoever has that makes the test pointless."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 6432))
        except OSError:
            pytest.skip("port 6432 is taken")
    proxy = pgweir(start=False)
    proxy.port = 6432
    proxy.config_path = text
    proxy.launch()
    return proxy


@pytest.mark.parametrize("form", ["words", "uri"])
def test_a_connection_string_is_configuration_enough(pgweir, cluster, form):
    nodes = cluster.nodes
    text = f"{cluster.host_list()} dbname=app user=app" if form == "words" \
        else "postgresql://app@" + ",".join(
            f"{n.host}:{n.port}" for n in nodes) + "/app"
    proxy = with_string(pgweir, text)

    def answered():
        assert proxy.proc.poll() is None, proxy.log()
        try:
            with proxy.wire() as conn:
                conn.login(user="app", database="app")
                return conn.value(f"select {WHO}")
        except (OSError, wire.WireError, wire.Closed):
            return None

    wait_until(lambda: (answered() or "").startswith("replica"), 10,
               "a replica answers")


def test_a_malformed_connection_string_is_refused(idle):
    for text in ("host=a hots=b", "postgresql://[::1", "host='a"):
        done = call(idle, text)
        assert done.returncode not in (0, 99) and done.returncode > 0, text
        assert done.stderr


# ---- signals ----------------------------------------------------------------
@pytest.mark.parametrize("number", [
    signal.SIGQUIT, signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_without_clients_every_stop_signal_stops(pgweir, number):
    proxy = pgweir()
    proxy.signal(number)
    assert proxy.wait_exit(10) == 0


def test_sigquit_stops_at_once(pgweir):
    proxy = pgweir()
    with proxy.login() as conn:
        conn.ask("begin")
        proxy.signal(signal.SIGQUIT)
        assert proxy.wait_exit(5) == 0
        conn.assert_closed()


def test_sigterm_waits_for_clients(pgweir):
    proxy = pgweir()
    with proxy.login() as conn:
        conn.ask("select 1")
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: not _listens(proxy), 5, "it listens no more")
        for i in range(5):
            assert conn.value(f"select {i}") == str(i)
        assert proxy.proc.poll() is None
    assert proxy.wait_exit() == 0


def test_sigint_waits_for_transactions(pgweir):
    proxy = pgweir()
    with proxy.login() as busy, proxy.login() as other:
        busy.ask("begin")
        other.ask("select 1")
        proxy.signal(signal.SIGINT)
        wait_until(lambda: not _listens(proxy), 5, "it listens no more")
        assert busy.value("select 1") == "1"
        assert proxy.proc.poll() is None
        busy.send(wire.query("commit"))
        assert busy.read_frame().type == "C"
        assert proxy.wait_exit() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT],
                         ids=lambda n: n.name)
def test_a_second_signal_stops_at_once(pgweir, number):
    proxy = pgweir()
    with proxy.login() as conn:
        conn.ask("begin")
        proxy.signal(number)
        wait_until(lambda: not _listens(proxy), 5, "it listens no more")
        assert proxy.proc.poll() is None
        proxy.signal(number)
        assert proxy.wait_exit(5) == 0


def _listens(proxy):
    with socket.socket() as probe:
        return probe.connect_ex((proxy.host, proxy.port)) == 0


def test_sigusr1_pauses_and_sigusr2_resumes(pgweir):
    """Transactions that are open go on, new ones wait."""
    proxy = pgweir()
    with proxy.login() as busy, proxy.login() as other:
        busy.ask("begin")
        proxy.signal(signal.SIGUSR1)
        proxy.wait_for_log("SIGUSR1")
        assert busy.value("select 1") == "1"
        assert busy.ask("commit").tag == "COMMIT"
        other.send(wire.query("select 'waited'"))
        wait_until(lambda: proxy.pool()["cl_waiting"] == 1, 5, "it waits")
        other.assert_silent()
        proxy.signal(signal.SIGUSR2)
        assert other.read_result().rows == [["waited"]]


def test_sigusr2_without_a_pause_means_nothing(pgweir):
    proxy = pgweir()
    proxy.signal(signal.SIGUSR2)
    proxy.wait_for_log("SIGUSR2")
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"


def test_broken_pipes_do_not_end_it(pgweir):
    proxy = pgweir()
    for _ in range(30):
        with proxy.login() as conn:
            conn.send(wire.query("select repeat('x', 1000000)"))
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"


def test_running_out_of_descriptors_is_survived(pgweir):
    proxy = pgweir(start=False)
    proxy.write_config()
    proxy.proc = spawn(
        ["prlimit", "--nofile=64:64", proxy.binary, proxy.config_path],
        stdout=open(proxy.log_path, "ab"), stderr=subprocess.STDOUT,
        env=environment(**proxy.variables))
    wait_until(proxy.is_ready, 10, lambda: f"it answers: {proxy.log()}")
    held = []
    try:
        for _ in range(100):
            conn = proxy.wire(deadline=0.5)
            held.append(conn)
            conn.login(user="app", database="app")
    except (OSError, wire.WireError, wire.Closed):
        pass
    assert 10 < len(held) < 100
    for conn in held:
        conn.close()
    wait_until(proxy.is_ready, 10, "it answers again")


# ---- privileges -------------------------------------------------------------
@needs_root
def test_as_root_it_refuses_and_says_how_to_start(pgweir):
    proxy = pgweir(start=False)
    proxy.write_config()
    proxy.expect_exit = (1,)
    proxy.launch(as_root=True)
    assert proxy.wait_exit() == 1
    assert "root" in proxy.log()
    assert "-u" in proxy.log() and "user" in proxy.log()


@needs_root
@pytest.mark.parametrize("how", ["flag", "setting"])
def test_started_as_root_it_becomes_the_user_named(pgweir, how):
    proxy = pgweir(start=False)
    if how == "flag":
        proxy.arguments = ["-u", "postgres"]
    else:
        proxy.settings["user"] = "postgres"
    proxy.write_config()
    # Readable by root alone: opened before the drop.
    for path in (proxy.config_path, proxy.settings["auth_file"]):
        os.chown(path, 0, 0)
        os.chmod(path, 0o600)
    proxy.launch(as_root=True)
    wait_until(lambda: proxy.is_ready() or proxy.proc.poll() is not None, 10,
               lambda: f"it answers\n{proxy.log()}")
    with open(f"/proc/{proxy.pid}/status", encoding="ascii") as file:
        words = {line.split(":")[0]: line.split()[1:] for line in file}
    entry = pwd.getpwnam("postgres")
    assert set(words["Uid"]) == {str(entry.pw_uid)}
    assert set(words["Gid"]) == {str(entry.pw_gid)}
    assert "0" not in words["Groups"]
    assert int(words["CapEff"][0], 16) == 0
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"


@needs_root
def test_check_works_as_root(pgweir):
    proxy = pgweir(start=False)
    proxy.write_config()
    done = run([proxy.binary, "--check", proxy.config_path], as_root=True)
    assert done.returncode == 0


@needs_root
def test_an_unknown_user_is_said(pgweir):
    proxy = pgweir(start=False)
    proxy.write_config()
    done = run([proxy.binary, "-u", "no-such-user", proxy.config_path],
               check=False, as_root=True)
    assert done.returncode not in (0, 99) and done.returncode > 0
    assert "no-such-user" in done.stderr
