"""Drivers log in by SCRAM, bound to TLS where they can, to a pgweir that does
the same with a server that asks for it.
"""
import os
import shutil
import subprocess

import pytest

from certs import Authority
from cluster import password_of, program
from procs import environment
from programs import JDBC_JAR, PYTHON, Missing, _succeeds
from test_tls_servers import Server

HERE = os.path.dirname(os.path.abspath(__file__))
USER = "scram"
# Who it is, and whether the server's connection is by TLS.
QUERY = ("select current_user, ssl::text from pg_stat_ssl"
         " where pid = pg_backend_pid()")
WRONG = f'password authentication failed for user "{USER}"'


class Psql:
    """What libpq does, as do all that are built on it."""

    ways = ["without TLS", "TLS", "bound to TLS"]

    def command(self, _env, _folder):
        return [program("psql"), "-XAt", "-c", QUERY]


class Python:
    def __init__(self, name, ways):
        self.name, self.ways = name, ways

    def command(self, _env, _folder):
        if not _succeeds(PYTHON, "-c", f"import {self.name}"):
            raise Missing(f"python3-{self.name} is not installed")
        return [PYTHON, os.path.join(HERE, "login_once.py"), self.name, QUERY]


class Jdbc:
    ways = ["without TLS", "TLS"]

    def command(self, env, folder):
        if not shutil.which("javac") or not os.path.exists(JDBC_JAR):
            raise Missing("a JDK or libpostgresql-jdbc-java is not installed")
        if not os.listdir(folder):
            subprocess.run(
                ["javac", "-cp", JDBC_JAR, "-d", folder,
                 os.path.join(HERE, "jdbc", "JdbcLogin.java")],
                check=True, timeout=120, env=environment())
        url = (f"jdbc:postgresql://localhost:{env['PGPORT']}/app?user={USER}"
               f"&password={env['PGPASSWORD']}&sslmode={env['PGSSLMODE']}"
               f"&sslrootcert={env['PGSSLROOTCERT']}")
        return ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
                f"{JDBC_JAR}:{folder}", "JdbcLogin", url, QUERY]


DRIVERS = {"psql": Psql(), "psycopg": Python("psycopg", Psql.ways),
           "asyncpg": Python("asyncpg", Jdbc.ways), "jdbc": Jdbc()}


@pytest.fixture(scope="module")
def authority():
    made = Authority(prefix="pw-lca-")
    os.chmod(made.dir, 0o755)  # for psql, which runs as another user
    made.here = made.issue("here", "/CN=localhost",
                           ["DNS:localhost", "IP:127.0.0.1"])
    yield made
    made.remove()


@pytest.fixture(scope="module")
def server(authority):
    made = Server(authority)
    made.set(f"hostssl all {USER} 127.0.0.1/32 scram-sha-256",
             "host all all 127.0.0.1/32 trust")
    yield made
    made.cluster.destroy()


@pytest.fixture(scope="module", params=["password", "SCRAM secret"])
def proxy(request, start_proxy, server, authority):
    secret = password_of(USER) if request.param == "password" else \
        server.node.ask("select rolpassword from pg_authid"
                        f" where rolname = '{USER}'")
    made = start_proxy(
        cluster=server.cluster, secrets={USER: secret},
        databases={"app": f"host=localhost port={server.node.port}"},
        auth_type="scram-sha-256", client_tls_sslmode="allow",
        client_tls_cert_file=authority.here.cert,
        client_tls_key_file=authority.here.key,
        server_tls_sslmode="verify-full", server_tls_ca_file=authority.cert)
    yield made
    made.end()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("login"))


def run_login(driver, folder, proxy, authority, way, password):
    env = environment(
        PGHOST="localhost", PGPORT=str(proxy.port), PGUSER=USER,
        PGDATABASE="app", PGPASSWORD=password, PGGSSENCMODE="disable",
        PGSSLMODE="disable" if way == "without TLS" else "verify-full",
        PGSSLROOTCERT=authority.cert, PYTHONDONTWRITEBYTECODE="1",
        PGCHANNELBINDING="require" if way.startswith("bound") else "prefer")
    try:
        command = DRIVERS[driver].command(env, folder)
    except Missing as missing:
        pytest.skip(str(missing))
    done = subprocess.run(command, cwd="/", env=env, timeout=60, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.stdout.strip()


EVERY = [pytest.param(name, way, id=f"{name}: {way}")
         for name, driver in DRIVERS.items() for way in driver.ways]


@pytest.mark.parametrize("driver, way", EVERY)
def test_a_driver_logs_in_by_scram(proxy, authority, folder, driver, way):
    assert run_login(driver, folder, proxy, authority, way,
                     password_of(USER)) == f"{USER}|true"


@pytest.mark.parametrize("driver, way", EVERY)
def test_a_driver_understands_why_it_is_refused(
        proxy, authority, folder, driver, way):
    said = run_login(driver, folder, proxy, authority, way, "wrong")
    assert said == "28P01" or WRONG in said
