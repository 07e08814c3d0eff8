"""Hits: counted from the logs and the dnstap of resolvers, told once, without who asked; too many suspend what looks like a mistake."""
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from conftest import LIMIT, ROOT, SIPAR, wait_for

from test_decisions import block, decisions


def unbound(at, value, asked, n, action="rpz-nxdomain"):
    return "".join(f"[{at}] unbound[77:0] info: rpz: applied [sipar] {value}. {action} 203.0.113.{i % 200}@51234 {asked}. A IN\n" for i in range(n))


def hits(node, text, *options, **kw):
    return json.loads(node.run("hits", "--json", "--as", "isp/omar", *options, stdin=text.encode(), **kw).out)


def in_force(node, *values, reason="phishing"):
    name = block(node, *values, reason=reason)
    node.run("approve", name, "--as", "isp/omar")
    return name


def test_counted_told_once_and_without_who_asked(node):
    name = in_force(node, "evil.example", "198.51.100.7")
    rare = in_force(node, "rare.example")
    at = (int(time.time()) - 3600) // 300 * 300
    log = unbound(at + 1, "*.evil.example", "mail.evil.example", 40) + unbound(at + 299, "evil.example", "evil.example", 2) + unbound(at + 5, "rare.example", "rare.example", 3) \
        + unbound(at + 300, "evil.example", "evil.example", 7) + unbound(at + 9, "x.example", "x.example", 9, "rpz-passthru") + "[1] unbound[77:0] info: start\n" \
        + f"{time.strftime('%d-%b-%Y %H:%M:%S', time.gmtime(at + 10))}.123 client @0x1 203.0.113.9#5 (y.example): rpz IP NXDOMAIN rewrite y.example/A/IN via 32.7.100.51.198.rpz-ip.z\n" * 6
    assert hits(node, log) == {"lines": 68, "frames": 0, "hits": 58, "passed": 9, "not_understood": 0, "reports": 2, "known": 0, "alarms": 0}
    assert hits(node, log)["known"] == 2
    d = decisions(node)
    assert (d[name]["hits"], d[name]["hits_peak"]) == (55, 42) and d[rare]["hits"] == 0
    bodies = node.run("log", "--lane", "decisions").out
    assert '"merged":[1,3]' in bodies and "203.0.113" not in bodies and "mail.evil" not in bodies
    assert "hits" in node.run("decisions").out
    for child in (node.path / "decisions" / "table").iterdir():
        child.unlink()
    assert decisions(node) == d


def test_too_many_are_a_mistake(node):
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write("spike = 100\n")
    shop, c2 = in_force(node, "shop.example"), in_force(node, "c2.example", reason="c2")
    at = int(time.time()) // 300 * 300 - 300
    assert hits(node, unbound(at, "shop.example", "shop.example", 99))["alarms"] == 0
    assert hits(node, unbound(at + 300, "shop.example", "shop.example", 100) + unbound(at + 300, "c2.example", "c2.example", 500))["alarms"] == 2
    d = decisions(node)
    assert d[shop]["state"] == "suspended" and "over-blocking" in d[shop]["voices"][-1]["why"] and d[c2]["state"] == "active"
    assert json.loads(node.run("approve", shop, "--as", "isp/omar", "--json").out)["state"] == "active"


def test_old_and_strange_reports(node):
    in_force(node, "evil.example")
    assert "last seven days" in node.run("hits", stdin=unbound(1000000000, "evil.example", "evil.example", 5).encode(), code=2).err
    done = node.run("hits", "--json", stdin=b"[1] unbound[1:0] info: rpz: applied nothing at all\n")
    assert json.loads(done.out)["not_understood"] == 1 and "not understood" in done.err
    assert "No such file" in node.run("hits", "/nonexistent/log", code=2).err


# ---- over HTTP ----

CONTENT = b"protobuf:dnstap.Dnstap"


def key_of(node, feed, consumer):
    return json.loads(node.run("feed", "--json", "key", feed, consumer).out)["api_key"]


def post(daemon, body, key=None, media="application/json"):
    headers = {"Content-Type": media} | ({"X-Api-Key": key} if key else {})
    status, _, text = daemon.request("POST", "/v1/hits", body if isinstance(body, bytes) else json.dumps(body).encode(), headers)
    return status, json.loads(text)


@pytest.fixture
def fed(decider, serve):
    """A daemon with a feed of phishing that has evil.example, a block for C2 that is not in it, and a key."""
    daemon = serve(decider)
    decider.run("feed", "add", "isp", "--type", "rpz", "--reasons", "phishing")
    names = [block(decider, "evil.example", "--for", "2d"), block(decider, "c2.example", "--for", "2d", reason="c2")]
    return daemon, key_of(decider, "isp", "nayatel"), names


def test_a_consumer_tells_of_its_own_feed(fed):
    daemon, key, (evil, c2) = fed
    at = int(time.time()) // 300 * 300 - 600
    report = {"from": at, "seconds": 300, "hits": [["mail.evil.example", 40, 77], ["evil.example", 4], ["c2.example", 99], ["x.example", 5]], "merged": [2, 3]}
    assert post(daemon, report, key) == (201, {"values": 1, "alarms": 0})
    assert post(daemon, report, key)[0] == 409
    report["from"] += 300
    assert post(daemon, report, key)[0] == 201
    d = decisions(daemon.node)
    assert d[evil]["hits"] == 80 and d[c2]["hits"] == 0
    lane = daemon.node.run("log", "--lane", "decisions").out
    assert '"merged":[5,111]' in lane and "c2.example\",99" not in lane and '"evil.example",4' not in lane
    # another key of the same name has periods of its own
    daemon.node.run("feed", "add", "edge", "--type", "list", "--reasons", "c2")
    assert post(daemon, report, key_of(daemon.node, "edge", "nayatel")) == (201, {"values": 1, "alarms": 0})
    assert decisions(daemon.node)[c2]["hits"] == 99


def test_who_and_what_is_refused(fed):
    daemon, key, (evil, _) = fed
    at = int(time.time()) // 300 * 300
    fine = {"from": at, "seconds": 300, "hits": [["evil.example", 9]]}
    assert post(daemon, fine)[0] == 401 and post(daemon, fine, key[:-1] + "xy"[key[-1] == "x"])[0] == 403
    for body, status, says in ((b"", 400, "JSON"), (b"[]", 400, "JSON object"), ({"from": at, "seconds": 300}, 400, "lacks"), (dict(fine, more=1), 400, "not known"),
                               (dict(fine, hits=[["evil.example", -1]]), 400, "whole number"), (dict(fine, hits=[["evil.example"]]), 400, "number"),
                               (dict(fine, **{"from": 1000000000}), 422, "seven days"), (dict(fine, **{"from": at + 86400}), 422, "seven days")):
        got, problem = post(daemon, body, key)
        assert (got, problem["status"]) == (status, status) and says in problem["detail"], (body, problem)
    assert post(daemon, fine, key, "text/csv")[0] == 415
    assert post(daemon, b"[" * (64 << 20), key)[0] == 413
    assert decisions(daemon.node)[evil]["hits"] == 0


def test_reports_are_a_minute_apart(fed):
    """A few short periods are taken, as of one that is started again and again; then one a minute."""
    daemon, key, (evil, _) = fed
    at, took = int(time.time()) - 30, 0
    for i in range(20):
        body = json.dumps({"from": at + i, "seconds": 1, "hits": [["evil.example", 5]]}).encode()
        status, headers, text = daemon.request("POST", "/v1/hits", body, {"Content-Type": "application/json", "X-Api-Key": key})
        if status != 201:
            break
        took += 1
    assert status == 429 and 5 <= took <= 6, (took, text)
    wait = int(headers["Retry-After"])
    assert 1 <= wait <= 60 and f"may come in {wait} s" in json.loads(text)["detail"] and "nayatel.isp" in text
    assert decisions(daemon.node)[evil]["hits"] == 5 * took
    # whole periods that come late come as fast as they like
    at = int(time.time()) // 300 * 300 - 86400
    log = "".join(unbound(at + 300 * i, "evil.example", "evil.example", 5) for i in range(100))
    assert hits(daemon.node, log)["reports"] == 100
    # nobody's pace is another's, and it is known after a restart
    report = [json.dumps({"from": int(time.time()) - 30 + i, "seconds": 1, "hits": [["evil.example", 5]]}) for i in range(20)]
    for one in report[:8]:
        daemon.node.run("hits", "--reports", "-", "--as", "cert/aisha", stdin=one.encode(), code=None)
    assert daemon.stop() == 0
    done = daemon.node.run("hits", "--reports", "-", "--as", "cert/aisha", stdin=report[8].encode(), code=2)
    assert "too often" in done.err and "may come in" in done.err


def test_a_log_is_told_to_another_node(fed, tmp_path):
    daemon, key, (evil, _) = fed
    at = int(time.time()) // 300 * 300 - 600
    url = f"http://x:{key}@127.0.0.1:{daemon.http_port}/v1/hits"
    command = [SIPAR, "hits", "-d", str(tmp_path / "nothing"), "--json", "--post", url]

    def run(text, *more):
        done = subprocess.run([*command, *more], input=text, capture_output=True, text=True, timeout=LIMIT)
        assert key not in done.stderr
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    log = unbound(at, "evil.example", "mail.evil.example", 12)
    assert run(log)[1]["reports"] == 1 and run(log)[1]["known"] == 1
    assert decisions(daemon.node)[evil]["hits"] == 12
    # dnstap holds all that is asked for: it is compared with the feed's names here
    tap = tmp_path / "tap"
    tap.write_bytes(stream(*[frame(6, "mail.evil.example", at + 301)] * 7, *[frame(6, "c2.example", at + 301)] * 9, *[frame(6, "good.example", at + 301)] * 9))
    assert "--feed" in run("", str(tap))[1]
    code, told = run("", "--feed", "isp", str(tap))
    assert code == 0 and (told["frames"], told["hits"], told["reports"]) == (25, 7, 1)
    assert decisions(daemon.node)[evil]["hits"] == 19
    assert "401" in run("", "--feed", "nothing", str(tap))[1] or "403" in run("", "--feed", "nothing", str(tap))[1] or "404" in run("", "--feed", "nothing", str(tap))[1]


# ---- dnstap ----

def control(kind, content=None):
    body = struct.pack(">I", kind) + (struct.pack(">II", 1, len(content)) + content if content else b"")
    return struct.pack(">II", 0, len(body)) + body


def number(field, value):
    out = bytes([field << 3])
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def octets(field, value):
    return bytes([field << 3 | 2]) + number(0, len(value))[1:] + value


def frame(kind, name, at):
    """5: a client's query, 6: the response to one, 3: what the resolver itself asks."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0" + struct.pack(">HH", 1, 1)
    message = struct.pack(">HHHHHH", 1, 0x0100 if kind % 2 else 0x8183, 1, 0, 0, 0) + question
    inner = number(1, kind) + number(2, 1) + octets(4, bytes([203, 0, 113, 9])) + number(6, 51234) + number(8, at) \
        + (octets(10, message) if kind % 2 else number(12, at) + octets(14, message))
    whole = octets(1, b"ns.example") + octets(14, inner) + number(15, 1)
    return struct.pack(">I", len(whole)) + whole


def stream(*frames):
    return control(2, CONTENT) + b"".join(frames) + control(3)


def test_files_of_frames(node, tmp_path):
    name, exact = in_force(node, "evil.example", "*.wild.example"), block(node, "alone.example", "--exact")
    node.run("approve", exact, "--as", "isp/omar")
    at = int(time.time()) // 300 * 300 - 600
    tap = tmp_path / "tap"
    tap.write_bytes(stream(*[frame(5, "mail.evil.example", at)] * 6, *[frame(6, "mail.EVIL.example", at)] * 6, *[frame(6, "wild.example", at)] * 6,
                           *[frame(6, "a.b.wild.example", at)] * 5, *[frame(6, "x.alone.example", at)] * 5, *[frame(6, "alone.example", at)] * 3,
                           *[frame(3, "evil.example", at)] * 50, *[frame(6, "good.example", at)] * 50))
    told = hits(node, "", tap)
    assert (told["frames"], told["hits"], told["reports"], told["not_understood"]) == (131, 14, 1, 0)
    assert hits(node, "", tap)["known"] == 1
    d = decisions(node)
    assert d[name]["hits"] == 11 and d[exact]["hits"] == 0
    lane = node.run("log", "--lane", "decisions").out
    assert '["evil.example",6,' in lane and '["*.wild.example",5,' in lane and '"merged":[1,3]' in lane
    assert "mail." not in lane and "203.0.113" not in lane and "good" not in lane
    # of one that tells of queries alone, these count
    tap.write_bytes(stream(*[frame(5, "evil.example", at + 300)] * 8))
    assert hits(node, "", tap)["hits"] == 8 and decisions(node)[name]["hits"] == 19
    tap.write_bytes(control(2, b"protobuf:other"))
    assert "dnstap" in node.run("hits", tap, code=2).err


class Watching:
    """`sipar hits` until a signal."""

    def __init__(self, node, *options):
        self.errors = open(node.path / "hits.log", "ab")
        self.process = subprocess.Popen([SIPAR, "hits", "-d", str(node.path), "--json", "--as", "isp/omar", *map(str, options)], stdout=subprocess.PIPE, stderr=self.errors)

    def stop(self):
        """(what it says, its complaints)"""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=LIMIT)
        self.errors.close()
        errors = pathlib.Path(self.errors.name).read_text()
        assert "Sanitizer" not in errors and "runtime error" not in errors, errors
        assert self.process.returncode == 0, errors
        return json.loads(out), errors


@pytest.fixture
def watch():
    started = []

    def start(node, *options):
        started.append(Watching(node, *options))
        return started[-1]

    yield start
    for w in started:
        if w.process.poll() is None:
            w.process.kill()
            w.process.wait()


def send(path, octets_):
    """As a resolver: the whole of it with the handshake."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(LIMIT)
        s.connect(str(path))
        s.sendall(control(4, CONTENT))
        accept = control(1, CONTENT)
        assert s.recv(len(accept), socket.MSG_WAITALL) == accept
        s.sendall(octets_)
        finish = control(5)
        assert s.recv(len(finish), socket.MSG_WAITALL) == finish


@pytest.mark.parametrize("with_daemon", [False, True])
def test_a_socket_for_resolvers(decider, serve, watch, tmp_path, with_daemon):
    if with_daemon:
        serve(decider)
    name = block(decider, "evil.example", "--for", "2d")
    tap, now = tmp_path / "tap.sock", int(time.time())
    w = watch(decider, "--dnstap", tap)
    wait_for(tap.exists, "the socket")
    assert tap.stat().st_mode & 0o777 == 0o660
    send(tap, stream(*[frame(6, "mail.evil.example", now)] * 20, *[frame(6, "good.example", now)] * 9))
    send(tap, stream(*[frame(5, "evil.example", now)] * 7))
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(tap))
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert s.recv(1) == b""  # it is closed
    told, errors = w.stop()
    assert (told["frames"], told["hits"], told["reports"], told["known"]) == (36, 27, told["reports"], 0) and told["reports"] >= 1
    assert "a connection is closed" in errors and not tap.exists()
    assert decisions(decider)[name]["hits"] == 27
    # one that is started again has periods of its own
    wait_for(lambda: int(time.time()) > now + 1, "the next second")
    w = watch(decider, "--dnstap", tap)
    wait_for(tap.exists, "the socket")
    send(tap, stream(*[frame(6, "evil.example", now)] * 5))
    assert w.stop()[0]["known"] == 0 and decisions(decider)[name]["hits"] == 32
    lane = decider.run("log", "--lane", "decisions").out
    assert "mail." not in lane and "203.0.113" not in lane and "good" not in lane


def test_a_socket_that_is_in_use(decider, watch, tmp_path):
    tap = tmp_path / "tap.sock"
    watch(decider, "--dnstap", tap)
    wait_for(tap.exists, "the socket")
    assert "in use" in decider.run("hits", "--dnstap", tap, code=2).err
    assert tap.exists()
    for options in (("--dnstap", tap, "file"), ("--dnstap", tap, "--follow"), ("--follow",), ("--reports", "--follow", "x"), ("--dnstap", tap, "--post", "http://x/v1/hits")):
        decider.run("hits", *options, code=64)


class Relay:
    """Between a resolver and us: knows what has been passed on."""

    def __init__(self, path, to):
        self.to, self.seen, self.server = str(to), b"", socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            one, _ = self.server.accept()
            other = socket.socket(socket.AF_UNIX)
            other.connect(self.to)
            threading.Thread(target=self.copy, args=(one, other, True), daemon=True).start()
            threading.Thread(target=self.copy, args=(other, one, False), daemon=True).start()

    def copy(self, source, target, keep):
        try:
            while some := source.recv(65536):
                target.sendall(some)
                if keep:
                    self.seen += some
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


UNBOUND = """
server:
    directory: "{dir}"
    chroot: ""
    username: ""
    pidfile: "{dir}/pid"
    interface: 127.0.0.1@{port}
    num-threads: 1
    module-config: "respip iterator"
    use-syslog: no
    logfile: "{dir}/log"
    local-zone: "good.example." static
remote-control:
    control-enable: no
rpz:
    name: "rpz.test"
    zonefile: "{dir}/zone"
dnstap:
    dnstap-enable: yes
    dnstap-socket-path: "{tap}"
    dnstap-log-client-query-messages: {queries}
    dnstap-log-client-response-messages: {responses}
"""


@pytest.mark.skipif(not shutil.which("unbound"), reason="there is no unbound")
@pytest.mark.parametrize("queries, responses", [("yes", "yes"), ("yes", "no"), ("no", "yes")])
def test_unbound(decider, watch, tmp_path, queries, responses):
    name = block(decider, "evil.example", "--for", "2d")
    tap, home = tmp_path / "tap.sock", tmp_path / "unbound"
    home.mkdir()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    (home / "zone").write_text("$ORIGIN rpz.test.\n$TTL 30\n@ SOA localhost. root.localhost. 1 60 60 604800 30\n@ NS localhost.\nevil.example CNAME .\n*.evil.example CNAME .\n")
    (home / "conf").write_text(UNBOUND.format(dir=home, port=port, tap=tmp_path / "relay", queries=queries, responses=responses))
    w = watch(decider, "--dnstap", tap)
    wait_for(tap.exists, "the socket")
    relay = Relay(tmp_path / "relay", tap)
    resolver = subprocess.Popen(["unbound", "-d", "-c", str(home / "conf")], stderr=subprocess.DEVNULL)
    try:
        def ask(q):
            done = subprocess.run(["dig", "@127.0.0.1", "-p", str(port), "+tries=1", "+time=2", q], capture_output=True, text=True, timeout=LIMIT)
            return done.returncode == 0 and done.stdout.split("status: ")[1].split(",")[0]

        wait_for(lambda: ask("good.example"), "unbound")
        for i in range(6):
            assert ask(f"host{i}.evil.example") == "NXDOMAIN"
        wait_for(lambda: relay.seen.count(b"\x04evil\x07example") == 6 * (queries, responses).count("yes"), "what unbound tells")
    finally:
        resolver.terminate()
        resolver.wait(timeout=LIMIT)
    told, _ = w.stop()
    assert told["hits"] == 6 and told["not_understood"] == 0 and told["frames"] >= 6, told
    assert decisions(decider)[name]["hits"] == 6
    lane = decider.run("log", "--lane", "decisions").out
    assert "host" not in lane and "good" not in lane and "127.0.0.1" not in lane


@pytest.mark.skipif(not shutil.which("fstrm_replay"), reason="there is no fstrm_replay")
def test_libfstrm_sends(decider, watch, tmp_path):
    name, tap, made = block(decider, "evil.example", "--for", "2d"), tmp_path / "tap.sock", tmp_path / "made"
    made.write_bytes(stream(*[frame(6, "evil.example", int(time.time()))] * 3000))
    w = watch(decider, "--dnstap", tap)
    wait_for(tap.exists, "the socket")
    subprocess.run(["fstrm_replay", "-t", CONTENT, "-r", made, "-u", tap], check=True, timeout=LIMIT, capture_output=True)
    assert w.stop()[0]["hits"] == 3000 and decisions(decider)[name]["hits"] == 3000


def test_what_cannot_be_told_is_said(fed, watch, tmp_path):
    """The names come from the other node, which then goes away."""
    daemon, key, _ = fed
    tap, nowhere = tmp_path / "tap.sock", tmp_path / "nowhere"
    nowhere.mkdir()
    w = watch(type(daemon.node)(nowhere), "--dnstap", tap, "--feed", "isp", "--post", f"http://x:{key}@127.0.0.1:{daemon.http_port}/v1/hits")
    wait_for(tap.exists, "the socket")
    send(tap, stream(*[frame(6, "evil.example", int(time.time()))] * 5))
    assert daemon.stop() == 0
    w.process.send_signal(signal.SIGTERM)
    assert w.process.wait(timeout=LIMIT) == 2
    errors = pathlib.Path(w.errors.name).read_text()
    assert "not all was told" in errors and key not in errors


# ---- logs that grow ----

def position(watching, path):
    """How far a process has read a file; None: it has not opened it."""
    home = pathlib.Path(f"/proc/{watching.process.pid}")
    for link in (home / "fd").iterdir():
        if os.path.realpath(link) == str(path):
            return int((home / "fdinfo" / link.name).read_text().split("pos:")[1].split()[0])


def test_a_log_that_grows_and_is_replaced(node, watch, tmp_path):
    name, at = in_force(node, "evil.example"), int(time.time()) // 300 * 300 - 900
    log = tmp_path / "unbound.log"
    log.write_text(unbound(at, "evil.example", "evil.example", 6) + unbound(at + 300, "evil.example", "evil.example", 7))
    w = watch(node, "--follow", log)
    wait_for(lambda: decisions(node)[name]["hits"] == 13, "both periods")
    with open(log, "a") as more:
        more.write(unbound(int(time.time()), "evil.example", "evil.example", 5)[:-30])
        more.flush()
        log.rename(tmp_path / "unbound.log.1")
        log.write_text(unbound(int(time.time()), "evil.example", "evil.example", 4))
    wait_for(lambda: position(w, log) == log.stat().st_size, "the new file")
    told, _ = w.stop()
    assert (told["lines"], told["hits"], told["reports"], told["known"], told["not_understood"]) == (22, 22, 2, 0, 0)
    assert decisions(node)[name]["hits"] == 13  # what is not over is told the next time
    old = tmp_path / "unbound.log.1"
    assert hits(node, old.read_text() + "\n" + log.read_text())["known"] == 2
    assert decisions(node)[name]["hits"] >= 13 + 5


# ---- what hits do to a score ----

def test_what_is_met_does_not_fade(decider, tmp_path):
    """The score is as of the last hit, for those who may see the decisions; by a rebuild, too, and no longer than the claims stand."""
    node, old = decider, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 100 * 86400))
    feed = lambda *values: ("indicator,last_seen\n" + "".join(f"{v},{old}\n" for v in values)).encode()
    node.run("source", "add", "old", "--category", "phishing", "--type", "event")
    node.counts("old", "--format", "csv", "-", stdin=feed("evil.example", "quiet.example"))
    name = block(node, "evil.example", "quiet.example", "--for", "2d")
    before = node.why("evil.example")
    assert before["score"] == node.why("quiet.example")["score"] > 0
    at = int(time.time()) // 300 * 300 - 600
    hits(node, unbound(at, "evil.example", "www.evil.example", 9))

    def check(text):
        done = subprocess.run(["/usr/bin/python3", str(ROOT / "tests" / "score_eval.py")], input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    text = node.run("why", "--json", "www.evil.example", "evil.example", "quiet.example").out
    check(text)
    below, after, quiet = map(json.loads, text.splitlines())
    assert after["score"] == below["score"] > before["score"] == quiet["score"] and after["sum_mdb"] <= 20000 and after["sources"] == ["old"]
    line, met = after["lines"]
    assert (line["source"], line["fate"], line["met"], met["source"], met["fate"], met["mdb"], met["seen"]) == ("old", "counts", at + 300, "hits", "met", 0, at + 300)
    assert line["age_s"] < 1000 and after["tlp"] == "tlp:green" and "tlp" not in quiet
    assert "was met" in node.run("why", "evil.example").out
    assert json.loads(node.run("rebuild", "--json").out)["differed"] is False
    check(node.run("why", "--json", "evil.example").out)
    # a file for everybody has the score of the claims alone, one for those of the lane has this one
    for audience, score in (("clear", before["score"]), ("green", after["score"])):
        file = tmp_path / audience
        node.run("snapshot", "--audience", audience, "-o", file)
        told = subprocess.run([SIPAR, "check", "--json", "--snapshot", str(file), "evil.example"], capture_output=True, text=True, timeout=LIMIT)
        assert json.loads(told.stdout)["score"] == score, told.stderr
    # the lease has its end, and a retraction ends the claim
    assert decisions(node)[name]["until"] < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2 * 86400 + 60))
    node.counts("old", "--as", "retracted", "-", stdin=b"evil.example\n")
    assert node.why("evil.example")["score"] == 0
    node.run("source", "remove", "hits")
    hits(node, unbound(at + 300, "quiet.example", "quiet.example", 9))
    assert node.why("quiet.example")["score"] == quiet["score"]
    assert json.loads(node.run("rebuild", "--json").out)["differed"] is False


def test_policies_do_not_look_at_hits(decider):
    """What was blocked because of its score is not blocked again because it was met."""
    node, old = decider, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60 * 86400))
    node.run("source", "add", "old", "--category", "phishing", "--type", "event", "--weight", "30")
    node.counts("old", "--format", "csv", "-", stdin=f"indicator,last_seen\nevil.example,{old}\n".encode())
    fresh = node.why("evil.example")
    block(node, "evil.example", "--for", "1d")
    hits(node, unbound(int(time.time()) // 300 * 300 - 600, "evil.example", "evil.example", 9))
    score = node.why("evil.example")["score"]
    assert score > fresh["score"]
    node.run("unblock", "evil.example", "--why", "test")
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write(f"policy = auto-phish reason=phishing min_score={fresh['score'] + 1} sources=1 categories=phishing kinds=domain for=3d max=10\n")
    assert "evil.example" not in node.run("policy", "run", "--dry-run").out
    conf = (node.path / "sipar.conf").read_text().replace(f"min_score={fresh['score'] + 1}", f"min_score={fresh['score']}")
    (node.path / "sipar.conf").write_text(conf)
    assert "evil.example" in node.run("policy", "run", "--dry-run").out
