"""The node's key: shown, replaced with and without a daemon, cut off on the way, under a passphrase."""
import base64
import json
import os
import secrets
import sqlite3

import ed25519
import pytest

from conftest import Node


def shown(node):
    return json.loads(node.run("key", "show", "--json").out)


def rotated(node, *options):
    return json.loads(node.run("key", "rotate", "--json", *options).out)


def vkeys(node):
    return {lane["lane"]: lane["vkey"] for lane in shown(node)["lanes"]}


def checkpoints(node, lane):
    """(text, {number of the key: signature}) of each signed root of a lane, as it is stored."""
    db = sqlite3.connect(f"file:{node.path}/ledger.db?mode=ro", uri=True)
    number, origin = db.execute("SELECT number, origin FROM lanes WHERE name = ?", (lane,)).fetchone()
    rows = db.execute("SELECT idx, root, signatures FROM entries WHERE lane = ? AND root IS NOT NULL ORDER BY idx", (number,)).fetchall()
    db.close()
    return [(f"{origin}\n{index + 1}\n{base64.b64encode(root).decode()}\n".encode(), [s[i + 1:i + 65] for i in range(0, len(s), 65)])
            for index, root, s in rows]


def signers(vkey_of, checkpoint):
    """Which of the named vkeys stand behind it."""
    text, signatures = checkpoint
    return {who for who, v in vkey_of.items() if any(ed25519.holds(ed25519.vkey(v)[2], text, s) for s in signatures)}


def test_show(node):
    keys = shown(node)
    public = (node.path / "node.pub").read_text().strip()
    assert keys["production"] == [public] and len(keys["exercise"]) == 1 and keys["exercise"] != keys["production"]
    assert [lane["lane"] for lane in keys["lanes"]] == ["public", "community", "members", "restricted", "node", "decisions"]
    for lane in keys["lanes"]:
        name, _, key = ed25519.vkey(lane["vkey"])
        assert name == lane["origin"] and lane["origin"].endswith("/lanes/" + lane["lane"])
        assert key.hex() == public
    text = node.run("key").out
    assert public in text and all(lane["vkey"] in text for lane in keys["lanes"])


def test_the_vkey_verifies_what_the_lane_signs(node):
    node.counts("feed", "-", stdin=b"192.0.2.1\n")
    points = checkpoints(node, "public")
    assert len(points) >= 2
    for point in points:
        assert signers(vkeys(node), point) >= {"public"}
    text, signatures = points[-1]
    assert not signers(vkeys(node), (text.replace(b"\n", b"x\n", 1), signatures))


@pytest.mark.parametrize("daemon", [False, True], ids=["alone", "daemon"])
def test_rotate(node, serve, daemon):
    before, old = shown(node), vkeys(node)
    d = serve(node) if daemon else None
    node.counts("feed", "-", stdin=b"192.0.2.1\n")
    said = rotated(node)
    assert not said["resumed"]
    after, new = shown(node), vkeys(node)
    for realm in ("production", "exercise"):
        assert after[realm] == [*before[realm], said[realm]["new"]] and said[realm]["old"] == before[realm][0] != said[realm]["new"]
    assert (node.path / "node.pub").read_text().strip() == said["production"]["new"]
    kept = node.path / f"node.key.old-{said['production']['old'][:8]}"
    assert kept.stat().st_mode & 0o777 == 0o600 and not (node.path / "node.key.new").exists()
    for lane in old:
        assert old[lane].split("+")[0] == new[lane].split("+")[0] and old[lane] != new[lane]
        which = {"old": old[lane], "new": new[lane]}
        assert signers(which, checkpoints(node, lane)[-1]) == {"old", "new"}  # whoever trusts the old one learns the new one
    node.counts("feed", "-", stdin=b"192.0.2.2\n")
    points = [signers({"old": old["public"], "new": new["public"]}, p) for p in checkpoints(node, "public")]
    assert points[0] == {"old"} and points[-1] == {"new"} and points.count({"old", "new"}) == 1
    second = rotated(node)  # and once more in the same process
    assert second["production"]["old"] == said["production"]["new"]
    node.counts("feed", "-", stdin=b"192.0.2.3\n")
    if d:
        assert d.stop() == 0
    assert shown(node)["production"] == [*after["production"], second["production"]["new"]]
    assert node.counts("feed", "-", stdin=b"192.0.2.4\n")["accepted"] == 1
    assert node.listed("192.0.2.4")


def test_a_rotation_cut_off_before_the_ledger_is_resumed(node):
    before = shown(node)
    new = node.path / "node.key.new"
    new.write_text(secrets.token_hex(32) + "\n")
    new.chmod(0o600)
    assert shown(node) == before  # nothing happens by itself
    said = rotated(node)
    assert said["resumed"] and said["production"]["old"] == before["production"][0]
    assert shown(node)["production"] == [*before["production"], said["production"]["new"]]
    assert not new.exists()
    assert not rotated(node)["resumed"]


@pytest.mark.parametrize("left", ["everything", "no-pub", "kept", "renamed"])
def test_a_rotation_cut_off_behind_the_ledger_ends_at_the_next_start(node, left):
    key, pub, new = (node.path / name for name in ("node.key", "node.pub", "node.key.new"))
    old = pub.read_text()
    said = rotated(node)
    kept = node.path / f"node.key.old-{old[:8]}"
    if left == "renamed":
        pub.unlink()
    else:
        key.rename(new)
        if left == "kept":
            os.link(kept, key)
        else:
            kept.rename(key)
        pub.write_text(old)
        if left != "everything":
            pub.unlink()
    keys = shown(node)
    assert keys["production"] == [said["production"]["old"], said["production"]["new"]]
    assert pub.read_text().strip() == said["production"]["new"] and kept.exists() and not new.exists()
    assert node.counts("feed", "-", stdin=b"192.0.2.1\n")["accepted"] == 1


def test_another_key_cannot_go_on_with_the_ledger(node):
    key = node.path / "node.key"
    key.write_text(secrets.token_hex(32) + "\n")
    assert "node.pub" in node.run("key", code=2).err
    (node.path / "node.pub").unlink()
    assert "not the key that signed this ledger" in node.run("key", code=2).err
    key.unlink()
    node.run("key", code=2)


# ---- passphrases ----


@pytest.fixture
def passphrase(tmp_path, monkeypatch):
    """Set the passphrase that the program finds; None: none, and no terminal."""
    path = tmp_path / "passphrase"

    def set_to(text):
        if text is None:
            monkeypatch.delenv("SIPAR_PASSPHRASE_FILE", raising=False)
        else:
            path.write_text(text + "\n")
            monkeypatch.setenv("SIPAR_PASSPHRASE_FILE", str(path))

    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    set_to(None)
    return set_to


def protected(node, name="node.key"):
    return (node.path / name).read_text().startswith("sipar-key-1 ")


def test_a_key_with_a_passphrase(tmp_path, passphrase, serve):
    node = Node(tmp_path / "node")
    passphrase("correct horse")
    node.run("init", "--passphrase")
    assert protected(node)
    assert shown(node)["production"] == [(node.path / "node.pub").read_text().strip()]
    passphrase("wrong horse")
    assert "the passphrase is not that of" in node.run("key", code=2).err
    assert "the passphrase is not that of" in node.run("import", "--source", "feed", "-", stdin=b"192.0.2.1\n", code=2).err
    passphrase("")
    assert "is empty" in node.run("key", code=2).err
    passphrase("correct horse")
    serve(node)
    said = rotated(node)
    assert protected(node) and protected(node, f"node.key.old-{said['production']['old'][:8]}")  # the new one is not less protected
    assert node.counts("feed", "-", stdin=b"192.0.2.1\n")["accepted"] == 1


def test_a_passphrase_comes_with_a_rotation(node, passphrase):
    passphrase("correct horse")
    rotated(node, "--passphrase")
    assert protected(node)
    assert len(shown(node)["production"]) == 2
    passphrase("wrong horse")
    node.run("key", code=2)


def test_a_credential_has_the_passphrase(tmp_path, passphrase, monkeypatch):
    node = Node(tmp_path / "node")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "sipar-passphrase").write_text("correct horse")
    passphrase("another horse")  # the credential goes before it
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    node.run("init", "--passphrase")
    shown(node)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    node.run("key", code=2)


def test_a_daemon_has_nobody_to_ask(node, passphrase, serve):
    serve(node)
    assert "nobody to ask" in node.run("key", "rotate", "--passphrase", code=2).err
    assert not (node.path / "node.key.new").exists()
    assert len(shown(node)["production"]) == 1


@pytest.mark.parametrize("arguments", [["turn"], ["show", "more"], ["rotate", "now"], ["show", "--passphrase"], ["--nonsense"]])
def test_usage(node, arguments):
    assert node.run("key", *arguments, code=64).err.startswith("sipar: ")
    assert len(shown(node)["production"]) == 1
