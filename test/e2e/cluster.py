"""cluster.py - a scratch PostgreSQL primary with streaming replicas.

Lives in a private directory, on free ports, without fsync; gone afterwards.
Every node has a cluster_name (the primary is "primary", the replicas "replica1",
"replica2", ...) and logs every statement, so that who answered what can be
asked from the nodes themselves.
"""
import glob
import os
import shutil
import signal
import socket
import subprocess

import psycopg

from procs import (end_process, free_port, give, is_running, private_dir,
                   run, spawn, wait_until, write_file)

# Roles by the way PostgreSQL wants them to log in; the password is the name
# with "-secret" after it. "direct" is the tests' own way in, past the proxy.
ROLES = {"app": "trust", "alice": "trust", "bob": "trust", "monitor": "trust",
         "plain": "password", "hashed": "md5", "scram": "scram-sha-256"}
SUPERUSER = "direct"

# An expression that is the cluster_name of the node that evaluates it. By way of
# a view: reading a setting of a node by name is nothing to send elsewhere.
WHO = "(select node from answering)"


def password_of(role):
    return f"{role}-secret"


def find_bindir():
    """The directory with initdb, postgres and pgbench, newest version first."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path:
                   int(path.split("/")[4].split(".")[0]))
    if found:
        return found[-1]
    initdb = shutil.which("initdb")
    if initdb:
        return os.path.dirname(os.path.realpath(initdb))
    raise RuntimeError("PostgreSQL's server programs were not found")


BINDIR = find_bindir()


def program(name):
    return os.path.join(BINDIR, name)


class Node:
    """One PostgreSQL server, a child process of ours."""

    def __init__(self, base, name):
        self.name = name
        self.host = "127.0.0.1"
        self.base = base
        self.data = os.path.join(base, name)
        self.log_path = os.path.join(base, name + ".log")
        self.port = free_port()
        self.proc = None

    def configure(self, **settings):
        """Appends SETTINGS; a later line wins."""
        with open(os.path.join(self.data, "postgresql.auto.conf"), "a",
                  encoding="utf-8") as file:
            for key, value in settings.items():
                file.write(f"{key} = '{value}'\n")

    def start(self):
        """Starts and waits until connections are accepted. A port lost to a
        stranger meanwhile is replaced."""
        for _ in range(5):
            self.configure(port=self.port)
            with open(self.log_path, "ab") as log:
                give(self.log_path)
                self.proc = spawn([program("postgres"), "-D", self.data],
                                  stdout=log, stderr=subprocess.STDOUT,
                                  death_signal=signal.SIGQUIT)
            wait_until(lambda: self.is_up() or self.proc.poll() is not None,
                       30, f"{self.name} is up")
            if self.proc.poll() is None:
                return
            if "Address already in use" not in self.log():
                break
            self.port = free_port()
        raise RuntimeError(f"{self.name} did not start:\n{self.log()[-2000:]}")

    def is_up(self):
        try:
            self.connect(connect_timeout=2).close()
            return True
        except psycopg.OperationalError:
            return False

    def stop(self):
        """An immediate shutdown: clients see the connection break."""
        if self.proc is not None:
            end_process(self.proc, signal.SIGQUIT)
            self.proc = None

    def stop_fast(self):
        """A fast shutdown: clients are told 57P01."""
        end_process(self.proc, signal.SIGINT)
        self.proc = None

    def crash(self):
        """kill -9 of the postmaster; its children notice and go too."""
        children = run(["pgrep", "-P", str(self.proc.pid)]).stdout.split()
        end_process(self.proc, signal.SIGKILL)
        self.proc = None
        wait_until(lambda: not any(map(is_running, children)), 20,
                   f"the processes of {self.name} are gone")
        pid_file = os.path.join(self.data, "postmaster.pid")
        if os.path.exists(pid_file):
            os.unlink(pid_file)

    def promote(self):
        with self.connect() as conn:
            conn.execute("select pg_promote(true, 30)")

    def dsn(self, user=SUPERUSER, dbname="app", **more):
        words = {"host": self.host, "port": self.port, "user": user,
                 "dbname": dbname, **more}
        return " ".join(f"{key}='{value}'" for key, value in words.items())

    def connect(self, user=SUPERUSER, dbname="app", **more):
        """A connection of our own, past the proxy; autocommit."""
        more.setdefault("application_name", "direct")
        return psycopg.connect(self.dsn(user, dbname, **more),
                               autocommit=True)

    def ask(self, query, params=None):
        """First column of the first row."""
        with self.connect() as conn:
            return conn.execute(query, params).fetchone()[0]

    def log(self, since=0):
        with open(self.log_path, "rb") as file:
            file.seek(since)
            return file.read().decode("utf-8", "replace")

    def log_size(self):
        return os.path.getsize(self.log_path)

    def backends(self, where="true"):
        """Client connections that are not the tests' own, as (pid, user,
        state, query)."""
        with self.connect() as conn:
            return conn.execute(
                "select pid, usename, state, query from pg_stat_activity"
                " where backend_type = 'client backend'"
                f" and usename <> '{SUPERUSER}' and ({where})").fetchall()


class Cluster:
    def __init__(self, replicas=2, log_statements=True, prefix="pw-pg-"):
        self.base = private_dir(prefix)
        self.primary = Node(self.base, "primary")
        self.replicas = [Node(self.base, f"replica{i + 1}")
                         for i in range(replicas)]
        self.log_statements = log_statements

    @property
    def nodes(self):
        return [self.primary, *self.replicas]

    def node(self, name):
        return next(node for node in self.nodes if node.name == name)

    def create(self):
        """Builds and starts everything; takes a few seconds."""
        primary = self.primary
        run([program("initdb"), "-D", primary.data, "-U", SUPERUSER,
             "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
             "--no-instructions"])
        write_file(os.path.join(primary.data, "pg_hba.conf"), self._hba(),
                   0o600)
        primary.configure(**self._settings())
        primary.configure(cluster_name=primary.name)
        self._start_primary()
        for replica in self.replicas:
            self._add_replica(replica)
        self.catch_up()
        return self

    def _settings(self):
        return {
            "listen_addresses": "127.0.0.1,::1" if has_ipv6()
            else "127.0.0.1",
            "unix_socket_directories": f"{self.base},@{self.base}",
            "fsync": "off", "synchronous_commit": "off",
            "full_page_writes": "off", "shared_buffers": "64MB",
            "max_connections": "120", "max_wal_senders": "8",
            "wal_level": "replica", "hot_standby": "on", "autovacuum": "off",
            "max_prepared_transactions": "8",
            "wal_receiver_status_interval": "1s",
            "wal_retrieve_retry_interval": "200ms",
            "log_line_prefix": "%m [%p] %u@%d %a: ",
            "log_statement": "all" if self.log_statements else "none",
            "log_connections": "on", "log_disconnections": "on",
            "jit": "off", "timezone": "UTC", "log_timezone": "UTC",
        }

    @staticmethod
    def _hba():
        lines = ["# written by test/e2e/cluster.py",
                 "local all all trust",
                 "host replication all 127.0.0.1/32 trust"]
        for role, method in ROLES.items():
            if method != "trust":
                lines.append(f"host all {role} 127.0.0.1/32 {method}")
        lines += ["host all all 127.0.0.1/32 trust",
                  "host all all ::1/128 trust"]
        return "\n".join(lines) + "\n"

    def _start_primary(self):
        primary = self.primary
        # The database "app" is not there yet: wait by asking for another.
        primary.is_up = lambda: _answers(primary, "postgres")
        primary.start()
        del primary.is_up
        with primary.connect(dbname="postgres") as conn:
            for role, method in ROLES.items():
                encryption = ("md5" if method == "md5" else "scram-sha-256")
                conn.execute(f"set password_encryption = '{encryption}'")
                conn.execute(f"create role {role} login"
                             f" password '{password_of(role)}'")
            conn.execute("grant pg_monitor to monitor")
        with primary.connect(dbname="template1") as conn:
            conn.execute("create view answering as"
                         " select current_setting('cluster_name') as node")
            conn.execute("grant select on answering to public")
        with primary.connect(dbname="postgres") as conn:
            conn.execute("create database app owner app")
            conn.execute("create database other owner app")
        with primary.connect() as conn:
            conn.execute("grant all on schema public to public")

    def _add_replica(self, replica):
        run([program("pg_basebackup"), "-D", replica.data, "-R",
             "-d", self.primary.dsn(dbname="replication",
                                    application_name=replica.name),
             "-c", "fast", "-X", "stream", "--no-sync"])
        replica.configure(cluster_name=replica.name)
        replica.start()

    def catch_up(self, deadline=20):
        """Waits until every running replica has replayed all that was committed
        on the primary so far. With synchronous_commit off that is not yet
        written when the commit returns: a commit with it writes it all."""
        with self.primary.connect() as conn:
            conn.execute("set synchronous_commit = on")
            conn.execute("select pg_logical_emit_message(true, 'catch up', '')")
            position = conn.execute(
                "select pg_current_wal_flush_lsn()::text").fetchone()[0]
        for replica in self.replicas:
            if replica.proc is None:
                continue
            with replica.connect() as conn:
                wait_until(lambda: conn.execute(
                    "select pg_last_wal_replay_lsn() >= %s::pg_lsn",
                    (position,)).fetchone()[0], deadline,
                    f"{replica.name} has replayed {position}")

    def mark(self):
        """A point in all logs, for logged_since()."""
        return {node.name: node.log_size() for node in self.nodes}

    def logged_since(self, mark, text):
        """Names of the nodes whose log mentions TEXT after MARK."""
        return [node.name for node in self.nodes
                if text in node.log(mark[node.name])]

    def host_list(self):
        """host= and port= of all nodes, as parallel lists."""
        return (f"host={','.join(node.host for node in self.nodes)}"
                f" port={','.join(str(node.port) for node in self.nodes)}")

    def destroy(self):
        for node in reversed(self.nodes):
            node.stop()
        shutil.rmtree(self.base, ignore_errors=True)


def has_ipv6():
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
            return True
        except OSError:
            return False


def _answers(node, dbname):
    try:
        node.connect(dbname=dbname, connect_timeout=2).close()
        return True
    except psycopg.OperationalError:
        return False


__all__ = ["BINDIR", "Cluster", "Node", "ROLES", "SUPERUSER", "WHO",
           "has_ipv6",
           "password_of", "program"]
