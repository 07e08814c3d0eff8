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
    bind.key, bind.secret = key(deciding, "nayatel", "--notify", f"{bind.address}:{bind.port}")
    with open(deciding.path / "sipar.conf", "a") as conf:
        conf.write(f"rpz_tls = 127.0.0.1:{daemon.rpz_tls_port}\n")
    lines = deciding.run("feed", "show", "isp", "--config", "bind", "--consumer", "nayatel").out
    bind.tls = re.search(r'^tls "sipar" { (.*) };$', lines, re.M).group(1).replace("/etc/bind/sipar-ca.pem", str(ca.cert))
    assert f'primaries {{ 127.0.0.1 port {daemon.rpz_tls_port} key "nayatel.isp" tls "sipar"; }};' in lines
    block(deciding, "evil.example", "stays.example")
    starts(bind)
    bind.becomes("evil.example", GONE)
    unblock(deciding, "evil.example")
    bind.becomes("evil.example", HERE)
    assert bind.ask("stays.example") == GONE
    knows(daemon, "nayatel", 1)
    assert metric(daemon, "requests_tls_total") >= 2


def test_bind_believes_no_stranger(deciding, serve, upstream, starts, ca, tmp_path):
    over_tls(deciding, ca)
    daemon = serve(deciding)
    feed(deciding)
    bind = Bind(tmp_path / "bind", ZONE, f"127.0.0.1:{daemon.rpz_tls_port}", upstream, key(deciding, "nayatel"))
    bind.tls = f'ca-file "{Authority(tmp_path, "other").cert}"; remote-hostname "sipar.example";'
    block(deciding, "evil.example")
    starts(bind)
    wait_for(lambda: metric(daemon, "tls_failed_total") >= 1, "a handshake that fails")
    assert metric(daemon, "records_total") == 0
    assert bind.ask("evil.example") in (HERE, "SERVFAIL")


def test_lines_for_bind(deciding, serve, ca, tmp_path):
    """What is printed is what BIND reads; and who cannot do it is told."""
    over_tls(deciding, ca)
    with open(deciding.path / "sipar.conf", "a") as conf:
        conf.write("rpz_tls = 192.0.2.1:853\n")
    feed(deciding, "--transport", "tls")
    key(deciding, "nayatel")
    lines = deciding.run("feed", "show", "isp", "--config", "bind", "--consumer", "nayatel").out
    assert 'primaries { 192.0.2.1 port 853 key "nayatel.isp" tls "sipar"; };' in lines
    zones, options = lines.split("// In options { }")
    (tmp_path / "named.conf").write_text(zones.replace("SECRET", "c2VjcmV0").replace("/etc/bind/sipar-ca.pem", str(ca.cert))
                                         + "options {\n//" + options + "\n};\n")
    checked = subprocess.run([need("named-checkconf"), tmp_path / "named.conf"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    for which in ("unbound", "knot", "powerdns"):
        assert "over TLS alone" in deciding.run("feed", "show", "isp", "--config", which, code=64).err
    deciding.run("feed", "set", "isp", "transport=any")
    assert "port 5310 " in deciding.run("feed", "show", "isp", "--config", "bind").out
    assert 'transport "udp"' in deciding.run("feed", "set", "isp", "transport=udp", code=64).err


def test_who_gets_nothing(deciding, serve, ca):
    """Without the protocol's name, with an older TLS, without TLS: not an octet of DNS."""
    over_tls(deciding, ca)
    daemon = serve(deciding)
    feed(deciding, "--allow", "127.0.0.1")
    port = daemon.rpz_tls_port
    assert gets_nothing(port, ca, alpn=None)
    assert gets_nothing(port, ca, alpn=("h2",))
    assert gets_nothing(port, ca, most=ssl.TLSVersion.TLSv1_2)
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as s:
        s.sendall(request(252))
        assert b"isp" not in s.recv(4096) and metric(daemon, "requests_total") == 0
    assert metric(daemon, "tls_failed_total") == 4
    good = Client(port, ca, alpn=("h2", "dot"))
    assert good.socket.selected_alpn_protocol() == "dot" and good.socket.version() == "TLSv1.3"
    good.ask(request(6))
    assert good.read()
    good.close()


def test_client_certificates(deciding, serve, ca, tmp_path):
    other = Authority(tmp_path, "other")
    over_tls(deciding, ca, ca.cert)
    daemon = serve(deciding)
    feed(deciding, "--allow", "127.0.0.1")
    port = daemon.rpz_tls_port
    assert gets_nothing(port, ca)
    assert gets_nothing(port, ca, own=other.sign("stranger", purpose="clientAuth"))
    assert gets_nothing(port, ca, own=ca.sign("server", purpose="serverAuth"))
    assert metric(daemon, "requests_total") == 0
    client = Client(port, ca, own=ca.sign("resolver", purpose="clientAuth"))
    client.ask(request(6))
    assert b"nobody" in client.read()
    client.close()
    wait_for(lambda: 'certificate of "CN=resolver"' in (deciding.path / "serve.log").read_text(), "the name of the client in the log")


def test_replaced_certificate(deciding, serve, ca):
    """New sessions have the new one; those that there are go on; one that cannot be used changes nothing."""
    files = over_tls(deciding, ca)
    daemon = serve(deciding)
    feed(deciding, "--allow", "127.0.0.1")
    log = deciding.path / "serve.log"

    def shown():
        client = Client(daemon.rpz_tls_port, ca)
        der = client.certificate()
        client.close()
        return der

    old = Client(daemon.rpz_tls_port, ca)
    first = old.certificate()
    assert shown() == first
    ca.sign("sipar", files)
    wait_for(lambda: shown() != first, "the new certificate")
    second = shown()
    old.ask(request(6))
    assert b"nobody" in old.read()
    old.close()
    files[0].write_text("no certificate\n")
    wait_for(lambda: f'certificate stays what it was: "{files[0]}"' in log.read_text(), "a complaint")
    assert shown() == second
    ca.sign("sipar", files)
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: shown() not in (first, second), "the third certificate")
    assert re.search(r"^sipar_tls_certificate_until_seconds \d{10}$", daemon.get("/metrics")[2], re.M)


def test_tls_alone(deciding, serve, ca):
    """A feed that is given so alone: in the clear there is the serial and no more."""
    over_tls(deciding, ca)
    daemon = serve(deciding)
    feed(deciding, "--allow", "127.0.0.1", "--transport", "tls")
    block(deciding, "evil.example")
    for args in (("AXFR",), ("IXFR=0",), ("IXFR=0", "+notcp")):
        status, records = dig("127.0.0.1", ZONE, *args, port=daemon.rpz_port)
        assert not [r for r in records if r[3] == "CNAME"] and status in (None, "REFUSED")  # dig tells no status of a failed transfer
    assert metric(daemon, "refused_total") == 3 and metric(daemon, "records_total") == 0
    assert dig("127.0.0.1", ZONE, "SOA", port=daemon.rpz_port)[0] == "NOERROR"
    assert len([r for r in kdig(daemon.rpz_tls_port, ca, ZONE, "AXFR")[0] if r[3] == "CNAME"]) == 2
    deciding.run("feed", "set", "isp", "transport=any")
    assert len(rules(daemon)) == 2


def test_alone(deciding, serve, ca):
    """No other face for zones; NOTIFY goes out all the same."""
    over_tls(deciding, ca)
    daemon = serve(deciding, "--rpz", "off")
    assert daemon.rpz_port == 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as target:
        target.bind(("127.0.0.1", 0))
        target.settimeout(LIMIT)
        feed(deciding, "--allow", "127.0.0.1", "--notify", "127.0.0.1:%d" % target.getsockname()[1])
        assert target.recv(512)[2] >> 3 & 15 == 4
    assert "SOA" in kdig(daemon.rpz_tls_port, ca, ZONE, "SOA")[1]


def test_wrong_settings(deciding, ca):
    """The daemon says which file is wrong, and does not start."""
    conf, cert, own = deciding.path / "sipar.conf", *over_tls(deciding, ca)
    good = conf.read_text()

    def refuses(text, *words, code=2):
        conf.write_text(text)
        err = deciding.run("serve", "--http", "off", "--dns", "off", "--rpz", "off", code=code).err
        assert all(str(w) in err for w in words), err

    refuses(good.replace("tls_cert =", "#"), "rpz_tls needs a certificate", code=64)
    refuses(good.replace("tls.pem", "none.pem"), deciding.path / "none.pem", "No such file")
    refuses(good + f"tls_client_ca = {own}\n", own, "no certificate in PEM")
    os.chmod(own, 0o644)
    refuses(good, own, "everybody may read the key")
    os.chmod(own, 0o600)
    ca.sign("another", (deciding.path / "another.pem", deciding.path / "another.key"))
    refuses(good.replace("tls.pem", "another.pem"), own, deciding.path / "another.pem", "do not go together")


def many(node, path, n=200000):
    path.write_text("".join(f"host{i}.evil{i % 5000}.example\n" for i in range(n)))
    node.run("block", "--from", path, "--reason", "malware")


def count_records(client):
    """Of one whole transfer; it ends with the second SOA."""
    n = soas = 0
    while soas < 2:
        message = client.read()
        n += struct.unpack(">H", message[6:8])[0]
        soas += message.count(b"\x06nobody")
    return n


def test_large(deciding, serve, ca, tmp_path):
    """Two whole transfers and short answers on one session, asked for at once; readers that stand still hold up nobody."""
    over_tls(deciding, ca)
    daemon = serve(deciding)
    feed(deciding, "--allow", "127.0.0.0/8")
    many(deciding, tmp_path / "names")
    slow = [Client(daemon.rpz_tls_port, ca, source="127.0.0.2") for _ in range(8)]
    for s in slow:
        s.ask(request(252))
    client = Client(daemon.rpz_tls_port, ca)
    client.ask(request(252), request(6), request(252), *[request(6)] * 300)
    assert count_records(client) == 400003
    assert client.read().count(b"\x06nobody") == 1
    assert count_records(client) == 400003
    assert sum(client.read().count(b"\x06nobody") for _ in range(300)) == 300
    client.close()
    for s in slow:
        s.socket.close()
    wait_for(lambda: metric(daemon, "transfers_broken_total") == 8, "the end of the slow ones")
    wait_for(lambda: 'consumer="127.0.0.1",how="rpz"} 0' in daemon.get("/metrics")[2], "the receipt of who has said goodbye")
    assert "over TLS: serial 1, 400003 records" in (deciding.path / "serve.log").read_text()
