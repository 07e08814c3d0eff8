"""Snapshots: one signed file that answers as the node does, tells nothing of hidden lanes, and is refused when anything is wrong
with it."""
import hashlib
import json
import os
import re
import signal
import subprocess

import pytest

from conftest import LIMIT, SAMPLES, SIPAR, Node

HEADER, SIGNED = 1024, 960


def sipar(*args, stdin=None, cwd=None):
    done = subprocess.run([SIPAR, *map(str, args)], capture_output=True, input=stdin, timeout=LIMIT, cwd=cwd, env=dict(os.environ, SIPAR_DIR="/nonexistent"))
    done.out, done.err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    assert done.returncode >= 0, f"killed by signal {-done.returncode}: {done.err}"
    assert "AddressSanitizer" not in done.err and "runtime error" not in done.err, done.err
    return done


def made(node, path, *options):
    return json.loads(node.run("snapshot", "-o", path, "--json", *options).out)


def key_of(node):
    return (node.path / "node.pub").read_text().strip()


def same_answers(node, snapshot, values):
    """Every value answers alike.  Scores only fall with time, so two equal answers of the node bound the one between."""
    asked = "".join(v + "\n" for v in values).encode()
    while True:
        before = node.run("check", "--json", stdin=asked, code=None)
        between = sipar("check", "--snapshot", snapshot, "--json", stdin=asked)
        after = node.run("check", "--json", stdin=asked, code=None)
        if before.out == after.out:
            break
    assert between.returncode == before.returncode
    assert between.err == before.err
    for mine, theirs in zip(between.out.splitlines(), before.out.splitlines()):
        assert mine == theirs
    assert between.out == before.out
    return [json.loads(line) for line in between.out.splitlines()]


VALUES = ["198.51.100.7", "198.51.100.8", "10.0.0.1", "203.0.113.0/24", "2001:db8::7", "evil.example", "www.evil.example", "*.evil.example",
          "http://evil.example/a?b", "https://evil.example/a?b", "user@evil.example", "portal.gov.example", "a.portal.gov.example",
          "http://portal.gov.example/x", "d41d8cd98f00b204e9800998ecf8427e", "not one", "bücher.example", "0.0.0.0/0", "1.2.3.4:80"]


def sample_values():
    text = "\n".join(p.read_text(errors="replace") for p in SAMPLES.iterdir())
    return sorted(set(re.findall(r"[A-Za-z0-9:/.@_-]{4,100}", text)))


def test_it_answers_as_the_node(samples, tmp_path):
    pk = tmp_path / "pk.sipar"
    counts = made(samples, pk)
    assert counts["keys"] > 20 and counts["octets"] == pk.stat().st_size and counts["key"] == key_of(samples)
    answers = same_answers(samples, pk, VALUES + sample_values())
    assert sum(a.get("listed", False) for a in answers) > 10
    assert any("protected_by" in a for a in answers)
    for value in ("198.51.100.7", "www.evil.example", "http://portal.gov.example/x"):
        mine = json.loads(sipar("why", "--snapshot", pk, "--json", value).out)
        theirs = samples.why(value)
        for answer in (mine, theirs):
            del answer["now"], answer["as_of"]
            for line in answer["lines"]:
                del line["age_s"]
        assert mine == theirs
    assert sipar("check", "--snapshot", pk, "-q", "192.0.2.200").returncode == 0
    assert sipar("check", "--snapshot", pk, "--verify", "-l", "192.0.2.200", "198.51.100.7").out.count("\n") == 1


def test_show(samples, tmp_path):
    pk = tmp_path / "pk.sipar"
    made(samples, pk)
    shown = json.loads(sipar("snapshot", "--show", pk, "--json", "--verify", "--key", samples.path / "node.pub").out)
    assert shown["key"] == key_of(samples) and shown["verified"] and [lane["name"] for lane in shown["lanes"]] == ["public"]
    (tmp_path / "note").write_text(shown["lanes"][0]["checkpoint"])
    assert shown["lanes"][0]["checkpoint"].splitlines()[0].startswith(shown["node"])
    assert "signed by " + shown["key"] in sipar("snapshot", "--show", pk).out


def test_hidden_lanes_do_not_exist(node, tmp_path, serve):
    """Neither names, nor numbers, nor how many there are."""
    files = []
    for n in range(2):
        node.run("source", "add", "visible", "--group", "hushed-source", code=None)
        if n == 0:
            node.run("import", "--source", "visible", "-", stdin=b"192.0.2.1\nevil.example\n")
            node.run("source", "add", "both", "--type", "event")
            node.run("import", "--source", "both", "-", stdin=b"192.0.2.3\n")
        else:
            node.run("lane", "create", "hushed-lane", "--audience", "tlp:amber")
            for i in range(20):
                node.run("import", "--source", f"hushed-source{i or ''}", "--lane", "hushed-lane", "-", stdin=b"192.0.2.2\nhushed-key.example\n192.0.2.1\n")
            node.run("import", "--source", "both", "--lane", "hushed-lane", "-", stdin=b"192.0.2.3\n192.0.2.4\n")
            rules = json.dumps({"name": "hushed-list", "version": 1, "type": "substring", "description": "", "matching_attributes": ["domain"],
                                "list": ["hushed-rule", "visible-but"]}).encode()
            node.run("import", "--source", "hushed-rules", "--lane", "hushed-lane", "--format", "misp-warninglist", "-", stdin=rules)
            node.run("import", "--source", "later", "-", stdin=b"192.0.2.5\n")
        files.append(tmp_path / f"{n}.sipar")
        made(node, files[-1])
    octets = files[1].read_bytes()
    assert b"hushed" not in octets and b"visible" in octets
    shown = json.loads(sipar("snapshot", "--show", files[1], "--json").out)
    assert shown["sources"] == 3 and shown["rules"] == 0 and shown["keys"] == 4 and shown["claims"] == 4
    assert [a["listed"] for a in (json.loads(line) for line in sipar("check", "--snapshot", files[1], "--json", "192.0.2.2", "192.0.2.4",
                                                                     "192.0.2.5").out.splitlines())] == [False, False, True]
    # What anonymous askers get over HTTP is the same.
    daemon = serve(node)
    values = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "evil.example", "www.evil.example", "hushed-key.example",
              "x.visible-but.example"]
    for value in values:
        before, answer = daemon.lookup(value), json.loads(sipar("check", "--snapshot", files[1], "--json", value).out)
        assert answer in (before, daemon.lookup(value)), value
    assert daemon.stop() == 0
    # The entry's name in its lane, not its number over all lanes.
    lines = json.loads(sipar("why", "--snapshot", files[1], "--json", "192.0.2.5").out)["lines"]
    assert [line["entry"] for line in lines] == [line["entry"] for line in node.why("192.0.2.5")["lines"]]
    # The other lane is in it when that is asked for, and the answers are the node's then.
    everything = tmp_path / "all.sipar"
    counts = made(node, everything, "--lanes", "public,hushed-lane")
    assert counts["lanes"] == 2 and counts["rules"] == 2
    same_answers(node, everything, ["192.0.2.1", "192.0.2.2", "192.0.2.3", "hushed-key.example", "a.visible-but.example", "evil.example"])
    assert made(node, everything, "--audience", "amber")["keys"] == counts["keys"]
    assert node.run("snapshot", "-o", everything, "--lanes", "nosuch", code=2).err.count("nosuch") == 1


def test_regular_expressions(node, tmp_path):
    node.run("import", "--source", "bad", "-", stdin=b"aaa.example\nbbb.example\nhttp://aaa.example/x\nhttp://ccc.example/y\n")
    rules = json.dumps({"name": "expressions", "version": 1, "type": "regex", "description": "", "matching_attributes": ["domain", "hostname", "url"],
                        "list": ["/^a{3}\\.example$/i", "/c{3}/"]}).encode()
    node.run("import", "--source", "rules", "--format", "misp-warninglist", "-", stdin=rules)
    pk = tmp_path / "pk.sipar"
    assert made(node, pk)["rules"] == 2
    answers = same_answers(node, pk, ["aaa.example", "www.aaa.example", "bbb.example", "http://aaa.example/x", "https://aaa.example/z", "http://ccc.example/y"])
    assert [a["listed"] for a in answers] == [False, True, True, True, False, False]


def test_replaced_and_removed_claims_are_left_out(node, tmp_path):
    node.run("import", "--source", "list", "-", stdin=b"192.0.2.1\n192.0.2.2\n")
    node.run("import", "--source", "list", "-", stdin=b"192.0.2.2\n")
    node.run("import", "--source", "gone", "-", stdin=b"192.0.2.3\n")
    node.run("source", "remove", "gone")
    pk = tmp_path / "pk.sipar"
    counts = made(node, pk)
    assert counts["keys"] == 1 and counts["sources"] == 1
    same_answers(node, pk, ["192.0.2.1", "192.0.2.2", "192.0.2.3"])


def test_selections(samples, tmp_path):
    pk = tmp_path / "pk.sipar"
    all_keys = made(samples, pk)["keys"]
    addresses = made(samples, pk, "--kinds", "ip")["keys"]
    assert 0 < addresses < all_keys
    assert made(samples, pk, "--kinds", "domain,url,hash,email")["keys"] == all_keys - addresses
    scanners = made(samples, pk, "--categories", "scanner")
    assert 0 < scanners["keys"] < all_keys
    assert sipar("check", "--snapshot", pk, "-q", "198.51.100.7").returncode == 1
    assert made(samples, pk, "--min-score", "100")["keys"] < made(samples, pk, "--min-score", "1")["keys"]
    with open(samples.path / "sipar.conf", "a") as conf:
        conf.write("feed = edge kinds=ip categories=scanner min_score=1\nfeed = names kinds=domain lanes=public\n")
    assert made(samples, pk, "--feed", "edge")["keys"] <= scanners["keys"]
    shown = json.loads(sipar("snapshot", "--show", pk, "--json").out)
    assert shown["feed"] == "edge" and shown["min_score"] == 1
    assert "nosuch" in samples.run("snapshot", "-o", pk, "--feed", "nosuch", code=2).err
    assert samples.run("snapshot", "-o", pk, "--kinds", "car", code=64).err.count("car") == 1
    assert samples.run("snapshot", code=64).err
    with open(samples.path / "sipar.conf", "a") as conf:
        conf.write("feed = edge kinds=ip\n")
    said = samples.run("snapshot", "-o", pk, "--feed", "edge", code=64).err
    assert "sipar.conf:" in said and 'feed "edge" is there twice' in said


def test_through_the_daemon(samples, tmp_path, serve):
    serve(samples)
    done = samples.run("snapshot", "-o", "pk.sipar", "--json", cwd=tmp_path)
    assert json.loads(done.out)["octets"] == (tmp_path / "pk.sipar").stat().st_size
    before = (tmp_path / "pk.sipar").read_bytes()
    same_answers(samples, tmp_path / "pk.sipar", VALUES)
    assert samples.run("snapshot", "-o", "nosuch/pk.sipar", code=2, cwd=tmp_path).err
    (tmp_path / "directory").mkdir()
    assert samples.run("snapshot", "-o", "directory", code=2, cwd=tmp_path).err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["directory", "node", "pk.sipar"]
    assert (tmp_path / "pk.sipar").read_bytes() == before
    samples.run("import", "--source", "more", "-", stdin=b"192.0.2.77\n")
    made(samples, tmp_path / "pk.sipar")
    assert sipar("check", "--snapshot", tmp_path / "pk.sipar", "-q", "192.0.2.77").returncode == 1


def test_killed_at_any_moment(node, tmp_path):
    """The old file or the new one is there, whole."""
    pk = tmp_path / "pk.sipar"
    node.run("import", "-q", "--source", "many", "-", stdin="\n".join(f"{i}.many.example" for i in range(20000)).encode())
    made(node, pk)
    written = 0
    for moment in range(12):
        before = pk.stat().st_ino
        process = subprocess.Popen([SIPAR, "snapshot", "-d", str(node.path), "-o", str(pk)], stdout=subprocess.DEVNULL)
        try:
            process.wait(moment * 0.015)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        written += pk.stat().st_ino != before
        assert sipar("snapshot", "--show", pk, "--verify", "--key", node.path / "node.pub").returncode == 0, moment
    left = [p for p in tmp_path.iterdir() if p.name.endswith(".tmp")]
    assert len(left) <= 12 - written and all(p.name.startswith(".pk.sipar.") for p in left)
    assert not [p for p in (node.path / "table").iterdir() if p.name.startswith("scratch")]


def test_what_is_wrong_is_refused(samples, tmp_path):
    pk = tmp_path / "pk.sipar"
    made(samples, pk)
    octets = pk.read_bytes()

    def refused(name, changed, because, *options):
        (tmp_path / name).write_bytes(changed)
        done = sipar("check", "--snapshot", tmp_path / name, *options, "198.51.100.7")
        assert done.returncode == 2 and because in done.err and done.out == "", (name, done.out, done.err)

    def changed(at, by):
        return octets[:at] + by + octets[at + len(by):]

    refused("empty", b"", "too short")
    refused("other", b"x" * 5000, "not a snapshot")
    for cut in (1, 100, len(octets) // 2, len(octets) - HEADER):
        refused("cut", octets[:-cut], "cut off")
    refused("grown", octets + b"\0", "grown")
    refused("newer", changed(8, (2).to_bytes(4, "little")), "version 2")
    refused("order", changed(12, bytes([1, 2, 3, 4])), "byte order")
    refused("time", changed(24, bytes([octets[24] ^ 1])), "signature does not hold")
    refused("signature", changed(SIGNED, bytes([octets[SIGNED] ^ 1])), "signature does not hold")
    refused("digests", changed(4096, bytes([octets[4096] ^ 1])), "digests")
    refused("slack", changed(HEADER + 10, b"x"), "digests")
    refused("views", changed(8192 + 9, b"\xff"), "damaged")
    refused("directory", octets, "another key", "--key", "0" * 64)
    other = Node(tmp_path / "other-node")
    other.run("init")
    refused("other-key", octets, "another key", "--key", other.path / "node.pub")
    done = sipar("check", "--snapshot", pk, "--key", other.path / "node.pub", "--key", samples.path / "node.pub", "198.51.100.7")
    assert done.returncode == 1
    assert sipar("check", "--snapshot", tmp_path / "nosuch", "198.51.100.7").returncode == 2
    assert sipar("check", "--key", "0" * 64, "198.51.100.7").returncode == 64


def test_no_damage_gives_a_wrong_answer(node, tmp_path):
    """One octet changed, anywhere: an answer is right or there is none."""
    values = [f"{i}.{i * 7919 % 9973}.example" for i in range(2500)] + [f"192.1.{i % 256}.{i // 256}" for i in range(600)]
    values += [f"198.51.{i}.0/24" for i in range(100)]
    node.run("import", "-q", "--source", "many", "-", stdin="\n".join(values).encode())
    pk, damaged = tmp_path / "pk.sipar", tmp_path / "damaged.sipar"
    made(node, pk)
    octets = pk.read_bytes()
    asked = "".join(v + "\n" for v in values + ["198.51.7.7"]).encode()
    right = sipar("check", "--snapshot", pk, stdin=asked)
    assert right.returncode == 1 and right.out.count("listed, score") >= len(values)
    found, lines = 0, right.out.splitlines()
    places = range(HEADER, len(octets), len(octets) // 150)
    for at in places:
        damaged.write_bytes(octets[:at] + bytes([octets[at] ^ 0x55]) + octets[at + 1:])
        done = sipar("check", "--snapshot", damaged, stdin=asked)
        assert done.out.splitlines() == lines[:done.out.count("\n")], at
        found += done.returncode == 2
        assert done.returncode == 1 and done.out == right.out or done.returncode == 2 and "damaged" in done.err, (at, done.err)
        assert sipar("check", "--snapshot", damaged, "--verify", "192.1.2.1").returncode == 2, at
    assert found >= len(places) // 2  # most of the rest is the table of prefix lengths of other networks
    # A single value reads a few chunks only: others may be damaged.
    large = octets[:len(octets) - 70000] + bytes([octets[-70000] ^ 1]) + octets[len(octets) - 69999:]
    damaged.write_bytes(large)
    answered = sum(sipar("check", "--snapshot", damaged, v).returncode == 1 for v in values[:20])
    assert answered > 0


@pytest.mark.skipif("sanitized" in SIPAR, reason="takes minutes there")
def test_real_feeds_answer_alike(data, tmp_path):
    node = Node(tmp_path / "node")
    node.run("init")
    node.run("source", "add", "drop", "--weight", "30", "--category", "hijacked")
    node.run("source", "add", "ipsum", "--weight", "15", "--category", "scanner", "--group", "lists")
    feeds = [("drop", "blocklists/spamhaus-drop-2024-02-27/drop.txt"), ("ipsum", "blocklists/ipsum/ipsum.txt.zst"),
             ("urlhaus", "blocklists/urlhaus-filter-2025-07-19/urlhaus-filter-rpz.conf"), ("intel", "intel/mvt"), ("volexity", "intel/volexity"),
             ("maltrail", "blocklists/maltrail"), ("warninglists", "intel/misp-warninglists")]
    for source, path in feeds:
        node.run("import", "-q", "--source", source, data / path, code=None)
    pk = tmp_path / "pk.sipar"
    counts = made(node, pk)
    assert counts["keys"] > 200000 and counts["rules"] > 0, counts
    found = set()
    for path in (data / "blocklists" / "ipsum").iterdir():
        if path.suffix == ".zst":
            text = subprocess.run(["zstdcat", path], capture_output=True, check=True).stdout.decode()
            found.update(re.findall(r"\d+\.\d+\.\d+\.\d+", text)[::7])
    for folder in ("intel/volexity", "intel/mvt", "blocklists/urlhaus-filter-2025-07-19"):
        for path in sorted((data / folder).iterdir()):
            if path.suffix != ".zst" and path.is_file():
                found.update(re.findall(r"[A-Za-z0-9][A-Za-z0-9:/.@_-]{5,80}", path.read_text(errors="replace"))[::5])
    values = sorted(found)[:150000] + ["8.8.8.8", "104.16.1.1", "drive.google.com", "http://drive.google.com/x", "www.google.com", "127.0.0.1"]
    answers = same_answers(node, pk, values)
    assert sum(a.get("listed", False) for a in answers) > 10000
    assert any("protected_by" in a for a in answers)
