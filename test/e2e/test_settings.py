"""A client's settings: on every server it meets, and nobody else's."""
import os
import re

import pytest

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
