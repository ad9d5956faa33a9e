"""twoway.py - the same script with and without pgweir.

A script is a list of steps of one or more clients. It is run against PostgreSQL
itself and through pgweir in transaction mode, and what the clients see is
compared frame by frame: rows, notices, errors with all their fields, tags,
ParameterStatus, transaction status, the parameters in the end, and what is set
in the session then.

    "show work_mem"                     a Query of the first client, "a"
    (parse(...), bind(...), sync())     frames in one write; all Queries and
                                        Syncs among them are waited for
    answered("12", parse(...), flush()) frames without Sync: waited for is the
                                        arrival of as many as the types named
    on("b", step)                       a step of client "b"

Through pgweir two neighbours use the same server connections between any two
steps: one with settings of its own, one with prepared statements of its own
under the names that scripts use, too. A client inside a transaction keeps its
server; the neighbours act while one is free. Afterwards they and a new client
look for anything that was left to them.
"""
import contextlib
import socket
from collections import namedtuple

import pytest

import wire
from wire import bind, describe, execute, parse, query, sync

# What leaves a client free to change servers. As long as something in a script
# pins, clients, neighbours and all get servers of their own.
FOLLOWED = ("statements", "settings")
MULTIPLEXED = FOLLOWED == ("statements", "settings")
PINNING = () if MULTIPLEXED else (b"set", b"discard", b"deallocate")

# For scripts with something that keeps the server: enough for everybody.
ROOMY = 12

Turn = namedtuple("Turn", "client step")
Frames = namedtuple("Frames", "data wanted")  # WANTED: types, or None

# What is set in a session, who it is, what lies about in it. Placeholders that
# were ever set on a server stay defined, though empty.
STATE = """select current_user, session_user, current_setting('role'),
  (select string_agg(name || '=' || setting, ' ' order by name)
     from pg_settings where context in ('user', 'superuser')),
  coalesce(current_setting('my.tenant', true), ''),
  coalesce(current_setting('my.other', true), ''),
  (select count(*) from pg_cursors where name <> ''),
  (select count(*) from pg_listening_channels()),
  (select count(*) from pg_locks where locktype = 'advisory'
      and pid = pg_backend_pid()),
  (select count(*) from pg_class where relnamespace = pg_my_temp_schema())"""

STATEMENTS = """select name, statement from pg_prepared_statements
  where name !~ '^pgweir_[0-9a-f]+$'"""

# Names that scripts give their statements; the second neighbour has its own
# under each of them, and nobody else finds one.
NAMES = ("s", "p", "t", "S_1", "pgweir_1", "pgweir_2")


# ---- notation -----------------------------------------------------------------
def one_shot(sql, params=(), **more):
    """Parse, Bind, Describe, Execute of an unnamed statement; no Sync."""
    return parse(sql, **more) + bind(params) + describe() + execute()


def whole(sql, params=()):
    return (one_shot(sql, params), sync())


def run_of(*texts):
    """A pipeline in one implicit transaction."""
    return tuple(one_shot(text) for text in texts) + (sync(),)


def prepare(name, sql, types=()):
    """A batch of a Parse alone."""
    return (parse(sql, name, types), sync())


def use(name, params=()):
    """A batch that runs a prepared statement."""
    return (bind(params, name), describe(), execute(), sync())


def answered(types, *frames):
    return Frames(b"".join(frames), types)


def on(client, step):
    return Turn(client, step)


class Script:
    """STEPS; the rest says what is unusual about them.

    servers  how many the pool has: one more than are kept by clients in
             transactions while others act
    pins     something in it keeps a client on its server
    user     who all log in as
    a, b ... startup parameters of that client
    """

    def __init__(self, steps, servers=1, pins=False, user="app", **startup):
        self.turns = [step if isinstance(step, Turn) else Turn("a", step)
                      for step in steps]
        self.servers = servers
        self.pins = pins
        self.user = user
        self.startup = startup
        self.clients = sorted({"a", *startup,
                               *(turn.client for turn in self.turns)})

    def database(self, nodes):
        roomy = self.pins or any(
            word in frames_of(turn.step).data.lower()
            for turn in self.turns for word in PINNING)
        return f"{nodes}{ROOMY if roomy else self.servers}"


def cases(scripts, not_yet=None, pins=()):
    """Parameters for pytest; NOT_YET maps names to reasons why they fail, PINS
    names those in which something keeps a server."""
    not_yet = not_yet or {}
    assert {*not_yet, *pins} <= set(scripts), "a remark on no script"
    for name in pins:
        if not isinstance(scripts[name], Script):
            scripts[name] = Script(scripts[name])
        scripts[name].pins = True
    return [pytest.param(value, id=name, marks=[
                pytest.mark.xfail(strict=True, reason=not_yet[name])]
                if name in not_yet else [])
            for name, value in scripts.items()]


# ---- running ------------------------------------------------------------------
def plain(got):
    """A frame as it is compared."""
    if got.type in "EN":
        # Not where in PostgreSQL's source: a Bind may fail as the Parse it
        # needed on another server.
        return got.type, tuple(sorted(
            (key, value) for key, value in wire.fields_of(got.payload).items()
            if key not in "FLR"))
    if got.type == "T":
        return got.type, tuple(wire.columns_of(got.payload))
    if got.type == "A":
        return got.type, got.payload[4:]
    return got.type, got.payload


def frames_of(step):
    if isinstance(step, Frames):
        return step
    if isinstance(step, str):
        return Frames(query(step), None)
    return Frames(b"".join(step), None)


def types_in(data):
    """The types of the frames in DATA."""
    at, types = 0, ""
    while at < len(data):
        types += chr(data[at])
        at += int.from_bytes(data[at + 1:at + 5], "big") + 1
    return types


class Session:
    """A connection and what is known of it from its answers."""

    def __init__(self, conn):
        self.conn = conn
        self.status = b"I"
        self.in_batch = False
        self.closed = False

    @property
    def keeps_its_server(self):
        return not self.closed and (self.in_batch or self.status != b"I")

    def run(self, step):
        """Sends STEP; returns what comes back, as it is compared."""
        if self.closed:
            return [("closed", b"")]
        data, wanted = frames_of(step)
        types = types_in(data)
        self.conn.send(data)
        self.in_batch = types[-1] not in "QSFXdcf"
        seen = []
        try:
            if wanted is None:
                for _ in range(sum(types.count(kind) for kind in "QSF")):
                    self.read_until_ready(seen)
            else:
                while sum(kind not in "NSA" for kind, _ in seen) < len(wanted):
                    self.read_one(seen)
        except (wire.Closed, ConnectionError):
            seen.append(("closed", b""))
            self.closed = True
        except socket.timeout:
            raise AssertionError(f"no answer to {step!r}; so far {seen}") \
                from None
        return seen

    def read_until_ready(self, seen):
        while self.read_one(seen) != "Z":
            pass

    def read_one(self, seen):
        got = self.conn.read_frame()
        if got.type == "S":
            key, value = got.payload[:-1].split(b"\0")
            self.conn.params[key.decode()] = value.decode("latin-1")
        elif got.type == "Z":
            self.status = got.payload
        seen.append(plain(got))
        return got.type

    def end(self):
        """What is set at the end, by the session's own account."""
        if self.closed:
            return "closed"
        if self.in_batch:
            self.run((sync(),))
        if self.status != b"I":
            self.run("rollback")
        state = state_of(self.conn)
        params = {key: value for key, value in self.conn.params.items()
                  if key != "in_hot_standby"}
        self.conn.send(wire.terminate())
        self.conn.assert_closed()
        return state, params


def state_of(conn, begin="begin"):
    """STATE on the primary, or on a replica after "begin read only". Sent in
    one text, whatever encoding and quoting the session is in."""
    conn.send(query(f"{begin}; {STATE}; rollback"))
    rows, error = [], None
    for got in conn.read_until("Z"):
        if got.type == "D":
            rows.append(wire.row_of(got.payload))
        elif got.type == "E":
            error = wire.WireError(wire.fields_of(got.payload))
    if error is not None:
        raise error
    return rows[0]


def run_script(login, script, between=lambda kept: None):
    """All that is seen, by turn, and the end of each client. LOGIN makes a
    connection from startup parameters; BETWEEN is told how many servers are
    kept."""
    with contextlib.ExitStack() as stack:
        sessions = {name: Session(stack.enter_context(
            login(user=script.user, **script.startup.get(name, {}))))
            for name in script.clients}
        seen = []
        for turn in script.turns:
            seen.append(sessions[turn.client].run(turn.step))
            between(sum(session.keeps_its_server
                        for session in sessions.values()))
        ends = {name: session.end() for name, session in sessions.items()}
    return seen, ends


# ---- neighbours ---------------------------------------------------------------
class Neighbour:
    """One who asks the same question again and again and always has to get
    the answer that a direct connection gives."""

    def __init__(self, login, direct, user):
        self.session = Session(login(user=user))
        with direct(user=user) as conn:
            reference = Session(conn)
            for step in self.PREPARE:
                assert reference.run(step) == self.session.run(step)
            # The second time, for the first may report parameters.
            reference.run(self.QUESTION)
            self.expected = reference.run(self.QUESTION)

    def act(self):
        seen, expected = answers(self.session.run(self.QUESTION)), answers(
            self.expected)
        for have, want in zip(seen, expected):
            assert have == want, \
                f"{type(self).__name__}: {want} has become {have}"
        assert len(seen) == len(expected)

    def end(self):
        self.session.conn.close()


def answers(seen):
    """What was answered, without what is reported beside it."""
    return [got for got in seen if got[0] != "S"]


class Setter(Neighbour):
    """Lives under settings of its own."""

    PREPARE = [
        "set search_path = tw_y, pg_catalog", "set datestyle = 'German, DMY'",
        "set timezone = 'Asia/Kolkata'", "set my.x = 'the neighbour''s'",
        "set standard_conforming_strings = off",
        "set escape_string_warning = off", "set statement_timeout = '77s'",
        "set work_mem = '777kB'", "set application_name = 'neighbour'",
        "set client_encoding = 'LATIN1'", "set role bob"]
    ASK = (r"""select current_user, v, '\061', date '03-04-2020',
        timestamptz '2020-01-01 00:00Z', U&'\00e9',
        current_setting('search_path'), current_setting('my.x'),
        current_setting('statement_timeout'), current_setting('work_mem'),
        current_setting('application_name') from tt"""
           .replace(r"U&'\00e9'", "chr(233)"))
    QUESTION = (query(ASK), query(f"begin; {ASK}; commit"))


class Preparer(Neighbour):
    """Has prepared statements under the names that others use, and always an
    unnamed one that it will use next time."""

    PREPARE = [prepare(name, f"select 'the neighbour''s {name}', $1::int")
               for name in NAMES] + [(parse("select 'unnamed', $1"), sync())]
    QUESTION = (b"".join(bind(["7"], name) + execute() for name in ("",) + NAMES)
                + parse("select 'unnamed', $1") + sync(),
                query("begin"),
                b"".join(bind(["8"], name) + execute() for name in NAMES),
                sync(), query("commit"), parse("select 'unnamed', $1"), sync())


# ---- the stage ----------------------------------------------------------------
class Ground:
    """The tables that scripts use, the same before every run."""

    def __init__(self, cluster):
        self.nodes = [node.connect() for node in cluster.nodes]
        self.nodes[0].execute(GROUND)

    def level(self):
        position = self.nodes[0].execute(LEVEL)
        while position.nextset():
            pass
        position = position.fetchone()[0]
        for conn in self.nodes[1:]:
            while not conn.execute("select pg_last_wal_replay_lsn() >="
                                   " %s::pg_lsn", (position,)).fetchone()[0]:
                pass

    def end(self):
        self.nodes[0].execute(RUBBLE)
        for conn in self.nodes:
            conn.close()


GROUND = """
  grant bob to app;
  create table tw (i int); create sequence tw_seq;
  create table tw_unique (i int unique deferrable);
  create function tw_add(int) returns int volatile language sql as
    'insert into tw values ($1) returning i';
  create view tw_hidden as select tw_add(500) as n;
  create view tw_counter as select nextval('tw_seq') as n;
  create view tw_late as select case when i = 90
    then tw_add(700)::text else repeat('x', 900) end as x
    from generate_series(1, 100) i;
  alter table tw owner to app; alter sequence tw_seq owner to app;
  alter table tw_unique owner to app;
  grant select on tw_hidden, tw_counter, tw_late to public;
  create schema tw_x; create schema tw_y; create schema "tw, ""z";
  create table tw_x.tt as select 1 as v;
  create table tw_y.tt as select 'y'::text as v;
  create table "tw, ""z".tt as select 2.5 as v;
  grant usage on schema tw_x, tw_y, "tw, ""z" to public;
  grant select on tw_x.tt, tw_y.tt, "tw, ""z".tt to public"""
LEVEL = """
  truncate tw, tw_unique; insert into tw values (1), (2), (3);
  drop sequence if exists tw_seq cascade;
  create sequence tw_seq;
  alter sequence tw_seq owner to app;
  create view tw_counter as select nextval('tw_seq') as n;
  grant select on tw_counter to public;
  drop view if exists tw_view; drop table if exists tw_new cascade;
  drop function if exists tw_f(int), tw_f(tw), tw_f() cascade;
  select pg_current_wal_insert_lsn()::text"""
RUBBLE = """
  drop table tw, tw_unique cascade; drop function tw_add cascade;
  drop sequence tw_seq cascade;
  drop schema tw_x, tw_y, "tw, ""z" cascade; revoke bob from app"""


class Stage:
    """A cluster, a pgweir before it with pools of every size, neighbours.

    Databases are named after their nodes and pool size: primary1, all2."""

    SIZES = (1, 2, 3, 4, ROOMY)

    def __init__(self, cluster, factory, **settings):
        self.cluster = cluster
        self.ground = Ground(cluster)
        primary = cluster.primary
        places = {"primary": f"host={primary.host} port={primary.port}",
                  "all": cluster.host_list()}
        databases = {f"{nodes}{size}": f"{place} dbname=app pool_size={size}"
                     for nodes, place in places.items() for size in self.SIZES}
        self.proxy = factory(databases=databases, query_wait_timeout=4,
                             max_db_connections=0, **settings)
        self.neighbours = {}
        self.neutral = {}

    def direct(self, user="app", **params):
        primary = self.cluster.primary
        conn = wire.Wire((primary.host, primary.port))
        return conn.login(user=user, database="app", **params)

    def login_to(self, database):
        return lambda **params: self.proxy.login(database, **params)

    def compare(self, script, nodes="all"):
        """Runs SCRIPT both ways; asserts that nobody can tell which."""
        try:
            self.compare_once(script, nodes)
        except BaseException:
            self.clear()
            raise

    def clear(self):
        """After a failure: what it has left is not to spoil other scripts."""
        for pair in self.neighbours.values():
            for neighbour in pair:
                neighbour.end()
        self.neighbours.clear()
        for conn in self.ground.nodes:
            conn.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                " where backend_type = 'client backend' and usename <>"
                " 'monitor' and application_name <> 'direct'")

    def compare_once(self, script, nodes):
        script = script if isinstance(script, Script) else Script(script)
        database = script.database(nodes)
        neighbours = self.neighbours_in(database, script.user)
        free = int(database.removeprefix(nodes))
        self.ground.level()
        expected, ends = run_script(self.direct, script)
        self.ground.level()

        def between(kept):
            if kept < free:
                for neighbour in neighbours:
                    neighbour.act()

        between(0)
        seen, got = run_script(self.login_to(database), script, between)
        for turn, want, have in zip(script.turns, expected, seen):
            assert have == want, f"after {turn}\nwithout {want}\nwith {have}"
        assert got == ends, "in the end"
        self.look_for_traces(database, script.user, nodes)
        for neighbour in neighbours:
            neighbour.act()

    def neighbours_in(self, database, user):
        key = database, user
        if key not in self.neighbours:
            login = self.login_to(database)
            kinds = [Preparer]
            if MULTIPLEXED or database.endswith(str(ROOMY)):
                kinds.append(Setter)
            self.neighbours[key] = [kind(login, self.direct, user)
                                    for kind in kinds]
        return self.neighbours[key]

    def look_for_traces(self, database, user, nodes):
        """A new client finds a new session, on every kind of node."""
        begins = ["begin", "begin read only"] if nodes == "all" else ["begin"]
        if user not in self.neutral:
            with self.direct(user=user) as conn:
                self.neutral[user] = {begin: state_of(conn, begin)
                                      for begin in ("begin",
                                                    "begin read only")}
        with self.proxy.login(database, user) as conn:
            for begin in begins:
                assert state_of(conn, begin) == self.neutral[user][begin]
            conn.send(*(describe("S", name) + sync() for name in NAMES))
            for name in NAMES:
                assert_unknown(conn, name)
            conn.send(bind(), sync())
            assert_unknown(conn, "")

    def statements_left(self, database, user="app"):
        """Prepared statements under names that are not pgweir's, on all the
        primary's servers that are idle now: (name, text)."""
        idle = sum(row["database"] == database and row["user"] == user
                   and row["port"] == str(self.cluster.primary.port)
                   and row["state"] != "active"
                   for row in self.proxy.show("SERVERS"))
        found = []
        with contextlib.ExitStack() as stack:
            for _ in range(idle):
                conn = stack.enter_context(self.proxy.login(database, user))
                conn.ask("begin")
                found += conn.ask(STATEMENTS).rows
        return found

    def end(self):
        for pair in self.neighbours.values():
            for neighbour in pair:
                neighbour.end()
        self.ground.end()


def assert_unknown(conn, name):
    """The next answer is that there is no statement NAME."""
    error = wire.fields_of(conn.read_until("Z")[0].payload)
    assert (error["C"], error["M"]) == ("26000", (
        f'prepared statement "{name}" does not exist' if name
        else "unnamed prepared statement does not exist"))
