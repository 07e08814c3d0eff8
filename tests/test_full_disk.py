"""A disk that is full: writing is refused and leaves nothing behind, reading goes on, and when there is space again so does writing."""
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import urllib.request

import pytest

from conftest import LIMIT, Node, wait_for

MEGABYTES = 24


class Disk:
    """A small file system of its own, in a mount namespace that a process holds; commands are run in there."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sipar-disk-"))
        root = os.geteuid() == 0
        script = f'mount -t tmpfs -o size={MEGABYTES}m,mode=700 tmpfs "$1" && echo ready && exec cat'
        self.holder = subprocess.Popen(["unshare", "-m" if root else "-rm", "sh", "-c", script, "sh", self.folder],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            why = self.holder.stderr.read().strip()
            self.release()
            pytest.skip(f"a tmpfs cannot be mounted here: {why}")
        self.within = ["nsenter", "-t", str(self.holder.pid), *([] if root else ["-U", "--preserve-credentials"]), "-m"]
        self.path = pathlib.Path(f"/proc/{self.holder.pid}/root{self.folder}")  # for us out here

    def node(self, name):
        (self.folder / name).mkdir()  # where it does not fill up, for the daemon's log
        return Node(self.folder / name, self.within)

    def fill(self, leave=0):
        """All of it but so many octets."""
        with open(self.path / "filler", "ab", buffering=0) as f:
            for octets in (1 << 20, 4096):
                try:
                    while True:
                        f.write(bytes(octets))
                except OSError:
                    pass
            f.truncate(max(0, f.seek(0, os.SEEK_END) - leave))

    def free(self):
        (self.path / "filler").unlink()

    def release(self):
        self.holder.communicate("")
        shutil.rmtree(self.folder)


@pytest.fixture
def disk():
    if not shutil.which("unshare"):
        pytest.skip("there is no unshare(1)")
    d = Disk()
    yield d
    d.release()


@pytest.fixture
def full(disk):
    """A node on that disk, with something in it."""
    n = disk.node("node")
    n.run("init")
    n.counts("first", "--lane", "public", "-", stdin=b"192.0.2.1\n")
    return n


def noise(i, octets=300_000):
    """A list that packs badly."""
    r = random.Random(i)
    return f"{i}.example\n".encode() + "".join(f"{r.randbytes(12).hex()}.example\n" for _ in range(octets // 32)).encode()


def refused(done):
    assert done.returncode == 2 and ("full" in done.err or "No space left" in done.err), f"exit {done.returncode}: {done.err}"


def send(node, i):
    return node.run("import", "-q", "--source", f"s{i}", "--lane", "public", "-", stdin=noise(i), code=None)


def send_until_refused(node, first):
    """What the log has room for is taken; then it is refused.  @return the number that was refused."""
    for i in range(first, first + 200):
        done = send(node, i)
        if done.returncode:
            refused(done)
            return i
        assert node.listed(f"{i}.example")
    pytest.fail("a full disk takes everything")


def entries(node):
    return [json.loads(line)["entry"] for line in node.run("log", "--json").out.splitlines()]


def entry(node, name):
    return next(e for e in map(json.loads, node.run("log", "--json").out.splitlines()) if e["entry"] == name)


def left_over(disk, octets):
    """The files that still have them."""
    files = [disk.path / "node" / name for name in ("ledger.db", "ledger.db-wal")]
    return [path.name for path in files if path.exists() and octets in path.read_bytes()]


def verified(node):
    found = json.loads(node.run("verify", "--json").out.splitlines()[-1])
    assert found["ok"] and not found["findings"], found


def test_a_full_disk_under_the_daemon(disk, full, serve):
    daemon = serve(full)
    disk.fill()
    last = send_until_refused(full, 0)
    before, checkpoint = entries(full), daemon.get("/lanes/public/checkpoint")[2]
    for i in range(last, last + 5):
        refused(send(full, i))
    refused(full.run("source", "add", "another", code=None))
    refused(full.run("lane", "create", "another", "--audience", "tlp:green", code=None))

    # Nothing half is to be seen, and everything that was there is.
    assert full.listed("192.0.2.1") and not full.listed(f"{last}.example")
    assert daemon.lookup("192.0.2.1")["listed"] and not daemon.lookup(f"{last}.example")["listed"]
    assert all(daemon.lookup(f"{i}.example")["listed"] for i in range(last))
    here = [e for e in entries(full) if e.startswith("public/")]
    size = int(daemon.get("/lanes/public/checkpoint")[2].split("\n")[1])
    assert len(here) == size and entries(full)[-len(before):] == before and checkpoint
    # A piece may have found room where its end did not: it is an import that was broken off, and says nothing.
    status, _, _ = daemon.get(f"/lanes/public/receipt/{size - 1}")
    assert status == 200
    assert daemon.get("/lanes/public/receipt/0")[0] == 200 and daemon.get("/metrics")[0] == 200
    assert daemon.dig("1.2.0.192.bl.sipar.test", "A")[0] == "NOERROR"

    disk.free()
    for i in range(last, last + 3):
        assert send(full, i).returncode == 0
        assert daemon.lookup(f"{i}.example")["listed"]
    full.run("lane", "create", "another", "--audience", "tlp:green")
    verified(full)
    assert daemon.stop() == 0
    verified(full)
    assert json.loads(full.run("rebuild", "--json").out)["differed"] is False


@pytest.mark.parametrize("leave", [0, 20_000, 80_000, 300_000])
def test_an_erasure_on_a_full_disk(disk, full, serve, leave):
    """It is done, and then there is nothing left of body and nonce; or it is refused, and done later."""
    daemon = serve(full)
    assert send(full, 0).returncode == 0
    url = f"http://127.0.0.1:{daemon.http_port}/lanes/public/body/{entry(full, 'public/1')['digest']}"
    with urllib.request.urlopen(url, timeout=LIMIT) as answer:
        nonce = answer.read()[:32]
    disk.fill()
    last = send_until_refused(full, 1)
    disk.free()
    disk.fill(leave)
    done = full.run("erase", "public/1", "--reason", "by the test", code=None)
    if done.returncode:
        refused(done)
        said = "and so it is, but its octets are still in the log" in done.err
        assert full.listed("192.0.2.1") != said and ("gone" in entry(full, "public/1")) == said, done.err
        disk.free()
        if said:
            wait_for(lambda: not left_over(disk, nonce), "the end of what was erased")
        else:
            full.run("erase", "public/1", "--reason", "by the test")
    assert not full.listed("192.0.2.1") and full.listed("0.example") and "by the test" in entry(full, "public/1")["gone"]
    assert not left_over(disk, nonce)
    verified(full)
    assert daemon.stop() == 0 and last


@pytest.mark.parametrize("leave", [0, 4096, 40960, 100_000])
def test_a_full_disk_without_a_daemon(disk, full, leave):
    """Each verb opens the node for itself: that, too, may find no room."""
    before = entries(full)
    disk.fill(leave)
    for i in range(3):
        refused(send(full, i))
    for verb in (("source", "add", "another"), ("lane", "create", "another", "--audience", "tlp:green")):
        done = full.run(*verb, code=None)
        assert done.returncode == 0 or refused(done) is None
    disk.free()
    assert [e for e in entries(full) if e in before] == before
    verified(full)
    assert full.listed("192.0.2.1") and not any(full.listed(f"{i}.example") for i in range(3))
    assert send(full, 0).returncode == 0 and full.listed("0.example")
    verified(full)


def test_killed_on_a_full_disk(disk, full, serve):
    daemon = serve(full)
    disk.fill(500_000)
    last = send_until_refused(full, 0)
    daemon.process.kill()
    daemon.stop()
    disk.free()
    verified(full)
    assert full.listed("192.0.2.1") and all(full.listed(f"{i}.example") for i in range(last)) and not full.listed(f"{last}.example")
    assert send(full, last).returncode == 0 and full.listed(f"{last}.example")
    verified(full)


def test_no_room_for_a_directory(disk):
    """What init could not make whole is made when there is room."""
    disk.fill()
    n = disk.node("node")
    done = n.run("init", code=None)
    assert done.returncode == 2, done.err
    disk.free()
    n.run("init")
    verified(n)
