"""chaos.py - a crowd without manners and an administrator without mercy.

Customers do what clients do, at random: ask, write, pipeline, cancel, half-send,
vanish. The administrator pauses, kills, reloads and resizes meanwhile. What both
do is drawn from a seed (when it happens is not), and a customer keeps a book of
what it was told:

    .acknowledged   numbers of rows that were said to be committed
    .refused        numbers of rows that were said not to be
    .unknown        numbers of rows nobody said anything of

Whatever contradicts what a customer must see alone is a Contradiction.
"""
import contextlib
import random
import signal
import threading
import time

import wire

# What chaos may do to a client, by what it was doing. All else is news.
EXPECTED = {
    "57014",  # cancelled, query_timeout
    "57P01",  # KILL, KILL_CLIENT, pg_terminate_backend, RELOAD of a database
    "08001",  # query_wait_timeout, no server
    "08003", "08006",  # the server has gone
    "08P01",  # what is left of a statement behind an error of the server
    "25P02",  # in a failed transaction
    "25P03", "25P04",  # idle_transaction_timeout, transaction_timeout
    "53300",  # a limit of connections
    "57P03",  # DISABLE
    "42501",  # no replication for this role
}
# As a client has it that knows neither pool mode nor whether it is in a copy.
CLUMSY = {
    "22012",  # divides by zero
    "0A000",  # BEGIN in statement pooling
    "42P07",  # the temporary table is there already
    "57014",
}
DATABASES = ("app", "one", "session", "statement", "small", "auto")
NAMED = ("app", "one", "session", "statement", "small")


class Contradiction(AssertionError):
    pass


class Customer:
    """A client that comes and goes until it is told to stop."""

    def __init__(self, proxy, number, seed):
        self.proxy = proxy
        self.number = number
        self.random = random.Random(seed * 1000 + number)
        self.mark = f"mark-{number}-{seed}"
        self.last = 0
        self.acknowledged, self.refused, self.unknown = set(), set(), set()
        self.logins = {}   # by database: those that were welcomed
        self.attempts = {}  # and all that were begun
        self.answers = 0
        self.problem = None

    # -- one visit
    def run(self, is_over):
        try:
            while not is_over():
                self.visit(is_over)
        except BaseException as problem:  # of a thread: told by who waits
            self.problem = problem

    def visit(self, is_over):
        database = self.random.choice(DATABASES)
        if database == "auto":
            database = f"auto{self.random.randrange(4)}"
        user = self.random.choice(("app", "alice"))
        params = {"deadline": 20}
        if self.random.random() < 0.1:
            params["replication"] = self.random.choice(("database", "true"))
        work_mem = None
        if self.random.random() < 0.5:
            work_mem = f"{1000 + self.number}kB"
            params["options"] = f"-c work_mem={work_mem}"
        self.attempts[database] = self.attempts.get(database, 0) + 1
        conn = None
        try:
            conn = self.proxy.login(database, user, **params)
            self.logins[database] = self.logins.get(database, 0) + 1
            if "replication" in params:
                return self.identify(conn, params["replication"])
            for _ in range(self.random.randrange(1, 12)):
                if is_over():
                    break
                self.step(conn, database, work_mem)
                if self.random.random() < 0.04:
                    break
            if self.random.random() < 0.7:
                conn.send(wire.terminate())
        except (wire.Closed, ConnectionError):
            pass
        except wire.WireError as problem:
            self.judge(problem, EXPECTED)
        finally:
            if conn is not None:
                conn.close()

    def judge(self, problem, allowed):
        if problem.sqlstate not in allowed:
            raise Contradiction(f"{self.mark}: {problem}") from problem

    def identify(self, conn, kind):
        """May be refused (the role may not), but not answered with anything
        else."""
        row = conn.ask("IDENTIFY_SYSTEM").rows[0]
        assert (row[3] is not None) == (kind == "database"), row

    STEPS = ("ask", "ask", "ask_extended", "ask_named", "ask_pipelined",
             "write", "write", "write_extended", "write_together",
             "write_in_block", "write_by_copy", "rows", "own_settings",
             "copy_out", "error", "sleep", "temporary", "suicide",
             "flush", "listen", "half", "read_only", "empty", "slowly",
             "abandoned_block", "reset")

    def step(self, conn, database, work_mem):
        what = self.random.choice(self.STEPS)
        canceller = None
        if self.random.random() < 0.15:
            canceller = threading.Timer(self.random.random() * 0.02,
                                        self.cancel, (conn,))
            canceller.start()
        try:
            getattr(self, "do_" + what)(conn, work_mem)
            self.answers += 1
        except wire.WireError as problem:
            if problem.severity != "ERROR":
                raise
            self.judge(problem, EXPECTED | CLUMSY)
            if "25P02" == problem.sqlstate or self.random.random() < 0.5:
                self.leave_block(conn)
        finally:
            if canceller is not None:
                canceller.join()

    def cancel(self, conn):
        with contextlib.suppress(OSError):
            conn.cancel()

    def leave_block(self, conn):
        """Whatever was going on, it is over."""
        with contextlib.suppress(wire.WireError):
            conn.ask("rollback")

    def expect(self, rows, *wanted):
        if [row[0] for row in rows] != list(wanted):
            raise Contradiction(f"{self.mark}: {rows[:3]} ({len(rows)} rows) "
                                f"instead of {wanted[:3]} ({len(wanted)})")

    # -- asking
    def do_ask(self, conn, _):
        self.expect(conn.ask(f"select '{self.mark}'").rows, self.mark)

    def do_ask_extended(self, conn, _):
        conn.send(wire.parse("select $1::text"), wire.bind([self.mark]),
                  wire.execute(), wire.sync())
        self.expect(conn.read_result().rows, self.mark)

    def do_ask_named(self, conn, _):
        """The name is everybody's, the text is one's own."""
        conn.send(wire.close("S", "s"),
                  wire.parse(f"select '{self.mark}', $1::int", "s"),
                  wire.sync())
        conn.read_result()
        for _ in range(self.random.randrange(1, 4)):
            conn.send(wire.bind(["1"], "s"), wire.execute(), wire.sync())
            self.expect(conn.read_result().rows, self.mark)

    def do_ask_pipelined(self, conn, _):
        marks = [f"{self.mark}-{i}" for i in range(5)]
        conn.send(*(wire.query(f"select '{mark}'") for mark in marks))
        problem = None
        for mark in marks:
            try:
                self.expect(conn.read_result().rows, mark)
            except wire.WireError as error:
                problem = error
        if problem is not None:
            raise problem

    def do_rows(self, conn, _):
        result = conn.ask(
            f"select '{self.mark}' from generate_series(1, 3000)")
        self.expect(result.rows, *[self.mark] * 3000)

    def do_slowly(self, conn, _):
        """Reads little by little what is longer than the sockets hold."""
        conn.send(wire.query(f"select '{self.mark}', repeat('x', 1000)"
                             " from generate_series(1, 3000)"))
        time.sleep(self.random.random() * 0.1)
        self.expect(conn.read_result().rows, *[self.mark] * 3000)

    def do_copy_out(self, conn, _):
        conn.send(wire.query(f"copy (select '{self.mark}'"
                             " from generate_series(1, 500)) to stdout"))
        lines, problem = [], None
        for got in conn.read_until("Z"):
            if got.type == "d":
                lines.append(got.payload.decode().strip())
            elif got.type == "E":
                problem = wire.WireError(wire.fields_of(got.payload))
        if problem is not None:
            raise problem
        self.expect([[line] for line in lines], *[self.mark] * 500)

    def do_own_settings(self, conn, work_mem):
        value = conn.value("show work_mem")
        if value != (work_mem or "4MB"):
            raise Contradiction(f"{self.mark}: work_mem {value} instead of "
                                f"{work_mem}")

    def do_read_only(self, conn, _):
        conn.send(wire.query("begin read only"),
                  wire.query(f"select '{self.mark}'"), wire.query("commit"))
        problem = None
        for _ in range(3):
            try:
                rows = conn.read_result().rows
                if rows:
                    self.expect(rows, self.mark)
            except wire.WireError as error:
                problem = error
        if problem is not None:
            raise problem

    def do_empty(self, conn, _):
        conn.ask("")

    def do_flush(self, conn, _):
        conn.send(wire.parse(f"select '{self.mark}'"), wire.bind(),
                  wire.execute(), wire.flush(), wire.sync())
        self.expect(conn.read_result().rows, self.mark)

    # -- writing
    def next_number(self):
        self.last += 1
        self.unknown.add(self.last)
        return self.last

    def row(self, number):
        return f"({self.number}, {number}, '{self.mark}')"

    def settle(self, numbers, is_there):
        self.unknown -= set(numbers)
        (self.acknowledged if is_there else self.refused).update(numbers)

    def conclude(self, conn, numbers):
        """The next answer tells what became of NUMBERS."""
        try:
            conn.read_result()
        except wire.WireError as problem:
            # Of a FATAL error nobody knows whether it came before or after.
            if problem.severity == "ERROR":
                self.settle(numbers, False)
            raise
        self.settle(numbers, True)

    def out_of_block(self, conn):
        """What is written next is committed by itself."""
        with contextlib.suppress(wire.WireError):
            conn.ask("rollback")

    def do_write(self, conn, _):
        self.out_of_block(conn)
        number = self.next_number()
        conn.send(wire.query(f"insert into ledger values {self.row(number)}"))
        self.conclude(conn, [number])

    def do_write_extended(self, conn, _):
        self.out_of_block(conn)
        number = self.next_number()
        conn.send(wire.parse("insert into ledger values ($1, $2, $3)"),
                  wire.bind([str(self.number), str(number), self.mark]),
                  wire.execute(), wire.sync())
        self.conclude(conn, [number])

    def do_write_together(self, conn, _):
        """Several statements in one text are one transaction."""
        self.out_of_block(conn)
        numbers = [self.next_number() for _ in range(3)]
        conn.send(wire.query(";".join(
            f"insert into ledger values {self.row(number)}"
            for number in numbers)))
        self.conclude(conn, numbers)

    def do_write_in_block(self, conn, _):
        self.out_of_block(conn)
        conn.ask("begin")
        numbers = []
        for _ in range(self.random.randrange(1, 4)):
            numbers.append(self.next_number())
            try:
                conn.ask("insert into ledger values "
                         f"{self.row(numbers[-1])}")
            except wire.WireError as problem:
                if problem.severity == "ERROR":
                    conn.ask("rollback")
                    self.settle(numbers, False)
                raise
        if self.random.random() < 0.2:
            conn.ask("rollback")
            self.settle(numbers, False)
            return
        conn.send(wire.query("commit"))
        try:
            tag = conn.read_result().tag
        except wire.WireError as problem:
            if problem.severity == "ERROR":
                # COMMIT that was cancelled while it waited for nothing.
                self.settle(numbers, False)
            raise
        self.settle(numbers, tag == "COMMIT")

    def do_write_by_copy(self, conn, _):
        self.out_of_block(conn)
        numbers = [self.next_number() for _ in range(20)]
        conn.send(wire.query("copy ledger from stdin"))
        got = conn.read_frame()
        while got.type not in "GE":
            got = conn.read_frame()
        if got.type == "E":
            problem = wire.WireError(wire.fields_of(got.payload))
            if problem.severity == "ERROR":
                self.settle(numbers, False)
                conn.read_until("Z")
            raise problem
        for number in numbers:
            conn.send(wire.copy_data(
                f"{self.number}\t{number}\t{self.mark}\n".encode()))
        gives_up = self.random.random() < 0.2
        conn.send(wire.copy_fail() if gives_up else wire.copy_done())
        self.conclude(conn, numbers)

    # -- making trouble
    def do_error(self, conn, _):
        with contextlib.suppress(wire.WireError):
            conn.ask("select 1/0")
            raise Contradiction("division by zero has a result")

    def do_sleep(self, conn, _):
        conn.ask(f"select pg_sleep({self.random.random() * 0.8:.3f})")

    def do_temporary(self, conn, _):
        conn.ask("create temporary table scribble as "
                 f"select '{self.mark}' as mark")
        self.expect(conn.ask("select mark from scribble").rows, self.mark)

    def do_suicide(self, conn, _):
        conn.ask("select pg_terminate_backend(pg_backend_pid())")

    def do_listen(self, conn, _):
        conn.ask("listen chaos; notify chaos")

    def do_half(self, conn, _):
        message = wire.query("select 'half'")
        conn.send(message[:self.random.randrange(1, len(message))])
        raise wire.Closed("by ourselves")

    def do_abandoned_block(self, conn, _):
        conn.ask("begin")
        number = self.next_number()
        conn.ask(f"insert into ledger values {self.row(number)}")
        self.settle([number], False)
        raise wire.Closed("by ourselves")

    def do_reset(self, conn, _):
        conn.ask(self.random.choice(("discard all", "deallocate all",
                                     "reset all")))


class Administrator:
    """Does what the console can, and undoes it after a while."""

    def __init__(self, proxy, seed):
        self.proxy = proxy
        self.random = random.Random(seed)
        self.problem = None
        self.commands = 0

    def run(self, is_over):
        try:
            while not is_over():
                self.act()
                time.sleep(self.random.random() * 0.1)
        except BaseException as problem:
            self.problem = problem

    def tell(self, command):
        """It may be refused, or wait for what others keep from happening."""
        with contextlib.suppress(wire.WireError, wire.Closed, OSError):
            with self.proxy.wire(deadline=1.5) as conn:
                conn.login(user="admin", database="pgbouncer",
                           password="admin-secret")
                conn.ask(command)
        self.commands += 1

    SHOWS = ("pools", "clients", "servers", "stats", "mem", "sockets", "fds",
             "peers", "totals", "lists", "databases", "users", "dns_hosts",
             "active_sockets", "stats_totals", "config", "nodes", "state")

    def act(self):
        pick = self.random.choice
        database = pick((*NAMED, "auto1", ""))
        command = pick((
            f"pause {database}", f"kill {database}", f"disable {database}",
            f"reconnect {database}", f"wait_close {database}", "reload",
            "suspend", f"kill_client {self.random.randrange(1, 3000)}",
            *(f"show {pick(self.SHOWS)}" for _ in range(6)),
            *(self.setting() for _ in range(6))))
        self.tell(command)
        if command == "suspend":
            time.sleep(self.random.random() * 0.1)
            self.proxy.signal(signal.SIGUSR2)  # nobody new is let in
        elif command.split()[0] in ("pause", "kill", "disable"):
            time.sleep(self.random.random() * 0.3)
            self.undo()

    def setting(self):
        pick = self.random.choice
        key, values = pick((
            ("default_pool_size", (1, 2, 4)), ("max_db_connections", (0, 1, 3)),
            ("max_user_connections", (0, 2, 5)), ("query_timeout", (0, 0.2, 1)),
            ("server_lifetime", (0, 1, 3600)), ("min_pool_size", (0, 1, 2)),
            ("pool_mode", ("session", "transaction", "statement")),
            ("server_reset_query", ("discard all", "", "deallocate all")),
            ("server_reset_query_always", (0, 1)),
            ("server_check_delay", (0, 0.1, 30)),
            ("server_idle_timeout", (0.5, 600)),
            ("reserve_pool_size", (0, 1, 2)), ("max_client_conn", (8, 200)),
            ("max_user_client_connections", (0, 5)),
            ("max_prepared_statements", (0, 2, 200)),
            ("query_timeout_action", ("cancel", "close")),
            ("server_round_robin", (0, 1)), ("server_fast_close", (0, 1)),
            ("query_wait_timeout", (1, 3)), ("read_write_split", (0, 1))))
        return f"set {key}='{pick(values)}'"

    def undo(self):
        """Nothing is paused or disabled any more."""
        for name in (*NAMED, "auto1"):
            self.tell(f"resume {name}")
            self.tell(f"enable {name}")
        self.tell("resume")


def run(proxy, customers, administrator, seconds):
    """Lets everybody go on for SECONDS; raises what one of them has seen."""
    end = time.monotonic() + seconds
    everybody = [*customers, administrator]

    def is_over():
        return time.monotonic() >= end or \
            any(one.problem for one in everybody)

    threads = [threading.Thread(target=one.run, args=(is_over,), daemon=True)
               for one in everybody]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 60)
        assert not thread.is_alive(), "somebody waits for ever"
    for one in everybody:
        if one.problem is not None:
            raise one.problem
