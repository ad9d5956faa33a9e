"""Prepared statements, named and unnamed, are a session's own."""
import pytest

from twoway import cases
from wire import bind, close, describe, execute, parse, sync

SCRIPTS = {
    "prepare": ["prepare p (int) as select $1 + 1", "execute p (1)",
                "deallocate p", "execute p (1)"],
    "prepare twice": ["prepare p as select 1", "prepare p as select 2"],
    "deallocate all": ["prepare p as select 1", "deallocate all",
                       "execute p"],
    "protocol statement": [
        (parse("select $1::int + 1", "s"), sync()),
        (bind(["1"], "s"), describe(), execute(), sync()),
        (describe("S", "s"), sync()), (close("S", "s"), sync()),
        (bind(["1"], "s"), execute(), sync())],
    "protocol statement seen by sql": [
        (parse("select 1", "s"), sync()), "execute s", "deallocate s",
        (bind([], "s"), execute(), sync())],
    "protocol statement twice": [(parse("select 1", "s"), sync()),
                                 (parse("select 2", "s"), sync())],
    "unnamed statement kept": [
        (parse("select 1 as a"), sync()), (bind(), execute(), sync()),
        (bind(), execute(), sync())],
    "unnamed statement undone by a query": [
        (parse("select 1 as a"), sync()), "select 2",
        (bind(), execute(), sync())],
    "unnamed statement of nobody": [(bind(), execute(), sync()),
                                    (describe("S"), sync())],
    "unnamed write kept": [
        (parse("insert into tw values (7)"), sync()),
        (bind(), execute(), sync()), (bind(), execute(), sync()),
        "select count(*) from tw where i = 7"],
}


@pytest.mark.parametrize("nodes", ["primary", "all"])
@pytest.mark.parametrize("script", cases(SCRIPTS))
def test_statements_are_a_session_s_own(stage, script, nodes):
    stage.compare(script, nodes)
