"""Whatever some clients do by turns on few servers, each sees what it would see
alone.

--seeds N makes more of the same (200), --first-seed N others. A seed that fails
prints its tale, shortened as far as that goes in some seconds; it belongs into
tales.py then.
"""
import time

import pytest

import interleave
from interleave import Difference, Maker, compare, printed, shorten
from tales import NOT_YET, TALES
from twoway import ROOMY, cases

SERVERS = 2
AT_ONCE = 20  # seeds in one test
SHORTEN_SECONDS = 30


def differs(stage, tale, nodes):
    """What is not the same, or None."""
    # Room for those whom something keeps on a server; whoever is not kept gets
    # the one that was used last.
    size = ROOMY
    try:
        compare(stage.direct, stage.login_to(f"{nodes}{size}"), tale, SERVERS,
                stage.ground.level)
        left = stage.statements_left(f"{nodes}{size}")
        if left:
            raise Difference(f"left on a server: {left}")
        return None
    except Difference as problem:
        stage.clear()
        return str(problem)


def nodes_of(seed):
    return "all" if seed % 2 else "primary"


def pytest_generate_tests(metafunc):
    if "first" in metafunc.fixturenames:
        count = metafunc.config.getoption("--seeds")
        first = metafunc.config.getoption("--first-seed")
        metafunc.parametrize("first, count", [
            pytest.param(at, min(AT_ONCE, first + count - at), id=f"from_{at}")
            for at in range(first, first + count, AT_ONCE)])


@pytest.mark.timeout(120)
def test_clients_on_few_servers_see_what_they_see_alone(stage, first, count):
    for seed in range(first, first + count):
        tale, nodes = Maker(seed).tale(), nodes_of(seed)
        problem = differs(stage, tale, nodes)
        if problem is not None:
            end = time.monotonic() + SHORTEN_SECONDS
            tale = shorten(tale, lambda less: differs(stage, less, nodes),
                           lambda: time.monotonic() < end)
            problem = differs(stage, tale, nodes) or problem
            pytest.fail(f"seed {seed} on {nodes}: {problem}\n"
                        f"{printed(tale)}", pytrace=False)


@pytest.mark.parametrize("nodes", ["primary", "all"])
@pytest.mark.parametrize("tale", cases(TALES, NOT_YET))
def test_a_tale_that_once_went_wrong_goes_right(stage, tale, nodes):
    assert differs(stage, tale, nodes) is None


def test_a_tale_is_shortened_to_what_matters():
    tale = Maker(7).tale()
    noise = [("b", "query('select 1')")] * 9
    steps = noise + [("a", "sync() + query('x') + sync()")] + noise

    def fails(less):
        return any("'x'" in step for _, step in less.steps)

    short = shorten(tale._replace(steps=steps), fails, lambda: True)
    assert short.steps == [("a", "query('x')")]
    assert list(short.params) == ["a"]
    assert eval(printed(short), {"Tale": interleave.Tale}) == short
