"""As whom the monitor asks the nodes, and life where it cannot."""
import os

from cluster import password_of
from procs import wait_until, write_file


def asking(cluster):
    """The roles of the monitor's connections to the primary."""
    with cluster.primary.connect() as conn:
        return {row[0] for row in conn.execute(
            "select usename from pg_stat_activity"
            " where application_name = 'pgweir monitor'")}


def test_a_databases_own_auth_user_asks(pgweir, cluster):
    pgweir(monitor_user="", databases={
        "app": f"{cluster.host_list()} dbname=app auth_user=alice"})
    wait_until(lambda: asking(cluster) == {"alice"}, 10, "alice asks")


def test_the_user_of_the_database_asks_before_auth_user(pgweir, cluster):
    pgweir(monitor_user="", auth_user="alice", databases={
        "app": f"{cluster.host_list()} dbname=app user=bob"})
    wait_until(lambda: asking(cluster) == {"bob"}, 10, "bob asks")


def test_the_password_may_be_in_a_passfile(pgweir, cluster):
    proxy = pgweir(start=False, monitor_user="scram",
                   monitor_passfile="passfile", secrets={"scram": ""})
    write_file(os.path.join(proxy.dir, "passfile"),
               f"*:*:*:scram:{password_of('scram')}\n", 0o600)
    proxy.start()
    wait_until(lambda: asking(cluster) == {"scram"}, 10, "scram asks")


def test_without_a_usable_secret_the_servers_tell_their_roles(pgweir, cluster):
    """The monitor has nothing to show; what clients' connections see, counts."""
    secret = cluster.primary.ask(
        "select rolpassword from pg_authid where rolname = 'scram'")
    proxy = pgweir(auth_type="scram-sha-256", monitor_user="scram",
                   secrets={"scram": secret})
    with proxy.connect(user="scram") as conn:
        wait_until(lambda: [row["role"] for row in proxy.show("NODES")]
                   == ["primary", "replica", "replica"], 20, "roles")
        conn.execute("create temp table t ()")
        assert conn.execute("select count(*) from t").fetchone() == (0,)
    # A secret is not tried as if it were the password.
    assert "password authentication failed" not in proxy.log()
    assert asking(cluster) == set()
