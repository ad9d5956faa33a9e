"""A client's settings: on every server it meets, and nobody else's."""
import os
import re

import pytest

import wire
from wire import bind, execute, parse, query, sync

HERE = os.path.dirname(os.path.abspath(__file__))


def table_of_settings():
    """guc.def: whether a superuser is needed, by name."""
    path = os.path.join(HERE, "..", "..", "src", "server", "guc.def")
    if not os.path.exists(path):
        pytest.skip("no sources here")
    with open(path, encoding="utf-8") as file:
        rows = re.findall(r"^GUC\((\w+), \w+, \w+, (\w+),", file.read(), re.M)
    return {name: privilege == "SUPERUSER" for name, privilege in rows}


def test_every_setting_a_session_can_make_is_in_the_table(cluster):
    """Also those that only a superuser makes, and those of a connection."""
    rows = table_of_settings()
    with cluster.primary.connect() as conn:
        there = conn.execute(
            "select lower(name), context like 'superuser%' from pg_settings"
            " where context in ('user', 'superuser', 'backend',"
            " 'superuser-backend') and name not like '%.%'").fetchall()
    assert len(there) > 150
    assert [name for name, _ in there if name not in rows] == []
    wrong = [name for name, superuser in there if rows[name] != superuser]
    assert wrong == []


def whole(text):
    return parse(text) + bind() + execute() + sync()


@pytest.mark.parametrize("form", [query, whole])
@pytest.mark.parametrize("reset", [
    "reset work_mem", "set work_mem to default", "reset all", "discard all"])
def test_reset_in_session_pooling_goes_back_to_what_the_client_came_with(
        pgweir, form, reset):
    proxy = pgweir(pool_mode="session")
    with proxy.login(options="-c work_mem=6MB -c my.tenant=x") as conn:
        conn.ask("set work_mem = '7MB'")
        conn.send(form(reset))
        conn.read_until("Z")
        assert conn.value("show work_mem") == "6MB"
        assert conn.value("show my.tenant") == "x"


def test_settings_are_kept_whether_or_not_a_list_names_them(pgweir):
    """track_extra_parameters is accepted: there is nothing left for it to do,
    and what it does not name is not forgotten."""
    proxy = pgweir(track_extra_parameters="IntervalStyle, search_path",
                   default_pool_size=1)
    with proxy.login(intervalstyle="iso_8601") as one, proxy.login() as two:
        one.ask("set work_mem = '7MB'")
        two.ask("set intervalstyle = sql_standard")
        two.ask("set extra_float_digits = 0")
        for _ in range(3):
            assert one.value("select interval '1 day'") == "P1D"
            assert one.value("show work_mem") == "7MB"
            assert two.value("select interval '1 day'") == "1 0:00:00"
            assert two.value("show work_mem") == "4MB"
            assert two.value("show extra_float_digits") == "0"


def test_startup_parameters_may_be_ignored(pgweir):
    proxy = pgweir(ignore_startup_parameters="no_such_setting, work_mem")
    with proxy.login(no_such_setting="1", work_mem="6MB") as conn:
        assert conn.value("show work_mem") == "4MB"
    with pytest.raises(wire.WireError, match="unrecognized configuration"):
        proxy.login(another_one="1")


ENDS_IDLE = "set idle_session_timeout = '100ms'"


@pytest.mark.parametrize("startup", [
    {}, {"options": "-c idle_session_timeout=100ms"}])
def test_a_limit_of_idle_time_ends_its_client_and_nobody_else(
        pgweir, startup):
    """As without pgweir; a server that is shared is not idle for long."""
    proxy = pgweir(default_pool_size=3)
    with proxy.login() as other:
        with proxy.login(**startup) as conn:
            conn.ask("select 1" if startup else ENDS_IDLE)
            error = wire.fields_of(conn.read_until("E")[-1].payload)
            assert (error["S"], error["C"]) == ("FATAL", "57P05")
            conn.assert_closed()
        assert other.value("show idle_session_timeout") == "0"


@pytest.mark.parametrize("text", [
    "begin; set local idle_session_timeout = '50ms'; commit",
    "set idle_session_timeout = 0", "set idle_session_timeout to default"])
def test_no_limit_of_idle_time_keeps_no_server(pgweir, text):
    proxy = pgweir(default_pool_size=1, query_wait_timeout=2)
    with proxy.login() as conn, proxy.login() as other:
        conn.ask(text)
        assert other.value("select 1") == "1"
        assert conn.value("show idle_session_timeout") == "0"
