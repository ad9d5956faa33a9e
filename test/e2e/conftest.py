"""conftest.py - what every end-to-end test gets.

    cluster   a primary and two replicas, one for the whole run; a test that
              stops a node starts it again (see own_cluster for worse)
    pgweir    a function that starts a pgweir with the settings given and stops
              it after the test, checking that it ended well and left nothing
    proxy     one pgweir with default settings, shared by a file's tests
    stage     a pgweir, and PostgreSQL beside it, to compare them (twoway.py)

Options: --direct runs the tests marked "fidelity" against PostgreSQL itself;
--seeds, --first-seed: see test_property.py; --chaos-seconds, --chaos-seed: see
test_chaos.py.
Environment: PGWEIR, the binary (default build/src/pgweir of this checkout).
"""
import os
import shutil
import sys

sys.dont_write_bytecode = True

import pytest

import procs
from cluster import Cluster
from proxy import Direct, Proxy

HERE = os.path.dirname(os.path.abspath(__file__))
DEFAULT_BINARY = os.path.join(HERE, "..", "..", "build", "src", "pgweir")


def pytest_addoption(parser):
    parser.addoption("--direct", action="store_true",
                     help="fidelity tests against PostgreSQL itself")
    parser.addoption("--seeds", type=int, default=200,
                     help="how many random tales test_property.py tells")
    parser.addoption("--first-seed", type=int, default=1,
                     help="the seed of the first of them")
    parser.addoption("--chaos-seconds", type=float, default=15,
                     help="how long test_chaos.py goes on")
    parser.addoption("--chaos-seed", type=int, default=1,
                     help="what happens in it")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--direct"):
        keep = [item for item in items if item.get_closest_marker("fidelity")]
        config.hook.pytest_deselected(
            items=[item for item in items if item not in keep])
        items[:] = keep


@pytest.fixture(scope="session")
def cluster():
    made = Cluster()
    try:
        yield made.create()
    finally:
        made.destroy()


@pytest.fixture
def own_cluster():
    """A cluster for this test alone, for tests that promote or break it."""
    made = Cluster(prefix="pw-own-")
    try:
        yield made.create()
    finally:
        made.destroy()


@pytest.fixture(scope="session")
def binary():
    """The program under test, where the service user can run it: the checkout
    may lie where that user cannot go."""
    source = os.environ.get("PGWEIR", DEFAULT_BINARY)
    source = os.path.abspath(source)
    if not os.access(source, os.X_OK):
        pytest.exit(f"no program at {source}; build it or set PGWEIR", 3)
    folder = procs.private_dir("pw-bin-")
    os.chmod(folder, 0o755)
    copy = os.path.join(folder, os.path.basename(source))
    shutil.copy(source, copy)
    os.chmod(copy, 0o755)
    yield copy
    shutil.rmtree(folder)


class Factory:
    """Starts proxies and ends them."""

    alive = set()  # of all factories, for what is left in the end

    def __init__(self, request, cluster):
        self.request = request
        self.cluster = cluster
        self.started = []

    def __call__(self, databases=None, users=None, secrets=None, start=True,
                 arguments=(), variables=None, cluster=None, **settings):
        if self.request.config.getoption("--direct"):
            return Direct(self.cluster)
        nodes = cluster or self.cluster
        primary = nodes.primary
        if databases is None:
            databases = {
                "app": f"{nodes.host_list()} dbname=app",
                "primary": f"host={primary.host} port={primary.port}"
                           " dbname=app",
                "other": f"{nodes.host_list()} dbname=other"}
        proxy = Proxy(self.request.getfixturevalue("binary"), databases,
                      settings, users, secrets, arguments, variables)
        self.started.append(proxy)
        Factory.alive.add(proxy)
        return proxy.start() if start else proxy

    def end(self):
        """Stops all and looks for connections left behind."""
        problems = []
        for proxy in self.started:
            try:
                proxy.stop()
            except AssertionError as problem:
                problems.append(str(problem))
            proxy.remove()
            Factory.alive.discard(proxy)
        assert not problems, "\n".join(problems)
        # As long as a file's shared proxy runs, it is not time to count.
        if self.started and not Factory.alive:
            nothing_left(self.cluster)


def nothing_left(cluster):
    """With the proxy gone, so are its server connections."""
    for node in cluster.nodes:
        if node.proc is not None:
            procs.wait_until(lambda: not node.backends(), 10,
                             lambda: f"no connection left on {node.name}: "
                                     f"{node.backends()}")


@pytest.fixture
def pgweir(request, cluster):
    factory = Factory(request, cluster)
    yield factory
    factory.end()


@pytest.fixture(scope="module")
def proxy(request, cluster):
    factory = Factory(request, cluster)
    yield factory()
    factory.end()


@pytest.fixture(scope="module")
def stage(request, cluster):
    """Where scripts run with and without pgweir, see twoway.py."""
    from twoway import Stage
    factory = Factory(request, cluster)
    made = Stage(cluster, factory)
    yield made
    made.end()
    factory.end()
