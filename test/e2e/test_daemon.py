"""In the background: the start that tells how it went, the pid file, the log
file and syslog."""
import os
import shutil
import signal
import socket
import stat
import subprocess

import pytest

from procs import (environment, give, is_root, is_running, private_dir, run,
                   spawn, wait_until, write_file)


class Daemon:
    """A pgweir started with -d. It is not our child: its pid file says who it
    is, and somebody must end it."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.pid_path = os.path.join(proxy.dir, "pgweir.pid")
        self.log_path = os.path.join(proxy.dir, "daemon.log")
        self.pids = set()

    def start(self, **settings):
        """Runs the program with -d to the end of what the shell sees."""
        self.proxy.write_config(**{"pidfile": self.pid_path,
                                   "logfile": self.log_path, **settings})
        done = run([self.proxy.binary, "-d", self.proxy.config_path],
                   check=False, timeout=20,
                   env=environment(**self.proxy.variables))
        if done.returncode == 0:
            self.pids.add(self.pid)
        return done

    @property
    def pid(self):
        with open(self.pid_path, encoding="ascii") as file:
            return int(file.read())

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def end(self, number=signal.SIGQUIT):
        for pid in self.pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
            wait_until(lambda: not is_running(pid), 10, "it ends")
        self.pids.clear()


@pytest.fixture
def daemon(pgweir):
    made = Daemon(pgweir(start=False))
    yield made
    made.end()


# ---- the start --------------------------------------------------------------
def test_when_the_shell_goes_on_it_serves(daemon):
    done = daemon.start()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with daemon.proxy.login() as conn:  # at once
        assert conn.value("select 1") == "1"
    ends = {os.readlink(f"/proc/{daemon.pid}/fd/{fd}") for fd in range(3)}
    assert ends == {"/dev/null"}
    with open(f"/proc/{daemon.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    session, terminal = int(fields[3]), int(fields[4])
    assert terminal == 0 and session != daemon.pid, \
        "it can never get a terminal again"


def test_what_goes_wrong_is_said_to_the_shell(daemon, pgweir):
    other = pgweir()
    done = daemon.start(listen_port=other.port)
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert str(other.port) in done.stderr
    assert "Address already in use" in daemon.log()
    assert not os.path.exists(daemon.pid_path)


@pytest.mark.parametrize("setting", ["pidfile", "logfile"])
def test_a_file_that_cannot_be_written_is_said_to_the_shell(daemon, setting):
    done = daemon.start(**{setting: "/nonexistent/file"})
    assert done.returncode == 1
    assert '"/nonexistent/file": No such file' in done.stderr


# ---- the pid file -----------------------------------------------------------
def test_a_second_one_names_the_first(daemon):
    assert daemon.start().returncode == 0
    first = daemon.pid
    done = daemon.start()
    assert done.returncode == 1
    assert f"is that of process {first}, which runs" in done.stderr
    assert daemon.pid == first
    assert is_running(first)
    with daemon.proxy.login() as conn:
        assert conn.value("select 1") == "1"


def test_one_that_was_killed_is_no_obstacle(daemon):
    assert daemon.start().returncode == 0
    first = daemon.pid
    daemon.end(signal.SIGKILL)
    assert daemon.pid == first, "nobody has removed it"
    assert daemon.start().returncode == 0
    assert daemon.pid != first


@pytest.mark.parametrize("text", [
    "", "\n", "nonsense\n", "-5\n", "1\n", "99999999999999999999\n",
    "12345" * 100], ids=repr)
def test_what_is_no_process_is_no_obstacle(daemon, text):
    write_file(daemon.pid_path, text)
    assert daemon.start().returncode == 0
    assert is_running(daemon.pid)


def test_a_living_process_of_another_kind_is_no_obstacle(daemon):
    """The number of one that is gone may be somebody else's by now."""
    write_file(daemon.pid_path, f"{os.getpid()}\n")
    assert daemon.start().returncode == 0
    assert daemon.pid != os.getpid()


def test_a_living_pgbouncer_is_an_obstacle(daemon):
    """It locks nothing, so it is known by its name."""
    folder = private_dir("pw-name-")
    copy = shutil.copy(shutil.which("sleep"),
                       os.path.join(folder, "pgbouncer"))
    other = subprocess.Popen([copy, "1000"])
    try:
        wait_until(lambda: "pgbouncer" in open(
            f"/proc/{other.pid}/comm", encoding="ascii").read(), 5)
        write_file(daemon.pid_path, f"{other.pid}\n")
        done = daemon.start()
        assert done.returncode == 1
        assert f"is that of process {other.pid}, which runs" in done.stderr
        assert daemon.pid == other.pid
    finally:
        other.kill()
        other.wait()
        shutil.rmtree(folder)


def test_a_pid_file_of_somebody_else_stays(daemon):
    """Removed and made anew by others while it runs."""
    assert daemon.start().returncode == 0
    pid = daemon.pid
    os.unlink(daemon.pid_path)
    write_file(daemon.pid_path, "4711\n")
    daemon.end()
    assert not is_running(pid)
    assert daemon.pid == 4711


# ---- the log ----------------------------------------------------------------
def test_a_rotated_log_is_opened_anew_on_hup_and_no_line_is_lost(daemon):
    assert daemon.start(log_connections=1).returncode == 0
    for i in range(5):
        with daemon.proxy.login(application_name=f"round{i}") as conn:
            conn.ask("select 1")
        os.rename(daemon.log_path, f"{daemon.log_path}.{i}")
        os.kill(daemon.pid, signal.SIGHUP)
        wait_until(lambda: os.path.exists(daemon.log_path) and
                   "configuration reloaded" in daemon.log(), 10,
                   "a new file is written")
    parts = []
    for i in range(5):
        with open(f"{daemon.log_path}.{i}", encoding="utf-8") as file:
            parts.append(file.read())
    for part in parts:
        # Each has its login, and the reload that ended it.
        assert "db=app" in part
        assert "SIGHUP" in part
    assert stat.S_IMODE(os.stat(daemon.log_path).st_mode) == 0o644


def test_a_log_that_cannot_be_opened_anew_changes_nothing(daemon):
    assert daemon.start().returncode == 0
    folder = os.path.join(daemon.proxy.dir, "logs")
    daemon.proxy.write_config(logfile=os.path.join(folder, "new.log"))
    os.kill(daemon.pid, signal.SIGHUP)
    wait_until(lambda: "reload failed, nothing changed" in daemon.log(), 10,
               daemon.log)
    assert "new.log" in daemon.log()
    os.mkdir(folder)
    give(folder)
    os.kill(daemon.pid, signal.SIGHUP)
    wait_until(lambda: os.path.exists(os.path.join(folder, "new.log")), 10)


def test_the_log_is_there_when_the_process_is_killed(daemon):
    assert daemon.start().returncode == 0
    with daemon.proxy.login() as conn:
        conn.ask("select 1")
        lines = daemon.log()  # nothing is waited for: it is written before
        assert "new connection to server" in lines
        os.kill(daemon.pid, signal.SIGKILL)
        conn.assert_closed()
    assert daemon.log().startswith(lines)


# ---- syslog -----------------------------------------------------------------
# A /dev with a log of ours, seen by the program alone.
OWN_DEV = """
set -e
mount -t tmpfs none "$1"
for each in null zero random urandom; do
    touch "$1/$each"
    mount --bind /dev/$each "$1/$each"
done
ln -s "$2" "$1/log"
mount --move "$1" /dev
shift 2
exec "$@"
"""


def can_have_own_dev():
    return is_root() and subprocess.run(
        ["unshare", "-m", "true"], stderr=subprocess.DEVNULL,
        check=False).returncode == 0


@pytest.mark.skipif(not can_have_own_dev(),
                    reason="needs root and a mount name space of its own")
def test_syslog_gets_every_line_with_name_facility_and_level(pgweir):
    proxy = pgweir(start=False, syslog=1, syslog_ident="weir-test",
                   syslog_facility="local3")
    proxy.arguments = ["-q", "-u", "postgres"]
    proxy.write_config()
    name, folder = os.path.join(proxy.dir, "log"), \
        os.path.join(proxy.dir, "dev")
    os.mkdir(folder)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as received:
        received.bind(name)
        received.settimeout(10)
        give(name)
        proxy.proc = spawn(
            ["unshare", "-m", "sh", "-c", OWN_DEV, "sh", folder, name,
             proxy.binary, *proxy.arguments, proxy.config_path],
            as_root=True, stdout=open(proxy.log_path, "ab"),
            stderr=subprocess.STDOUT, env=environment(**proxy.variables))

        def next_with(phrase):
            while True:
                text = received.recv(65536).decode().rstrip("\0\n")
                if phrase in text:
                    return text

        line = next_with("process up")
        # <19 * 8 + 6>: local3.info
        assert line.startswith("<158>")
        # The level is in the number, the time is the receiver's.
        assert f"weir-test[{proxy.pid}]: process up" in line
        proxy.signal(signal.SIGHUP)
        next_with("configuration reloaded")
        proxy.write_config(nonsense="1")
        proxy.signal(signal.SIGHUP)
        assert next_with("reload failed").startswith("<155>"), "an error"
        proxy.write_config(nonsense=None)
        # Another name and facility count from the next line on.
        proxy.write_config(syslog_ident="other", syslog_facility="local0")
        proxy.signal(signal.SIGHUP)
        assert "<134>" in next_with("other[")
        # A logger that is gone is no reason to stop.
        received.close()
        os.unlink(name)
        with proxy.login() as conn:
            assert conn.value("select 1") == "1"
    assert proxy.log() == ""
