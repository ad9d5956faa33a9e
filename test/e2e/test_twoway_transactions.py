"""Transactions of every kind, READ ONLY ones above all."""
import pytest

from twoway import cases, run_of, whole
from wire import bind, execute, parse, sync

SCRIPTS = {
    "transaction": ["begin", "insert into tw values (10)",
                    "select count(*) from tw", "commit",
                    "select count(*) from tw"],
    "rollback": ["begin", "insert into tw values (10)", "rollback",
                 "select count(*) from tw"],
    "error in a transaction": [
        "begin", "select 1/0", "select 1", "insert into tw values (10)",
        "commit", "select count(*) from tw"],
    "savepoints": [
        "begin", "insert into tw values (10)", "savepoint a", "select 1/0",
        "rollback to a", "insert into tw values (11)", "release a",
        "commit", "select i from tw where i > 9 order by i"],
    "savepoint outside": ["savepoint a", "release a", "rollback to a"],
    "commit outside": ["commit", "rollback", "end", "abort"],
    "begin twice": ["begin", "begin", "commit"],
    "commit and chain": ["begin isolation level repeatable read",
                         "commit and chain", "show transaction_isolation",
                         "commit and no chain",
                         "show transaction_isolation"],
    "rollback and chain": ["begin", "select 1/0", "rollback and chain",
                           "insert into tw values (10)", "commit",
                           "select count(*) from tw"],
    "chain outside": ["commit and chain", "rollback and chain"],
    "isolation levels": [
        x for level in ("read committed", "repeatable read", "serializable")
        for x in (f"begin isolation level {level}",
                  "show transaction_isolation", "select count(*) from tw",
                  "commit")],
    "set transaction": ["begin", "set transaction read only",
                        "insert into tw values (10)", "rollback",
                        "set transaction read only"],
    "set transaction too late": [
        "begin", "select 1",
        "set transaction isolation level serializable", "rollback"],
    "snapshot that is not there": [
        "begin isolation level repeatable read",
        "set transaction snapshot 'nonsense'", "rollback"],
    "two phases": ["begin", "insert into tw values (10)",
                   "prepare transaction 'tw'", "select count(*) from tw",
                   "commit prepared 'tw'", "select count(*) from tw"],
    "two phases rolled back": [
        "begin", "insert into tw values (10)", "prepare transaction 'tw'",
        "rollback prepared 'tw'", "rollback prepared 'tw'",
        "select count(*) from tw"],
    "constraints deferred": [
        "begin", "set constraints all deferred",
        "insert into tw_unique values (1)", "insert into tw_unique values (1)",
        "commit", "select count(*) from tw_unique"],
    # -- READ ONLY transactions
    "read only": ["begin read only", "select count(*) from tw", "commit"],
    "read only by start": [
        "start transaction read only", "show transaction_read_only",
        "select 1", "end"],
    "read only empty": ["begin read only", "commit", "begin read only",
                        "rollback"],
    "read only with a write": [
        "begin read only", "select 1", "insert into tw values (10)",
        "select 1", "commit", "select count(*) from tw"],
    "read only with a write first": [
        "begin read only", "insert into tw values (10)", "rollback"],
    "read only, failed, committed": [
        "begin read only", "select 1/0", "select 1", "commit"],
    "read only, failed, several": [
        "begin read only", "select 1/0", "select 1; select 2",
        "set local work_mem = '7MB'; show work_mem",
        "savepoint a; select 1", "rollback"],
    "read only, failed, committed with more": [
        "begin read only", "select 1/0", "commit; select 1"],
    "read only, failed, rolled back with more": [
        "begin read only", "select 1/0",
        "rollback; insert into tw values (10)", "select count(*) from tw"],
    "read only, failed, and chain": [
        "begin read only", "select 1/0", "commit and chain", "select 1",
        "show transaction_read_only", "commit"],
    "read only, and chain": [
        "begin read only", "select 1", "commit and chain",
        "show transaction_read_only", "select 1", "rollback and chain",
        "insert into tw values (10)", "rollback"],
    "read only, failed, by the protocol": [
        "begin read only", whole("select 1/0"), whole("select 1"),
        whole("commit"), whole("select 1")],
    "read only, failed, by a statement": [
        "begin read only", "select 1/0",
        (parse("commit", "c"), bind(statement="c"), execute(), sync())],
    "read only with savepoints": [
        "begin read only", "select 1", "savepoint a", "select 1/0",
        "rollback to a", "select 2", "commit"],
    "read only with savepoints first": [
        "begin read only", "savepoint a", "select 1/0", "rollback to a",
        "select 2", "commit"],
    "read only, failed, to a savepoint that is not there": [
        "begin read only", "select 1/0", "rollback to a", "rollback"],
    "read only with a cursor": [
        "begin read only", "select 1", "declare c cursor for select 2",
        "fetch c", "commit"],
    "read only to read write": [
        "begin read only", "set transaction read write",
        "insert into tw values (10)", "commit", "select count(*) from tw"],
    "read only to read write too late": [
        "begin read only", "select 1", "set transaction read write",
        "rollback"],
    "read only repeatable": [
        "begin isolation level repeatable read, read only",
        "select count(*) from tw", "show transaction_isolation", "commit"],
    "read only deferrable": [
        "begin isolation level serializable read only deferrable",
        "select count(*) from tw", "commit"],
    "read only in one text": [
        "begin read only; select 1; select 2; commit",
        "begin read only; insert into tw values (1); commit", "rollback"],
    "read only with a function": [
        "begin read only", "select 1", "select tw_add(1)", "rollback"],
    "read only with notify": ["begin read only", "select 1",
                              "notify tw, 'x'", "commit"],
    "read only with locks": [
        "begin read only", "select 1 from tw for update", "rollback",
        "begin read only", "lock table tw in access share mode",
        "lock table tw", "commit"],
    "read only, begun twice": ["begin read only", "begin", "select 1",
                               "begin read write", "commit"],
    "read only by the protocol": [
        whole("begin read only"), whole("select count(*) from tw"),
        whole("commit")],
    "read only pipelined": [
        whole("begin read only") + whole("select count(*) from tw")
        + whole("select 1/0") + whole("select 2") + whole("commit")
        + whole("insert into tw values (10)")
        + whole("select count(*) from tw")],
    "read only in one batch": [
        run_of("begin read only", "select 1", "commit"),
        run_of("begin read only", "select 1"), "select 2", "commit",
        run_of("begin read only", "select 1/0", "commit"), "commit",
        run_of("begin read only", "insert into tw values (10)"),
        "commit"],
    "read only with copy": [
        "begin read only", "copy (select 1) to stdout",
        "copy tw to stdout", "commit"],
    # -- several statements in a text
    "several": ["select 1; select 2; select 3", "select 1; select 1/0",
                ";", "", "select 1;;", "-- nothing"],
    "several with a write": [
        "select 1; insert into tw values (10); select count(*) from tw",
        "insert into tw values (11); select 1/0", "select count(*) from tw"],
    "several with transactions": [
        "insert into tw values (10); begin; insert into tw values (11)",
        "rollback", "select i from tw where i > 9",
        "begin; insert into tw values (12); commit; select 1/0",
        "select i from tw where i > 9 order by i"],
    "several that leave one open": ["begin; select 1", "select 1/0",
                                    "rollback; select 2"],
    "several with a hidden write last": [
        "select 1; select n from tw_hidden", "select count(*) from tw"],
}

# What a function of somebody's does is not known.
PINS = (
    "read only with a function",
)


@pytest.mark.parametrize("script", cases(SCRIPTS, pins=PINS))
def test_transactions_end_as_they_end_without_pgweir(stage, script):
    stage.compare(script)
