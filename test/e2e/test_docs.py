"""What doc/ tells of texts is what there is. Of tables: see test_show.py."""
import os
import re

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def test_why_a_client_is_closed_is_explained():
    reasons = re.findall(r'^REASON\(CLIENT_\w+, \w+, ("?[^,]*"?), "(.*)"\)$',
                         read("src", "server", "close_reason.def"), re.M)
    assert len(reasons) > 15
    guide = read("doc", "operations.md")
    missing = [text for state, text in reasons
               if state != '""' and text != "login refused"
               and f"`{text}`" not in guide and f"`{text} " not in guide]
    assert not missing
