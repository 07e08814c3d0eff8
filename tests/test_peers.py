"""Peers: whole lanes of another node, mirrored and verified; what is taken back there is taken back here, and two histories are seen."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import urllib.request

import pytest

from conftest import LIMIT, Node, wait_for


def make(tmp_path, name):
    n = Node(tmp_path / name)
    n.run("init", "--name", f"{name}.example")
    with open(n.path / "sipar.conf", "a") as conf:
        conf.write("approvals = 0\nparties = 1\n")
    return n


@pytest.fixture
def hub(tmp_path):
    return make(tmp_path, "hub")


@pytest.fixture
def isp(tmp_path):
    return make(tmp_path, "isp")


def add(node, name, peer, daemon, lanes="public", *options, code=0):
    return node.run("peer", "add", name, "--url", f"http://127.0.0.1:{daemon.http_port}/", "--key", peer.path / "node.pub", "--lanes", lanes,
                    "--every", "50ms", *options, code=code)


def status(node, lane=None):
    rows = [json.loads(line) for line in node.run("peer", "status", "--json", code=None).out.splitlines()]
    return next(r for r in rows if r["lane"] == lane) if lane else rows


def size(node, lane="public"):
    return json.loads(node.run("lane", "show", lane, "--json").out)["entries"]


def level(node, lane, peer, there="public"):
    wait_for(lambda: (lambda s: s["state"] == "ok" and s["size"] == size(peer, there))(status(node, lane)), f"all of {lane}")


def digest(node, lane):
    done = json.loads(node.run("rebuild", "--digest", "--lane", lane, "--json").out)
    return done["digest"], done["claims"], done["entries"]


def same(hub, isp, there="public", here="hub.public"):
    assert digest(hub, there) == digest(isp, here)


def told(node, source, *values, lane="public"):
    node.run("import", "-q", "--source", source, "--lane", lane, "-", stdin="".join(v + "\n" for v in values).encode())


def verified(node):
    done = json.loads(node.run("verify", "--json", code=None).out.splitlines()[-1])
    assert done["findings"] == 0, done
    return done


def test_a_lane_is_mirrored(hub, isp, serve):
    """What the hub has and gets counts here; its sources are its own; a third party audits it through the mirror; it survives restarts and rebuilds."""
    for i in range(30):
        told(hub, f"s{i % 3}", f"192.0.2.{i}", "kept.example")
    at, here = serve(hub), serve(isp)
    add(isp, "hub", hub, at)
    level(isp, "hub.public", hub)
    same(hub, isp)
    assert here.lookup("192.0.2.29")["listed"] and not here.lookup("192.0.2.1")["listed"]  # a snapshot replaces
    assert here.lookup("kept.example")["sources"] == ["hub.s0", "hub.s1", "hub.s2"]
    told(hub, "s0", "192.0.2.77")
    wait_for(lambda: here.lookup("192.0.2.77")["listed"], "what was told at the hub")
    assert here.lookup("192.0.2.77")["sources"] == ["hub.s0"]
    isp.run("source", "set", "hub.s0", "--weight", "0")
    assert here.lookup("192.0.2.77")["score"] == 0
    level(isp, "hub.public", hub)
    same(hub, isp)

    url = f"http://127.0.0.1:{here.http_port}/lanes/hub.public"
    audit = subprocess.run([os.environ.get("SIPAR", "build/sipar"), "verify", "--url", url, "--key", hub.path / "node.pub", "--bodies"],
                           capture_output=True, text=True, timeout=LIMIT)
    assert audit.returncode == 0, audit.stderr
    rows = json.loads(here.get("/lanes")[2])["lanes"]
    mirrored, own = (next(r for r in rows if r["name"] == name) for name in ("hub.public", "public"))
    assert mirrored["origin"] == "hub.example/lanes/public" and own["origin"] == "isp.example/lanes/public"
    assert mirrored["vkey"].split("+")[2] != own["vkey"].split("+")[2]

    assert here.stop() == 0
    assert status(isp, "hub.public")["state"] == "stopped"
    verified(isp)
    before = digest(isp, "hub.public")
    assert json.loads(isp.run("rebuild", "--json").out)["differed"] is False
    assert digest(isp, "hub.public") == before
    here = serve(isp)
    told(hub, "s1", "192.0.2.88")
    wait_for(lambda: here.lookup("192.0.2.88")["listed"], "what was told after the restart")


def test_nobody_else_writes_into_it(hub, isp, serve):
    told(hub, "s", "192.0.2.1")
    at, here = serve(hub), serve(isp)
    add(isp, "hub", hub, at)
    level(isp, "hub.public", hub)
    before = size(isp, "hub.public")
    done = isp.run("import", "--source", "mine", "--lane", "hub.public", "-", stdin=b"192.0.2.2\n", code=None)
    assert done.returncode == 2 and "mirrored" in done.err
    assert "mirrored" in isp.run("erase", "hub.public/1", "--reason", "x", code=2).err
    isp.run("lane", "create", "a.b", "--audience", "tlp:clear", code=64)
    assert size(isp, "hub.public") == before
    # The hub's sources cannot change ours, and our key does not sign the lane.
    told(isp, "mine", "192.0.2.3")
    isp.run("key", "rotate")
    assert size(isp, "hub.public") == before
    level(isp, "hub.public", hub)
    assert here.stop() == 0
    verified(isp)


def test_it_goes_on_after_kill_9(hub, isp, serve):
    """Either side is killed while much is on the way; nothing is lost and nothing doubled."""
    at = serve(hub)
    options = ("--http", f"127.0.0.1:{at.http_port}")
    for i in range(40):
        told(hub, f"s{i % 7}", f"198.51.100.{i}", f"n{i}.example")
    big = "".join(f"b{i}.example\n" for i in range(200000)).encode()
    hub.run("import", "-q", "--source", "big", "-", stdin=big)
    here = serve(isp)
    add(isp, "hub", hub, at)
    for i in range(3):
        here.stop(signal.SIGKILL)
        here = serve(isp)
        at.stop(signal.SIGKILL)
        told(hub, "while", f"203.0.113.{i}")
        at = serve(hub, *options)
    level(isp, "hub.public", hub)
    same(hub, isp)
    assert here.lookup("b199999.example")["listed"] and here.lookup("203.0.113.2")["listed"]
    at.stop(signal.SIGKILL)
    wait_for(lambda: status(isp, "hub.public")["state"] == "unreachable", "that the hub is not there")
    assert isp.run("peer", "status", code=1)
    assert here.lookup("b199999.example")["listed"]
    assert here.stop() == 0
    verified(isp)


def test_an_erasure_travels(hub, isp, serve):
    told(hub, "s", "secret.example")
    told(hub, "t", "other.example")
    at, here = serve(hub), serve(isp)
    add(isp, "hub", hub, at)
    level(isp, "hub.public", hub)
    assert here.lookup("secret.example")["listed"]
    hub.run("erase", "public/1", "--reason", "court order 17")
    wait_for(lambda: not here.lookup("secret.example")["listed"], "the erasure")
    level(isp, "hub.public", hub)
    assert here.lookup("other.example")["listed"]
    same(hub, isp)
    assert here.stop() == 0
    octets = b"".join(f.read_bytes() for f in isp.path.glob("ledger.db*"))
    assert b"secret.example" not in octets and b"other.example" in octets
    verified(isp)
    # One who begins later never gets it.
    late = make(isp.path.parent, "late")
    there = serve(late)
    add(late, "hub", hub, at)
    level(late, "hub.public", hub)
    assert not there.lookup("secret.example")["listed"] and there.lookup("other.example")["listed"]
    same(hub, late)
    assert there.stop() == 0
    verified(late)


def test_what_is_not_public_is_not_given(hub, isp, serve):
    told(hub, "s", "secret.example", lane="members")
    at, here = serve(hub), serve(isp)
    add(isp, "hub", hub, at, "public,members")
    wait_for(lambda: status(isp, "hub.members")["state"] == "refused", "a refusal")
    assert "no such lane" in status(isp, "hub.members")["reason"]
    level(isp, "hub.public", hub)
    assert "hub.members" not in isp.run("lane", "list").out
    isp.run("peer", "set", "hub", "--token-file", token(hub, isp, "amber"))
    level(isp, "hub.members", hub, "members")
    assert not here.lookup("secret.example")["listed"]  # nor is it shown to everybody here
    assert isp.listed("secret.example")
    assert here.get("/lanes/hub.members/checkpoint")[0] == 404
    assert "not for others" in isp.run("peer", "set", "hub", "--lanes", "node", code=64).err


def test_a_mirror_of_a_mirror_and_no_circle(hub, isp, tmp_path, serve):
    """By its full name it is given on, under its own origin; and nothing comes back to where it is from, nor twice."""
    told(hub, "s", "192.0.2.1")
    at, here = serve(hub), serve(isp)
    add(isp, "hub", hub, at)
    level(isp, "hub.public", hub)
    edge = make(tmp_path, "edge")
    there = serve(edge)
    edge.run("peer", "add", "isp", "--url", f"http://127.0.0.1:{here.http_port}", "--key", hub.path / "node.pub", "--key", isp.path / "node.pub",
             "--lanes", "public,hub.public", "--every", "50ms")
    level(edge, "isp.hub.public", hub)
    level(edge, "isp.public", isp)
    assert there.lookup("192.0.2.1")["sources"] == ["isp.s"]
    same(hub, edge, here="isp.hub.public")
    hub.run("peer", "add", "isp", "--url", f"http://127.0.0.1:{here.http_port}/", "--key", hub.path / "node.pub", "--lanes", "hub.public", "--every", "50ms")
    wait_for(lambda: "of this node itself" in status(hub, "isp.hub.public")["reason"], "that a circle is refused")
    edge.run("peer", "add", "hub", "--url", f"http://127.0.0.1:{at.http_port}/", "--key", hub.path / "node.pub", "--lanes", "public", "--every", "50ms")
    wait_for(lambda: "mirrored already" in status(edge, "hub.public")["reason"], "that it is not taken twice")
    assert "isp.hub.public" not in hub.run("lane", "list").out


def stopped_copy(node, tmp_path):
    """The ledger as it is, while nothing runs."""
    shutil.copy(node.path / "ledger.db", tmp_path / "old.db")


def restore(node, tmp_path):
    for f in node.path.glob("ledger.db*"):
        f.unlink()
    shutil.copy(tmp_path / "old.db", node.path / "ledger.db")
    shutil.rmtree(node.path / "table")


def test_a_roll_back_and_a_fork_are_refused_and_shown(hub, isp, tmp_path, serve):
    told(hub, "s", "192.0.2.1")
    hub.run("lane", "list")
    stopped_copy(hub, tmp_path)
    at, here = serve(hub), serve(isp)
    options = ("--http", f"127.0.0.1:{at.http_port}")
    add(isp, "hub", hub, at)
    told(hub, "s", "192.0.2.1", "192.0.2.2")
    told(hub, "s", "192.0.2.1", "192.0.2.3")
    level(isp, "hub.public", hub)
    assert at.stop() == 0
    shutil.copytree(hub.path, tmp_path / "newest")
    restore(hub, tmp_path)
    at = serve(hub, *options)
    wait_for(lambda: status(isp, "hub.public")["state"] == "ROLLED BACK", "that the hub is rolled back")
    assert isp.run("peer", "status", code=1).out.count("ROLLED BACK") == 1
    assert "rolled back" in (isp.path / "serve.log").read_text()
    evidence = (isp.path / "peers" / "hub.public.held").read_text()
    assert evidence.startswith("rolled-back\n") and evidence.count("hub.example/lanes/public\n") == 2
    assert 'sipar_peer_forked{peer="hub",lane="hub.public"} 1' in here.get("/metrics")[2]
    assert here.lookup("192.0.2.3")["listed"]

    # It goes on another way: the mark stays until the operator says so, and then it is a fork.
    for i in range(5):
        told(hub, "s", f"198.51.100.{i}")
    before = size(isp, "hub.public")
    isp.run("peer", "trust", "hub", "public")
    wait_for(lambda: status(isp, "hub.public")["state"] == "FORKED", "that the hub is forked")
    assert "forked" in status(isp, "hub.public")["reason"] and size(isp, "hub.public") == before
    assert (isp.path / "peers" / "hub.public.held").read_text().startswith("forked\n")
    assert here.lookup("192.0.2.3")["listed"] and not here.lookup("198.51.100.4")["listed"]
    assert here.stop() == 0
    here = serve(isp)
    wait_for(lambda: status(isp, "hub.public")["state"] == "FORKED", "that it stays so")

    # The hub is put right: it goes on where it was.
    assert at.stop() == 0
    shutil.rmtree(hub.path)
    shutil.copytree(tmp_path / "newest", hub.path)
    at = serve(hub, *options)
    told(hub, "s", "192.0.2.9")
    isp.run("peer", "trust", "hub", "public")
    wait_for(lambda: here.lookup("192.0.2.9")["listed"], "that it goes on")
    level(isp, "hub.public", hub)
    same(hub, isp)
    assert isp.run("peer", "trust", "hub", "public", code=2)
    assert len(list((isp.path / "peers").iterdir())) == 2


def test_what_is_altered_on_the_way_is_no_fork(hub, isp, serve, tmp_path):
    """Another key than the hub's: nothing is taken."""
    told(hub, "s", "192.0.2.1")
    at, here = serve(hub), serve(isp)
    isp.run("peer", "add", "hub", "--url", f"http://127.0.0.1:{at.http_port}/", "--key", isp.path / "node.pub", "--lanes", "public", "--every", "50ms")
    wait_for(lambda: status(isp, "hub.public")["state"] == "refused", "a refusal")
    assert "not signed by the key" in status(isp, "hub.public")["reason"]
    isp.run("peer", "set", "hub", "--key", hub.path / "node.pub")
    level(isp, "hub.public", hub)
    # The hub gets a new key, and the lane says so.
    hub.run("key", "rotate")
    told(hub, "s", "192.0.2.2")
    wait_for(lambda: here.lookup("192.0.2.2")["listed"], "what was signed by the new key")
    level(isp, "hub.public", hub)
    assert here.stop() == 0
    verified(isp)


def test_the_difference_is_what_it_costs(hub, isp, serve):
    """Of a lane of megabytes, ten new entries: some kilobytes."""
    hub.run("import", "-q", "--source", "big", "-", stdin="".join(f"b{i}.example\n" for i in range(100000)).encode())
    at, here = serve(hub), serve(isp)
    isp.run("peer", "add", "hub", "--url", f"http://127.0.0.1:{at.http_port}/", "--key", hub.path / "node.pub", "--lanes", "public", "--every", "1h")
    level(isp, "hub.public", hub)
    before = status(isp, "hub.public")["octets"]
    assert before > 1000000
    for i in range(5):
        told(hub, f"new{i}", f"192.0.2.{i}")
    wait_for(lambda: here.lookup("192.0.2.4")["listed"], "the new ones, of which the stream of the hub has told")
    level(isp, "hub.public", hub)
    assert 1000 < status(isp, "hub.public")["octets"] - before < 20000


def test_the_verb(hub, isp, serve):
    at = serve(hub)
    done = isp.run("peer", "add", "Hub", "--url", "https://hub.example/", "--key", hub.path / "node.pub", "--lanes", "public", code=64)
    assert "not the name of a peer" in done.err
    assert "no key" in isp.run("peer", "add", "hub", "--url", "https://hub.example/", "--lanes", "public", code=64).err
    assert "no lane" in isp.run("peer", "add", "hub", "--url", "https://hub.example/", "--key", hub.path / "node.pub", code=64).err
    (isp.path / "token").write_text("sipar_x_secret\n")
    add(isp, "hub", hub, at, "public", "--token-file", isp.path / "token")
    assert "already" in add(isp, "hub", hub, at, "public", code=2).err
    listed = json.loads(isp.run("peer", "list", "--json").out)
    assert listed["lanes"] == ["public"] and listed["token"] is True and listed["every_ms"] == 50
    assert "sipar_x_secret" not in isp.run("log", "--json").out + isp.run("peer", "list").out + isp.run("peer", "status").out
    assert "sipar_x_secret" in (isp.path / "peers.conf").read_text() and (isp.path / "peers.conf").stat().st_mode & 0o777 == 0o600
    assert [json.loads(line)["kind"] for line in isp.run("log", "--json").out.splitlines()][0] == "peer"
    assert status(isp, "hub.public")["state"] == "stopped"
    isp.run("peer", "remove", "hub")
    assert status(isp) == [] and isp.run("peer", "remove", "hub", code=2)
    isp.run("peer", "bogus", code=64)
    isp.run("peer", "add", code=64)


def test_a_ledger_of_version_2_is_migrated(hub):
    told(hub, "s", "192.0.2.1")
    db = sqlite3.connect(hub.path / "ledger.db")
    db.executescript("ALTER TABLE lanes DROP COLUMN peer; PRAGMA user_version = 2")
    db.close()
    assert "version 2" in hub.run("verify", code=2).err
    told(hub, "s", "192.0.2.2")
    assert verified(hub)["lanes"] == 6


def token(hub, isp, clearance="green"):
    """A file with what `isp` shows at the hub."""
    hub.run("party", "add", "isp", "--clearance", clearance)
    path = isp.path / "token"
    path.write_text(hub.run("token", "new", "isp", "--role", "reader").out.strip() + "\n")
    return path


def decisions(node):
    rows = [json.loads(line) for line in node.run("decisions", "--json", "--history").out.splitlines()]
    return {r["decision"]: r["state"] for r in rows}


def test_what_the_hub_decides_is_in_force_here(hub, isp, serve):
    """Blocked there, blocked here; taken back there, taken back here; what is protected here is not blocked by anybody; and so it stays after restarts."""
    hub.run("block", "old.example", "--reason", "phishing", "--for", "1h", "--why", "x")
    hub.run("unblock", "old.example", "--why", "x")
    at, here = serve(hub), serve(isp)
    isp.run("feed", "add", "edge", "--type", "list", "--open")

    def listed():
        status, _, text = here.get("/v1/feeds/edge.txt")
        assert status == 200
        return sorted(line for line in text.splitlines() if line and line[0] not in "#*")

    isp.run("protect", "add", "bank.example", "--why", "ours")
    serial = json.loads(here.get("/v1/feeds")[2])["serial"]
    add(isp, "hub", hub, at, "public,decisions", "--token-file", token(hub, isp))
    level(isp, "hub.decisions", hub, "decisions")
    assert listed() == [] and json.loads(here.get("/v1/feeds")[2])["serial"] == serial  # not for a moment
    hub.run("block", "evil.example", "198.51.100.7", "bank.example", "--reason", "phishing", "--for", "1h", "--why", "x")
    wait_for(lambda: listed() == ["198.51.100.7", "evil.example"], "the block")
    assert decisions(isp) == {"hub." + name: state for name, state in decisions(hub).items()}
    isp.run("block", "own.example", "198.51.100.7", "--reason", "malware", "--for", "1h", "--why", "x")
    assert listed() == ["198.51.100.7", "evil.example", "own.example"]

    refused = isp.run("unblock", "evil.example", "--why", "x", code=2).err
    assert "decision of a peer" in refused
    isp.run("protect", "add", "evil.example", "--why", "a mistake of the hub")
    wait_for(lambda: listed() == ["198.51.100.7", "own.example"], "that it is protected here")

    hub.run("unblock", "198.51.100.7", "--why", "x")
    level(isp, "hub.decisions", hub, "decisions")
    assert listed() == ["198.51.100.7", "own.example"]  # there is our own decision
    isp.run("unblock", "198.51.100.7", "--why", "x")
    assert listed() == ["own.example"]

    hub.run("block", "late.example", "--reason", "c2", "--for", "2s", "--why", "x")
    wait_for(lambda: "late.example" in listed(), "a short lease")
    at.stop(signal.SIGKILL)
    wait_for(lambda: "late.example" not in listed(), "its end, which nobody has told")

    assert here.stop() == 0
    here = serve(isp)
    assert listed() == ["own.example"]
    assert here.stop() == 0
    shutil.rmtree(isp.path / "decisions")
    here = serve(isp)
    assert listed() == ["own.example"]
    assert here.stop() == 0
    verified(isp)


def test_a_mirror_cosigns_what_it_has(hub, isp, tmp_path, serve):
    """Also a lane that only a token shows; a hub that was rolled back is not cosigned."""
    vkey = isp.run("witness", "--vkey").out.strip()
    with open(hub.path / "sipar.conf", "a") as conf:
        conf.write(f"witness = {vkey}\n")
    shown = token(hub, isp, "amber")
    told(hub, "s", "secret.example", lane="members")
    hub.run("lane", "list")
    stopped_copy(hub, tmp_path)
    at, here = serve(hub), serve(isp)
    add(isp, "hub", hub, at, "public,members", "--token-file", shown)

    def cosigned(lane, n):
        """Does the checkpoint with `n` entries have the line of the mirror?"""
        note = json.loads(hub.run("lane", "show", lane, "--json").out)["checkpoint"]
        return note.splitlines()[1] == str(n) and "\u2014 isp.example " in note

    for lane in ("public", "members"):
        wait_for(lambda: cosigned(lane, size(hub, lane)), f"the cosignature for {lane}")
    told(hub, "s", "secret.example", "more.example", lane="members")
    wait_for(lambda: cosigned("members", size(hub, "members")), "that what has grown is cosigned")
    (tmp_path / "receipt").write_text(hub.run("receipt", "members/1").out)
    check = lambda *options, code=0: isp.run("verify", tmp_path / "receipt", "--key", hub.path / "node.pub", *options, code=code)
    told_of = json.loads(check("--witness", vkey, "--max-age", "1h", "--json").out)
    assert [w["name"] for w in told_of["witnesses"]] == ["isp.example"]
    assert "too few witnesses" in check("--witness", hub.run("witness", "--vkey").out.strip(), code=1).err

    # A mirror that comes again says that it still sees the log.
    before = [w["time"] for w in told_of["witnesses"]]
    assert here.stop() == 0
    here = serve(isp)
    when = lambda: [w["time"] for w in json.loads(check("--witness", vkey, "--json").out)["witnesses"]]

    def again():
        (tmp_path / "receipt").write_text(hub.run("receipt", "members/1").out)
        return when() > before
    wait_for(again, "a cosignature of now")

    assert at.stop() == 0
    restore(hub, tmp_path)
    at = serve(hub, "--http", f"127.0.0.1:{at.http_port}")
    for i in range(4):
        told(hub, "s", f"other{i}.example", lane="members")
    told(hub, "s", "new.example")
    wait_for(lambda: status(isp, "hub.members")["state"] in ("ROLLED BACK", "FORKED"), "that it is rolled back")
    assert "isp.example" not in json.loads(hub.run("lane", "show", "members", "--json").out)["checkpoint"]


def test_what_a_removed_peer_told_is_forgotten(hub, isp, serve):
    """Its claims and decisions go from answers, lists and feeds, at once and after restarts; the entries stay; adding it anew takes all of it up again."""
    told(hub, "s", "bad.example", "192.0.2.1")
    technique = {"type": "attack-pattern", "spec_version": "2.1", "id": "attack-pattern--00000000-0000-4000-8000-000000000001", "name": "T1234 of the hub",
                 "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z"}
    hub.run("import", "-q", "--source", "objects", "-", stdin=json.dumps({"type": "bundle", "id": technique["id"].replace("attack-pattern", "bundle"), "objects": [technique]}).encode())
    hub.run("block", "evil.example", "shared.example", "--reason", "phishing", "--for", "14d", "--why", "x")
    at, here = serve(hub), serve(isp)
    isp.run("feed", "add", "edge", "--type", "list", "--open")
    isp.run("feed", "add", "zone", "--type", "rpz", "--zone", "rpz.example", "--allow", "127.0.0.0/8")
    told(isp, "mine", "192.0.2.1")
    isp.run("block", "own.example", "shared.example", "--reason", "phishing", "--for", "1d", "--why", "x")
    shown = token(hub, isp)
    add(isp, "hub", hub, at, "public,decisions", "--token-file", shown)
    level(isp, "hub.public", hub)
    level(isp, "hub.decisions", hub, "decisions")

    def listed():
        return sorted(line for line in here.get("/v1/feeds/edge.txt")[2].splitlines() if line and line[0] not in "#*")

    def serial():
        return json.loads(here.get("/v1/feeds")[2])["serial"]

    def zone(*names):
        """Those that the policy zone has, by and by."""
        def there():
            done = subprocess.run(["dig", "@127.0.0.1", "-p", str(here.rpz_port), "+tries=5", "+time=10", "axfr", "rpz.example"], capture_output=True, text=True,
                                  timeout=LIMIT)
            return sorted(line.split(".rpz.example.")[0] for line in done.stdout.splitlines() if ".example.rpz.example." in line and line[0] != "*") == sorted(names)
        wait_for(there, f"the zone with {names}")

    def exported():
        return isp.run("export", "--format", "stix", "-o", "-").out

    def all_of_it():
        assert here.lookup("bad.example")["listed"] and sorted(here.lookup("192.0.2.1")["sources"]) == ["hub.s", "mine"]
        assert listed() == ["evil.example", "own.example", "shared.example"]
        zone("evil.example", "own.example", "shared.example")
        assert "bad.example" in exported() and "T1234 of the hub" in exported()
        same(hub, isp)

    def nothing_of_it():
        assert not here.lookup("bad.example")["listed"] and here.lookup("192.0.2.1")["sources"] == ["mine"]
        assert listed() == ["own.example", "shared.example"]
        zone("own.example", "shared.example")
        assert "bad.example" not in exported() and "T1234 of the hub" not in exported()
        assert not any(name.startswith("hub.") for name in decisions(isp))
        assert digest(isp, "hub.public")[1] == 0 and size(isp, "hub.public") == size(hub)
        assert "forgotten" in isp.run("lane", "list").out and json.loads(isp.run("lane", "show", "hub.public", "--json").out)["forgotten"] is True
        assert "hub.public" not in here.get("/taxii2/api/collections/", Accept="application/taxii+json;version=2.1")[2]
        assert here.get("/lanes/hub.public/checkpoint")[0] == 200

    all_of_it()
    assert "still mirrored" in isp.run("peer", "forget", "hub", code=2).err
    before = digest(isp, "hub.public")
    isp.run("peer", "remove", "hub")
    all_of_it()
    was = serial()
    isp.run("peer", "forget", "hub")
    nothing_of_it()
    assert serial() == was + 1  # the journal has it: evil.example goes, shared.example stays for our own decision
    entry = json.loads(isp.run("log", "--json").out.splitlines()[0])
    assert entry["kind"] == "peer"
    assert json.loads(isp.run("rebuild", "--json").out)["differed"] is False
    nothing_of_it()
    for how in (signal.SIGTERM, signal.SIGKILL):
        here.stop(how)
        here = serve(isp)
        nothing_of_it()
    here.stop(signal.SIGKILL)
    shutil.rmtree(isp.path / "decisions")
    shutil.rmtree(isp.path / "table")
    here = serve(isp)
    nothing_of_it()
    assert "no lane" in isp.run("peer", "forget", "nobody", code=2).err

    hub.run("unblock", "evil.example", "--why", "x")
    hub.run("block", "again.example", "--reason", "phishing", "--for", "1d", "--why", "x")
    told(hub, "t", "late.example")
    add(isp, "hub", hub, at, "public,decisions", "--token-file", shown)
    level(isp, "hub.public", hub)
    level(isp, "hub.decisions", hub, "decisions")
    assert here.lookup("bad.example")["listed"] and here.lookup("late.example")["listed"]
    assert listed() == ["again.example", "own.example", "shared.example"]
    same(hub, isp)
    for how in (signal.SIGKILL, signal.SIGTERM):
        here.stop(how)
        here = serve(isp)
        assert listed() == ["again.example", "own.example", "shared.example"]
        assert here.lookup("late.example")["listed"]
    level(isp, "hub.public", hub)
    assert digest(isp, "hub.public")[1] > before[1]

    # One lane alone; then all, when the peer goes.
    isp.run("peer", "set", "hub", "--lanes", "decisions")
    isp.run("peer", "forget", "hub", "public")
    assert not here.lookup("bad.example")["listed"] and "again.example" in listed()
    isp.run("peer", "remove", "hub", "--forget")
    assert listed() == ["own.example", "shared.example"]
    assert here.stop() == 0
    verified(isp)
