"""Lanes in files: written where no network is, carried on a stick, joined, and held to all that a lane from the wire is held to."""
import json
import os
import shutil
import subprocess

import pytest

from conftest import LIMIT, SIPAR, wait_for
from test_peers import decisions, digest, level, make, restore, same, size, status, stopped_copy, told, verified


@pytest.fixture
def bank(tmp_path):
    return make(tmp_path, "bank")


@pytest.fixture
def cert(tmp_path):
    return make(tmp_path, "cert")


def export(node, path, *options, lane="public", code=0):
    return node.run("lane", "export", lane, "-o", path, *options, code=code)


def join(node, path, code=0, peer="bank", **kw):
    """What it says of itself, {} when it says nothing."""
    done = node.run("peer", "join", peer, path, "--json", code=code, **kw)
    return {**(json.loads(done.out) if done.out else {}), "stderr": done.err}


def add(node, peer, name="bank", *options):
    assert "in files" in node.run("peer", "add", name, "--key", peer.path / "node.pub", *options).out


def test_a_lane_is_carried(bank, cert, tmp_path):
    """Feeds, what is taken back, an erasure and decisions; then only what is new; what is here already is passed over; a gap is not."""
    stick = tmp_path / "stick"
    told(bank, "s", "192.0.2.1", "kept.example")
    told(bank, "t", "kept.example", "secret.example")
    bank.run("erase", "public/3", "--reason", "court order 17")
    bank.run("block", "evil.example", "--reason", "phishing", "--for", "14d", "--why", "x")
    add(cert, bank)
    export(bank, stick)
    done = join(cert, stick)
    assert (done["new"], done["size"], done["state"], done["lane"]) == (size(bank), size(bank), "ok", "bank.public")
    same(bank, cert, here="bank.public")
    assert cert.listed("192.0.2.1") and cert.check("kept.example")[0]["sources"] == ["bank.s"] and not cert.listed("secret.example")
    assert join(cert, stick)["new"] == 0

    export(bank, tmp_path / "decisions", lane="decisions")
    assert join(cert, tmp_path / "decisions")["lane"] == "bank.decisions"
    assert decisions(cert) == {"bank." + name: state for name, state in decisions(bank).items()}
    assert [(s["lane"], s["state"]) for s in status(cert)] == [("bank.public", "offline"), ("bank.decisions", "offline")]
    assert cert.run("peer", "status").returncode == 0
    assert "s3cret" not in (cert.path / "peers.conf").read_text() and "peer bank every=2000 -\n" in (cert.path / "peers.conf").read_text()

    # What is new, and no more.  A start between checkpoints is moved to the one before.
    here = size(cert, "bank.public")
    told(bank, "s", "192.0.2.1", "192.0.2.2")
    told(bank, "u", "203.0.113.9")
    shown = json.loads(export(bank, stick, "--since", here, "--json").out)
    assert shown["first"] == here and shown["next"] == size(bank)
    held = json.loads(bank.run("lane", "show", "--file", stick, "--json").out)
    assert (held["lane"], held["first"], held["next"]) == ("public", here, size(bank)) and held["origin"] == "bank.example/lanes/public"
    assert join(cert, stick)["new"] == size(bank) - here
    same(bank, cert, here="bank.public")
    export(bank, stick, "--since", 2)
    assert join(cert, stick)["new"] == 0
    told(bank, "u", "203.0.113.10")
    export(bank, stick, "--since", 3)
    assert join(cert, stick)["new"] == 2
    same(bank, cert, here="bank.public")

    here = size(cert, "bank.public")
    told(bank, "u", "203.0.113.11")
    export(bank, stick, "--since", here)
    missing = size(bank)
    told(bank, "u", "203.0.113.12")
    export(bank, tmp_path / "late", "--since", missing)
    refused = join(cert, tmp_path / "late", code=2)
    assert refused["new"] == 0 and f"begins with entry {missing}" in refused["stderr"] and f"--since {here}" in refused["stderr"]
    assert size(cert, "bank.public") == here
    join(cert, stick)
    join(cert, tmp_path / "late")
    same(bank, cert, here="bank.public")
    assert "none from" in export(bank, stick, "--since", size(bank), code=2).err
    verified(cert)
    assert json.loads(cert.run("rebuild", "--json").out)["differed"] is False


def test_with_a_daemon_and_then_online(bank, cert, tmp_path, serve):
    """The daemon takes the file from standard input, and it counts at once; later the peer has a network, and goes on where the file ended."""
    here = serve(cert)
    told(bank, "s", "192.0.2.1")
    add(cert, bank)
    with open(tmp_path / "stick", "wb") as stick:
        done = subprocess.run([SIPAR, "lane", "export", "-d", bank.path, "public", "-o", "-"], stdout=stick, stderr=subprocess.PIPE, timeout=LIMIT)
    assert done.returncode == 0 and b"--since" in done.stderr
    assert join(cert, "-", stdin=(tmp_path / "stick").read_bytes())["new"] == size(bank)
    assert here.lookup("192.0.2.1")["sources"] == ["bank.s"]
    there = serve(bank)
    told(bank, "s", "192.0.2.2")
    cert.run("peer", "set", "bank", "--url", f"http://127.0.0.1:{there.http_port}/", "--every", "50ms")
    level(cert, "bank.public", bank)
    wait_for(lambda: here.lookup("192.0.2.2")["listed"], "what came over the wire")
    before = status(cert, "bank.public")["octets"]
    assert 0 < before < 3000  # the difference
    # A file and the wire at once; then offline again.
    for i in range(5):
        told(bank, f"u{i}", f"198.51.100.{i}")
        export(bank, tmp_path / "stick", "--since", 1)
        join(cert, tmp_path / "stick")
    level(cert, "bank.public", bank)
    assert "has not here" in join(cert, (export(bank, tmp_path / "other", lane="members"), tmp_path / "other")[1], code=64)["stderr"]
    cert.run("peer", "set", "bank", "--url", "-")
    assert status(cert, "bank.public")["state"] == "offline"
    told(bank, "s", "192.0.2.3")
    export(bank, tmp_path / "stick")
    assert join(cert, tmp_path / "stick")["new"] == 2
    assert here.lookup("192.0.2.3")["listed"]
    join(cert, tmp_path / "other")
    assert here.get("/lanes/bank.members/checkpoint")[0] == 404
    same(bank, cert, here="bank.public")
    assert here.stop() == 0
    verified(cert)


def test_it_is_forgotten_and_joined_again(bank, cert, tmp_path):
    stick = tmp_path / "stick"
    told(bank, "s", "192.0.2.1")
    export(bank, stick)
    add(cert, bank)
    join(cert, stick)
    cert.run("peer", "remove", "bank", "--forget")
    assert not cert.listed("192.0.2.1") and size(cert, "bank.public") == size(bank)
    add(cert, bank)
    assert not cert.listed("192.0.2.1")
    assert join(cert, stick)["new"] == 0
    assert cert.listed("192.0.2.1")
    same(bank, cert, here="bank.public")
    verified(cert)


def test_a_damaged_file(bank, cert, tmp_path):
    """Cut anywhere, or with any octet another: it is never more than what the bank has signed, and the whole one puts it right."""
    stick, bad = tmp_path / "stick", tmp_path / "bad"
    for i in range(4):
        told(bank, "s", f"192.0.2.{i}")
    export(bank, stick)
    octets = stick.read_bytes()
    add(cert, bank)
    template = tmp_path / "template"
    shutil.copytree(cert.path, template)

    def tried(data):
        shutil.rmtree(cert.path)
        shutil.copytree(template, cert.path)
        bad.write_bytes(data)
        done = join(cert, bad, code=None)
        assert done.get("state") not in ("FORKED", "ROLLED BACK")
        return done

    for n in [*range(0, 70, 7), *range(70, len(octets), 211), len(octets) - 4, len(octets) - 1]:
        done = tried(octets[:n])
        assert "ends in" in done["stderr"] and done.get("new", 0) in (0, size(bank))
    assert done["new"] == size(bank)  # only its end is missing
    for i in range(8, len(octets) - 4, 97):
        if 8 <= i < 16:
            continue  # when it was written, as it says
        done = tried(octets[:i] + bytes([octets[i] ^ 0x41]) + octets[i + 1:])
        assert done.get("new", 0) in (0, size(bank)), i
        if done["stderr"]:
            assert "bad: " in done["stderr"]
        else:  # a hint, that nobody has signed
            same(bank, cert, here="bank.public")
    assert "something follows" in tried(octets + b"x")["stderr"]
    assert "not a file with a lane" in tried(b"192.0.2.1\n")["stderr"]
    assert "version" in tried(octets[:7] + b"9" + octets[8:])["stderr"]
    bad.write_bytes(octets)
    join(cert, bad)
    same(bank, cert, here="bank.public")
    verified(cert)


def test_two_histories(bank, cert, tmp_path):
    """The bank is restored from an old backup: what it signs after that excludes what it signed before, and both are kept."""
    stick = tmp_path / "stick"
    told(bank, "s", "192.0.2.1")
    bank.run("lane", "list")
    export(bank, tmp_path / "first")
    stopped_copy(bank, tmp_path)
    add(cert, bank)
    told(bank, "s", "192.0.2.1", "192.0.2.2")
    told(bank, "s", "192.0.2.1", "192.0.2.3")
    export(bank, stick)
    join(cert, stick)
    before = size(cert, "bank.public")
    assert join(cert, tmp_path / "first")["new"] == 0  # an old file is only old
    shutil.copytree(bank.path, tmp_path / "newest")

    restore(bank, tmp_path)

    def rolled_back():  # it says so later, by a clock of seconds
        export(bank, stick)
        return cert.run("peer", "join", "bank", stick, code=None).returncode == 1
    wait_for(rolled_back, "that the bank is rolled back")
    evidence = cert.path / "peers" / "bank.public.held"
    assert evidence.read_text().startswith("rolled-back\n") and evidence.read_text().count("bank.example/lanes/public\n") == 2
    assert status(cert, "bank.public")["state"] == "ROLLED BACK" and cert.run("peer", "status", code=1)
    assert "peer trust" in join(cert, stick, code=2)["stderr"]
    cert.run("peer", "trust", "bank", "public")

    for i in range(5):
        told(bank, "s", f"198.51.100.{i}")
        export(bank, stick, *(["--since", before] if i == 4 else []))
        done = join(cert, stick, code=1)
        assert done["state"] == "FORKED" and done["new"] == 0, i
        assert evidence.read_text().startswith("forked\n")
        cert.run("peer", "trust", "bank", "public")
    assert size(cert, "bank.public") == before and cert.listed("192.0.2.3") and not cert.listed("198.51.100.4")

    shutil.rmtree(bank.path)
    shutil.copytree(tmp_path / "newest", bank.path)
    told(bank, "s", "192.0.2.9")
    export(bank, stick)
    assert join(cert, stick)["new"] == 2
    same(bank, cert, here="bank.public")
    verified(cert)


def test_who_may_bring_what(bank, cert, tmp_path):
    stick = tmp_path / "stick"
    told(bank, "s", "192.0.2.1")
    export(bank, stick)
    add(cert, cert, "other")
    assert "not signed by the key" in join(cert, stick, peer="other", code=2)["stderr"]
    assert "other.public" not in cert.run("lane", "list").out and "lane other" not in (cert.path / "peers.conf").read_text()
    assert "no peer" in join(cert, stick, code=2)["stderr"]
    add(cert, bank, "bank")
    assert "cannot be opened" in join(cert, tmp_path / "nothing", code=2)["stderr"]
    assert "not for others" in export(bank, stick, lane="node", code=64).err
    assert "no lane" in export(bank, stick, lane="bogus", code=2).err
    bank.run("lane", "export", "public", code=64)
    cert.run("peer", "join", "bank", code=64)
    join(cert, stick)
    # On to a third, under its full name; and nothing comes back to where it is from, nor twice.
    export(cert, tmp_path / "on", lane="bank.public")
    third = make(tmp_path, "third")
    third.run("peer", "add", "cert", "--key", bank.path / "node.pub", "--key", cert.path / "node.pub")
    assert join(third, tmp_path / "on", peer="cert")["lane"] == "cert.bank.public"
    assert third.listed("192.0.2.1")
    same(bank, third, here="cert.bank.public")
    add(third, bank)
    assert "mirrored already" in join(third, stick, code=2)["stderr"]
    bank.run("peer", "add", "cert", "--key", bank.path / "node.pub")
    assert "of this node itself" in join(bank, tmp_path / "on", peer="cert", code=2)["stderr"]
    # A new key is followed.
    bank.run("key", "rotate")
    told(bank, "s", "192.0.2.2")
    export(bank, stick, "--since", 2)
    join(cert, stick)
    same(bank, cert, here="bank.public")
    verified(cert)


def test_a_lane_of_megabytes_goes_on_after_kill_9(bank, cert, tmp_path):
    """What was durable before the kill is passed over."""
    stick = tmp_path / "stick"
    bank.run("import", "-q", "--source", "big", "-", stdin="".join(f"b{i}.example\n" for i in range(400000)).encode())
    for i in range(30):
        told(bank, f"s{i}", f"192.0.2.{i}")
    export(bank, stick)
    add(cert, bank)
    pipe = subprocess.Popen([SIPAR, "peer", "join", "-d", cert.path, "bank", "-"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    octets = stick.read_bytes()
    pipe.stdin.write(octets[:len(octets) - 30000])
    pipe.stdin.flush()
    wait_for(lambda: os.path.exists(cert.path / "ledger.db-wal") and os.path.getsize(cert.path / "ledger.db-wal") > 0, "a first parcel")
    pipe.kill()
    pipe.wait(timeout=LIMIT)
    pipe.stdin.close()
    join(cert, stick)
    assert cert.listed("b399999.example") and cert.listed("192.0.2.29")
    same(bank, cert, here="bank.public")
    verified(cert)
