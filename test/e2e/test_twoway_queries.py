"""Queries, pipelines, errors, copies, definitions: all that passes."""
import pytest

from twoway import cases, one_shot, run_of, whole
from wire import (bind, close, copy_data, copy_done, copy_fail, describe,
                  execute, flush, parse, query, sync)


def _copy_in(*data):
    return (query("copy tw from stdin"), *data)


SCRIPTS = {
    # -- writes in hiding
    "a function that writes": ["select tw_add(20)",
                               "select count(*) from tw where i = 20",
                               whole("select tw_add($1::int)", ["21"]),
                               "select count(*) from tw where i = 21"],
    "a view that writes": [
        "select n from tw_hidden", "select count(*) from tw",
        "select n from tw_hidden", "select count(*) from tw",
        whole("select n from tw_hidden"), whole("select count(*) from tw")],
    "a view that writes in a batch": [
        run_of("select 1", "select n from tw_hidden"),
        "select count(*) from tw"],
    "a view that writes in a pipeline": [
        whole("select 1") + whole("select n from tw_hidden")
        + whole("select count(*) from tw")],
    "a view that writes late": [
        "select sum(length(x)) from tw_late", "select count(*) from tw"],
    "a view that counts": ["select n from tw_counter",
                           "select n from tw_counter"],
    # -- copy
    "copy out": ["copy (select i from tw order by i) to stdout",
                 "copy tw to stdout", "copy nothing to stdout"],
    "copy in": [
        _copy_in(copy_data(b"10\n"), copy_data(b"11\n"), copy_done()),
        "select count(*) from tw",
        _copy_in(copy_data(b"12\n"), copy_fail("enough")),
        "select count(*) from tw",
        _copy_in(copy_data(b"x\n"), copy_done()),
        "select count(*) from tw", "begin",
        _copy_in(copy_data(b"13\n"), copy_done()), "select count(*) from tw",
        "commit", "select count(*) from tw"],
    # -- errors and pipelines
    "errors": ["select nothing", "select * from nothing", "selec",
               "select 'x'::int", "select no_such_function(1)",
               "insert into tw values ('x')", "drop table nothing",
               "select 1 from tw where", "select * from nowhere.tw",
               "set role", "listen", "fetch c", "select $1"],
    "errors by the protocol": [
        whole("select 1/0"), whole("selec"), whole("select $1::int", ["x"]),
        (parse("select 1"), bind(["too many"]), execute(), sync()),
        (execute("nowhere"), sync()), (describe("P", "nowhere"), sync()),
        (close("P", "nowhere"), sync())],
    "error skips to sync": [
        (one_shot("select 1"), one_shot("select 1/0"), one_shot("select 2"),
         sync()), whole("select 3")],
    "pipeline": [whole("select 1") + whole("select 2") + whole("select 1/0")
                 + whole("select 3")],
    "pipeline with writes": [
        whole("insert into tw values (10)") + whole("select count(*) from tw")
        + whole("delete from tw where i = 10")
        + whole("select count(*) from tw")],
    "pipeline in a transaction": [
        whole("begin") + whole("insert into tw values (10)")
        + whole("select 1/0") + whole("select 1") + whole("rollback")
        + whole("select count(*) from tw")],
    "one batch": [
        run_of("insert into tw values (10)", "select count(*) from tw"),
        run_of("insert into tw values (11)", "select 1/0"),
        "select count(*) from tw",
        run_of("begin", "insert into tw values (12)", "commit",
               "select count(*) from tw")],
    "queries pipelined": [
        (query("select 1"), query("insert into tw values (10)"),
         query("select count(*) from tw"), query("begin"),
         query("select 1/0"), query("rollback"), query("select 2"))],
    "sync alone": [(sync(),), (sync(), sync(), sync())],
    "sync alone in a transaction": ["begin", (sync(),), "rollback",
                                    "begin read only", (sync(),), "rollback"],
    "empty query by the protocol": [whole(""), whole("-- nothing")],
    # -- definitions and more
    "definitions": [
        "create table tw_new (a int primary key, b text)",
        "insert into tw_new values (1, 'x')", "select * from tw_new",
        "alter table tw_new add c int default 5", "select * from tw_new",
        "create view tw_view as select a from tw_new",
        "select * from tw_view", "drop table tw_new",
        "drop table tw_new cascade", "select * from tw_view"],
    "definitions undone": [
        "begin", "create table tw_new (a int)", "rollback",
        "select * from tw_new"],
    "functions": [
        "create function tw_f(a int) returns int language sql as"
        " 'select a + 1'", "select tw_f(1)", "drop function tw_f",
        "select tw_f(1)"],
    "privileges": [
        "create table tw_new (a int)", "grant select on tw_new to bob",
        "set role bob", "select * from tw_new",
        "insert into tw_new values (1)", "reset role", "drop table tw_new"],
    "vacuum": ["vacuum tw", "analyze tw", "begin", "vacuum tw", "rollback"],
    "explain": ["explain (costs off) select * from tw",
                "explain (costs off) insert into tw values (1)",
                "explain (analyze, costs off, timing off, summary off)"
                " insert into tw values (10)", "select count(*) from tw"],
    "statements that write and answer": [
        "insert into tw values (10) returning i",
        "with x as (delete from tw where i = 10 returning i)"
        " select * from x", "update tw set i = i returning count(*)",
        "merge into tw using (values (1)) v(x) on i = x when matched then"
        " update set i = 100", "select max(i) from tw"],
    "truncate": ["truncate tw", "select count(*) from tw",
                 "begin", "insert into tw values (1)", "truncate tw",
                 "rollback", "select count(*) from tw"],
    "large objects": [
        "begin", "select lo_create(4711)",
        "select lowrite(lo_open(4711, 131072), 'x')", "commit",
        "select lo_get(4711)", "select lo_unlink(4711)"],
    "large text": [f"select length('{'x' * 100000}')",
                   whole("select length($1)", ["y" * 200000]),
                   f"insert into tw values (length('{'x' * 100000}'))",
                   "select max(i) from tw"],
    "flush": [(parse("select 1"), bind(), describe(), execute(), flush(),
               sync()),
              (one_shot("insert into tw values (10)"), flush(),
               one_shot("select count(*) from tw"), sync())],
}

# What a function of somebody's does is not known, nor what a text would do
# that cannot be read.
PINS = (
    "a function that writes",
    "errors",
    "errors by the protocol",
    "functions",
)


@pytest.mark.parametrize("script", cases(SCRIPTS, pins=PINS))
def test_what_passes_is_not_changed(stage, script):
    stage.compare(script)
