"""certs.py - certificates made when a test needs them.

An Authority signs in a directory of its own; what it issues is a pair of files
that the service user may read.
"""
import os
import shutil
import subprocess

import procs


def _openssl(*args, **options):
    return subprocess.run(["openssl", *args], check=True, text=True,
                          capture_output=True, **options)


class Pair:
    """A certificate and its key."""

    def __init__(self, folder, name):
        self.cert = os.path.join(folder, name + ".crt")
        self.key = os.path.join(folder, name + ".key")

    def copy_to(self, other):
        """Puts the texts of this pair in place of OTHER's, as a renewal does:
        one file after the other, each at once."""
        for source, target in ((self.cert, other.cert), (self.key, other.key)):
            shutil.copy(source, target + ".new")
            os.chmod(target + ".new", 0o600)
            procs.give(target + ".new")
            os.rename(target + ".new", target)


class Authority:
    def __init__(self, name="Test authority", prefix="pw-ca-"):
        self.dir = procs.private_dir(prefix)
        self.pair = Pair(self.dir, "ca")
        self.cert = self.pair.cert
        self.serial = 0
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                 "-subj", f"/CN={name}", "-keyout", self.pair.key,
                 "-out", self.pair.cert)
        self._give(self.pair)

    def issue(self, file, subject, names=(), kind="ec", days=2):
        """A pair called FILE. SUBJECT: "/CN=localhost"; NAMES: "DNS:...",
        "IP:..."."""
        pair = Pair(self.dir, file)
        request = os.path.join(self.dir, file + ".csr")
        extensions = os.path.join(self.dir, file + ".ext")
        algorithm = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
                     "rsa": ["rsa:2048"], "ed25519": ["ed25519"]}[kind]
        self.serial += 1
        _openssl("req", "-newkey", *algorithm, "-nodes", "-subj", subject,
                 "-keyout", pair.key, "-out", request)
        with open(extensions, "w", encoding="ascii") as out:
            out.write("basicConstraints=CA:FALSE\n")
            if names:
                out.write("subjectAltName=" + ",".join(names) + "\n")
        _openssl("x509", "-req", "-in", request, "-CA", self.pair.cert,
                 "-CAkey", self.pair.key, "-set_serial", str(self.serial),
                 "-days", str(days), "-extfile", extensions, "-out", pair.cert)
        self._give(pair)
        return pair

    @staticmethod
    def _give(pair):
        os.chmod(pair.key, 0o600)
        procs.give(pair.cert, pair.key)

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)
