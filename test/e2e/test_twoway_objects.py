"""What lies about in a session: temporary tables, cursors, locks."""
import pytest

from twoway import cases
from wire import bind, close, execute, parse, sync

SCRIPTS = {
    "temporary table": ["create temp table t1 as select 1 as a",
                        "select * from t1", "insert into t1 values (2)",
                        "select sum(a) from t1", "drop table t1"],
    "temporary table dropped on commit": [
        "begin", "create temp table t1 on commit drop as select 1 as a",
        "select * from t1", "commit", "select * from t1"],
    "temporary view": ["create temp view v1 as select 1 as a",
                       "select * from v1"],
    "temporary sequence": ["create temp sequence s1", "select nextval('s1')",
                           "select currval('s1')"],
    "temporary table by path": [
        "begin", "set local search_path = pg_temp",
        "create table t1 (i int)", "commit", "select count(*) from t1"],
    "temporary by escapes": [
        r'create table U&"pg\005ftemp".t1 (i int)', "select * from t1"],
    "select into temporary": ["select 1 as a into temp t1",
                              "select * from t1"],
    "cursor": ["begin", "declare c cursor for select i from tw order by i",
               "fetch 2 from c", "move 1 from c", "fetch all from c",
               "close c", "fetch c", "rollback"],
    "cursor without transaction": ["declare c cursor for select 1",
                                   "fetch c"],
    "cursor with hold": [
        "declare c cursor with hold for select i from tw order by i",
        "fetch 1 from c", "fetch 1 from c", "close c"],
    "cursor and savepoint": [
        "begin", "savepoint a", "declare c cursor for select 1",
        "rollback to a", "fetch c", "rollback"],
    "named portal": [
        "begin", (parse("select i from tw order by i"), bind(portal="x"),
                  execute("x", 1), sync()),
        (execute("x", 1), sync()), (close("P", "x"), sync()),
        (execute("x", 1), sync()), "rollback"],
    "portal suspended": [
        (parse("select i from tw order by i"), bind(), execute("", 2),
         execute("", 2), sync()), (execute("", 1), sync())],
    "advisory lock": ["select pg_try_advisory_lock(7)",
                      "select pg_advisory_unlock(7)",
                      "select pg_advisory_unlock(7)"],
    "advisory lock of the transaction": [
        "begin", "select pg_try_advisory_xact_lock(7)", "commit",
        "select pg_advisory_unlock(7)"],
    "advisory lock as a column": [
        "select x.pg_try_advisory_lock from generate_series(7::bigint, 7) x",
        "select pg_advisory_unlock(7)"],
    "advisory lock as a field": [
        "select (7::bigint).pg_try_advisory_lock",
        "select pg_advisory_unlock(7)"],
    "listen and notify": ["listen tw", "notify tw, 'x'", "unlisten tw",
                          "notify tw, 'y'"],
    "sequence": ["select nextval('tw_seq')", "select last_value from tw_seq",
                 "select last_value, log_cnt > 0 from tw_seq",
                 "select setval('tw_seq', 50)",
                 "select s.last_value, s.is_called from tw_seq s"],
    "sequence of a transaction": [
        "begin", "select nextval('tw_seq')", "select currval('tw_seq')",
        "select lastval()", "commit"],
}

# What stays behind a transaction keeps its server.
PINS = (
    "temporary table",
    "temporary table dropped on commit",
    "temporary view",
    "temporary sequence",
    "temporary table by path",
    "temporary by escapes",
    "select into temporary",
    "cursor with hold",
    "advisory lock",
    "advisory lock as a column",
    "advisory lock as a field",
    "listen and notify",
)


@pytest.mark.parametrize("script", cases(SCRIPTS, pins=PINS))
def test_what_lies_in_a_session_stays_there(stage, script):
    stage.compare(script)
