"""Policy zones at the resolvers that take them: what is blocked is not answered, what is taken back is, and whoever was away catches up."""
import json
import re
import socket
import struct
import subprocess

import pytest

from conftest import LIMIT, wait_for
from resolvers import Bind, Knot, Kresd, Recursor, Unbound, Upstream, dig

ZONE = "rpz.example"
ADDRESSES = {"a.example": "198.51.100.7", "b.example": "203.0.113.9"}
HERE, GONE = "192.0.2.80", "NXDOMAIN"


@pytest.fixture
def deciding(node):
    """A node where a proposal is a decision."""
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write("approvals = 0\nparties = 1\n")
    return node


@pytest.fixture
def upstream():
    u = Upstream(ADDRESSES)
    yield u
    u.close()


@pytest.fixture
def starts():
    """starts(server): started, and stopped at the end."""
    servers = []

    def start(server):
        servers.append(server)
        return server.start()

    yield start
    for s in servers:
        s.stop()


def feed(node, *args):
    node.run("feed", "add", "isp", "--type", "rpz", "--zone", ZONE, *args)


def key(node, consumer, *args):
    """("NAME", "SECRET")"""
    done = node.run("feed", "key", "isp", consumer, *args)
    return re.search(r'key "([^"]+)".*secret "([^"]+)"', done.out).groups()


def dig_key(k):
    return f"hmac-sha256:{k[0]}:{k[1]}"


def block(node, *values, reason="phishing"):
    node.run("block", *values, "--reason", reason)


def unblock(node, *values):
    node.run("unblock", *values, "--why", "a mistake")


def metric(daemon, name):
    _, _, text = daemon.get("/metrics")
    return int(re.search(rf"^sipar_rpz_{re.escape(name)} (\d+)$", text, re.M).group(1))


def knows(daemon, consumer, unblocks):
    """Until the node knows that the consumer has everything, and how long so many retractions took to reach it."""
    def has():
        _, _, text = daemon.get("/metrics")
        row = rf'{{feed="isp",consumer="{re.escape(consumer)}",how="rpz"}} (\d+)'
        lag, seen = (re.search(rf"^sipar_consumer_{name}{row}$", text, re.M) for name in ("lag", "unblocks"))
        return lag and lag.group(1) == "0" and int(seen.group(1)) >= unblocks

    wait_for(has, f"the serial of {consumer}")


def rules(daemon, *args, **kw):
    """{owner without the zone: target} of a whole transfer."""
    _, records = dig("127.0.0.1", ZONE, "AXFR", *args, port=daemon.rpz_port, **kw)
    return {r[0][:-len(ZONE) - 2]: r[4] for r in records if r[3] == "CNAME"}


def transfer(daemon, kind, key=None):
    """All records of an answer, in order, as "owner type data"."""
    _, records = dig("127.0.0.1", ZONE, kind, port=daemon.rpz_port, key=key)
    return [" ".join([r[0], *r[3:]]) for r in records if r[3] in ("SOA", "NS", "CNAME")]


def serial(daemon):
    return int(transfer(daemon, "SOA")[0].split()[4])


def test_unbound(deciding, serve, upstream, starts, tmp_path):
    daemon = serve(deciding)
    unbound = Unbound(tmp_path / "unbound", ZONE, f"127.0.0.1:{daemon.rpz_port}", upstream)
    feed(deciding, "--allow", "127.0.0.0/8", "--notify", f"{unbound.address}:{unbound.port}")
    block(deciding, "first.example")
    starts(unbound)
    unbound.becomes("first.example", GONE)
    assert unbound.ask("evil.example") == HERE
    whole = metric(daemon, 'transfers_total{kind="whole"}')
    block(deciding, "evil.example", "198.51.100.0/24", "203.0.113.9")
    for name in ("evil.example", "deep.below.evil.example", "a.example", "b.example"):
        unbound.becomes(name, GONE)
    assert unbound.ask("notevil.example") == HERE
    unblock(deciding, "evil.example", "198.51.100.0/24")
    unbound.becomes("evil.example", HERE)
    unbound.becomes("deep.below.evil.example", HERE)
    unbound.becomes("a.example", ADDRESSES["a.example"])
    assert unbound.ask("first.example") == unbound.ask("b.example") == GONE
    assert metric(daemon, 'transfers_total{kind="whole"}') == whole  # never all of it for a change: Unbound stands still for that
    assert metric(daemon, 'transfers_total{kind="difference"}') >= 2
    assert metric(daemon, "notifies_acknowledged_total") >= 2
    knows(daemon, "127.0.0.1", 2)


def test_bind(deciding, serve, upstream, starts, tmp_path):
    """With a key; an update while it was down comes as a difference; another policy of the feed as a whole."""
    daemon = serve(deciding)
    feed(deciding)
    bind = Bind(tmp_path / "bind", ZONE, f"127.0.0.1:{daemon.rpz_port}", upstream, ("", ""))
    bind.key, bind.secret = key(deciding, "nayatel", "--notify", f"{bind.address}:{bind.port}")
    block(deciding, "evil.example", "stays.example", "198.51.100.7", "2001:db8::7", "2001:db8:0:1:1:0:0:7", "2001:db8:0:1:1:1:1:1",
          "2001:db8:0:0:1:0:0:7", "2001:db8:0:0:1::/80")
    starts(bind)
    bind.becomes("evil.example", GONE)
    bind.becomes("x.evil.example", GONE)
    bind.becomes("a.example", GONE)
    unblock(deciding, "evil.example")
    bind.becomes("evil.example", HERE)
    bind.stop()
    whole, differences = metric(daemon, 'transfers_total{kind="whole"}'), metric(daemon, 'transfers_total{kind="difference"}')
    block(deciding, "later.example")
    unblock(deciding, "stays.example", "198.51.100.7")
    bind.start()
    bind.becomes("later.example", GONE)
    bind.becomes("stays.example", HERE)
    bind.becomes("a.example", ADDRESSES["a.example"])
    assert metric(daemon, 'transfers_total{kind="whole"}') == whole
    assert metric(daemon, 'transfers_total{kind="difference"}') > differences
    log = bind.log.read_text()
    assert "not the canonical" not in log and "invalid rpz" not in log.lower(), log[-3000:]
    assert "retry limit" not in log
    unblock(deciding, "later.example")
    bind.becomes("later.example", HERE)
    knows(daemon, "nayatel", 3)


def test_wrong_key(deciding, serve, upstream, starts, tmp_path):
    daemon = serve(deciding)
    feed(deciding)
    good = key(deciding, "nayatel")
    block(deciding, "evil.example")
    bind = Bind(tmp_path / "bind", ZONE, f"127.0.0.1:{daemon.rpz_port}", upstream, (good[0], "d3JvbmcgLSB3cm9uZyAtIHdyb25nIC0gd3JvbmcgISE="))
    starts(bind)
    wait_for(lambda: metric(daemon, "bad_signatures_total") >= 1, "a request with the wrong key")
    assert bind.ask("evil.example") in (HERE, "SERVFAIL")  # it has no zone
    assert metric(daemon, "records_total") == 0
    for name, secret, code in ((good[0], "d3Jvbmc=", "BADSIG"), ("nobody.isp", good[1], "BADKEY")):
        out = subprocess.run(["dig", "@127.0.0.1", "-p", str(daemon.rpz_port), "-y", f"hmac-sha256:{name}:{secret}", ZONE, "AXFR"],
                             capture_output=True, text=True).stdout
        assert code in out and "CNAME" not in out, out
    assert dig("127.0.0.1", ZONE, "SOA", port=daemon.rpz_port)[0] == "REFUSED"  # and none at all
    assert dig("127.0.0.1", "other.example", "SOA", port=daemon.rpz_port)[0] == "REFUSED"
    assert rules(daemon, key=dig_key(good)) == {"evil.example": ".", "*.evil.example": "."}
    rotated = key(deciding, "nayatel", "--rotate")
    assert rules(daemon, key=dig_key(good)) == {}
    assert rules(daemon, key=dig_key(rotated)) == {"evil.example": ".", "*.evil.example": "."}


def test_knot(deciding, serve, starts, tmp_path):
    """A secondary has exactly the records that are served, through many changes, whichever way they come."""
    daemon = serve(deciding)
    feed(deciding, "--passthru")
    knot = Knot(tmp_path / "knot", ZONE, f"127.0.0.1:{daemon.rpz_port}", ("", ""))
    knot.key, knot.secret = key(deciding, "nayatel", "--notify", f"{knot.address}:{knot.port}")
    k = dig_key((knot.key, knot.secret))
    block(deciding, "one.example", "*.two.example", "198.51.100.7")
    starts(knot)

    def same():
        mine = rules(daemon, key=k)
        return {o[:-len(ZONE) - 2]: t for o, t in knot.records().items()} == mine and mine

    wait_for(same, "the zone at Knot")
    unblock(deciding, "one.example")
    block(deciding, "three.example", "2001:db8::/32", "one.example")
    deciding.run("protect", "add", "good.three.example", "--why", "a shop", code=None)
    for i in range(20):
        block(deciding, f"name{i}.example")
        if i % 3 == 0:
            unblock(deciding, f"name{i}.example")
    wait_for(same, "the changed zone at Knot")
    assert "IXFR" in knot.log.read_text()


def test_other_changes(deciding, serve, upstream, starts, tmp_path):
    """What is none of a feed's business is an empty difference, which all of them take for what it is."""
    daemon = serve(deciding)
    primary = f"127.0.0.1:{daemon.rpz_port}"
    unbound = Unbound(tmp_path / "unbound", ZONE, primary, upstream)
    bind, knot = Bind(tmp_path / "bind", ZONE, primary, upstream, ("", "")), Knot(tmp_path / "knot", ZONE, primary, ("", ""))
    feed(deciding, "--reasons", "malware", "--allow", "127.0.0.1", "--notify", f"{unbound.address}:{unbound.port}")
    block(deciding, "first.example", reason="malware")
    for s in (bind, knot):
        s.key, s.secret = key(deciding, s.program, "--notify", f"{s.address}:{s.port}")
    for s in (unbound, bind, knot):
        starts(s)
    for s in (unbound, bind):
        s.becomes("first.example", GONE)
    wait_for(lambda: knot.serial() == 1, "the zone at Knot")
    for i in range(3):
        block(deciding, f"other{i}.example", reason="phishing")
        wait_for(lambda: knot.serial() == 2 + i, "the serial at Knot")
    block(deciding, "evil.example", reason="malware")
    for s in (unbound, bind):
        s.becomes("evil.example", GONE)
        assert s.ask("other1.example") == HERE
    wait_for(lambda: knot.serial() == 5, "the serial at Knot")
    assert sorted(knot.records()) == sorted(f"{o}.{ZONE}." for o in ("first.example", "*.first.example", "evil.example", "*.evil.example"))
    assert metric(daemon, 'transfers_total{kind="whole"}') == 3


def test_powerdns(deciding, serve, starts, upstream, tmp_path):
    daemon = serve(deciding)
    feed(deciding, "--ttl", "1")
    name, secret = key(deciding, "nayatel")
    block(deciding, "first.example")
    recursor = Recursor(tmp_path / "recursor", upstream)
    with open(deciding.path / "sipar.conf", "a") as conf:
        conf.write(f"rpz = 127.0.0.1:{daemon.rpz_port}\n")
    lines = deciding.run("feed", "show", "isp", "--config", "powerdns", "--consumer", "nayatel").out
    recursor.line = lines.replace("SECRET", secret).replace("refresh=5", "refresh=1")
    starts(recursor)
    recursor.becomes("first.example", GONE)
    assert recursor.ask("evil.example") == HERE
    block(deciding, "evil.example", "198.51.100.7")
    recursor.becomes("evil.example", GONE)
    recursor.becomes("x.evil.example", GONE)
    recursor.becomes("a.example", GONE)
    unblock(deciding, "evil.example")
    recursor.becomes("evil.example", HERE)
    assert metric(daemon, 'transfers_total{kind="whole"}') == 1


def test_answers(deciding, serve, starts, upstream, tmp_path):
    """What a policy answers; another policy is taken whole with the next change, since a difference would leave the old records."""
    daemon = serve(deciding)
    feed(deciding, "--allow", "127.0.0.1")
    block(deciding, "evil.example")
    for words, target in (((), "."), (("answer=nodata",), "*."), (("answer=drop",), "rpz-drop."), (("answer=garden", "garden=w.example"), "w.example.")):
        if words:
            deciding.run("feed", "set", "isp", *words)
        assert rules(daemon) == {"evil.example": target, "*.evil.example": target}
    before = serial(daemon)
    assert before == 4  # one decision, three changes of the feed
    block(deciding, "more.example", reason="malware")
    assert transfer(daemon, f"IXFR={before - 1}")[1].split()[1] == "NS"  # a whole zone: it has other targets
    assert transfer(daemon, f"IXFR={before}")[1].split()[1] == "SOA"
    deciding.run("feed", "set", "isp", "reasons=malware")
    assert serial(daemon) == before + 2
    assert "evil.example" not in rules(daemon)
    assert transfer(daemon, f"IXFR={before + 1}")[1].split()[1] == "NS"
    assert len(transfer(daemon, f"IXFR={before + 2}")) == 1
    block(deciding, "last.example", reason="malware")
    assert transfer(daemon, f"IXFR={before + 1}")[1].split()[1] == "NS"
    assert transfer(daemon, f"IXFR={before + 2}")[1].split()[1] == "SOA"


def test_changed_feed(deciding, serve, upstream, starts, tmp_path):
    """Another selection reaches resolvers by itself, whole, and once; what is decided then comes as a difference again.  The serial never goes
    back: not with a restart, and not when the feed is removed and another one gets its zone."""
    daemon = serve(deciding)
    primary = f"127.0.0.1:{daemon.rpz_port}"
    unbound = Unbound(tmp_path / "unbound", ZONE, primary, upstream)
    knot = Knot(tmp_path / "knot", ZONE, primary, ("", ""))
    allow = ["--allow", "127.0.0.0/8", "--notify", f"{unbound.address}:{unbound.port}"]
    feed(deciding, *allow)
    knot.key, knot.secret = key(deciding, "knot", "--notify", f"{knot.address}:{knot.port}")
    block(deciding, "evil.example")
    block(deciding, "bad.example", reason="malware")
    for s in (unbound, knot):
        starts(s)
    unbound.becomes("evil.example", GONE)
    wait_for(lambda: knot.serial() == 2, "the zone at Knot")
    deciding.run("feed", "set", "isp", "reasons=malware")
    unbound.becomes("evil.example", HERE)
    assert unbound.ask("bad.example") == GONE
    wait_for(lambda: knot.serial() == 3 == serial(daemon), "the other zone at Knot")
    assert sorted(knot.records()) == [f"*.bad.example.{ZONE}.", f"bad.example.{ZONE}."]
    whole = metric(daemon, 'transfers_total{kind="whole"}')
    block(deciding, "worse.example", reason="malware")
    unbound.becomes("worse.example", GONE)
    wait_for(lambda: knot.serial() == 4, "the change at Knot")
    assert metric(daemon, 'transfers_total{kind="whole"}') == whole
    deciding.run("feed", "set", "isp", "allow=127.0.0.0/8")  # changes nothing that is in it
    assert serial(daemon) == 4
    assert daemon.stop() == 0
    daemon = serve(deciding, "--rpz", primary)
    assert serial(daemon) == 4 and rules(daemon).keys() == {o + n for o in ("", "*.") for n in ("bad.example", "worse.example")}
    deciding.run("feed", "set", "isp", "reasons=all")
    unbound.becomes("evil.example", GONE)
    wait_for(lambda: knot.serial() == 5, "the first zone at Knot")
    deciding.run("feed", "remove", "isp")
    deciding.run("feed", "add", "other", "--type", "rpz", "--zone", ZONE, "--answer", "nodata", *allow)
    assert serial(daemon) == 6
    unbound.becomes("evil.example", "NOERROR")


def test_differences(deciding, serve):
    daemon = serve(deciding)
    feed(deciding, "--allow", "127.0.0.1")
    for i in range(3):
        block(deciding, f"n{i}.example")
    unblock(deciding, "n0.example")
    newest = int(transfer(daemon, "SOA")[0].split()[4])
    assert transfer(daemon, f"IXFR={newest}") == transfer(daemon, "SOA")
    assert transfer(daemon, f"IXFR={newest + 5}") == transfer(daemon, "SOA")
    answer = transfer(daemon, f"IXFR={newest - 2}")  # of what came and what went, condensed
    serials = [r.split()[4] for r in answer if r.split()[1] == "SOA"]
    assert serials == [str(s) for s in (newest, newest - 2, newest, newest)]
    assert answer[2:4] == ["n0.example.rpz.example. CNAME .", "*.n0.example.rpz.example. CNAME ."]
    assert answer[5:7] == ["n2.example.rpz.example. CNAME .", "*.n2.example.rpz.example. CNAME ."]
    _, udp = dig("127.0.0.1", ZONE, f"IXFR={newest - 2}", "+notcp", port=daemon.rpz_port)
    assert len(udp) == len(answer)
    for i in range(60):
        block(deciding, f"a-name-that-is-rather-long-{i}.example")
    _, udp = dig("127.0.0.1", ZONE, f"IXFR={newest}", "+notcp", port=daemon.rpz_port)
    assert [r[3] for r in udp] == ["SOA"]  # too large: by TCP, please
    assert len(transfer(daemon, f"IXFR={newest}")) == 4 + 120


def test_restart(deciding, serve):
    """The serial goes on, and who was away while the daemon was, too, gets a difference."""
    daemon = serve(deciding)
    feed(deciding, "--allow", "127.0.0.1")
    block(deciding, "one.example")
    before = int(transfer(daemon, "SOA")[0].split()[4])
    assert daemon.stop() == 0
    block(deciding, "two.example")
    daemon = serve(deciding)
    answer = transfer(daemon, f"IXFR={before}")
    assert answer[1:] == [f"rpz.example. SOA localhost. nobody.localhost. {before} 60 30 604800 30",
                          f"rpz.example. SOA localhost. nobody.localhost. {before + 1} 60 30 604800 30", "two.example.rpz.example. CNAME .",
                          "*.two.example.rpz.example. CNAME .", f"rpz.example. SOA localhost. nobody.localhost. {before + 1} 60 30 604800 30"]


def test_large(deciding, serve, starts, tmp_path):
    """200,000 names, whole, at dig and at Knot; then a change of 20 to Knot as a difference."""
    daemon = serve(deciding)
    feed(deciding)
    knot = Knot(tmp_path / "knot", ZONE, f"127.0.0.1:{daemon.rpz_port}", ("", ""))
    knot.key, knot.secret = key(deciding, "nayatel", "--notify", f"{knot.address}:{knot.port}")
    names = tmp_path / "names"
    names.write_text("".join(f"host{i}.evil{i % 5000}.example\n" for i in range(200000)))
    deciding.run("block", "--from", names, "--reason", "malware")
    got = rules(daemon, key=dig_key((knot.key, knot.secret)))
    assert len(got) == 400000
    assert all(f"host{i}.evil{i % 5000}.example" in got and f"*.host{i}.evil{i % 5000}.example" in got for i in range(200000))
    starts(knot)
    wait_for(lambda: knot.serial() == 1, "the zone at Knot")
    assert len(knot.records()) == 400000
    deciding.run("block", *(f"new{i}.example" for i in range(20)), "--reason", "malware")
    wait_for(lambda: knot.serial() == 2, "the change at Knot")
    assert metric(daemon, 'transfers_total{kind="difference"}') == 1
    assert len(knot.records()) == 400040


def request(kind, zone=ZONE):
    name = b"".join(bytes([len(part)]) + part.encode() for part in zone.split(".")) + b"\0"
    message = struct.pack(">HHHHHH", 7, 0, 1, 0, 0, 0) + name + struct.pack(">HH", kind, 1)
    return struct.pack(">H", len(message)) + message


def connect_slow(daemon, kind):
    """A connection from 127.0.0.2 that has asked, and takes little before somebody reads."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(LIMIT)
    s.bind(("127.0.0.2", 0))
    s.connect(("127.0.0.1", daemon.rpz_port))
    s.sendall(request(kind))
    return s


def block_many(node, tmp_path):
    names = tmp_path / "names"
    names.write_text("".join(f"host{i}.evil{i % 5000}.example\n" for i in range(200000)))
    node.run("block", "--from", names, "--reason", "malware")


def test_slow_readers(deciding, serve, tmp_path):
    """Connections that ask for everything and read nothing hold up neither others nor decisions; and several requests come on one."""
    daemon = serve(deciding)
    feed(deciding, "--allow", "127.0.0.0/8")
    block_many(deciding, tmp_path)
    slow = [connect_slow(daemon, 252) for _ in range(40)]
    block(deciding, "new.example")
    assert "new.example" in rules(daemon)
    with socket.socket() as s:
        s.connect(("127.0.0.1", daemon.rpz_port))
        s.sendall(request(6) + request(6, "no.example") + request(6))
        octets = b""
        while len(octets) < 200:
            octets += s.recv(4096)
    assert octets.count(b"\x06nobody") == 2
    for s in slow:
        s.close()
    wait_for(lambda: metric(daemon, "transfers_broken_total") > 0, "the end of the slow ones")
    assert len(rules(daemon)) == 400002


def test_places_of_one_address(deciding, serve, tmp_path):
    """All places of an address are held by readers that do not read: one that stands still makes room for who comes, and for who waits."""
    daemon = serve(deciding)
    feed(deciding, "--allow", "127.0.0.0/8")
    block_many(deciding, tmp_path)

    def gets_in():
        with connect_slow(daemon, 6) as s:
            try:
                return b"nobody" in s.recv(4096)
            except ConnectionError:
                return False

    slow = [connect_slow(daemon, 252) for _ in range(16)]
    wait_for(lambda: metric(daemon, "requests_tcp_total") == 16, "all requests")
    wait_for(gets_in, "a place")
    wait_for(lambda: metric(daemon, "transfers_gave_way_total") >= 1, "the count of the one that gave way")  # its thread ends a moment later
    assert len(rules(daemon, "-b", "127.0.0.2")) == 400000  # in the queue behind those that do not read
    assert metric(daemon, "transfers_broken_total") >= 12
    for s in slow:
        s.close()


def test_knot_resolver(deciding, serve, upstream, starts, tmp_path):
    """What "feed show --config kresd" prints: a line of its configuration, and one of the crontab that brings the file, which it reads again."""
    daemon, folder = serve(deciding), tmp_path / "kresd"
    kresd = Kresd(folder, upstream)
    feed(deciding)
    api_key = json.loads(deciding.run("feed", "--json", "key", "isp", "nayatel").out)["api_key"]
    block(deciding, "evil.example", "*.wild.example", "198.51.100.7")
    printed = deciding.run("feed", "show", "isp", "--config", "kresd", "--server", "127.0.0.1", "--consumer", "nayatel").out
    lines = [line.replace("/var/lib/knot-resolver", str(folder)) for line in printed.splitlines()]
    kresd.line = next(line for line in lines if line.startswith("policy.add"))
    fetch = next(line for line in lines if line.startswith("* * * * * ")).removeprefix("* * * * * ")
    fetch = fetch.replace("SECRET", api_key).replace("127.0.0.1:8300", f"127.0.0.1:{daemon.http_port}")
    bring = lambda: subprocess.run(["sh", "-c", fetch], timeout=LIMIT, capture_output=True).returncode
    assert bring() == 0
    starts(kresd)
    for name in ("evil.example", "deep.below.evil.example", "x.wild.example"):
        assert kresd.ask(name) == GONE
    assert kresd.ask("wild.example") == kresd.ask("notevil.example") == HERE
    block(deciding, "later.example")
    unblock(deciding, "evil.example")
    assert bring() == 0
    kresd.becomes("later.example", GONE)
    kresd.becomes("evil.example", HERE)
    assert kresd.ask("deep.below.evil.example") == HERE and kresd.ask("x.wild.example") == GONE
    assert bring() == 1  # nothing new: the file stays as it is
    assert kresd.ask("later.example") == GONE
