"""Settings mean what they mean without pgweir."""
import pytest

from twoway import cases, whole

SCRIPTS = {
    "set and show": ["set work_mem = '7MB'", "show work_mem",
                     "reset work_mem", "show work_mem"],
    "set to default": ["set work_mem = '7MB'", "set work_mem to default",
                       "show work_mem"],
    "set of a bad value": ["set work_mem = 'much'", "show work_mem"],
    "set of an unknown name": ["set no_such_setting = 1",
                               "set my.tenant = 'x'", "show my.tenant"],
    "set local outside": ["set local work_mem = '7MB'", "show work_mem"],
    "set local inside": ["begin", "set local work_mem = '7MB'",
                         "show work_mem", "commit", "show work_mem"],
    "set undone by rollback": ["begin", "set work_mem = '7MB'", "rollback",
                               "show work_mem"],
    "set undone by a savepoint": [
        "begin", "savepoint a", "set work_mem = '7MB'",
        "rollback to savepoint a", "show work_mem", "commit",
        "show work_mem"],
    "set config": ["select set_config('work_mem', '7MB', false)",
                   "show work_mem", "reset all", "show work_mem"],
    "set config of the transaction": [
        "begin", "select set_config('my.tenant', 'x', true)",
        "select current_setting('my.tenant')", "commit",
        "select current_setting('my.tenant', true)"],
    "set config with parameters": [
        whole("select set_config($1, $2, false)", ["my.tenant", "seven"]),
        "select current_setting('my.tenant')"],
    "set time zone": ["set time zone 'Asia/Tokyo'",
                      "select timestamptz '2020-01-01 00:00Z'",
                      "set time zone default", "show timezone"],
    "set names": ["set names 'LATIN1'", "show client_encoding",
                  "set client_encoding to 'UTF8'"],
    "set session characteristics": [
        "set session characteristics as transaction read only",
        "insert into tw values (9)", "show transaction_read_only",
        "set session characteristics as transaction read write",
        "insert into tw values (9)"],
    "set seed": ["select setseed(0.5)", "select random()"],
    "standard strings off": [
        "set standard_conforming_strings = off",
        r"select '\'; set work_mem = 777; --'", "show work_mem"],
    "standard strings off in a transaction": [
        "begin", "set local standard_conforming_strings = off",
        r"select '\' , '; set work_mem to 7777; select ' as x -- '",
        "commit", "show work_mem"],
    "standard strings off by function": [
        "begin",
        "select set_config('standard_conforming_strings', 'off', true)",
        r"select '\' , '; set work_mem to 7777; select ' as x -- '",
        "commit", "show work_mem"],
    "reset all": ["set work_mem = '7MB'", "set my.tenant = 'x'",
                  "reset all", "show work_mem"],
    "discard all": ["set work_mem = '7MB'", "prepare p as select 1",
                    "discard all", "show work_mem", "execute p"],
    "discard in a transaction": ["begin", "discard all", "rollback"],
    "set role": ["set role bob", "select current_user", "reset role",
                 "select current_user", "set role nosuch"],
    "set role local": ["begin", "set local role bob", "select current_user",
                       "commit", "select current_user"],
    "session authorization": ["set session authorization bob",
                              "reset session authorization",
                              "select session_user"],
    "search path": ["set search_path = pg_catalog", "select count(*) from tw",
                    "set search_path = public", "select count(*) from tw"],
    "function with a setting": [
        "create function pg_temp.f() returns text language sql set work_mem ="
        " '7MB' as 'select current_setting(''work_mem'')'",
        "select pg_temp.f()", "show work_mem"],
    "do block with a setting": [
        "do $$ begin perform set_config('work_mem', '7MB', false); end $$",
        "show work_mem"],
    "do block with notices": [
        "do $$ begin raise notice 'one'; raise warning 'two'; end $$",
        "do $$ begin raise exception 'three' using errcode = 'P0099',"
        " hint = 'four'; end $$", "select 1"],
    "statement timeout": ["set statement_timeout = 20",
                          "select pg_sleep(1)", "reset statement_timeout",
                          "select pg_sleep(0.03)"],
}


@pytest.mark.parametrize("nodes", ["primary", "all"])
@pytest.mark.parametrize("script", cases(SCRIPTS))
def test_settings_mean_what_they_mean_without_pgweir(stage, script, nodes):
    stage.compare(script, nodes)
