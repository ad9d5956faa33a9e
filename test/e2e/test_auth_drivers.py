"""Drivers log in by SCRAM, through a pgweir that has no password either, to a
server that asks for SCRAM; by TLS bound to the channel, where a driver can."""
import asyncio
import os
import pathlib
import shutil
import ssl

import psycopg
import pytest

import procs
from certs import Authority
from cluster import password_of, program
from conftest import Factory
from test_tls import client_tls
from test_tls_servers import Server

USER = "scram"
JDBC_JAR = "/usr/share/java/postgresql.jar"
JDBC_LOGIN = pathlib.Path(__file__).parents[1] / "drivers/jdbc/JdbcLogin.java"
REFUSED = "28P01"


@pytest.fixture(scope="module")
def authority():
    made = Authority(prefix="pw-dca-")
    yield made
    made.remove()


@pytest.fixture(scope="module")
def server(authority):
    made = Server(authority)
    made.set("host all monitor 127.0.0.1/32 trust",
             "hostssl all all 127.0.0.1/32 scram-sha-256")
    yield made
    made.cluster.destroy()


@pytest.fixture
def proxy(pgweir, server, authority):
    node = server.node
    stored = node.ask("select rolpassword from pg_authid where rolname = %s",
                      (USER,))
    assert stored.startswith("SCRAM-SHA-256$")
    return pgweir(
        databases={"app": f"host={node.host} port={node.port} dbname=app"},
        cluster=server.cluster, auth_type="scram-sha-256",
        secrets={USER: stored}, server_tls_sslmode="verify-full",
        server_tls_ca_file=authority.cert, **client_tls(server.good, "allow"))


# Each returns who it is, or the SQLSTATE it was refused with. How libpq is told
# of it is all there is: it keeps no SQLSTATE of a failed login.
def by_psql(proxy, password, tls, _):
    done = procs.run(
        [program("psql"), "-XAtc", "select current_user",
         proxy.dsn(user=USER, **libpq_words(password, tls))], check=False)
    return said_by_libpq(done.stderr) or done.stdout.strip()


def by_psycopg(proxy, password, tls, _):
    try:
        with proxy.connect(user=USER, **libpq_words(password, tls)) as conn:
            assert conn.pgconn.ssl_in_use == tls
            return conn.execute("select current_user").fetchone()[0]
    except psycopg.OperationalError as error:
        return said_by_libpq(str(error))


def libpq_words(password, tls):
    return {"password": password, "sslmode": "require" if tls else "disable",
            "channel_binding": "require" if tls else "disable",
            "sslcert": "/none", "sslkey": "/none"}


def said_by_libpq(text):
    return REFUSED if "password authentication failed" in text else text


def by_asyncpg(proxy, password, tls, authority):
    asyncpg = pytest.importorskip("asyncpg")
    context = ssl.create_default_context(cafile=authority.cert)

    async def ask():
        conn = await asyncpg.connect(
            host=proxy.host, port=proxy.port, user=USER, database="app",
            password=password, ssl=context if tls else False)
        try:
            return await conn.fetchval("select current_user")
        finally:
            await conn.close()
    try:
        return asyncio.run(ask())
    except asyncpg.PostgresError as error:
        return error.sqlstate


def by_jdbc(proxy, password, tls, authority):
    if not (shutil.which("java") and os.path.exists(JDBC_JAR)):
        pytest.skip("there is no Java, or libpostgresql-jdbc-java is missing")
    how = f"verify-full&sslrootcert={authority.cert}" if tls else "disable"
    source = procs.write_file(os.path.join(proxy.dir, "JdbcLogin.java"),
                              JDBC_LOGIN.read_text(encoding="ascii"))
    done = procs.run(
        ["java", "-XX:TieredStopAtLevel=1", "-cp", JDBC_JAR, source,
         f"jdbc:postgresql://{proxy.host}:{proxy.port}/app?user={USER}"
         f"&sslmode={how}"], env=procs.environment(PGPASSWORD=password))
    return done.stdout.strip()


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("driver", [by_psql, by_psycopg, by_asyncpg, by_jdbc])
def test_a_driver_logs_in_by_scram(proxy, server, authority, driver, tls):
    assert driver(proxy, password_of(USER), tls, authority) == USER
    ways = {row["tls"] for row in proxy.show("SERVERS") if row["user"] == USER}
    assert len(ways) == 1 and ways.pop().startswith("TLSv1.3")
    assert driver(proxy, "wrong", tls, authority) == REFUSED
