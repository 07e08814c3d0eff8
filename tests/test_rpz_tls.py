"""Policy zones over TLS (XoT, RFC 9103): at BIND and kdig, and who gets nothing."""
import os
import re
import signal
import socket
import ssl
import struct
import subprocess

import pytest

from conftest import LIMIT, wait_for
from resolvers import Bind, dig, need
from test_rpz import GONE, HERE, ZONE, block, deciding, dig_key, feed, key, knows, metric, request, rules, starts, unblock, upstream  # noqa: F401

NAMES = "subjectAltName=DNS:sipar.example,IP:127.0.0.1"


class Authority:
    """One that signs certificates."""

    def __init__(self, folder, name="ca"):
        self.folder, self.cert, self.key = folder, folder / f"{name}.pem", folder / f"{name}.key"
        self.openssl("req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "30", "-subj", f"/CN={name}", "-keyout", self.key,
                     "-out", self.cert)

    @staticmethod
    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, timeout=LIMIT)

    def sign(self, name, to=None, purpose="serverAuth"):
        """The files of a new pair; `to`: where it goes, by rename."""
        new, (cert, key) = self.folder / f"{name}.csr", to or (self.folder / f"{name}.pem", self.folder / f"{name}.key")
        extra = self.folder / f"{name}.ext"
        extra.write_text(f"{NAMES}\nextendedKeyUsage={purpose}\n")
        self.openssl("req", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", f"/CN={name}", "-keyout", f"{key}.new", "-out", new)
        self.openssl("x509", "-req", "-in", new, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days", "20", "-extfile", extra, "-out", f"{cert}.new")
        os.chmod(f"{key}.new", 0o600)
        os.rename(f"{key}.new", key)
        os.rename(f"{cert}.new", cert)
        return cert, key


@pytest.fixture
def ca(tmp_path):
    need("openssl")
    return Authority(tmp_path)


def over_tls(node, ca, client_ca=None):
    """The node is to have zones over TLS, with a certificate in its directory; where it is."""
    files = node.path / "tls.pem", node.path / "tls.key"
    ca.sign("sipar", files)
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write(f"rpz_tls = 127.0.0.1:0\ntls_cert = tls.pem\ntls_key = {files[1]}\n" + (f"tls_client_ca = {client_ca}\n" if client_ca else ""))
    return files


class Client:
    """A TLS session of Python's, with what it is to be like."""

    def __init__(self, port, ca, alpn=("dot",), most=None, own=None, source=None):
        context = ssl.create_default_context(cafile=str(ca.cert))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if most:
            context.maximum_version = most
        if own:
            context.load_cert_chain(*own)
        plain = socket.create_connection(("127.0.0.1", port), timeout=LIMIT, source_address=(source, 0) if source else None)
        self.socket = context.wrap_socket(plain, server_hostname="sipar.example")

    def certificate(self):
        return self.socket.getpeercert(True)

    def ask(self, *requests):
        self.socket.sendall(b"".join(requests))

    def read(self):
        """A message; None: there is none."""
        octets = b""
        while len(octets) < 2 or len(octets) < 2 + struct.unpack(">H", octets[:2])[0]:
            more = self.socket.recv(2 - len(octets) if len(octets) < 2 else 2 + struct.unpack(">H", octets[:2])[0] - len(octets))
            if not more:
                return None
            octets += more
        return octets[2:]

    def close(self):
        try:
            self.socket.unwrap()
        except (ssl.SSLError, OSError):
            pass
        self.socket.close()


def gets_nothing(*args, **kw):
    """No session comes about; with TLS 1.3 a client may learn that with its first read."""
    try:
        client = Client(*args, **kw)
        client.ask(request(6))
        return client.read() is None
    except (ssl.SSLError, ConnectionError):
        return True


def kdig(port, ca, *args, key=None):
    done = subprocess.run([need("kdig"), "@127.0.0.1", "-p", str(port), f"+tls-ca={ca.cert}", "+tls-hostname=sipar.example", "+timeout=60", *(["-y", key] if key else []), *args],
                          capture_output=True, text=True, timeout=LIMIT)
    rows = [line.split() for line in done.stdout.splitlines() if line and not line.startswith(";")]
    return [r for r in rows if "TSIG" not in r], done.stdout + done.stderr


def test_kdig(deciding, serve, ca):
    """Everything that there is over TCP is there over TLS, with the same signatures."""
    over_tls(deciding, ca)
    daemon = serve(deciding)
    feed(deciding)
    name, secret = key(deciding, "nayatel")
    block(deciding, "evil.example", "198.51.100.7")
    records, out = kdig(daemon.rpz_tls_port, ca, ZONE, "AXFR", key=dig_key((name, secret)))
    assert {r[0]: r[4] for r in records if r[3] == "CNAME"} == {f"{o}.{ZONE}.": "." for o in ("evil.example", "*.evil.example", "32.7.100.51.198.rpz-ip")}, out
    block(deciding, "more.example")
    records, out = kdig(daemon.rpz_tls_port, ca, ZONE, "IXFR=1", key=dig_key((name, secret)))
    assert [r[3] for r in records] == ["SOA", "SOA", "SOA", "CNAME", "CNAME", "SOA"], out
    records, out = kdig(daemon.rpz_tls_port, ca, ZONE, "SOA", key=dig_key((name, secret)))
    assert [r[6] for r in records] == ["2"], out
    assert "REFUSED" in kdig(daemon.rpz_tls_port, ca, ZONE, "SOA")[1]
    assert "REFUSED" in kdig(daemon.rpz_tls_port, ca, ZONE, "AXFR")[1]
    assert metric(daemon, "requests_tls_total") == 5 and metric(daemon, "requests_tcp_total") == 0


def test_bind(deciding, serve, upstream, starts, ca, tmp_path):
    """A resolver that checks our certificate; changes, and what it missed while it was down, come as over TCP."""
    over_tls(deciding, ca)
    daemon = serve(deciding)
    feed(deciding, "--transport", "tls")
    bind = Bind(tmp_path / "bind", ZONE, f"127.0.0.1:{daemon.rpz_tls_port}", upstream, ("", ""))
    bind.tls = f'ca-file "{ca.cert}"; remote-hostname "sipar.example"; protocols {{ TLSv1.3; }};'
    bind.key, bind.secret = key(deciding, "nayatel", "--notify", f"{bind.address}:{bind.port}")
    block(deciding, "evil.example", "stays.example")
    starts(bind)
    bind.becomes("evil.example", GONE)
    unblock(deciding, "evil.example")
    bind.becomes("evil.example", HERE)
    assert bind.ask("stays.example") == GONE
    knows(daemon, "nayatel", 1)
    assert metric(daemon, "requests_tls_total") >= 2
