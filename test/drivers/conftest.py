"""conftest.py - what every test of a driver gets: the cluster and the program
under test of the end-to-end tests, and the database of the driver programs.

Options: --long runs those, too, that need a big compiler or npm.
"""
import importlib.util
import os
import sys

sys.dont_write_bytecode = True

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
E2E = os.path.join(os.path.dirname(HERE), "e2e")
sys.path.insert(0, E2E)

_spec = importlib.util.spec_from_file_location(
    "e2e_conftest", os.path.join(E2E, "conftest.py"))
e2e_conftest = importlib.util.module_from_spec(_spec)
sys.modules["e2e_conftest"] = e2e_conftest
_spec.loader.exec_module(e2e_conftest)

cluster = e2e_conftest.cluster
binary = e2e_conftest.binary


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true",
                     help="the drivers that need a big compiler or npm, too")
    e2e_conftest.pytest_addoption(parser)


SCHEMAS = """
grant alice, bob to app;
create schema neighbour;
grant usage on schema neighbour to public;
create table neighbour.item as select 1 as id, 'neighbour''s' as name;
grant all on neighbour.item to public;
"""
TENANTS = """
drop schema if exists tenant_{0} cascade;
create schema tenant_{0};
grant usage on schema tenant_{0} to public;
create table tenant_{0}.item as select id, format('item %s of tenant {0}', id)
    as name from generate_series(0, 9) id;
grant all on tenant_{0}.item to public;
"""
OWN = """
drop schema if exists app cascade;
create schema app authorization app;
"""


class Stage:
    """The database as the driver programs expect it."""

    def __init__(self, cluster):
        self.cluster = cluster
        with cluster.primary.connect() as conn:
            conn.execute(SCHEMAS)

    def reset(self):
        """As at the beginning, whatever a program has left."""
        with self.cluster.primary.connect() as conn:
            conn.execute(OWN + "".join(TENANTS.format(i) for i in range(4)))
        self.cluster.catch_up()


@pytest.fixture(scope="session")
def stage(cluster):
    return Stage(cluster)


@pytest.fixture(scope="session")
def start_proxy(request, cluster):
    """Starts a pgweir with the settings given; the caller ends it by end()."""
    def start(**settings):
        factory = e2e_conftest.Factory(request, cluster)
        proxy = factory(**settings)
        proxy.end = factory.end
        return proxy

    return start
