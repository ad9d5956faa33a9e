"""What a client comes with is what its session has, and what RESET goes back
to."""
import pytest

from twoway import Script, cases, on, use, prepare, whole


def came_with(steps, pins=False, **params):
    return Script(steps, pins=pins, a=params)


def options(text, steps, **more):
    return came_with(steps, options=text, **more)


HIDDEN = r"select '\' , '; set work_mem to 7777; select ' as x -- '"

SCRIPTS = {
    "timeout": options("-c statement_timeout=30", [
        "select pg_sleep(1)", "show statement_timeout", "begin",
        "select pg_sleep(1)", "rollback", "set statement_timeout = 0",
        "select pg_sleep(0.05)"]),
    "serializable": options("-c default_transaction_isolation=serializable", [
        "select count(*) from tw", "show transaction_isolation",
        "begin read only", "select count(*) from tw", "commit",
        whole("select count(*) from tw")]),
    "repeatable": options(
        "-c default_transaction_isolation=repeatable\\ read", [
            "select count(*) from tw", "begin read only",
            "show transaction_isolation", "select count(*) from tw",
            "commit"]),
    "read only": options("-c default_transaction_read_only=on", [
        "select count(*) from tw", "insert into tw values (10)",
        "begin read write", "insert into tw values (10)", "commit",
        "select count(*) from tw", "show default_transaction_read_only"]),
    "role": options("-c role=bob", [
        "select current_user, session_user", "begin", "select current_user",
        "commit", "set role none", "select current_user"]),
    "path": came_with([
        "select count(*) from tw", "show search_path",
        "select count(*) from public.tw"], search_path="pg_catalog"),
    "temporary path": options("-c search_path=pg_temp", [
        "create table t1 (i int)", "select * from t1",
        "insert into t1 values (1)", "select * from t1"], pins=True),
    "tenant": options("-c my.tenant=x", [
        "select current_setting('my.tenant')", "set my.tenant = 'y'",
        "select current_setting('my.tenant')", "reset my.tenant",
        "select current_setting('my.tenant')"]),
    "zone": came_with([
        "select timestamptz '2020-01-01 00:00Z'", "show datestyle",
        "set timezone = 'UTC'", "show timezone"],
        timezone="Asia/Tokyo", datestyle="German"),
    "latin": came_with(["show client_encoding", "select length('x')",
                        "select U&'\\20ac'", "select U&'\\00e9'"],
                       client_encoding="LATIN1"),
    "sjis": came_with(["show client_encoding", "select 1",
                       "insert into tw values (10)",
                       "select count(*) from tw"],
                      client_encoding="SJIS", pins=True),
    "strings off": options("-c standard_conforming_strings=off", [
        HIDDEN, "show work_mem", "select 'a'"]),
    "name": came_with(["show application_name", "set application_name = 'b'",
                       "show application_name", "reset application_name",
                       "show application_name"], application_name="mine"),
    # -- the forms of options
    "several options": options(
        "-c work_mem=7MB --my.tenant=x -c statement_timeout=5s"
        " --statement-timeout=6s", [
            "show work_mem", "show my.tenant", "show statement_timeout"]),
    "escaped blanks": options(
        "-c my.tenant=a\\ b --my.other=c\\\\d", [
            "show my.tenant", "show my.other"]),
    "quotes": options("-c my.tenant=it's -c my.other=\"x\" -c"
                      " search_path=\"tw,\\ \\\"\\\"z\",public", [
                          "show my.tenant", "show my.other",
                          "show search_path", "select v from tt"]),
    "options and parameters": came_with(
        ["show work_mem", "show datestyle"],
        options="-c work_mem=7MB -c datestyle=German", work_mem="8MB",
        datestyle="ISO, DMY"),
    # -- RESET
    "reset of a timeout": options("-c statement_timeout=30", [
        "set statement_timeout = 0", "reset statement_timeout",
        "show statement_timeout"]),
    "reset of a role": options("-c role=bob", ["reset role",
                                               "select current_user"]),
    "reset of all": came_with(["set work_mem = '7MB'", "reset all",
                               "show timezone", "show work_mem"],
                              timezone="Asia/Tokyo"),
    "default of a zone": came_with([
        "set timezone to 'UTC'", "set time zone default", "show timezone",
        "set timezone to 'UTC'", "set time zone local", "show timezone"],
        timezone="Asia/Tokyo"),
    "default in a transaction": came_with([
        "set datestyle = 'ISO, MDY'", "begin", "set datestyle to default",
        "show datestyle", "rollback", "show datestyle", "begin",
        "set local datestyle to default", "show datestyle", "commit",
        "show datestyle", "reset datestyle", "show datestyle"],
        datestyle="German"),
    "discard all": came_with([
        "set datestyle = 'ISO, YMD'", "set search_path = public",
        "discard all", "show datestyle", "show search_path",
        "select v from tt"], datestyle="German", search_path="tw_x"),
    "discard all by the protocol": came_with([
        "set datestyle = 'ISO, YMD'", whole("discard all"),
        "show datestyle", whole("reset all"), "show datestyle"],
        datestyle="German"),
    "discard all of statements": came_with([
        prepare("s", "select v from tt"), use("s"), "discard all", use("s"),
        prepare("s", "select v from tt"), use("s")], search_path="tw_x"),
    "names reset": came_with([
        "set names 'UTF8'", "set names default", "show client_encoding",
        "set client_encoding to default", "show client_encoding"],
        client_encoding="LATIN1"),
    # -- several clients
    "two paths": Script([
        "select v from tt", on("b", "select v from tt"),
        "set search_path = tw_y", "select v from tt",
        on("b", "select v from tt"), "reset search_path",
        "select v from tt", on("b", "select v from tt")],
        a={"search_path": "tw_x"}, b={"search_path": "tw_y"}),
    "three roles": Script([
        "select current_user", on("b", "select current_user"),
        on("c", "select current_user"), "set role none",
        on("c", "set role bob"), "select current_user",
        on("b", "select current_user"), on("c", "select current_user"),
        on("c", "reset role"), "reset role", "select current_user",
        on("c", "select current_user")],
        a={"options": "-c role=bob"}, b={}, c={"options": "-c role=app"}),
}


@pytest.mark.parametrize("nodes", ["primary", "all"])
@pytest.mark.parametrize("script", cases(SCRIPTS))
def test_a_client_has_what_it_came_with(stage, script, nodes):
    stage.compare(script, nodes)
