"""What logins cost: nothing that grows with their number but the exchange."""
import psycopg
import pytest

import scram

USERS = {"app": "app-secret", "alice": scram.secret_of("alice-secret")}


def counts(proxy):
    return {row["name"]: int(row["value"]) for row in proxy.show("LOGINS")}


@pytest.mark.parametrize("auth_type", ["scram-sha-256", "md5", "plain"])
@pytest.mark.parametrize("user", USERS)
def test_iterations_do_not_grow_with_logins(pgweir, auth_type, user):
    proxy = pgweir(auth_type=auth_type, secrets=USERS)

    def log_in(times):
        for _ in range(times):
            proxy.login(user=user).close()
        return counts(proxy)
    first = log_in(2)
    later = log_in(30)
    # The console's own login is one of them; each show needs one.
    assert later["accepted"] == first["accepted"] + 31
    assert later["scram_computed"] == first["scram_computed"]
    assert later["scram_keys"] == first["scram_keys"]


def test_guesses_compute_nothing_by_scram_and_leave_nothing(pgweir):
    proxy = pgweir(auth_type="scram-sha-256", secrets=USERS)
    for user in USERS:
        proxy.login(user=user).close()
    before = counts(proxy)
    for number in range(20):
        for user in ("alice", "app", f"nobody{number}"):
            with pytest.raises(psycopg.OperationalError):
                proxy.connect(user=user, password=f"guess{number}")
    after = counts(proxy)
    assert after["refused"] == before["refused"] + 60
    assert after["scram_computed"] == before["scram_computed"]
    assert after["scram_keys"] == before["scram_keys"]


def test_servers_are_logged_in_to_without_computing_anew(pgweir):
    """Their salts are their own, and stay."""
    proxy = pgweir(auth_type="scram-sha-256")
    with proxy.connect("primary", user="scram") as conn:
        conn.execute("select 1")
        before = counts(proxy)
        for _ in range(10):
            proxy.console("RECONNECT")
            conn.execute("select 1")
    assert counts(proxy)["scram_computed"] == before["scram_computed"]


def test_wrong_clear_passwords_do_not_flush_what_is_known(pgweir):
    proxy = pgweir(auth_type="plain", secrets=USERS)
    proxy.login(user="alice").close()
    before = counts(proxy)["scram_keys"]
    for number in range(5):
        with pytest.raises(psycopg.OperationalError):
            proxy.connect(user="alice", password=f"guess{number}")
    assert counts(proxy)["scram_keys"] == before
