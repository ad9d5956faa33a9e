"""What the programs that watch pgbouncer ask, in the ways they ask it: simple
queries, prepared ones, values in binary, drivers' start-up noise.

Each function below stands for one program: it has the demands that decide
whether the program works, as far as they are known from its source.
"""
import asyncio

import asyncpg
import psycopg
import pytest

import wire

# What drivers send when they connect.
NOISE = {
    "lib/pq": {"extra_float_digits": "2", "client_encoding": "UTF8",
               "datestyle": "ISO, MDY"},
    "JDBC": {"extra_float_digits": "3", "client_encoding": "UTF8",
             "DateStyle": "ISO", "TimeZone": "Europe/Berlin",
             "application_name": "PostgreSQL JDBC Driver"},
    "Npgsql": {"client_encoding": "UTF8", "TimeZone": "UTC"},
    "node": {"client_encoding": "UTF8", "application_name": "exporter"},
    "options": {"options": "-c extra_float_digits=3"},
}


class Rows(list):
    """Rows of text values, with the columns' names."""

    def __init__(self, names, rows):
        super().__init__(rows)
        self.names = names

    def dicts(self):
        return [dict(zip(self.names, row)) for row in self]


class Simple:
    """The simple protocol, as psql and lib/pq without parameters."""

    def __init__(self, proxy, user="stats"):
        self.conn = proxy.login("pgbouncer", user, **NOISE["lib/pq"])

    def ask(self, sql):
        result = self.conn.ask(sql)
        return Rows([name for name, _ in result.columns], result.rows)

    def close(self):
        self.conn.close()


class Extended(Simple):
    """Parse, Describe, Bind, Execute, each statement with a name."""

    def ask(self, sql):
        self.conn.send(wire.parse(sql, "s"), wire.describe("S", "s"),
                       wire.sync())
        frames = self.conn.read_until("Z")
        names = [name for f in frames if f.type == "T"
                 for name, _ in wire.columns_of(f.payload)]
        self.conn.send(wire.bind(statement="s"), wire.execute(),
                       wire.close("S", "s"), wire.sync())
        return Rows(names, [wire.row_of(f.payload)
                            for f in self.conn.read_until("Z")
                            if f.type == "D"])


class Psycopg:
    def __init__(self, proxy, user="stats"):
        self.conn = psycopg.connect(proxy.dsn("pgbouncer", user),
                                    autocommit=True, prepare_threshold=0)

    def ask(self, sql):
        cursor = self.conn.execute(sql, binary=self.binary)
        return Rows([c.name for c in cursor.description],
                    [[None if v is None else str(v) for v in row]
                     for row in cursor.fetchall()])

    binary = False

    def close(self):
        self.conn.close()


class PsycopgBinary(Psycopg):
    binary = True


class Asyncpg:
    """Asks for every value in binary."""

    def __init__(self, proxy, user="stats"):
        self.loop = asyncio.new_event_loop()
        self.conn = self.loop.run_until_complete(asyncpg.connect(
            host=proxy.host, port=proxy.port, user=user, ssl=False,
            password=f"{user}-secret", database="pgbouncer"))

    def ask(self, sql):
        statement = self.loop.run_until_complete(self.conn.prepare(sql))
        rows = self.loop.run_until_complete(statement.fetch())
        return Rows([a.name for a in statement.get_attributes()],
                    [[None if v is None else str(v) for v in row.values()]
                     for row in rows])

    def close(self):
        self.loop.run_until_complete(self.conn.close())
        self.loop.close()


@pytest.fixture(params=[Simple, Extended, Psycopg, PsycopgBinary, Asyncpg],
                ids=lambda way: way.__name__)
def console(request, proxy):
    with proxy.login() as one, proxy.login("other") as two:
        one.ask("begin")
        one.ask("select 1")
        two.ask("select 1")
        conn = request.param(proxy)
        yield conn
        conn.close()
        one.ask("commit")


def test_prometheus_community_exporter(console):
    version = console.ask("SHOW VERSION;")
    assert len(version.names) == 1 and version[0][0].startswith("PgBouncer 1.")
    lists = console.ask("SHOW LISTS;")
    assert len(lists.names) == 2
    assert {"databases", "users", "pools", "free_clients", "used_clients",
            "login_clients", "free_servers", "used_servers", "dns_names",
            "dns_zones", "dns_queries"} <= {row[0] for row in lists}
    config = console.ask("SHOW CONFIG;")
    assert len(config.names) in (3, 4)
    values = {row[0]: row[1] for row in config}
    assert int(values["max_client_conn"]) > 0
    assert int(values["max_user_connections"]) >= 0
    for row in console.ask("SHOW DATABASES;").dicts():
        for key in ("pool_size", "reserve_pool_size", "max_connections",
                    "current_connections", "paused", "disabled"):
            float(row[key])
        assert {"name", "host", "port", "database", "force_user",
                "pool_mode"} <= set(row)
    for row in console.ask("SHOW POOLS;").dicts():
        for key in ("cl_active", "cl_waiting", "sv_active", "sv_idle",
                    "sv_used", "sv_tested", "sv_login", "maxwait"):
            float(row[key])
    for row in console.ask("SHOW STATS_TOTALS;").dicts():
        for key in ("query_count", "bytes_received", "bytes_sent",
                    "query_time", "xact_count", "xact_time", "wait_time"):
            float(row[key])
    assert console.ask("SHOW STATS;")
    assert {"database", "user", "state"} <= set(
        console.ask("SHOW CLIENTS;").names)


def test_an_exporter_that_stops_at_any_unknown_column(console):
    """jbub/pgbouncer_exporter: the columns are those, in any order."""
    assert set(console.ask("SHOW LISTS").names) == {"list", "items"}
    assert set(console.ask("SHOW POOLS").names) == {
        "database", "user", "cl_active", "cl_waiting", "cl_active_cancel_req",
        "cl_waiting_cancel_req", "sv_active", "sv_active_cancel",
        "sv_being_canceled", "sv_idle", "sv_used", "sv_tested", "sv_login",
        "maxwait", "maxwait_us", "pool_mode", "load_balance_hosts"}
    assert set(console.ask("SHOW DATABASES").names) == {
        "name", "host", "port", "database", "force_user", "pool_size",
        "min_pool_size", "reserve_pool_size", "server_lifetime", "pool_mode",
        "load_balance_hosts", "max_connections", "current_connections",
        "max_client_connections", "current_client_connections", "paused",
        "disabled"}


def test_an_exporter_that_counts_columns_by_version(console):
    """pgsty/pg_exporter: so many columns as this version has."""
    assert console.ask("SHOW VERSION")[0][0].split()[1].startswith("1.25")
    for what, count in (("POOLS", 17), ("STATS", 25), ("DATABASES", 17),
                        ("LISTS", 2), ("CLIENTS", 21), ("SERVERS", 21)):
        assert len(console.ask(f"SHOW {what}").names) == count


def test_an_agent_that_reads_rows_by_name(console):
    """Datadog and its like: SHOW STATS, POOLS, DATABASES, CONFIG, by name."""
    for row in console.ask("SHOW STATS").dicts():
        for key in ("avg_recv", "avg_sent", "total_received", "total_sent",
                    "total_query_count", "avg_query_count", "avg_query_time",
                    "total_xact_count", "avg_xact_count", "avg_wait_time"):
            int(row[key])
    for row in console.ask("SHOW SERVERS").dicts():
        assert row["state"] and row["connect_time"] and row["request_time"]


def test_figures_are_the_same_however_they_are_asked(proxy, console):
    """Of what does not change meanwhile."""
    for what in ("DATABASES", "CONFIG", "USERS", "PEERS"):
        other = Simple(proxy)
        assert list(map(list, console.ask(f"SHOW {what}"))) == \
            list(map(list, other.ask(f"SHOW {what}")))
        other.close()


@pytest.mark.parametrize("driver", NOISE)
def test_what_a_driver_sends_when_it_connects_is_accepted(proxy, driver):
    with proxy.login("pgbouncer", "stats", **NOISE[driver]) as conn:
        assert conn.ask("SHOW LISTS").rows
        for statement in ("SET extra_float_digits = 3",
                          "SET client_encoding TO 'UTF8'",
                          "SET DateStyle = 'ISO'", "SET TIMEZONE = 'UTC'"):
            conn.ask(statement)
        assert conn.value("SHOW standard_conforming_strings") == "on"
        assert conn.value("SELECT 1") == "1"
