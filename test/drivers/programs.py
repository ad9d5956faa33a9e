"""programs.py - the driver programs: where they are, what they need, how they
are run, what they printed.

Each program does with one driver, in that driver's default configuration, what
its users do all day (its scenarios), and once what many connections do at the
same time (its crowd); see support/day.py for the form. Its source is looked
through for the names of its scenarios, so that a missing one is noticed.
"""
import os
import re
import shutil
import subprocess
import sys

from procs import environment

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's modules
NODE_MODULES = [os.path.join(TOP, "build", "drivers", "node_modules"),
                "/usr/share/nodejs"]
JDBC_JAR = "/usr/share/java/postgresql.jar"
GO_PATH = "/usr/share/gocode"
CROWD = 8


class Missing(Exception):
    """What a program needs is not installed."""


def _succeeds(*args, **variables):
    try:
        return subprocess.run(args, cwd="/", env=environment(**variables),
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=60, check=False).returncode == 0
    except FileNotFoundError:
        return False


class Program:
    """SOURCE is a path below this folder; STATEMENTS are names the driver gives
    to its prepared statements, for the neighbours to use as well."""

    long_only = False
    build_seconds = 0

    def __init__(self, name, source, statements, package):
        self.name = name
        self.source = os.path.join(HERE, source)
        self.statements = statements
        self.package = package
        with open(self.source, encoding="utf-8") as file:
            self.scenarios = re.findall(
                r"""\bscenario\(\s*["']([^"']+)["']""", file.read())

    def is_there(self):
        raise NotImplementedError

    def build(self, folder):
        """Returns the command; FOLDER is for what a compiler makes."""
        raise NotImplementedError

    def variables(self):
        return {}

    def command(self, folder):
        if not self.is_there():
            raise Missing(f"{self.name}: {self.package} is not installed"
                          f" (scripts/deps{' --long' * self.long_only})")
        return self.build(folder)


class PythonProgram(Program):
    def is_there(self):
        return _succeeds(PYTHON, "-c", f"import {self.name}")

    def build(self, folder):
        return [PYTHON, self.source]

    def variables(self):
        return {"PYTHONPATH": os.path.join(HERE, "support"),
                "PYTHONDONTWRITEBYTECODE": "1"}


class Psycopg3Program(PythonProgram):
    def is_there(self):
        return _succeeds(PYTHON, "-c", "import psycopg")


class DjangoProgram(PythonProgram):
    def is_there(self):
        return _succeeds(PYTHON, "-c", "import django, psycopg2")


class SqlalchemyProgram(PythonProgram):
    def is_there(self):
        return _succeeds(PYTHON, "-c", "import asyncpg, sqlalchemy, psycopg2")


class PerlProgram(Program):
    def is_there(self):
        return _succeeds("/usr/bin/perl", "-MDBD::Pg", "-e", "1")

    def build(self, folder):
        return ["/usr/bin/perl", self.source]


class PhpProgram(Program):
    def is_there(self):
        return _succeeds("php", "-r", "exit(extension_loaded('pdo_pgsql')"
                         " ? 0 : 1);")

    def build(self, folder):
        return ["php", self.source]


class NodeProgram(Program):
    module = "pg"

    def is_there(self):
        return _succeeds("node", "-e", f"require('{self.module}')",
                         **self.variables())

    def build(self, folder):
        return ["node", self.source]

    def variables(self):
        return {"NODE_PATH": ":".join(NODE_MODULES)}


class PostgresJsProgram(NodeProgram):
    module = "postgres"
    long_only = True


class GoProgram(Program):
    long_only = True
    build_seconds = 300

    def is_there(self):
        return shutil.which("go") and os.path.isdir(
            os.path.join(GO_PATH, "src/github.com/lib/pq"))

    def build(self, folder):
        target = os.path.join(folder, self.name)
        subprocess.run(
            ["go", "build", "-o", target, self.source], cwd="/", check=True,
            timeout=self.build_seconds,
            env=environment(GO111MODULE="off", GOPATH=GO_PATH, GOFLAGS="",
                            GOCACHE=os.path.join(folder, "go-cache"),
                            CGO_ENABLED="0"))
        return [target]


class JavaProgram(Program):
    long_only = True
    build_seconds = 120

    def is_there(self):
        return shutil.which("javac") and os.path.exists(JDBC_JAR)

    def build(self, folder):
        subprocess.run(["javac", "-encoding", "UTF-8", "-nowarn", "-cp",
                        JDBC_JAR, "-d", folder, self.source], cwd="/",
                       check=True, timeout=self.build_seconds,
                       env=environment())
        main = os.path.splitext(os.path.basename(self.source))[0]
        return ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-cp", f"{JDBC_JAR}:{folder}", main]


def _numbered(pattern, first=0, count=4):
    return [pattern.format(number) for number in range(first, first + count)]


PROGRAMS = [
    Psycopg3Program("psycopg3", "psycopg3/psycopg3_day.py",
                    _numbered("_pg3_{}"), "python3-psycopg"),
    PythonProgram("psycopg2", "psycopg2/psycopg2_day.py",
                  ["by_hand"], "python3-psycopg2"),
    PythonProgram("asyncpg", "asyncpg/asyncpg_day.py",
                  _numbered("__asyncpg_stmt_{}__", 1), "python3-asyncpg"),
    SqlalchemyProgram("sqlalchemy", "sqlalchemy/sqlalchemy_day.py",
                      _numbered("__asyncpg_stmt_{}__", 1),
                      "python3-sqlalchemy, -psycopg2 or -asyncpg"),
    DjangoProgram("django", "django/django_day.py", ["by_hand"],
                  "python3-django or python3-psycopg2"),
    PerlProgram("dbd_pg", "dbd_pg/dbd_pg_day.pl", ["by_hand"],
                "libdbd-pg-perl"),
    PhpProgram("pdo", "pdo/pdo_day.php",
               _numbered("pdo_stmt_{:08x}", 1), "php-cli, php-pgsql"),
    NodeProgram("node_pg", "node_pg/node_pg_day.js",
                ["by-id", "sum", "moment"], "node-pg"),
    PostgresJsProgram("postgres_js", "postgres_js/postgres_js_day.js",
                      ["by_hand"], "postgres (npm)"),
    GoProgram("lib_pq", "lib_pq/lib_pq_day.go", _numbered("{}", 1),
              "golang-go or golang-github-lib-pq-dev"),
    JavaProgram("jdbc", "jdbc/JdbcDay.java", _numbered("S_{}", 1),
                "a JDK or libpostgresql-jdbc-java"),
]


class Report:
    """What a program printed, by scenario."""

    def __init__(self, output, remarks):
        self.sections = {}
        self.remarks = remarks
        lines = []
        for line in output.splitlines():
            if line.startswith("== "):
                lines = self.sections.setdefault(line[3:], [])
            else:
                lines.append(line)


def run_program(program, command, part, target, seconds):
    """Runs PART ("day" or "crowd") against TARGET, a host and a port. Output
    that came before the time was up is kept: it tells where it hangs."""
    host, port = target
    env = environment(PGHOST=host, PGPORT=str(port), PGUSER="app",
                      PGDATABASE="app", PGPASSWORD="app-secret",
                      PGSSLMODE="disable", CROWD=str(CROWD), TZ="UTC",
                      **program.variables())
    with subprocess.Popen([*command, part], cwd="/", env=env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, encoding="utf-8",
                          errors="backslashreplace",
                          start_new_session=True) as proc:
        try:
            out, err = proc.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            proc.kill()
            out, err = proc.communicate()
            err += f"\nstopped after {seconds} s"
        except BaseException:
            proc.kill()
            raise
    if proc.returncode:
        err += f"\nexit status {proc.returncode}"
    return Report(out, err)


if __name__ == "__main__":  # what is there, for people
    for entry in PROGRAMS:
        print(f"{entry.name:12} {'there' if entry.is_there() else 'missing'}"
              f"  {len(entry.scenarios)} scenarios", file=sys.stdout)
