"""Lanes read by a program that shares nothing with ours: the notes and trees of the Go project (its checksum database is such a log)."""
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess

import pytest

from conftest import LIMIT, ROOT

GOPATH = pathlib.Path("/usr/share/gocode")
pytestmark = pytest.mark.skipif(not shutil.which("go") or not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").exists(),
                                reason="golang-go and golang-golang-x-mod-dev are not installed")


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    """check(url, key) -> the finished process"""
    folder = tmp_path_factory.mktemp("go")
    cache = os.environ.get("GOCACHE", str(folder / "cache"))
    env = dict(os.environ, GOPATH=str(GOPATH), GO111MODULE="off", GOFLAGS="-mod=mod", GOCACHE=cache, GOTOOLCHAIN="local", CGO_ENABLED="0")
    done = subprocess.run(["go", "build", "-o", str(folder / "check"), str(ROOT / "tests" / "go" / "check.go")], env=env,
                          capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    return lambda *args: subprocess.run([folder / "check", *args], capture_output=True, text=True, timeout=LIMIT)


def lane_of(node, size, folder, realm="production"):
    """A lane of so many entries: its first, the pieces of one import, and the end of that."""
    name = f"n{size}-{realm}"
    node.run("lane", "create", name, "--audience", "tlp:clear", "--realm", realm)
    if size > 1:
        folder.mkdir()
        for i in range(size - 2):
            (folder / f"{i}").write_text(f"h{i}.example\n")
        node.run("import", "-q", "--source", name, "--lane", name, "--format", "lines", folder)
    return name


def test_go_reads_our_lanes(node, serve, check, tmp_path):
    sizes = [1, 3, 255, 256, 257, 700]
    names = [lane_of(node, size, tmp_path / str(size)) for size in sizes] + [lane_of(node, 5, tmp_path / "exercise", "exercise")]
    daemon = serve(node)
    keys = set()
    for size, name in zip(sizes + [5], names):
        key = json.loads(node.run("lane", "show", name, "--json").out)["vkey"]
        done = check(f"http://127.0.0.1:{daemon.http_port}/lanes/{name}", key)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        counts = json.loads(done.stdout)
        assert counts["size"] == size and counts["proofs"] == counts["receipts"] == counts["bodies"] >= min(size, 5), counts
        assert counts["tiles"] >= (2 if size > 256 else 1 if size > 1 else 0), counts
        keys.add(key.split("+")[2])
    assert len(keys) == 2, "an exercise has a key of its own"


def test_go_refuses_what_does_not_hold(node, serve, check, tmp_path):
    """Another log's key; and an entry that was changed where the ledger keeps it."""
    name, other = (lane_of(node, size, tmp_path / str(size)) for size in (300, 5))
    key, wrong = (json.loads(node.run("lane", "show", n, "--json").out)["vkey"] for n in (name, other))
    daemon = serve(node)
    url = f"http://127.0.0.1:{daemon.http_port}/lanes/{name}"
    assert check(url, key).returncode == 0
    done = check(url, wrong)
    assert done.returncode == 1 and "no verifiable signatures" in done.stderr, done.stderr
    db = sqlite3.connect(node.path / "ledger.db")
    with db:
        row = db.execute("SELECT e.number, record FROM entries e JOIN lanes l ON l.number = e.lane WHERE l.name = ? AND idx = 7", (name,))
        number, record = row.fetchone()
        changed = record[:15] + bytes([record[15] ^ 1]) + record[16:]  # its time
        db.execute("UPDATE entries SET record = ? WHERE number = ?", (changed, number))
    db.close()
    done = check(url, key)
    assert done.returncode == 1 and "root of the entries" in done.stderr, done.stderr
