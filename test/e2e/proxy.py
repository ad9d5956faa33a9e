"""proxy.py - starts the program under test, talks to it, stops it.

PGWEIR names the binary. /usr/sbin/pgbouncer will do for most tests that are
not about what only pgweir has; settings it does not know are left out then.
"""
import os
import re
import shutil
import signal
import subprocess

import psycopg

import wire
from procs import (end_process, environment, free_port, leave_port,
                   private_dir, spawn,
                   wait_until, write_file)

SANITIZER_REPORT = re.compile(
    r"ERROR: (Address|Leak)Sanitizer|runtime error:|Sanitizer:|"
    r"Assertion .* failed|assertion failed")
ONLY_PGWEIR = {"monitor_user", "monitor_password", "monitor_interval",
               "read_write_split", "server_unreachable_timeout",
               "replay_max_bytes", "failover_wait"}
# An assertion or a sanitizer ends the program with these.
SANITIZER_ENV = {
    "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:abort_on_error=0"
                    ":handle_abort=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99"}


def config_text(databases, settings, users=None, peers=None):
    """An INI file. DATABASES maps names to connection strings."""
    lines = ["[databases]"]
    lines += [f"{name} = {value}" for name, value in databases.items()]
    if users:
        lines += ["", "[users]"]
        lines += [f"{name} = {value}" for name, value in users.items()]
    if peers:
        lines += ["", "[peers]"]
        lines += [f"{name} = {value}" for name, value in peers.items()]
    lines += ["", "[pgbouncer]"]
    lines += [f"{key} = {value}" for key, value in settings.items()]
    return "\n".join(lines) + "\n"


class Proxy:
    """A pgweir of its own directory, port and configuration."""

    host = "127.0.0.1"

    def __init__(self, binary, databases, settings, users=None, secrets=None,
                 arguments=(), variables=None):
        self.binary = binary
        self.is_pgbouncer = os.path.basename(binary) == "pgbouncer"
        self.dir = private_dir("pw-")
        self.port = settings.get("listen_port") or free_port()
        self.port_is_given = "listen_port" in settings
        self.databases = dict(databases)
        self.users = users
        self.peers = None  # as databases, by number
        self.settings = {
            "listen_addr": self.host, "listen_port": self.port,
            "unix_socket_dir": self.dir, "auth_type": "trust",
            "auth_file": os.path.join(self.dir, "userlist.txt"),
            "pool_mode": "transaction", "max_client_conn": "2000",
            "default_pool_size": "10", "admin_users": "admin",
            "stats_users": "stats", "monitor_user": "monitor",
            "monitor_interval": "100ms", "server_login_retry": "0.2",
            "server_tls_sslmode": "disable", **settings}
        self.arguments = list(arguments)
        self.variables = {**SANITIZER_ENV, **(variables or {})}
        self.config_path = os.path.join(self.dir, "pgweir.ini")
        self.log_path = os.path.join(self.dir, "pgweir.log")
        self.proc = None
        self.expect_exit = (0,)
        self.write_users(secrets or {})

    # -- files
    def write_users(self, secrets):
        names = {"admin": "admin-secret", "stats": "stats-secret",
                 "app": "app-secret", "alice": "alice-secret",
                 "bob": "bob-secret", "monitor": "monitor-secret",
                 "plain": "plain-secret", "hashed": "hashed-secret",
                 "scram": "scram-secret", "direct": "", **secrets}
        text = "".join(f'"{user}" "{secret}"\n'
                       for user, secret in names.items())
        write_file(self.settings["auth_file"], text, 0o600)

    def write_config(self, **changes):
        """Writes the file, with CHANGES kept for later; None drops a key."""
        self.settings.update(changes)
        settings = {key: value for key, value in self.settings.items()
                    if value is not None}
        databases = self.databases
        if self.is_pgbouncer:
            settings = _for_pgbouncer(settings)
            databases = {name: _first_host(value)
                         for name, value in databases.items()}
        write_file(self.config_path,
                   config_text(databases, settings, self.users, self.peers),
                   0o600)

    # -- life
    def start(self):
        """Starts and waits until the console answers."""
        for _ in range(5):
            self.write_config()
            self.launch()
            wait_until(lambda: self.is_ready() or self.proc.poll() is not None,
                       20, lambda: f"{self.binary} answers\n{self.log()}")
            if self.proc.poll() is None:
                return self
            if self.port_is_given or \
                    "Address already in use" not in self.log():
                break
            self.port = free_port()
            self.settings["listen_port"] = self.port
        raise RuntimeError(f"{self.binary} did not start "
                           f"({self.proc.returncode}):\n{self.log()}")

    def launch(self, *more, as_root=False):
        args = [self.binary, *self.arguments, *more]
        if self.config_path not in args:
            args.append(self.config_path)
        with open(self.log_path, "ab") as log:
            self.proc = spawn(args, stdout=log, stderr=subprocess.STDOUT,
                              env=environment(**self.variables),
                              as_root=as_root)
        return self.proc

    def is_ready(self):
        try:
            with self.wire() as conn:
                conn.login(user="admin", database="pgbouncer",
                           password="admin-secret")
                return True
        except (OSError, wire.Closed, wire.WireError):
            return False

    def signal(self, number):
        self.proc.send_signal(number)

    def wait_exit(self, deadline=20):
        try:
            return self.proc.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"still running after {deadline} s:\n{self.log()[-3000:]}")

    def stop(self):
        """Ends it and complains about a bad exit or a sanitizer's report."""
        if self.proc is None:
            return
        was_running = self.proc.poll() is None
        status = end_process(self.proc, signal.SIGQUIT)
        log = self.log()
        self.proc = None
        found = SANITIZER_REPORT.search(log)
        assert not found, f"the program reports a bug:\n{log[-6000:]}"
        allowed = (0, -signal.SIGQUIT) if self.is_pgbouncer \
            else self.expect_exit
        assert status in allowed, (
            f"exit status {status}, {'on SIGQUIT' if was_running else 'by itself'}:\n"
            f"{log[-3000:]}")

    def remove(self):
        leave_port(self.port)
        shutil.rmtree(self.dir, ignore_errors=True)

    # -- looking at it
    @property
    def pid(self):
        return self.proc.pid

    def log(self, since=0):
        try:
            with open(self.log_path, "rb") as file:
                file.seek(since)
                return file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def log_size(self):
        return len(self.log().encode())

    def wait_for_log(self, phrase, deadline=10, since=0):
        return wait_until(lambda: phrase in self.log(since), deadline,
                          lambda: f'"{phrase}" in the log:\n{self.log(since)}')

    def memory_bytes(self):
        """Resident memory now."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    # -- talking to it
    @property
    def socket_path(self):
        return wire.socket_path(self.dir, self.port)

    def dsn(self, dbname="app", user="app", **more):
        words = {"host": self.host, "port": self.port, "user": user,
                 "dbname": dbname, "sslmode": "disable",
                 "password": f"{user}-secret", **more}
        return " ".join(f"{key}='{value}'" for key, value in words.items())

    def connect(self, dbname="app", user="app", autocommit=True, **more):
        """A psycopg connection through the proxy."""
        options = {key: more.pop(key) for key in
                   ("cursor_factory", "prepare_threshold") if key in more}
        return psycopg.connect(self.dsn(dbname, user, **more),
                               autocommit=autocommit, **options)

    def wire(self, unix=False, deadline=10.0):
        """A raw connection, not logged in; over the Unix socket, too, where
        others have to be encrypted."""
        unix = unix or self.settings.get("client_tls_sslmode") in (
            "require", "verify-ca", "verify-full")
        address = self.socket_path if unix else (self.host, self.port)
        return wire.Wire(address, deadline)

    def login(self, database="app", user="app", deadline=10.0, **params):
        """A raw connection, logged in."""
        conn = self.wire(deadline=deadline)
        try:
            return conn.login(user=user, database=database,
                              password=f"{user}-secret", **params)
        except BaseException:
            conn.close()
            raise

    def console(self, command, user="admin", database="pgbouncer"):
        """Runs one console command; a wire.Result."""
        with self.login(database, user) as conn:
            return conn.ask(command)

    def show(self, what):
        """Rows of SHOW WHAT as dictionaries."""
        result = self.console(f"SHOW {what}")
        names = [name for name, _ in result.columns]
        return [dict(zip(names, row)) for row in result.rows]

    def pool(self, database="app", user="app"):
        """This pool's row of SHOW POOLS with numbers as numbers, or None."""
        for row in self.show("POOLS"):
            if (row["database"], row["user"]) == (database, user):
                return {key: int(value) if value and value.isdigit() else value
                        for key, value in row.items()}
        return None


class Direct:
    """PostgreSQL itself in the proxy's place: what a test of fidelity sees
    through pgweir it must see here as well."""

    is_pgbouncer = False
    host = "127.0.0.1"
    settings = {}

    def __init__(self, cluster):
        self.node = cluster.primary
        self.port = self.node.port
        self.dir = cluster.base
        self.pid = self.node.proc.pid

    socket_path = Proxy.socket_path
    dsn = Proxy.dsn
    connect = Proxy.connect
    wire = Proxy.wire
    login = Proxy.login

    def memory_bytes(self):
        return 0

    def log(self, since=0):
        return ""

    def stop(self):
        pass

    remove = stop


def _for_pgbouncer(settings):
    def value(text):
        text = str(text)
        found = re.fullmatch(r"(\d+)ms", text)
        return str(int(found[1]) / 1000) if found else text

    return {key: value(text) for key, text in settings.items()
            if key not in ONLY_PGWEIR}


def _first_host(connstr):
    return re.sub(r"\b(host|port)=([^ ,]*),\S*", r"\1=\2", connstr)
