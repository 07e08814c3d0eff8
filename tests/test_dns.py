"""The DNS face beyond the main job: hashes, decisions, who may not ask, rates and cookies, a resolver that minimises names, and no query
lost while the table changes."""
import base64
import json
import random
import select
import shutil
import socket
import struct
import subprocess
import threading
import time

import pytest

from conftest import LIMIT, wait_for

ZONE = "bl.sipar.test"
NOERROR, NXDOMAIN, REFUSED, BADCOOKIE = 0, 3, 5, 23


def settings(node, **values):
    with open(node.path / "sipar.conf", "a") as config:
        config.writelines(f"{name} = {value}\n" for name, value in values.items())


def query(name, number=1, cookie=None):
    opt = b"" if cookie is None else b"\0" + struct.pack(">HHIHHH", 41, 1232, 0, len(cookie) + 4, 10, len(cookie)) + cookie
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 1 if opt else 0) + labels + b"\0\0\1\0\1" + opt


def rcode(answer):
    """With the upper bits, when there is an OPT record in front of a cookie, at the end."""
    upper = answer[-(11 + 28) + 5] if struct.unpack(">H", answer[10:12])[0] else 0
    return upper << 4 | answer[3] & 15


def is_truncated(answer):
    return bool(answer[2] & 2)


def listed(answer):
    return struct.unpack(">H", answer[6:8])[0] > 0


def codes(daemon, name, *args):
    return sorted(daemon.dig(f"{name}.{ZONE}", *args)[1])


def test_hashes(node, serve, tmp_path):
    values = ["a" * 32, "0123456789abcdef" * 2 + "01234567", "0123456789abcdef" * 4]
    (tmp_path / "hashes.txt").write_text("\n".join(values) + "\n")
    assert node.counts("hashes", tmp_path / "hashes.txt")["accepted"] == 3
    daemon = serve(node)
    labels = [base64.b32encode(bytes.fromhex(v)).decode().rstrip("=") for v in values]
    for label in [*values[:2], *labels, labels[2].lower()]:
        assert codes(daemon, label) == ["127.0.0.2"], label
    (text,) = daemon.dig(f"{labels[2]}.{ZONE}", "TXT")[1]
    assert text.startswith(f'"{values[2]} listed: score ')
    assert daemon.dig(f"{'b' * 32}.{ZONE}") == ("NOERROR", [])
    assert codes(daemon, "44d88612fea8a8f36de82e1278abb02f") == ["127.0.0.2"]  # EICAR
    assert codes(daemon, "d41d8cd98f00b204e9800998ecf8427e") == []  # the empty file


def test_decisions_list_at_once(node, serve, tmp_path):
    settings(node, approvals=0, parties=1, min_score=90, txt_url="https://cert.example/why?value=")
    (tmp_path / "list.txt").write_text("198.51.100.7\n")
    node.counts("list", tmp_path / "list.txt")
    daemon = serve(node)
    names = {"bank-verify.example": "bank-verify.example", "198.51.100.7": "7.100.51.198",
             "2001:db8:77::/48": ".".join(reversed("20010db80077" + "0" * 19 + "1")), "f" * 32: "f" * 32}
    for name in names.values():
        assert codes(daemon, name) == []
    node.run("block", "--reason", "phishing", "--for", "14d", *names)
    for name in [*names.values(), "www.bank-verify.example"]:
        assert codes(daemon, name) == ["127.0.0.4"], name
    (text,) = daemon.dig(f"www.bank-verify.example.{ZONE}", "TXT")[1]
    assert text.startswith('"www.bank-verify.example listed: blocked for phishing until 20')
    assert " by decisions/" in text and text.endswith('; see https://cert.example/why?value=www.bank-verify.example"')
    metrics = daemon.get("/metrics")[2]
    assert "\nsipar_dns_blocked_total 6\n" in metrics
    node.run("unblock", "bank-verify.example", "--why", "the bank's own")
    assert codes(daemon, "bank-verify.example") == [] and codes(daemon, "7.100.51.198") == ["127.0.0.4"]
    assert daemon.stop() == 0
    daemon = serve(node)
    assert codes(daemon, "bank-verify.example") == [] and codes(daemon, "7.100.51.198") == ["127.0.0.4"]


def test_public_resolvers(node, serve):
    settings(node, public_resolvers="203.0.113.0/24, 127.0.0.0/8", error_codes="off")
    daemon = serve(node)
    out = subprocess.run(["dig", "@127.0.0.1", "-p", str(daemon.dns_port), f"2.0.0.127.{ZONE}"], capture_output=True, text=True, timeout=LIMIT).stdout
    assert "REFUSED" in out and "EDE: 18" in out
    assert daemon.dig(ZONE, "SOA")[0] == "NOERROR"
    assert daemon.stop() == 0
    settings(node, error_codes="on")
    daemon = serve(node)
    assert codes(daemon, "2.0.0.127") == ["127.255.255.254"]
    assert daemon.dig(f"evil.example.{ZONE}", "TXT")[1] == ['"error, not a listing: asked through a public resolver"']
    assert daemon.dig(f"evil.example.{ZONE}", "AAAA") == ("NOERROR", [])
    assert daemon.dig("evil.example", "A")[0] == "REFUSED"


def key_of(node, feed, consumer):
    done = node.run("feed", "key", feed, consumer, "--json")
    return json.loads(done.out.splitlines()[-1])["dns_key"]


def test_keyed_zones(node, serve, tmp_path):
    settings(node, dns_keys="on")
    (tmp_path / "list.txt").write_text("198.51.100.7\nevil.example\n")
    node.counts("list", tmp_path / "list.txt")
    daemon = serve(node)
    assert daemon.dig(f"7.100.51.198.{ZONE}")[0] == "REFUSED"
    node.run("feed", "add", "edge", "--type", "list")
    key = key_of(node, "edge", "nayatel")
    for name in ("7.100.51.198", "www.evil.example", "2.0.0.127", "test"):
        assert codes(daemon, f"{name}.{key}") == ["127.0.0.2"], name
    assert codes(daemon, f"{key.upper()}") == [] and daemon.dig(f"{key}.{ZONE}")[0] == "NOERROR"
    assert daemon.dig(f"1.0.0.127.{key}.{ZONE}")[0] == "NXDOMAIN"
    assert daemon.dig(f"7.100.51.198.{'0' * 40}.{ZONE}")[0] == "REFUSED"
    assert '\nsipar_dns_consumer_queries_total{consumer="nayatel.edge"} 7\n' in daemon.get("/metrics")[2]
    node.run("feed", "remove", "edge")
    assert daemon.dig(f"7.100.51.198.{key}.{ZONE}")[0] == "REFUSED"
    assert daemon.stop() == 0
    settings(node, error_codes="on")
    daemon = serve(node)
    assert codes(daemon, f"7.100.51.198.{key}") == ["127.255.255.252"]


def burst(daemon, n, cookie=None):
    """Answers to n queries from one socket, and the seconds that they took."""
    begin, answers = time.monotonic(), {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", daemon.dns_port))
        for i in range(n):
            s.send(query(f"2.0.0.127.{ZONE}", i, cookie))
            while select.select([s], [], [], 0 if i < n - 1 else 0.5)[0]:
                answer = s.recv(4096)
                answers[answer[0] << 8 | answer[1]] = answer
    return list(answers.values()), time.monotonic() - begin


def test_rate_and_cookies(node, serve):
    settings(node, rate=1, dns_workers=1)
    daemon = serve(node)
    n = 200
    answers, seconds = burst(daemon, n)
    whole = [a for a in answers if not is_truncated(a)]
    cut = [a for a in answers if is_truncated(a)]
    assert 1 <= len(whole) <= seconds + 2 and all(listed(a) for a in whole)
    assert abs(len(cut) - (n - len(whole)) / 2) <= 1 and not any(listed(a) for a in cut)
    # by TCP, and with a cookie, everybody is answered
    for _ in range(3):
        assert codes(daemon, "2.0.0.127", "+tcp") == ["127.0.0.2"]
    answers, _ = burst(daemon, n, b"12345678")
    told = [a for a in answers if rcode(a) == BADCOOKIE]
    assert told and not any(listed(a) for a in told)
    cookie = told[-1][-24:]
    assert cookie[:8] == b"12345678" and cookie[8] == 1
    answers, _ = burst(daemon, n, cookie)
    assert len(answers) == n and all(rcode(a) == NOERROR and listed(a) for a in answers)
    # dig keeps to the standard: it tries again with the cookie that it was given
    assert codes(daemon, "2.0.0.127", "+cookie") == ["127.0.0.2"]
    metrics = daemon.get("/metrics")[2]
    assert int(metrics.split("\nsipar_dns_limited_total ")[1].split()[0]) >= n - len(whole)
    assert int(metrics.split("\nsipar_dns_cookies_total ")[1].split()[0]) >= n


def test_over_the_rate_told_by_code(node, serve):
    settings(node, rate=1, dns_workers=1, error_codes="on")
    answers, _ = burst(serve(node), 50)
    last = {a[-4:] for a in answers}
    assert last == {bytes([127, 0, 0, 2]), bytes([127, 255, 255, 255])}


def test_wrong_settings(node):
    for name, value in (("error_codes", "maybe"), ("rate", "1000001"), ("cookie_secret", "abc"), ("public_resolvers", "a resolver"),
                        ("txt_url", "https://a b")):
        good = (node.path / "sipar.conf").read_text()
        settings(node, **{name: value})
        done = node.run("serve", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0", code=None)
        assert done.returncode in (2, 64), done.err
        assert value.split()[0] in done.err or "secret" in done.err or name in done.err, done.err
        (node.path / "sipar.conf").write_text(good)


class Unbound:
    """A resolver that minimises names strictly, with the zone as a stub."""

    def __init__(self, path, port):
        path.mkdir()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", 0))
            self.dns_port = s.getsockname()[1]
        (path / "unbound.conf").write_text(f"""server:
    directory: "{path}"
    chroot: ""
    username: ""
    pidfile: "{path}/unbound.pid"
    interface: 127.0.0.1@{self.dns_port}
    do-not-query-localhost: no
    module-config: "iterator"
    qname-minimisation: yes
    qname-minimisation-strict: yes
    harden-below-nxdomain: yes
    aggressive-nsec: no
    use-syslog: no
    local-zone: "test." nodefault
    root-hints: ""
stub-zone:
    name: "{ZONE}"
    stub-addr: 127.0.0.1@{port}
remote-control:
    control-enable: no
""")
        self.log = open(path / "log", "wb")
        self.process = subprocess.Popen(["unbound", "-d", "-c", str(path / "unbound.conf")], stdout=self.log, stderr=self.log)

    def dig(self, name, kind="A"):
        out = subprocess.run(["dig", "@127.0.0.1", "-p", str(self.dns_port), "+tries=5", "+time=10", "+noauthority", "+noadditional", name, kind],
                             capture_output=True, text=True, timeout=LIMIT).stdout
        if "status: " not in out:
            return None
        return out.split("status: ")[1].split(",")[0], [line.split(None, 4)[-1] for line in out.splitlines() if line and not line.startswith(";")]

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=LIMIT)
        self.log.close()


@pytest.mark.skipif(not shutil.which("unbound"), reason="unbound is not installed")
def test_behind_a_resolver_that_minimises_names(node, serve, tmp_path):
    settings(node, approvals=0, parties=1)
    sha256 = "0123456789abcdef" * 4
    (tmp_path / "list.txt").write_text(f"198.51.100.7\n2001:db8::7\n2001:db8:9::/48\ndeep.evil.example\n{sha256}\n")
    assert node.counts("list", tmp_path / "list.txt")["accepted"] == 5
    node.run("block", "--reason", "c2", "blocked.example", "203.0.113.9")
    daemon = serve(node)
    resolver = Unbound(tmp_path / "unbound", daemon.dns_port)
    try:
        wait_for(lambda: resolver.dig(f"2.0.0.127.{ZONE}"), "the resolver")
        reverse = lambda address: ".".join(reversed(address.replace(":", "")))
        expected = {
            "7.100.51.198": "127.0.0.2", reverse("2001:0db8:0000:0000:0000:0000:0000:0007"): "127.0.0.2",
            reverse("2001:0db8:0009:0000:0000:0000:0000:0001"): "127.0.0.2", "deep.evil.example": "127.0.0.2", "a.b.c.deep.evil.example": "127.0.0.2",
            base64.b32encode(bytes.fromhex(sha256)).decode().rstrip("="): "127.0.0.2", "www.blocked.example": "127.0.0.6", "9.113.0.203": "127.0.0.6",
            "2.0.0.127": "127.0.0.2", "test": "127.0.0.2", reverse("0000:0000:0000:0000:0000:ffff:7f00:0002"): "127.0.0.2",
        }
        # the unlisted first: what they leave in the cache must not hide the listed
        for name in ("8.100.51.198", "other.evil.example", "8.8.8.8", "invalid", "1.0.0.127", reverse("2001:0db8:0000:0000:0000:0000:0000:0008")):
            status, answers = resolver.dig(f"{name}.{ZONE}")
            assert status in ("NOERROR", "NXDOMAIN") and answers == [], name
        for name, code in expected.items():
            assert resolver.dig(f"{name}.{ZONE}") == ("NOERROR", [code]), name
            assert resolver.dig(f"{name}.{ZONE}", "TXT")[1], name
    finally:
        resolver.stop()


class Asker(threading.Thread):
    """Asks without a pause, with a few questions under way, and counts; every question is answered, and how long the slowest took is kept."""

    def __init__(self, port, names, under_way=16):
        super().__init__()
        self.port, self.names, self.under_way = port, names, under_way
        self.sent = self.answered = 0
        self.slowest = 0.0
        self.wrong, self.seen = [], {}
        self.over = threading.Event()

    def run(self):
        waiting = {}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("127.0.0.1", self.port))
            s.settimeout(LIMIT)
            while waiting or not self.over.is_set():
                while len(waiting) < self.under_way and not self.over.is_set():
                    name, number = self.names[self.sent % len(self.names)], self.sent % 65536
                    waiting[number] = name, time.monotonic()
                    s.send(query(f"{name}.{ZONE}", number))
                    self.sent += 1
                try:
                    answer = s.recv(4096)
                except socket.timeout:
                    return
                name, begin = waiting.pop(answer[0] << 8 | answer[1])
                self.slowest = max(self.slowest, time.monotonic() - begin)
                self.answered += 1
                self.judge(name, listed(answer))

    def judge(self, name, is_listed):
        """What was listed once stays so."""
        if self.seen.get(name) and not is_listed:
            self.wrong.append(name)
        self.seen[name] = is_listed


def test_no_query_is_lost_while_the_table_changes(node, serve, tmp_path):
    settings(node, approvals=0, parties=1)
    draw = random.Random(7)
    made = [f"{draw.randrange(11, 120)}.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(1, 255)}" for _ in range(100000)]
    made += [f"{draw.randrange(1 << 40):x}.evil.example" for _ in range(100000)]
    (tmp_path / "old.txt").write_text("198.51.100.7\nold.example\n")
    (tmp_path / "new.txt").write_text("\n".join(made) + "\n")
    node.counts("old", tmp_path / "old.txt")
    daemon = serve(node)
    reverse = lambda address: ".".join(reversed(address.split(".")))
    before, after = ["7.100.51.198", "old.example"], [reverse(made[0]), reverse(made[99999]), made[100000], made[-1], "blocked.example"]
    asker = Asker(daemon.dns_port, [*before, *after, "8.100.51.198"])
    asker.start()
    try:
        for i in range(3):  # in pieces, so that there are levels to merge
            part = "\n".join(made[i::3])
            assert node.counts(f"new{i}", "-", stdin=part.encode())["accepted"] > 60000
        node.run("block", "--reason", "phishing", "blocked.example")
        node.run("rebuild")
    finally:
        enough = asker.answered + 200  # and each of the names once more
        wait_for(lambda: asker.answered >= enough or not asker.is_alive(), "answers")
        asker.over.set()
        asker.join(LIMIT)
    assert asker.answered == asker.sent > 1000
    assert asker.wrong == []
    assert all(asker.seen[name] for name in before + after) and not asker.seen["8.100.51.198"]
    metrics = daemon.get("/metrics")[2]
    assert "\nsipar_dns_dropped_total 0\n" in metrics
    print(f"{asker.answered} answers, the slowest after {1000 * asker.slowest:.1f} ms")
