"""What a driver's users do all day has the same results through pgweir, in
transaction mode with two servers per node and a neighbour in the same pool, as
it has on a direct connection.
"""
import re

import pytest

from neighbour import neighbours
from programs import PROGRAMS, Missing, run_program

# More sessions than servers: each is given what the others have just used.
POOL_SIZE = 2
NEIGHBOURS = 3
SECONDS = 30  # for one run of a program

BY_NAME = {program.name: program for program in PROGRAMS}


class Runs:
    """A program's runs, each made once."""

    def __init__(self, program, folder, stage, start_proxy):
        self.program = program
        self.stage = stage
        self.start_proxy = start_proxy
        self.command = program.command(folder)
        self.made = {}

    def direct(self, part):
        return self._once(("direct", part), self._run_direct, part)

    def through(self, part):
        return self._once(("through", part), self._run_through, part)

    def _once(self, key, run, part):
        if key not in self.made:
            self.made[key] = run(part)
        return self.made[key]

    def _run_direct(self, part):
        self.stage.reset()
        node = self.stage.cluster.primary
        start = node.log_size()
        report = run_program(self.program, self.command, part,
                             (node.host, node.port), SECONDS)
        report.log = node.log(start)
        return report

    def _run_through(self, part):
        self.stage.reset()
        proxy = self.start_proxy(default_pool_size=POOL_SIZE,
                                 query_wait_timeout=3)
        try:
            # A crowd is neighbours enough for itself.
            count = NEIGHBOURS if part == "day" else 0
            with neighbours(proxy, count,
                            self.program.statements) as problems:
                report = run_program(self.program, self.command, part,
                                     (proxy.host, proxy.port), SECONDS)
            report.problems = problems
            report.log = proxy.log()[-3000:]
            report.traces = [] if part != "day" else traces_in(
                proxy, self.stage.cluster)
            return report
        finally:
            proxy.end()


# pgweir's own names are no client's.
LOOK = ("select current_user, session_user, (select count(*) from"
        " pg_prepared_statements where not starts_with(name, 'pgweir_')), (select count(*) from"
        " pg_listening_channels()), (select count(*) from pg_locks where"
        " locktype = 'advisory' and pid = pg_backend_pid()), (select"
        " string_agg(name || '=' || setting, ' ' order by name) from"
        " pg_settings where context in ('user', 'superuser') and name <>"
        " 'application_name'), coalesce(current_setting('my.tenant', true),"
        " '')")


def traces_in(proxy, cluster):
    """What fresh clients find that a direct connection does not."""
    with cluster.primary.connect(user="app") as conn:
        clean = conn.execute(LOOK).fetchone()
    found = []
    for _ in range(4):
        with proxy.connect(prepare_threshold=None) as conn:
            # A transaction that may write is at the primary.
            conn.execute("begin read write")
            seen = conn.execute(LOOK).fetchone()
            conn.execute("commit")
        if seen != clean:
            found.append((seen, clean))
    return found


_runs = {}


@pytest.fixture
def runs(request, stage, start_proxy, tmp_path_factory):
    name = request.param
    program = BY_NAME[name]
    if program.long_only and not request.config.getoption("--long"):
        pytest.skip(f"{name}: only with --long")
    if name not in _runs:
        folder = tmp_path_factory.mktemp(name)
        folder.parent.chmod(0o755)
        try:
            _runs[name] = Runs(program, str(folder), stage, start_proxy)
        except Missing as missing:
            _runs[name] = missing
    if isinstance(_runs[name], Missing):
        pytest.skip(str(_runs[name]))
    return _runs[name]


def of_programs(test):
    return pytest.mark.parametrize("runs", list(BY_NAME), indirect=True)(test)


def marks_of(program):
    return [pytest.mark.timeout(120 + program.build_seconds)]


def of_scenarios(test):
    every = [pytest.param(program.name, scenario,
                          id=f"{program.name}: {scenario}",
                          marks=marks_of(program))
             for program in PROGRAMS for scenario in program.scenarios]
    return pytest.mark.parametrize("runs, scenario", every,
                                   indirect=["runs"])(test)


def section(report, name):
    assert name in report.sections, (
        f"not reached\n{report.remarks[-3000:]}\n{report.log}")
    return report.sections[name]


def expected(runs, part, name):
    """What a direct connection shows; a program that fails there is wrong."""
    report = runs.direct(part)
    assert name in report.sections, report.remarks[-3000:]
    lines = report.sections[name]
    assert lines and not any(line.startswith("EXCEPTION") for line in lines), (
        "\n".join(lines) + report.remarks[-3000:])
    return lines


@of_scenarios
def test_a_day_is_as_on_a_direct_connection(runs, scenario):
    right = expected(runs, "day", scenario)
    assert section(runs.through("day"), scenario) == right


@of_programs
def test_neighbours_keep_their_own(runs):
    assert runs.through("day").problems == []


@of_programs
def test_neighbours_use_the_names_that_the_driver_gives(runs):
    """Else they would not be in each other's way."""
    log = runs.direct("day").log
    missing = [name for name in runs.program.statements
               if not re.search(rf"(execute|prepare) {name}\b", log)]
    assert missing == []


@of_programs
def test_no_trace_is_left(runs):
    assert runs.through("day").traces == []


@of_programs
def test_more_connections_than_servers_work_at_the_same_time(runs):
    right = expected(runs, "crowd", "crowd")
    assert section(runs.through("crowd"), "crowd") == right
