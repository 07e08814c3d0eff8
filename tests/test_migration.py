"""A ledger of version 1 becomes one of this version when it is opened to be written, and says the same as before."""
import sqlite3
import struct
import subprocess

OLD = """
PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;
CREATE TABLE lanes(number INTEGER PRIMARY KEY CHECK (number BETWEEN 0 AND 63), name TEXT NOT NULL UNIQUE, tlp INTEGER NOT NULL,
 realm TEXT NOT NULL) STRICT;
CREATE TABLE entries(number INTEGER PRIMARY KEY, lane INTEGER NOT NULL REFERENCES lanes(number), idx INTEGER NOT NULL,
 kind INTEGER NOT NULL, flags INTEGER NOT NULL, import INTEGER NOT NULL, time_ms INTEGER NOT NULL, party TEXT NOT NULL,
 source TEXT NOT NULL, media TEXT NOT NULL, token BLOB NOT NULL, count INTEGER NOT NULL, octets INTEGER NOT NULL,
 digest BLOB NOT NULL, UNIQUE(lane, idx)) STRICT;
CREATE TABLE vault(number INTEGER PRIMARY KEY, nonce BLOB NOT NULL, frame BLOB NOT NULL) STRICT;
PRAGMA application_id = 1399418994; PRAGMA user_version = 1;
"""


def sha256(octets):
    import hashlib
    return hashlib.sha256(octets).digest()


def make_old(node):
    """Write what the node's ledger says in the form of version 1, in its place."""
    path = node.path / "ledger.db"
    new = sqlite3.connect(path)
    lanes = new.execute("SELECT number, name, tlp, realm FROM lanes").fetchall()
    rows = new.execute("SELECT number, lane, idx, import, octets, record, nonce, frame FROM entries ORDER BY number").fetchall()
    new.close()
    for file in node.path.glob("ledger.db*"):
        file.unlink()
    old = sqlite3.connect(path)
    old.executescript(OLD)
    old.executemany("INSERT INTO lanes VALUES(?, ?, ?, ?)", lanes)
    for number, lane, index, first, octets, record, nonce, frame in rows:
        kind, flags, token_n, time_ms, _, count, party_n, source_n, media_n = struct.unpack(">BBHqQIBBB", record[4:31])
        digest, rest = record[32:64], record[64:]
        party, source, media = rest[:party_n], rest[party_n:party_n + source_n], rest[party_n + source_n:party_n + source_n + media_n]
        token = rest[party_n + source_n + media_n:]
        if kind == 3:  # the first entry of a lane did not name its origin
            name, tlp, realm = [l[1:] for l in lanes if l[0] == lane][0]
            audience = ["", "tlp:clear", "tlp:green", "tlp:amber", "tlp:amber+strict", "tlp:red"][tlp]
            frame = f'{{"audience":"{audience}","lane":"{name}","realm":"{realm}"}}'.encode()
            octets, digest = len(frame), sha256(nonce + frame)
        if len(frame) == octets:
            frame = subprocess.run(["zstd", "-1", "-c", "--content-size", f"--stream-size={octets}"], input=frame, capture_output=True).stdout
        old.execute("INSERT INTO entries VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (number, lane, index, kind, flags, first, time_ms, party.decode(), source.decode(), media.decode(), token, count, octets,
                     digest))
        old.execute("INSERT INTO vault VALUES(?, ?, ?)", (number, nonce, frame))
    old.commit()
    old.close()


def answers(node):
    return node.check("198.51.100.7", "login.bank-verify.example", "portal.gov.example", "h250.example", "192.0.2.99")


def test_a_ledger_of_version_1(samples):
    node = samples
    for i in range(130):
        node.counts(f"many{i % 3}", "--format", "lines", "-", stdin=f"h{i}.example\n".encode())
    node.counts("long", "--format", "lines", "-", stdin=b"".join(b"h%d.example\n" % i for i in range(200000)))
    before = answers(node)
    make_old(node)
    assert "version 1" in node.run("verify", code=2).err  # which only reads
    assert answers(node) == before
    assert (node.path / "ledger.db.v1").exists()
    assert "all holds" in node.run("verify").out
    node.run("rebuild")
    assert answers(node) == before
    node.counts("new", "-", stdin=b"192.0.2.98\n")
    assert node.listed("192.0.2.98") and "all holds" in node.run("verify").out


def test_versions_and_keys(node):
    make_old(node)
    key = node.path / "node.key"
    key.rename(node.path / "kept")
    assert "node.key" in node.run("check", "192.0.2.1", code=2).err
    (node.path / "kept").rename(key)
    assert not node.listed("192.0.2.1")
    db = sqlite3.connect(node.path / "ledger.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    assert "version 99" in node.run("check", "192.0.2.1", code=2).err
