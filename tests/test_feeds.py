"""Feeds as their consumers take them: with curl, with nft and ipset in a network of their own, and with our own readers."""
import gzip
import json
import pathlib
import shutil
import subprocess
import time

import pytest

from conftest import LIMIT, Node

DAY = ("--for", "1d")


def key_of(node, feed, consumer, *args):
    return json.loads(node.run("feed", "--json", "key", feed, consumer, *args).out)["api_key"]


def block(node, *values, reason="phishing", action="block"):
    node.run("block", "--reason", reason, "--action", action, *DAY, *values)


def values(text):
    return [line for line in text.splitlines() if line and line[0] not in "#!;"]


@pytest.fixture
def edge(decider, serve):
    """A daemon with a list of nine values, and the key to it."""
    daemon = serve(decider)
    decider.run("feed", "add", "edge", "--type", "list", "--challenge")
    block(decider, "evil.example", "198.51.100.7", "203.0.113.0/25", "203.0.113.128/25", "2001:db8::5", "http://evil.example/a,b?c",
          "user@evil.example")
    block(decider, "*.wild.example", reason="c2")
    block(decider, "192.0.2.9", action="challenge")
    return daemon, key_of(decider, "edge", "fw1")


def curl(daemon, path, *args):
    """(status, fields, octets)"""
    done = subprocess.run(["curl", "-s", "-i", *args, f"http://127.0.0.1:{daemon.http_port}{path}"], capture_output=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), dict((k.lower(), v) for k, v in (line.split(": ", 1) for line in lines[1:])), body


def test_a_key_opens_one_feed(edge):
    daemon, key = edge
    daemon.node.run("feed", "add", "other", "--type", "list")
    other = key_of(daemon.node, "other", "fw2")
    for args in (["-H", f"X-Api-Key: {key}"], ["-H", f"Authorization: Bearer {key}"], ["-u", f"anybody:{key}"]):
        status, fields, body = curl(daemon, "/v1/feeds/edge.txt", *args)
        assert status == 200 and b"198.51.100.7\n" in body and fields["cache-control"] == "private, no-cache"
    status, fields, body = curl(daemon, "/v1/feeds/edge.txt")
    assert status == 401 and fields["www-authenticate"].startswith("Basic") and json.loads(body)["status"] == 401
    assert curl(daemon, "/v1/feeds/edge.txt", "-H", f"X-Api-Key: {key[:-1]}x")[0] == 403
    assert curl(daemon, "/v1/feeds/edge.txt", "-H", "X-Api-Key: ")[0] == 401
    assert curl(daemon, "/v1/feeds/edge.txt", "-H", f"X-Api-Key: {other}")[0] == 403
    # without a key nobody learns which feeds there are
    assert curl(daemon, "/v1/feeds/nothing.txt")[0] == 401
    assert curl(daemon, "/v1/feeds/nothing.txt", "-H", f"X-Api-Key: {key}")[0] == 404
    assert json.loads(curl(daemon, "/v1/feeds")[2])["feeds"] == []
    assert [f["feed"] for f in json.loads(curl(daemon, "/v1/feeds", "-H", f"X-Api-Key: {key}")[2])["feeds"]] == ["edge"]
    # a new key, and the old one is worth nothing at once
    new = key_of(daemon.node, "edge", "fw1", "--rotate")
    assert curl(daemon, "/v1/feeds/edge.txt", "-H", f"X-Api-Key: {key}")[0] == 403
    assert curl(daemon, "/v1/feeds/edge.txt", "-H", f"X-Api-Key: {new}")[0] == 200
    daemon.node.run("feed", "key", "edge", "fw1", "--remove")
    assert curl(daemon, "/v1/feeds/edge.txt", "-H", f"X-Api-Key: {new}")[0] == 403
    daemon.node.run("feed", "set", "edge", "open=yes")
    status, fields, _ = curl(daemon, "/v1/feeds/edge.txt")
    assert status == 200 and fields["cache-control"] == "no-cache"
    daemon.node.run("feed", "remove", "edge")
    assert curl(daemon, "/v1/feeds/edge.txt")[0] == 401


def test_nothing_is_sent_twice(edge):
    daemon, key = edge
    args = ["-H", f"X-Api-Key: {key}"]
    status, fields, whole = curl(daemon, "/v1/feeds/edge.csv", *args)
    assert status == 200 and fields["sipar-serial"] == "3"
    tag = fields["etag"]
    for sent in (tag, tag[2:], f'"x", {tag}', "*"):
        status, fields, body = curl(daemon, "/v1/feeds/edge.csv", *args, "-H", f"If-None-Match: {sent}")
        assert (status, body, fields["etag"]) == (304, b"", tag)
    assert curl(daemon, "/v1/feeds/edge.txt", *args, "-H", f"If-None-Match: {tag}")[0] == 200  # another form
    status, fields, body = curl(daemon, "/v1/feeds/edge.csv", *args, "-I", "-H", 'If-None-Match: "x"')
    assert (status, fields["etag"], body) == (200, tag, b"")
    status, fields, packed = curl(daemon, "/v1/feeds/edge.csv", *args, "-H", "Accept-Encoding: br, gzip")
    assert fields["content-encoding"] == "gzip" and "Accept-Encoding" in fields["vary"] and gzip.decompress(packed) == whole
    assert "content-encoding" not in curl(daemon, "/v1/feeds/edge.csv", *args, "-H", "Accept-Encoding: gzip;q=0")[1]
    daemon.node.run("unblock", "198.51.100.7", "--why", "mistake")
    status, fields, body = curl(daemon, "/v1/feeds/edge.csv", *args, "-H", f"If-None-Match: {tag}")
    assert status == 200 and fields["etag"] != tag and b"198.51.100.7" not in body
    tag = fields["etag"]
    daemon.node.run("feed", "set", "edge", "--reasons", "c2")  # another selection, at the same serial
    status, fields, body = curl(daemon, "/v1/feeds/edge.csv", *args, "-H", f"If-None-Match: {tag}")
    assert status == 200 and [line.split(",")[0] for line in values(body.decode())[1:]] == ["wild.example"]


def test_etags_of_curl_itself(edge, tmp_path):
    """The line that "feed show --config kresd" prints."""
    daemon, key = edge
    command = ["curl", "-sf", "-H", f"X-Api-Key: {key}", "--etag-compare", "e", "--etag-save", "e", "-o", "new",
               f"http://127.0.0.1:{daemon.http_port}/v1/feeds/edge.rpz"]
    for there in (True, False):
        assert subprocess.run(command, cwd=tmp_path, timeout=LIMIT).returncode == 0
        new = tmp_path / "new"
        assert (new.exists() and new.stat().st_size > 0) == there
        new.unlink(missing_ok=True)


def test_what_has_changed(edge):
    daemon, key = edge
    args = ["-H", f"X-Api-Key: {key}"]
    whole = json.loads(curl(daemon, "/v1/feeds/edge.json", *args)[2])
    assert whole["complete"] and whole["removed"] == [] and whole["count"] == len(whole["values"]) == 9
    have = {v["value"] for v in whole["values"]}
    same = json.loads(curl(daemon, f"/v1/feeds/edge.json?since={whole['serial']}", *args)[2])
    assert not same["complete"] and same["removed"] == same["values"] == []
    daemon.node.run("unblock", "198.51.100.7", "evil.example", "--why", "mistake")
    block(daemon.node, "new.example")
    block(daemon.node, "192.0.2.9")  # more than the challenge that it was
    delta = json.loads(curl(daemon, f"/v1/feeds/edge.json?since={whole['serial']}", *args)[2])
    assert not delta["complete"] and delta["since"] == whole["serial"] and delta["serial"] > whole["serial"]
    assert {v["value"] for v in delta["removed"]} == {"198.51.100.7", "evil.example"}
    assert {v["value"]: v["action"] for v in delta["values"]} == {"new.example": "block", "192.0.2.9": "block"}
    have = have - {v["value"] for v in delta["removed"]} | {v["value"] for v in delta["values"]}
    assert have == {v["value"] for v in json.loads(curl(daemon, "/v1/feeds/edge.json", *args)[2])["values"]}
    lines = values(curl(daemon, f"/v1/feeds/edge.txt?since={whole['serial']}", *args)[2].decode())
    assert sorted(lines[:3]) == ["- *.evil.example", "- 198.51.100.7", "- evil.example"]
    assert sorted(lines[3:]) == ["+ *.new.example", "+ 192.0.2.9", "+ new.example"]
    # a serial that never was: everything, and it says so
    text = curl(daemon, "/v1/feeds/edge.txt?since=1000", *args)[2].decode()
    assert "# complete" in text and all(line.startswith("+ ") for line in values(text))
    assert json.loads(curl(daemon, "/v1/feeds/edge.json?since=1000", *args)[2])["complete"]
    # the feed became another one: the changes of the decisions are not those of the feed
    before = json.loads(curl(daemon, "/v1/feeds/edge.json", *args)[2])
    daemon.node.run("feed", "set", "edge", "--reasons", "c2")
    for since in (before["serial"], before["next"]):
        other = json.loads(curl(daemon, f"/v1/feeds/edge.json?since={since}", *args)[2])
        assert other["complete"] and [v["value"] for v in other["values"]] == ["wild.example"]
    # ... and who has it as it is now is told what changes from here on, at once
    assert other["serial"] == before["serial"] and other["next"] != before["next"]
    assert not json.loads(curl(daemon, f"/v1/feeds/edge.json?since={other['next']}", *args)[2])["complete"]
    for path, status in (("edge.csv?since=1", 400), ("edge.json?since=x", 400), ("edge.json?since=1-x", 400), ("edge.json?until=1", 400), ("edge.doc", 404), ("edge", 404), (".txt", 404)):
        assert curl(daemon, f"/v1/feeds/{path}", *args)[0] == status, path


def test_a_cap_keeps_what_matters_most(decider, serve, tmp_path):
    feed = tmp_path / "feed.txt"
    feed.write_text("198.51.100.2\n")
    decider.counts("list", feed)
    daemon = serve(decider)
    decider.run("feed", "add", "edge", "--type", "list", "--max", "2", "--open")
    for last in range(1, 5):
        block(decider, f"198.51.100.{last}")
    body = curl(daemon, "/v1/feeds/edge.txt")[2].decode()
    assert values(body) == ["198.51.100.2", "198.51.100.4"]  # the one that scores, then the newest
    assert "2 more are behind the cap" in body
    assert json.loads(curl(daemon, "/v1/feeds/edge.json?since=3")[2])["complete"]
    # what is met stays, before what only scores; of what is met, score times hits
    at = int(time.time()) // 300 * 300 - 900
    log = "".join(f"[{at}] unbound[7:0] info: rpz: applied [x] rpz-ip 198.51.100.{last}/32 rpz-nxdomain 203.0.113.9@51234 a.example. A IN\n" * n for last, n in ((1, 7), (3, 6)))
    decider.run("hits", "--as", "isp/omar", stdin=log.encode())
    body = curl(daemon, "/v1/feeds/edge.txt")[2].decode()
    assert values(body) == ["198.51.100.1", "198.51.100.3"] and "2 more are behind the cap" in body
    log = f"[{at + 300}] unbound[7:0] info: rpz: applied [x] rpz-ip 198.51.100.2/32 rpz-nxdomain 203.0.113.9@5 a.example. A IN\n" * 5
    decider.run("hits", "--as", "isp/omar", stdin=log.encode())
    assert values(curl(daemon, "/v1/feeds/edge.txt")[2].decode()) == ["198.51.100.2", "198.51.100.1"]
    decider.run("unblock", "198.51.100.1", "--why", "mistake")
    assert values(curl(daemon, "/v1/feeds/edge.txt")[2].decode()) == ["198.51.100.2", "198.51.100.3"]
    decider.run("feed", "set", "edge", "--max", "4")
    block(decider, "198.51.100.1")
    assert len(values(curl(daemon, "/v1/feeds/edge.txt")[2].decode())) == 4


def test_our_own_readers_understand_them(edge, tmp_path):
    daemon, key = edge
    daemon.node.run("feed", "set", "edge", "challenge=no")
    for form, reader, want in (
        ("hosts", "hosts", {"evil.example"}),
        ("adblock", "adblock", {"evil.example", "x.wild.example", "http://evil.example/a,b?c"}),
        ("rpz", "rpz", {"evil.example", "a.evil.example", "x.wild.example", "198.51.100.7", "203.0.113.200", "2001:db8::5"}),
        ("suricata", "suricata", {"evil.example", "x.wild.example", "198.51.100.7", "203.0.113.1", "2001:db8::5"}),
        ("txt", None, {"evil.example", "198.51.100.7", "2001:db8::5", "user@evil.example"}),
    ):
        path = tmp_path / f"edge.{form}"
        path.write_bytes(curl(daemon, f"/v1/feeds/edge.{form}", "-H", f"X-Api-Key: {key}")[2])
        other = Node(tmp_path / form)
        other.run("init")
        counts = other.counts("edge", *(["--format", reader] if reader else []), path)
        assert counts["rejected"] == 0 and counts["accepted"] > 0, (form, counts)
        for value in want:
            assert other.listed(value), (form, value)
        assert not other.listed("198.51.100.8") and not other.listed("good.example")


def test_consumers_and_their_clock(edge):
    daemon, key = edge
    args = ["-H", f"X-Api-Key: {key}"]
    curl(daemon, "/v1/feeds/edge.txt", *args)
    shown = daemon.node.run("feed", "show", "edge").out
    assert "fw1" in shown and "has serial 3 (http)" in shown and key not in shown
    daemon.node.run("unblock", "198.51.100.7", "--why", "mistake")
    assert "STILL ENFORCES 1" in daemon.node.run("feed", "show", "edge").out
    metrics = daemon.get("/metrics")[2]
    assert 'sipar_consumer_still_enforces{feed="edge",consumer="fw1",how="http"} 1\n' in metrics
    assert 'sipar_consumer_lag{feed="edge",consumer="fw1",how="http"} 1\n' in metrics
    # a HEAD brings nothing, so nothing has arrived
    curl(daemon, "/v1/feeds/edge.txt", "-I", *args)
    assert "STILL ENFORCES 1" in daemon.node.run("feed", "show", "edge").out
    curl(daemon, "/v1/feeds/edge.txt", *args)
    seen = json.loads(curl(daemon, "/v1/feeds", *args)[2])["feeds"][0]["seen"][0]
    assert (seen["serial"], seen["behind"], seen["unblocks"]) == (4, 0, 1) and seen["max_ms"] >= seen["p50_ms"] >= 0
    assert "STILL" not in daemon.node.run("feed", "show", "edge").out
    assert "fw1" in daemon.node.run("decisions", "--consumers").out
    row = json.loads(daemon.node.run("decisions", "--consumers", "--json").out)
    assert (row["feed"], row["consumer"], row["current"], row["unblocks"]) == ("edge", "fw1", True, 1)


def test_the_file_of_feeds(decider, serve):
    path = decider.path / "feeds.conf"
    decider.run("feed", "add", "edge", "--type", "list")
    key = key_of(decider, "edge", "fw1")
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    for line, says in (("fed edge", 'none of "feed", "consumer" and "raised"'), ("feed x type=book", "none of snapshot, rpz and list"), ("feed edge type=list", "twice"),
                       ("consumer edge fw2 AAAA", "32 octets in base64"), ("consumer nothing fw2 " + "A" * 43 + "=", 'no feed "nothing"'),
                       ("feed y type=rpz max=3", '"max" does not go with a feed of type rpz'), ("feed y type=rpz zone=edge answer=garden", "garden")):
        path.write_text(text + line + "\n")
        done = decider.run("feed", "list", code=64)
        assert f"feeds.conf:{len(text.splitlines()) + 1}: " in done.err and says in done.err, done.err
    path.write_text(text)
    path.chmod(0o640)
    assert "others may read" in decider.run("feed", "list", code=2).err
    path.chmod(0o600)
    assert path.read_text() == text
    assert curl(serve(decider), "/v1/feeds/edge.txt", "-H", f"X-Api-Key: {key}")[0] == 200


def test_what_is_wrong_is_said(decider):
    run = lambda *args: decider.run("feed", *args, code=None)
    run("add", "isp", "--type", "rpz", "--zone", "rpz.example")
    for args, code, says in (
        (("add", "x"), 64, "--type"), (("add", "X", "--type", "list"), 64, "not the name of a feed"), (("add", "isp", "--type", "rpz"), 2, "already"),
        (("add", "x", "--type", "rpz", "--zone", "rpz.example"), 2, 'that of feed "isp"'), (("set", "isp", "--zone", "a b"), 64, "not a domain name"),
        (("set", "isp", "--reasons", "gambling"), 64, "none of the reasons"), (("set", "isp", "--notify", "192.0.2.1"), 64, "address with a port"),
        (("set", "isp", "--type", "list"), 64, "type of a feed stays"), (("set", "nothing", "max=1"), 2, "no feed"), (("key", "isp"), 64, "consumer"),
        (("key", "isp", "a b"), 64, "name of a consumer"), (("show", "isp", "--config", "dnsmasq"), 64, "none of unbound"),
        (("show", "isp", "--config", "nftables"), 64, "type list"), (("remove", "nothing"), 2, "no feed"), (("set", "isp", "--allow", "x"), 64, "neither an address"),
        (("key", "isp", "n", "--rotate"), 2, "no consumer"),
    ):
        done = run(*args)
        assert done.returncode == code and says in done.err, (args, done.returncode, done.err)
    assert decider.run("feed", "list").out.splitlines() == ["isp type=rpz zone=rpz.example  (0 consumers)"]


def test_lines_for_others_are_lines(decider):
    decider.run("feed", "add", "edge", "--type", "list")
    for option in ("--server", "--consumer"):
        assert "control character" in decider.run("feed", "show", "edge", "--config", "curl", option, "192.0.2.1\nserver: evil", code=64).err


def test_lines_for_others(decider):
    decider.run("feed", "add", "isp", "--type", "rpz", "--zone", "rpz.example")
    decider.run("feed", "add", "edge", "--type", "list")
    decider.run("feed", "key", "isp", "nayatel")
    for which, has in (("unbound", ["primary: 192.0.2.1@5310", 'name: "rpz.example"']), ("bind", ["192.0.2.1 port 5310", 'key "nayatel.isp"', "min-update-interval 0"]),
                       ("knot", ["address: 192.0.2.1@5310"]), ("powerdns", ["refresh=5"]), ("kresd", ["/v1/feeds/isp.rpz"])):
        lines = decider.run("feed", "show", "isp", "--config", which, "--server", "192.0.2.1", "--consumer", "nayatel").out
        assert all(text in lines for text in has), lines
    assert "zonefile:" not in [line.strip() for line in decider.run("feed", "show", "isp", "--config", "unbound").out.splitlines()]
    for which, has in (("nftables", "@edge_net4 drop"), ("enforce", "sipar enforce nft --url http://[2001:db8::1]:8300/ --feed edge"), ("crowdsec", "api_url: http://[2001:db8::1]:8300/"), ("curl", "http://[2001:db8::1]:8300/v1/feeds/edge.txt")):
        assert has in decider.run("feed", "show", "edge", "--config", which, "--server", "2001:db8::1").out
    with open(decider.path / "sipar.conf", "a") as conf:
        conf.write("rpz = 0.0.0.0:53\n")
    assert "--server" in decider.run("feed", "show", "isp", "--config", "bind", code=64).err


# Sends to each address from a socket of the same network; nftables refuses what is dropped on its way out.
SEND = """
import socket, sys
for address in sys.argv[1:]:
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        s.sendto(b"x", (address, 9))
        print(address, "passes")
    except PermissionError:
        print(address, "dropped")
"""


def outcome(lan, *addresses):
    return dict(line.split() for line in lan.python(SEND, *addresses).splitlines())


@pytest.fixture
def firewall(lan, decider):
    """A daemon in a network where everything is on loopback."""
    for address in ("198.51.100.0/24", "203.0.113.0/24"):
        lan.run("ip", "route", "add", "local", address, "dev", "lo")
    lan.run("ip", "-6", "route", "add", "local", "2001:db8::/32", "dev", "lo")
    decider.within = lan.within
    decider.run("feed", "add", "edge-1", "--type", "list", "--open")
    block(decider, "198.51.100.7", "203.0.113.0/25", "203.0.113.128/26", "2001:db8::5", "2001:db8:1::/48", "evil.example")
    return lan


WATCHED = ("198.51.100.7", "198.51.100.8", "203.0.113.1", "203.0.113.190", "203.0.113.200", "2001:db8::5", "2001:db8::6", "2001:db8:1::9")
BEFORE = dict.fromkeys(WATCHED, "dropped") | dict.fromkeys(("198.51.100.8", "203.0.113.200", "2001:db8::6"), "passes")
AFTER = dict.fromkeys(WATCHED, "passes") | dict.fromkeys(("203.0.113.1", "203.0.113.190"), "dropped")


def fetch(lan, daemon, form):
    return lan.run("curl", "-sf", f"http://127.0.0.1:{daemon.http_port}/v1/feeds/edge-1.{form}")


def test_nft_drops_and_passes_again(firewall, decider, serve):
    lan, daemon = firewall, serve(decider)
    if not shutil.which("nft"):
        pytest.skip("there is no nft(8)")
    lan.run("nft", "-f", "-", stdin=fetch(lan, daemon, "nft"))
    lines = decider.run("feed", "show", "edge-1", "--config", "nftables").out
    lan.run("nft", "-f", "-", stdin=lines[lines.index("table inet sipar"):])
    assert outcome(lan, *WATCHED) == BEFORE
    decider.run("unblock", "198.51.100.7", "2001:db8::5", "2001:db8:1::/48", "--why", "mistake")
    lan.run("nft", "-f", "-", stdin=fetch(lan, daemon, "nft"))  # the same file anew: the sets are replaced, the rules stay
    assert outcome(lan, *WATCHED) == AFTER


def test_ipset_drops_and_passes_again(firewall, decider, serve):
    lan, daemon = firewall, serve(decider)
    if not shutil.which("ipset") or not shutil.which("iptables"):
        pytest.skip("there is no ipset(8) or no iptables(8)")
    lan.run("ipset", "restore", stdin=fetch(lan, daemon, "ipset"))
    for family, command in (("4", "iptables"), ("6", "ip6tables")):
        for which in ("ip", "net"):
            lan.run(command, "-A", "OUTPUT", "-m", "set", "--match-set", f"edge_1_{which}{family}", "dst", "-j", "DROP")
    assert outcome(lan, *WATCHED) == BEFORE
    decider.run("unblock", "198.51.100.7", "2001:db8::5", "2001:db8:1::/48", "--why", "mistake")
    lan.run("ipset", "restore", stdin=fetch(lan, daemon, "ipset"))
    assert outcome(lan, *WATCHED) == AFTER
    assert sorted(lan.run("ipset", "list", "-n").split()) == ["edge_1_ip4", "edge_1_ip6", "edge_1_net4", "edge_1_net6"]


def test_a_backup_has_them(decider, tmp_path):
    decider.run("feed", "add", "edge", "--type", "list")
    decider.run("feed", "key", "edge", "fw1")
    decider.run("backup", tmp_path / "copy")
    other = Node(tmp_path / "other")
    other.run("restore", tmp_path / "copy")
    assert (other.path / "feeds.conf").read_bytes() == (decider.path / "feeds.conf").read_bytes()
    assert (other.path / "feeds.conf").stat().st_mode & 0o777 == 0o600
    assert other.run("feed", "list").out == "edge type=list  (1 consumer)\n"


def test_hits_come_back(edge):
    """From the log of a resolver, by the verb that its operator runs, to the node that the feed is of."""
    daemon, key = edge
    node, now = daemon.node, int(time.time()) // 300 * 300 - 600
    log = "".join(f"[{now + i}] unbound[77:0] info: rpz: applied [sipar] evil.example. rpz-nxdomain 203.0.113.{i}@51234 evil.example. A IN\n" for i in range(7))
    post = lambda secret: ["hits", "--json", "--post", f"http://x:{secret}@127.0.0.1:{daemon.http_port}/v1/hits"]
    assert json.loads(node.run(*post(key), stdin=log.encode()).out)["reports"] == 1
    assert json.loads(node.run(*post(key), stdin=log.encode()).out) | {"reports": 0, "known": 1} == json.loads(node.run(*post(key), stdin=log.encode()).out)
    assert node.run(*post("x" * 40), stdin=log.encode(), code=2).err
    told = [json.loads(line) for line in node.run("log", "--json", "--lane", "decisions", "-n", "1").out.splitlines()]
    assert told[0]["party"] == "fw1.edge" and "203.0.113" not in json.dumps(told)
    assert curl(daemon, "/v1/hits", "-H", f"X-Api-Key: {key}", "-H", "Content-Type: application/json", "-d", "{}")[0] == 400
    assert curl(daemon, "/v1/hits", "-H", "Content-Type: application/json", "-d", "{}")[0] == 401
