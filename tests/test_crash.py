"""What was acknowledged is there after SIGKILL at any moment, whole, at its place and under the signed roots; and the last write to
the log may be cut anywhere."""
import base64
import collections
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import threading
import time

import pytest

from conftest import LIMIT, SIPAR, Node

WRITER = pathlib.Path(SIPAR).parent / "tests" / "crash_writer"
LONG = bool(os.environ.get("SIPAR_LONG"))
MORE, CONTINUES = 4, 8
Entry = collections.namedtuple("Entry", "number lane index kind flags record body")

pytestmark = pytest.mark.skipif(not WRITER.exists(), reason=f"{WRITER} is not built")


def fine(stderr):
    assert b"AddressSanitizer" not in stderr and b"runtime error" not in stderr, stderr.decode()


def read(path, since=0):
    """Entries from number `since` on, and {lane: (size, root)} of the signed checkpoints."""
    done = subprocess.run([WRITER, path, "read", str(since)], capture_output=True, timeout=LIMIT)
    fine(done.stderr)
    assert done.returncode == 0 and done.stdout.endswith(b"end\n"), done.stderr.decode()
    entries, notes = [], {}
    for line in done.stdout.decode().splitlines():
        what, *rest = line.split()
        if what == "entry":
            entries.append(Entry(*map(int, rest[:5]), bytes.fromhex(rest[5]), rest[6]))
        elif what == "note":
            size, root = bytes.fromhex(rest[1]).decode().split("\n")[1:3]
            notes[int(rest[0])] = int(size), base64.b64decode(root)
    return entries, notes


class Edge:
    """A Merkle tree that grows: the roots of its perfect subtrees, from the left."""

    def __init__(self):
        self.size, self.roots = 0, []

    def add(self, record):
        self.roots.append(hashlib.sha256(b"\0" + record).digest())
        self.size += 1
        for level in range((self.size & -self.size).bit_length() - 1):
            right, left = self.roots.pop(), self.roots.pop()
            self.roots.append(hashlib.sha256(b"\1" + left + right).digest())

    def root(self):
        value = self.roots[-1]
        for left in self.roots[-2::-1]:
            value = hashlib.sha256(b"\1" + left + value).digest()
        return value


class Witness:
    """Has seen everything so far, and believes nothing else."""

    def __init__(self, path):
        self.path = path
        self.edges, self.entries, self.last = collections.defaultdict(Edge), {}, 0
        self.erased, self.acknowledged = set(), 0

    def look(self):
        """What is new goes on from what was there: no gap, and each signed root is that of all entries up to its size."""
        entries, notes = read(self.path, self.last + 1)
        for e in entries:
            assert e.number > self.last and e.index == self.edges[e.lane].size, f"entry {e.number} is not at its place"
            before = self.entries.get((e.lane, e.index - 1))
            assert bool(e.flags & CONTINUES) == bool(before and before.flags & MORE), f"entry {e.number} is half there"
            self.edges[e.lane].add(e.record)
            self.entries[e.lane, e.index] = e
            self.last = e.number
        assert notes.keys() == self.edges.keys()
        for lane, edge in self.edges.items():
            assert notes[lane] == (edge.size, edge.root()), f"the checkpoint of lane {lane} is of something else"
            assert not self.entries[lane, edge.size - 1].flags & MORE, f"the last entry of lane {lane} is half there"

    def hear(self, said):
        """Lines of acknowledgement: all of it is there."""
        for line in said:
            what, *rest = line.split()
            self.acknowledged += 1
            if what == "lane":
                assert (int(rest[0]), 0) in self.entries, f"{line}: acknowledged, and not there"
                continue
            at = int(rest[0]), int(rest[1])
            assert at in self.entries, f"{line}: acknowledged, and not there"
            if what == "erased":
                self.erased.add(at)
            else:
                while self.entries[at].flags & MORE:
                    at = at[0], at[1] + 1
                assert self.entries[at].body in (rest[2], "gone"), f"{line}: acknowledged, and another body is there"

    def look_again(self):
        """From the first entry on: nothing has changed, but for bodies that are gone, and are said to be."""
        entries, _ = read(self.path)
        assert len(entries) == len(self.entries)
        for e in entries:
            old = self.entries[e.lane, e.index]
            assert e == old or (e.body == "gone" and e._replace(body=old.body) == old), f"entry {e.number} has changed"
            self.entries[e.lane, e.index] = e
        for at in self.erased:
            assert self.entries[at].body == "gone", f"{at} was acknowledged as erased, and is there"


def verified(node):
    found = json.loads(node.run("verify", "--json").out.splitlines()[-1])
    assert found["ok"] and not found["findings"], found
    return found


def rebuilt(node):
    assert json.loads(node.run("rebuild", "--json").out)["differed"] is False


def write_and_kill(path, seed, delay, opened):
    """What was acknowledged until SIGKILL, `delay` after the start, or after the first acknowledgement when `opened`."""
    p = subprocess.Popen([WRITER, path, "write", str(seed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = [p.stdout.readline()] if opened else []
    end = time.monotonic() + delay
    rest = []
    reader = threading.Thread(target=lambda: rest.append(p.stdout.read()))  # a full pipe would be a brake
    reader.start()
    time.sleep(max(0, end - time.monotonic()))
    p.kill()
    reader.join()
    err = p.stderr.read()
    assert p.wait() == -signal.SIGKILL, f"it ended by itself: {err.decode()}"
    fine(err)
    text = b"".join(lines + rest)
    return text[:text.rfind(b"\n") + 1].decode().splitlines()


def test_killed_writers(node):
    kills, r = (500 if LONG else 25), random.Random(8)
    node.run("source", "add", "crash", "--event")
    witness = Witness(node.path)
    for i in range(kills):
        early = i % 5 == 4  # while it opens what the one before has left
        said = write_and_kill(node.path, i, r.uniform(0, 0.02) if early else r.uniform(0, 0.15), not early)
        witness.look()
        witness.hear(said)
        if i % (50 if LONG else 10) == 0:
            verified(node)
            node.run("check", "h1.example", code=None)  # a fold that goes on from here next time
    witness.look_again()
    assert witness.acknowledged > 10 * kills and witness.erased and any(e.flags & CONTINUES for e in witness.entries.values())
    found = verified(node)
    assert found["entries"] == len(witness.entries) and found["erased"] >= len(witness.erased)
    rebuilt(node)
    witness.look()


def test_killed_daemons(node, serve):
    """Imports go through a daemon that is killed; what a client was told is done is there, and views are those of a rebuild."""
    kills, r, done = (40 if LONG else 4), random.Random(9), []
    large = "".join(f"# {'x' * 1000}\n" for i in range(1500))

    def client(name):
        for i in range(1000):
            value = f"{name}-{i}.example"
            text = f"{value}\n" + (large if i % 7 == 0 else "")
            p = subprocess.run([SIPAR, "import", "-d", str(node.path), "-q", "--source", f"s{len(name)}", "--format", "lines", "-"],
                               input=text.encode(), capture_output=True, timeout=LIMIT)
            if stop.is_set():
                return
            if p.returncode == 0:
                done.append(value)

    node.run("source", "add", "s3", "--event")
    node.run("source", "add", "s4", "--event")
    for i in range(kills):
        daemon, stop = serve(node), threading.Event()
        clients = [threading.Thread(target=client, args=(name,)) for name in (f"a{i % 10}x", f"b{i % 10}y", f"c{i // 10}{i % 10}z")]
        for c in clients:
            c.start()
        time.sleep(r.uniform(0.1, 0.6))
        daemon.process.kill()
        stop.set()  # the last import of each may have gone to a node that no daemon had: it is not counted
        for c in clients:
            c.join()
        daemon.stop()
        verified(node)
    assert len(done) > kills
    for i in range(0, len(done), 100):
        assert all(answer["listed"] for answer in node.check(*done[i:i + 100])), "an import that was acknowledged is not there"
    rebuilt(node)
    assert node.listed(done[0]) and node.listed(done[-1])


# ---- the last write, cut ----

def log_checksum(octets, order, start):
    """SQLite's, over pairs of words."""
    a, b = start
    words = struct.unpack(f"{order}{len(octets) // 4}I", octets)
    for i in range(0, len(words), 2):
        a = (a + words[i] + b) & 0xffffffff
        b = (b + words[i + 1] + a) & 0xffffffff
    return a, b


def commits(wal):
    """Where each commit in a write-ahead log ends: only what SQLite would believe."""
    if len(wal) < 32:  # an erasure leaves nothing in it
        return []
    magic, _, page = struct.unpack(">3I", wal[:12])
    order = ">" if magic & 1 else "<"
    sum_, ends = log_checksum(wal[:24], order, (0, 0)), []
    assert sum_ == struct.unpack(">2I", wal[24:32])
    for at in range(32, len(wal) - 24 - page + 1, 24 + page):
        head = wal[at:at + 24]
        sum_ = log_checksum(head[:8] + wal[at + 24:at + 24 + page], order, sum_)
        if head[8:16] != wal[16:24] or sum_ != struct.unpack(">2I", head[16:]):
            break
        if struct.unpack(">I", head[4:8])[0]:
            ends.append(at + 24 + page)
    return ends


class Copies:
    """Copies of a data directory whose log ends otherwise."""

    def __init__(self, node, folder):
        self.node, self.folder = node, folder
        self.wal = (node.path / "ledger.db-wal").read_bytes()

    def taken_over(self, start, end):
        """Whether the database has pages of this part of the log already: SQLite has synced the log before, so that no cut can be there."""
        page, = struct.unpack(">I", self.wal[8:12])
        with open(self.node.path / "ledger.db", "rb") as ledger:
            for at in range(start, end, 24 + page):
                number, = struct.unpack(">I", self.wal[at:at + 4])
                ledger.seek((number - 1) * page)
                if ledger.read(page) == self.wal[at + 24:at + 24 + page]:
                    return True
        return False

    def state(self, octets, writable):
        """What is there with this log; it opens, and all holds."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        for name in ("ledger.db", "node.key", "node.pub"):
            shutil.copy2(self.node.path / name, self.folder / name)
        (self.folder / "ledger.db-wal").write_bytes(octets)
        copy = Node(self.folder)
        if writable:
            copy.run("lane", "list")
        verified(copy)
        return read(self.folder)


def test_the_last_write_is_cut(node, tmp_path):
    node.run("source", "add", "crash", "--event")
    r = random.Random(10)
    for seed in range(1000, 1100):  # until the last commit is one of statements, and not of the index of objects
        write_and_kill(node.path, seed, r.uniform(0.1, 0.3), True)
        copies = Copies(node, tmp_path / "copy")
        ends = commits(copies.wal)
        if len(ends) > 1 and not copies.taken_over(*ends[-2:]):
            start, end = ends[-2:]
            nothing, everything = copies.state(copies.wal[:start], False), copies.state(copies.wal[:end], False)
            if nothing != everything:
                break
    else:
        pytest.fail("no log was left behind")
    assert everything == read(node.path) and len(everything[0]) > len(nothing[0])
    cuts = range(-(-start // 512) * 512, end, 512)
    if not LONG:
        cuts = sorted({cuts[0], cuts[-1], *r.sample(cuts, min(18, len(cuts)))})
    for cut in cuts:
        assert copies.state(copies.wal[:cut], cut // 512 % 2) == nothing, f"cut at {cut} of {start} to {end}"
    middle = cuts[len(cuts) // 2]
    assert copies.state(copies.wal[:middle] + bytes(len(copies.wal) - middle), True) == nothing
    assert copies.state(copies.wal[:middle] + r.randbytes(len(copies.wal) - middle), True) == nothing
    assert copies.state(copies.wal[:end], True) == everything
