"""doc/authentication.md does what it says: each set-up is run as written, with
a directory, ports and addresses of our own in place of those of the page."""
import os
import pathlib
import re
import shutil
import subprocess

import psycopg
import pytest

from cluster import SUPERUSER, Cluster
from procs import free_port, give, private_dir, wait_until, write_file

PAGE = pathlib.Path(__file__).parents[2] / "doc/authentication.md"
SET_UPS = [1, 2, 3, 4, 5]


def section(number):
    text = PAGE.read_text()
    return re.search(rf"^## {number}\. .*?(?=^## )", text, re.M | re.S)[0]


def blocks(text):
    """(language, file it is to be, contents), as they stand on the page."""
    last = 0
    for found in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S):
        before = text[last:found.start()]
        last = found.end()
        paths = re.findall(r"`(/etc/pgweir/[\w.]+)`", before)
        yield found[1], paths[-1] if paths else None, found[2]


@pytest.fixture(scope="module")
def server():
    """A primary that asks everybody but the tests for SCRAM."""
    made = Cluster(replicas=0, prefix="pw-doc-").create()
    node = made.primary
    write_file(os.path.join(node.data, "pg_hba.conf"),
               f"local all all trust\nhost all {SUPERUSER} all trust\n"
               "host all all all scram-sha-256\n", 0o600)
    with node.connect() as conn:
        conn.execute("select pg_reload_conf()")
    wait_until(lambda: is_asked(node), 10, "the server asks for passwords")
    yield node
    made.destroy()


def is_asked(node):
    try:
        node.connect("app", connect_timeout=2).close()
        return False
    except psycopg.OperationalError as err:
        return "no password supplied" in str(err)


class Setup:
    """What a reader of the page has in front of them, on this machine."""

    def __init__(self, proxy, server):
        self.proxy, self.server = proxy, server
        self.dir = private_dir("pw-etc-")
        self.port = free_port()

    def here(self, text):
        for theirs, ours in (
                ("/etc/pgweir", self.dir), ("6432", str(self.port)),
                ("db1.example.com", self.server.host),
                ("port=5432", f"port={self.server.port}"),
                ("host=pool.example.com",
                 "host=pool.example.com hostaddr=127.0.0.1"),
                ("user=postgres", f"user={SUPERUSER}"),
                ("listen_addr = *", "listen_addr = 127.0.0.1"
                 "\nunix_socket_dir =\nserver_login_retry = 0.2")):
            text = text.replace(theirs, ours)
        return text

    def shell(self, text):
        for command in re.split(r"(?<!\\)\n", text.strip()):
            if command.startswith("cd "):
                continue
            done = subprocess.run(
                ["bash", "-c", self.here(command)], cwd=self.dir,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                timeout=60, env={**os.environ, "PGCONNECT_TIMEOUT": "10"},
                check=False)
            assert done.returncode == 0, \
                f"{command}\n{done.stdout}\n{self.proxy.log()}"
            user = re.search(r"user=(\w+)", command)
            if "SELECT current_user" in command and command[0] != "!":
                assert re.search(rf"^ {user[1]}$", done.stdout, re.M)
        for name in os.listdir(self.dir):
            give(os.path.join(self.dir, name))

    def start(self, text):
        self.proxy.port = self.port
        self.proxy.config_path = os.path.join(self.dir, "pgweir.ini")
        write_file(self.proxy.config_path, self.here(text), 0o600)
        self.proxy.launch()
        self.proxy.wait_for_log("listening on 127.0.0.1")

    def follow(self, text):
        for language, path, contents in blocks(text):
            if language == "sql":
                with self.server.connect() as conn:
                    conn.execute(contents)
            elif language == "sh":
                self.shell(contents)
            elif language == "ini":
                self.start(contents)
            else:
                write_file(self.here(path), contents, 0o600)


PASSWORDS = {"web": "correct horse", "shop": "one two three"}


def prepare(server, text):
    """The roles that a set-up takes for granted, and none that it makes."""
    with server.connect() as conn:
        conn.execute("drop schema if exists pgweir_auth cascade")
        conn.execute("drop role if exists pgweir_auth, web, shop")
        for role, password in PASSWORDS.items():
            if f"CREATE ROLE {role} " not in text:
                conn.execute(f"create role {role} login password '{password}'")


@pytest.mark.parametrize("number", SET_UPS)
def test_a_set_up_works_as_written(pgweir, server, number):
    text = section(number)
    prepare(server, text)
    setup = Setup(pgweir(start=False), server)
    try:
        setup.follow(text)
    finally:
        setup.proxy.stop()
        shutil.rmtree(setup.dir)


def test_every_set_up_of_the_page_is_run():
    found = re.findall(r"^## (\d)\. ", PAGE.read_text(), re.M)
    assert [int(number) for number in found] == SET_UPS
