"""A ledger of version 1 becomes one of this version: nothing is lost, answers are as before, and the old file is kept."""
import collections
import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import time

import pytest

from conftest import LIMIT, SIPAR, Node

VERSION_1 = """
CREATE TABLE lanes(number INTEGER PRIMARY KEY CHECK (number BETWEEN 0 AND 63), name TEXT NOT NULL UNIQUE, tlp INTEGER NOT NULL,
 realm TEXT NOT NULL) STRICT;
CREATE TABLE entries(number INTEGER PRIMARY KEY, lane INTEGER NOT NULL REFERENCES lanes(number), idx INTEGER NOT NULL,
 kind INTEGER NOT NULL, flags INTEGER NOT NULL, import INTEGER NOT NULL, time_ms INTEGER NOT NULL, party TEXT NOT NULL,
 source TEXT NOT NULL, media TEXT NOT NULL, token BLOB NOT NULL, count INTEGER NOT NULL, octets INTEGER NOT NULL,
 digest BLOB NOT NULL, UNIQUE(lane, idx)) STRICT;
CREATE TABLE vault(number INTEGER PRIMARY KEY, nonce BLOB NOT NULL, frame BLOB NOT NULL) STRICT;
PRAGMA application_id = 1399418994;
PRAGMA user_version = 1;
"""
LANE, MORE, CONTINUES = 3, 4, 8
AUDIENCES = ["", "tlp:clear", "tlp:green", "tlp:amber", "tlp:amber+strict", "tlp:red"]
FILES = ("ledger.db", "ledger.db-wal", "ledger.db-shm")


def zstd(octets, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=octets, capture_output=True, check=True, timeout=LIMIT).stdout


def packed(body):
    return zstd(body, "-1", f"--stream-size={len(body)}")


def salted(body):
    """Digest, nonce and frame of a body, as version 1 kept them."""
    nonce = os.urandom(32)
    return hashlib.sha256(nonce + body).digest(), nonce, packed(body)


def as_large_as_its_frame():
    """A body that now would be taken for one that was not packed."""
    hex_digits = random.Random(12).randbytes(200).hex()
    bodies = (f"# {hex_digits[:n]}\n".encode() for n in range(10, 400))
    return next(body for body in bodies if len(packed(body)) == len(body))


def number(octets):
    return int.from_bytes(octets, "big")


def old_rows(path):
    """What version 1 would have written for the same imports: fields in columns, each body whole, lanes without origin."""
    db = sqlite3.connect(path)
    lanes = db.execute("SELECT number, name, tlp, realm FROM lanes ORDER BY number").fetchall()
    size, entries, vault, joined = collections.Counter(), [], [], b""
    for at, lane, import_, octets, r, nonce, frame in db.execute(
            "SELECT number, lane, import, octets, record, nonce, frame FROM entries ORDER BY number"):
        kind, flags, digest = r[4], r[5], r[32:64]
        if len(frame) == octets:  # the body itself, since it would not become smaller
            frame = packed(frame)
        ends = [64 + sum(r[28:28 + i]) for i in range(4)]
        party, source, media = (r[a:b].decode() for a, b in zip(ends, ends[1:]))
        token, count = r[ends[3]:], number(r[24:28])
        if kind == LANE:
            _, name, tlp, realm = lanes[lane]
            body = f'{{"audience":"{AUDIENCES[tlp]}","lane":"{name}","realm":"{realm}"}}'.encode()
            octets, (digest, nonce, frame) = len(body), salted(body)
        if flags & (MORE | CONTINUES):
            if not flags & CONTINUES:
                joined, first = b"", (at, flags & ~MORE, token, count)
            joined += zstd(frame, "-d")
            if flags & MORE:
                continue
            at, flags, token, count = first
            octets, (digest, nonce, frame) = len(joined), salted(joined)
        entries.append((at, lane, size[lane], kind, flags, import_, number(r[8:16]), party, source, media, token, count, octets, digest))
        vault.append((at, nonce, frame))
        size[lane] += 1
    db.close()
    return lanes, entries, vault


def write_old(node, lanes, entries, vault):
    """DIR/ledger.db of version 1; the key and the configuration stay, the table is made anew."""
    for name in FILES:
        (node.path / name).unlink(missing_ok=True)
    shutil.rmtree(node.path / "table", ignore_errors=True)
    path = node.path / "ledger.db"
    path.touch(0o600)
    db = sqlite3.connect(path)
    db.execute("PRAGMA page_size = 8192")
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(VERSION_1)
    with db:
        db.executemany("INSERT INTO lanes VALUES(?, ?, ?, ?)", lanes)
        db.executemany(f"INSERT INTO entries VALUES({', '.join('?' * 14)})", entries)
        db.executemany("INSERT INTO vault VALUES(?, ?, ?)", vault)
    db.close()


def ask(path, sql):
    db = sqlite3.connect(path)
    rows = db.execute(sql).fetchall()
    db.close()
    return rows


def version(path):
    return ask(path, "PRAGMA user_version")[0][0]


def contents(path):
    """Of a ledger of version 1."""
    assert ask(path, "PRAGMA integrity_check") == [("ok",)] and version(path) == 1
    return [ask(path, f"SELECT * FROM {table} ORDER BY number") for table in ("lanes", "entries", "vault")]


def verified(node):
    found = json.loads(node.run("verify", "--json").out.splitlines()[-1])
    assert found["ok"] and not found["findings"], found
    return found


def log(node):
    return [json.loads(line) for line in node.run("log", "--json", "--reverse").out.splitlines()]


VALUES = ["198.51.100.7", "203.0.113.80", "login.bank-verify.example", "www.portal.gov.example", "0f343b0931126a20f133d67c2b018a3b",
          "large.example", "not-there.example"]


def answers(node):
    """All but what a second more changes."""
    told = []
    for value in VALUES:
        why = {k: v for k, v in node.why(value).items() if k not in ("as_of", "now", "sum_mdb")}
        why["lines"] = [{k: v for k, v in line.items() if k not in ("age_s", "decay_1024", "mdb")} for line in why.get("lines", [])]
        told.append(why)
    return told


@pytest.fixture
def old(samples):
    """The samples, an import that was broken off, and one body larger than an entry has now: as version 1.  With what was
    answered before, and the rows."""
    large = {"type": "bundle", "id": "bundle--0e3a5c5e-94ad-4f5a-8a5b-6f0e0a2f1d11", "objects": [{
        "type": "indicator", "spec_version": "2.1", "id": "indicator--0e3a5c5e-94ad-4f5a-8a5b-6f0e0a2f1d12",
        "created": "2024-01-01T00:00:00.000Z", "modified": "2024-01-01T00:00:00.000Z", "valid_from": "2024-01-01T00:00:00Z",
        "pattern": "[domain-name:value = 'large.example']", "pattern_type": "stix", "description": "x" * 2_500_000}]}
    samples.run("import", "--strict", "--source", "broken", "--format", "lines", "-", stdin=b"192.0.2.9\n" * 250000 + b"192.0.2.300\n",
                code=2)
    samples.counts("large", "-", stdin=json.dumps(large).encode())
    assert samples.listed("large.example")
    told = answers(samples)
    lanes, entries, vault = old_rows(samples.path / "ledger.db")
    assert any(row[12] > 2_500_000 for row in entries)
    body, at, lane = as_large_as_its_frame(), entries[-1][0] + 1, entries[-1][1]
    digest, nonce, frame = salted(body)
    entries.append((at, lane, sum(e[1] == lane for e in entries), 1, 1, at, 1700000000000, "local", "broken", "lines", b"", 1, len(body), digest))
    vault.append((at, nonce, frame))
    write_old(samples, lanes, entries, vault)
    return samples, told, [lanes, entries, vault]


def test_an_old_ledger_is_migrated(old, serve):
    node, told, rows = old
    refused = node.run("verify", code=None)  # reads only
    assert refused.returncode == 2 and "version 1" in refused.err and version(node.path / "ledger.db") == 1
    assert answers(node) == told
    assert contents(node.path / "ledger.db.v1") == rows and not (node.path / "ledger.db.v1.part").exists()
    assert (node.path / "ledger.db.v1").stat().st_mode & 0o777 == 0o600
    found = verified(node)
    assert found["entries"] == found["bodies"] == len(rows[1]) and found["checkpoints"] >= len(rows[0])
    entries = log(node)
    assert [(e["number"], e["index"], e["time_ms"], e["party"], e["source"], e["media"], e["count"], e["octets"], e["digest"]) for e in entries] \
        == [(r[0], r[2], r[6], r[7], r[8], r[9], r[11], r[12], r[13].hex()) for r in rows[1]]
    assert json.loads(node.run("rebuild", "--json").out)["differed"] is False

    # A second opening does nothing.
    copy = node.path / "ledger.db.v1"
    before = copy.stat().st_mtime_ns, node.run("lane", "show", "public", "--json").out
    assert answers(node) == told
    assert (copy.stat().st_mtime_ns, node.run("lane", "show", "public", "--json").out) == before and log(node) == entries

    # It goes on: new entries beside the old, proofs of both, and an old body can be erased.
    node.counts("new", "-", stdin=b"192.0.2.200\n")
    daemon = serve(node)
    size = int(daemon.get("/lanes/public/checkpoint")[2].split("\n")[1])
    for index in (0, 1, size - 1):
        status, _, receipt = daemon.get(f"/lanes/public/receipt/{index}")
        assert status == 200
        (node.path / "receipt").write_text(receipt)
        done = subprocess.run([SIPAR, "verify", "--key", str(node.path / "node.pub"), str(node.path / "receipt")], capture_output=True,
                              text=True, timeout=LIMIT)
        assert done.returncode == 0, done.stderr
    large = next(e["entry"] for e in entries if e["octets"] > 2_500_000)
    node.run("erase", large, "--reason", "by the test")
    assert not daemon.lookup("large.example")["listed"] and daemon.lookup("192.0.2.200")["listed"]
    verified(node)


def test_a_version_that_is_not_known(old):
    node, _, rows = old
    db = sqlite3.connect(node.path / "ledger.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    for verb in (("lane", "list"), ("verify",), ("import", "--source", "new", os.devnull)):
        done = node.run(*verb, code=None)
        assert done.returncode == 2 and "version 99" in done.err, done.err
    assert not (node.path / "ledger.db.v1").exists() and version(node.path / "ledger.db") == 99


def test_no_migration_without_the_key(old):
    node, told, rows = old
    (node.path / "node.key").rename(node.path / "elsewhere")
    done = node.run("lane", "list", code=None)
    assert done.returncode == 2 and "node.key" in done.err, done.err
    assert contents(node.path / "ledger.db") == rows and not (node.path / "ledger.db.v1").exists()
    (node.path / "elsewhere").rename(node.path / "node.key")
    assert answers(node) == told


def test_a_damaged_old_ledger_stays_as_it_is(old):
    node, _, rows = old
    db = sqlite3.connect(node.path / "ledger.db")
    at, lane = rows[1][-1][:2]
    with db:
        db.execute("UPDATE entries SET idx = idx + 1 WHERE number = ?", (at,))
    db.close()
    done = node.run("lane", "list", code=None)
    assert done.returncode in (1, 2) and f"entry {at}" in done.err, done.err
    assert version(node.path / "ledger.db") == 1 and len(ask(node.path / "ledger.db", "SELECT number FROM vault")) == len(rows[2])
    db = sqlite3.connect(node.path / "ledger.db")
    with db:
        db.execute("UPDATE entries SET idx = idx - 1 WHERE number = ?", (at,))
    db.close()
    node.run("lane", "list")
    verified(node)
    assert contents(node.path / "ledger.db.v1") == rows  # not what was copied before it was mended


def test_a_migration_that_is_killed(old):
    """At any moment: the ledger is the old one or the new one, whole, and the copy beside it too."""
    node, told, (lanes, entries, vault) = old
    kills, r = (40 if os.environ.get("SIPAR_LONG") else 8), random.Random(11)
    body = "".join(f"# {r.randbytes(30).hex()}\n" for _ in range(300)).encode()
    digest, nonce, frame = salted(body)
    at, lane = entries[-1][0], lanes[1][0]
    size = sum(e[1] == lane for e in entries)
    for i in range(2000):  # so that it takes a while
        at += 1
        entries.append((at, lane, size + i, 1, 1, at, 1700000000000, "local", "broken", "lines", b"", 1, len(body), digest))
        vault.append((at, nonce, frame))
    write_old(node, lanes, entries, vault)
    rows = contents(node.path / "ledger.db")
    saved = node.path.parent / "saved"
    shutil.copytree(node.path, saved)
    start = time.monotonic()
    node.run("lane", "list")
    whole = time.monotonic() - start
    verified(node)
    outcomes = collections.Counter()
    shutil.rmtree(node.path)
    shutil.copytree(saved, node.path)
    for i in range(kills):
        p = subprocess.Popen([SIPAR, "lane", "list", "-d", str(node.path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(r.uniform(0, whole))
        p.kill()
        p.wait()
        copy = node.path / "ledger.db.v1"
        if copy.exists():
            assert contents(copy) == rows
        now = version(node.path / "ledger.db")
        outcomes[now, copy.exists()] += 1
        if now == 1:
            assert contents(node.path / "ledger.db") == rows
            continue
        verified(node)
        shutil.rmtree(node.path)
        shutil.copytree(saved, node.path)
    assert outcomes[1, False] + outcomes[1, True], outcomes
    assert answers(node) == told
    verified(node)
    assert not (node.path / "ledger.db.v1.part").exists()
