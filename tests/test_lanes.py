"""Lanes as public logs: what is served, that it can be checked from outside, and that whoever changes any of it is found out."""
import base64
import hashlib
import http.server
import json
import shutil
import ssl
import subprocess
import threading
import urllib.error
import urllib.request

import pytest

from conftest import LIMIT, SIPAR, Node


def sipar(*args, code=0):
    """A verb that needs no node."""
    done = subprocess.run([SIPAR, *map(str, args)], capture_output=True, timeout=LIMIT)
    done.out, done.err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    assert "AddressSanitizer" not in done.err and "runtime error" not in done.err, done.err
    assert done.returncode == code, f"{args}: exit {done.returncode}\n{done.out}\n{done.err}"
    return done


def fetch(url, body=None):
    """(status, headers, octets)"""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=LIMIT) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def grow(node, n, lane="public", name="s"):
    """n more imports: two entries each."""
    for i in range(n):
        node.run("import", "-q", "--source", f"{name}{i}", "--lane", lane, "-", stdin=f"192.0.2.{i % 250}\n".encode())


@pytest.fixture
def cert(tmp_path):
    n = Node(tmp_path / "cert")
    n.run("init", "--name", "cert.example")
    return n


class Log:
    """The lane "public" of a daemon, from outside."""

    def __init__(self, node, daemon):
        self.node, self.daemon = node, daemon
        self.url = f"http://127.0.0.1:{daemon.http_port}/lanes/public"
        self.key = node.path / "node.pub"

    def get(self, path):
        return fetch(f"{self.url}/{path}")

    def verify(self, *args, code=0, url=None):
        return sipar("verify", "--url", url or self.url, "--key", self.key, *args, code=code)


@pytest.fixture
def log(cert, serve):
    grow(cert, 3)
    return Log(cert, serve(cert))


# ---- an own reading of tiles ----

def leaf(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def root(hashes):
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return hashlib.sha256(b"\1" + root(hashes[:k]) + root(hashes[k:])).digest()


def unbundle(octets):
    entries = []
    while octets:
        n = int.from_bytes(octets[:2], "big")
        assert len(octets) >= 2 + n
        entries.append(octets[2:2 + n])
        octets = octets[2 + n:]
    return entries


def tile_name(n, width):
    text = f"{n % 1000:03}"
    while n >= 1000:
        n //= 1000
        text = f"x{n % 1000:03}/{text}"
    return text + (f".p/{width}" if width < 256 else "")


def read_entries(log, size):
    entries = []
    for n in range((size + 255) // 256):
        width = min(256, size - 256 * n)
        status, _, octets = log.get(f"tile/entries/{tile_name(n, width)}")
        assert status == 200
        bundle = unbundle(octets)
        assert len(bundle) == width
        status, _, hashes = log.get(f"tile/0/{tile_name(n, width)}")
        assert status == 200 and hashes == b"".join(leaf(e) for e in bundle)
        entries += bundle
    return entries


def read_checkpoint(log):
    status, headers, octets = log.get("checkpoint")
    assert status == 200 and headers["Content-Type"] == "text/plain; charset=utf-8" and headers["Cache-Control"] == "no-cache"
    origin, size, hash64, blank, line = octets.decode().split("\n")[:5]
    assert blank == "" and line.startswith(f"\u2014 {origin} ")
    return origin, int(size), base64.b64decode(hash64)


# ---- what is served ----

def test_a_lane_is_served_as_a_tile_log(log):
    origin, size, signed = read_checkpoint(log)
    assert origin == "cert.example/lanes/public"
    entries = read_entries(log, size)
    assert root([leaf(e) for e in entries]) == signed
    listed = json.loads(fetch(f"http://127.0.0.1:{log.daemon.http_port}/lanes")[2])
    assert listed["node"] == "cert.example" and [lane["name"] for lane in listed["lanes"]] == ["public"]
    lane = listed["lanes"][0]
    assert (lane["size"], lane["audience"], lane["realm"], lane["retention"]) == (size, "tlp:clear", "production", "forever")
    assert lane["vkey"].startswith("cert.example/lanes/public+")
    sipar("verify", "--url", log.url, "--key", lane["vkey"])


def test_tiles_of_each_width_are_immutable(log):
    size = read_checkpoint(log)[1]
    before = [log.get(f"tile/0/{tile_name(0, w)}")[2] for w in range(1, size + 1)]
    bundles = [log.get(f"tile/entries/{tile_name(0, w)}")[2] for w in range(1, size + 1)]
    for w, octets in enumerate(before, 1):
        assert len(octets) == 32 * w and before[-1].startswith(octets)
    status, headers, _ = log.get("tile/0/000.p/1")
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable" and headers["Content-Type"] == "application/octet-stream"
    assert log.get(f"tile/0/000.p/{size + 1}")[0] == 404 and log.get("tile/0/000")[0] == 404 and log.get("tile/1/000.p/1")[0] == 404
    for bad in ("tile/0/0", "tile/0/000.p/0", "tile/00/000.p/1", "tile/0/x000/000", "tile/64/000", "tile/0/000.p/01", "tile/0/000.p/1?x"):
        assert log.get(bad)[0] == 404, bad
    grow(log.node, 2, name="later")
    assert [log.get(f"tile/0/{tile_name(0, w)}")[2] for w in range(1, size + 1)] == before
    assert [log.get(f"tile/entries/{tile_name(0, w)}")[2] for w in range(1, size + 1)] == bundles


def test_full_tiles(log):
    """More than 256 entries: a full tile, a partial one, and one a level above."""
    grow(log.node, 130, name="many")
    origin, size, signed = read_checkpoint(log)
    assert size > 256
    entries = read_entries(log, size)
    assert root([leaf(e) for e in entries]) == signed
    assert log.get("tile/1/000.p/1")[2] == root([leaf(e) for e in entries[:256]])
    assert log.get("tile/entries/000.p/7")[2] == b"".join(len(e).to_bytes(2, "big") + e for e in entries[:7])
    assert "all holds" in log.verify("--bodies").out


def test_bodies_and_receipts(log):
    size = read_checkpoint(log)[1]
    for index, entry in enumerate(read_entries(log, size)):
        digest = entry[32:64].hex()
        status, headers, octets = log.get(f"body/{digest}")
        assert status == 200 and headers["Cache-Control"] == "no-store"
        assert hashlib.sha256(octets).hexdigest() == digest
        status, headers, octets = log.get(f"receipt/{index}")
        assert status == 200 and octets.startswith(b"c2sp.org/tlog-proof@v1\n")
    assert log.get("body/" + "00" * 32)[0] == 404 and log.get("body/zz")[0] == 400
    assert log.get(f"receipt/{size}")[0] == 404 and log.get("receipt/x")[0] == 400


def test_an_erased_body_is_gone(log, tmp_path):
    size = read_checkpoint(log)[1]
    entry = read_entries(log, size)[1]
    log.node.run("erase", "public/1", "--reason", "asked for by a court")
    status, headers, octets = log.get(f"body/{entry[32:64].hex()}")
    assert status == 410 and "asked for by a court" in json.loads(octets)["detail"]
    assert read_entries(log, size)[1] == entry
    done = log.verify("--bodies", "--json")
    assert json.loads(done.out)["gone"] == 1
    log.node.run("receipt", "public/1")


# ---- hidden lanes ----

def test_a_hidden_lane_is_as_none(cert, serve):
    daemon = serve(cert)
    base = f"http://127.0.0.1:{daemon.http_port}"
    before = {path: fetch(base + path)[2] for path in ("/lanes", "/lanes/public/checkpoint")}

    def counts():
        text = fetch(base + "/metrics")[2].decode()
        return [line for line in text.splitlines() if line.startswith(("sipar_ledger", "sipar_table"))], json.loads(fetch(base + "/healthz")[2]).keys()

    seen = counts()
    grow(cert, 3, lane="members", name="secret")
    for path, octets in before.items():
        assert fetch(base + path)[2] == octets
    assert counts() == seen
    for path in ("checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1", "receipt/0", "body/" + "00" * 32, "cosignature", "rubbish"):
        for body in (None, b"x"):
            hidden, none = (fetch(f"{base}/lanes/{name}/{path}", body) for name in ("members", "nowhere"))
            assert hidden[0] == none[0] and hidden[0] in (404, 405)
            assert hidden[2].replace(b"members", b"nowhere") == none[2]
            assert {k: v for k, v in hidden[1].items() if k not in ("Date", "Content-Length")} == \
                   {k: v for k, v in none[1].items() if k not in ("Date", "Content-Length")}
    # And no number over all lanes is told.
    grow(cert, 1, name="open")
    why = json.loads(fetch(base + "/v1/why/192.0.2.0")[2])
    assert [line["entry"] for line in why["lines"]] == ["public/1"]


def test_private_lanes_are_not_for_shared_caches(cert, serve):
    (cert.path / "sipar.conf").write_text("audience = red\n")
    daemon = serve(cert)
    base = f"http://127.0.0.1:{daemon.http_port}"
    assert fetch(base + "/lanes/members/tile/0/000.p/1")[1]["Cache-Control"] == "private, max-age=31536000, immutable"
    assert fetch(base + "/lanes/public/tile/0/000.p/1")[1]["Cache-Control"] == "public, max-age=31536000, immutable"
    assert b"sipar_table_keys" in fetch(base + "/metrics")[2] and b'"keys":' in fetch(base + "/healthz")[2]


# ---- verify: receipts ----

def test_receipts_are_checked_offline(cert, tmp_path):
    grow(cert, 3)
    file, body, key = tmp_path / "r.tlog-proof", tmp_path / "body", cert.path / "node.pub"
    file.write_bytes(cert.run("receipt", "public/3").stdout)
    body.write_bytes(b"192.0.2.1\n")
    done = sipar("verify", file, "--key", key, "--body", body)
    assert "all holds" in done.out and "cert.example/lanes/public" in done.out and "is the one in the log" in done.out
    told = json.loads(sipar("verify", file, "--key", key, "--json", "--body", body).out)
    assert told["ok"] and told["index"] == 3 and told["source"] == "s1" and told["body_checked"] and told["kind"] == "feed"
    text = file.read_text()
    lines = text.split("\n")

    def fails(sentence, octets, *args):
        bad = tmp_path / "bad.tlog-proof"
        bad.write_bytes(octets.encode())
        done = sipar("verify", bad, "--key", key, "--json", *args, code=1)
        assert sentence in done.err, done.err
        assert json.loads(done.out)["ok"] is False

    fails("line 1", "x" + text)
    fails("line 2", text.replace("extra ", "extra !"))
    fails("record is missing", "\n".join(lines[:1] + lines[2:]))
    fails("leads to another root", text.replace("index 3", "index 2"))
    fails("99", text.replace("index 3", "index 99"))
    sipar("verify", file.with_name("none"), "--key", key, code=2)
    sipar("verify", file, code=64)
    sipar("verify", file, "--key", key, "--quorum", "1", code=64)
    sipar("verify", file, "--key", key, "--max-age", "1d", code=64)
    sipar("verify", file, "--url", "http://h/", "--key", key, code=64)
    sipar("verify", file, "--key", tmp_path / "nokey", code=2)
    body.write_bytes(b"192.0.2.2\n")
    assert "body is another" in sipar("verify", file, "--key", key, "--body", body, code=1).err
    # Each character of it matters, and none makes it crash or pass.
    for at in range(0, len(text), 7):
        changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]
        bad = tmp_path / "bad.tlog-proof"
        bad.write_bytes(changed.encode())
        done = subprocess.run([SIPAR, "verify", str(bad), "--key", str(key), "--body", str(tmp_path / "body2")], capture_output=True, timeout=LIMIT)
        assert done.returncode in (1, 2), changed


def test_keys_that_did_not_sign(cert, tmp_path):
    grow(cert, 1)
    other = Node(tmp_path / "other")
    other.run("init")
    file = tmp_path / "r.tlog-proof"
    file.write_bytes(cert.run("receipt", "public/1").stdout)
    assert "not signed by the key" in sipar("verify", file, "--key", other.path / "node.pub", code=1).err
    sipar("verify", file, "--key", other.path / "node.pub", "--key", cert.path / "node.pub")
    text = file.read_text()
    head, line = text.rstrip("\n").rsplit(" ", 1)
    raw = bytearray(base64.b64decode(line))
    raw[20] ^= 1
    file.write_text(f"{head} {base64.b64encode(bytes(raw)).decode()}\n")
    assert "does not hold" in sipar("verify", file, "--key", cert.path / "node.pub", code=1).err


# ---- verify: the directory ----

def test_a_directory_is_verified_beside_its_daemon(log):
    done = sipar("verify", "-d", log.node.path)
    assert "all holds" in done.out
    told = json.loads(sipar("verify", "-d", log.node.path, "--json").out)
    assert told["ok"] and told["findings"] == 0 and told["entries"] >= 7
    sipar("verify", "-d", log.node.path / "none", code=2)
    sipar("verify", "-d", log.node.path, "--key", log.key, code=64)
    sipar("verify", "-d", log.node.path, "--since", "x", code=64)


# ---- verify: from outside, and through somebody who changes things ----

class Forger:
    """Hands on what a node serves, but for what `change(path, octets)` makes of it (None: 404)."""

    def __init__(self, base, prefix="/lanes/public/"):
        forger = self
        self.change = lambda path, octets: octets

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, _, octets = fetch(base + self.path)
                if status == 200 and self.path.startswith(prefix):
                    octets = forger.change(self.path[len(prefix):], octets)
                self.send_response(status if octets is not None else 404)
                self.send_header("Content-Length", str(len(octets or b"")))
                self.end_headers()
                self.wfile.write(octets or b"")

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}{prefix.rstrip('/')}"

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def forger(log):
    f = Forger(f"http://127.0.0.1:{log.daemon.http_port}")
    yield f
    f.close()


def flip(octets, at):
    changed = bytearray(octets)
    changed[at] ^= 1
    return bytes(changed)


def test_verify_since_across_growth(log, tmp_path):
    saved = tmp_path / "checkpoint"
    first = json.loads(log.verify("--json", "--save", saved, "--bodies").out)
    assert first["ok"] and first["entries"] == first["size"] == first["bodies"]
    assert saved.read_bytes() == log.get("checkpoint")[2]
    again = json.loads(log.verify("--json", "--since", saved).out)
    assert again["ok"] and again["entries"] == 0
    grow(log.node, 5, name="more")
    later = json.loads(log.verify("--json", "--since", saved, "--save", saved, "--bodies").out)
    assert later["ok"] and later["old_size"] == first["size"] and later["entries"] == later["size"] - first["size"] == later["bodies"]
    grow(log.node, 130, name="many")
    assert json.loads(log.verify("--json", "--since", saved, "--save", saved).out)["ok"]
    log.verify("--since", tmp_path / "none", code=2)
    log.verify(url="http://127.0.0.1:1/lanes/public", code=2)
    log.verify(url=log.url.replace("public", "members"), code=2)
    log.verify(url="ftp://127.0.0.1/", code=2)
    saved.write_bytes(flip(saved.read_bytes(), 30))
    assert str(saved) in log.verify("--since", saved, code=1).err


def test_forgeries_are_found_and_named(log, forger, tmp_path):
    grow(log.node, 130, name="many")
    saved = tmp_path / "checkpoint"
    assert "all holds" in log.verify("--bodies", "--save", saved, url=forger.url).out

    def finds(sentence, change, *args):
        forger.change = change
        done = log.verify("--save", tmp_path / "unsaved", *args, url=forger.url, code=1)
        assert sentence in done.out + done.err, done.out + done.err
        assert not (tmp_path / "unsaved").exists()

    def on(name, do):
        return lambda path, octets: do(octets) if path.startswith(name) else octets

    finds("entries were altered", on("tile/entries/000", lambda o: flip(o, 70)))
    finds("hash tiles were altered", on("tile/0/000", lambda o: flip(o, 70)))
    finds("hash tiles were altered", on("tile/1/000", lambda o: flip(o, 3)))
    finds("tile/entries/000 is missing", on("tile/entries/000", lambda o: None))
    finds("tile/0/001", on("tile/0/001", lambda o: o[:-1]))
    finds("ends in the middle", on("tile/entries/001", lambda o: o[:-5]))
    finds("more follows", on("tile/entries/001", lambda o: o + b"\0\0"))
    finds("does not hold", on("checkpoint", lambda o: flip(o, len(b"cert.example/lanes/public\n"))))
    finds("not signed", on("checkpoint", lambda o: b"evil.example/" + o))
    finds("does not end with a newline", on("checkpoint", lambda o: b"rubbish"))
    finds("body of entry", on("body/", lambda o: flip(o, 40)), "--bodies")
    finds("is lost", on("body/", lambda o: None), "--bodies")
    # What was altered in the part that was seen before does not matter any more; behind it, it does.
    grow(log.node, 2, name="later")
    forger.change = on("tile/entries/000", lambda o: flip(o, 70))
    log.verify("--since", saved, url=forger.url)
    finds("altered", on("tile/entries/001", lambda o: flip(o, len(o) - 10)), "--since", saved)
    finds("do not lead", on("tile/0/001", lambda o: flip(o, 3)), "--since", saved)


def test_going_back_is_found(log, forger, tmp_path):
    old = log.get("checkpoint")[2]
    grow(log.node, 2, name="later")
    saved = tmp_path / "checkpoint"
    log.verify("--save", saved)
    forger.change = lambda path, octets: old if path == "checkpoint" else octets
    assert "rolled back" in log.verify("--since", saved, url=forger.url, code=1).out
    log.verify(url=forger.url)  # who remembers nothing cannot know


def fork_of(node, path):
    """A copy of a node, which then goes another way under the same key."""
    other = Node(path)
    subprocess.run(["cp", "-r", str(node.path), str(path)], check=True)
    (other.path / "sipar.sock").unlink(missing_ok=True)
    return other


def test_a_fork_is_found(cert, serve, tmp_path):
    grow(cert, 2)
    twin = fork_of(cert, tmp_path / "twin")
    grow(cert, 2, name="one")
    grow(twin, 4, name="another")
    log, other = Log(cert, serve(cert)), Log(twin, serve(twin))
    saved = tmp_path / "checkpoint"
    log.verify("--save", saved)
    other.verify()
    assert "forked" in other.verify("--since", saved, code=1).out
    twin2 = json.loads(other.verify("--json").out)["size"]
    assert twin2 > json.loads(log.verify("--json").out)["size"]


def test_the_name_is_only_a_warning(log, cert):
    """A mirror may have another name; and a password in a URL is told to nobody."""
    mirror = Forger(f"http://127.0.0.1:{log.daemon.http_port}/lanes/public", prefix="/")
    try:
        done = log.verify(url=f"http://user:secret@127.0.0.1:{mirror.server.server_port}")
        assert "all holds" in done.out and "calls itself" in done.err and "secret" not in done.out + done.err
        done = log.verify(url=f"http://user:secret@127.0.0.1:{mirror.server.server_port}/none", code=2)
        assert "secret" not in done.out + done.err
    finally:
        mirror.close()


def test_a_certificate_must_be_trusted(log, tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    pem = tmp_path / "own.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pem, "-out", tmp_path / "own.crt", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    pem.write_bytes(pem.read_bytes() + (tmp_path / "own.crt").read_bytes())
    mirror = Forger(f"http://127.0.0.1:{log.daemon.http_port}/lanes/public", prefix="/")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    mirror.server.socket = context.wrap_socket(mirror.server.socket, server_side=True)
    try:
        done = log.verify(url=f"https://127.0.0.1:{mirror.server.server_port}", code=2)
        assert "cannot be trusted" in done.err and "self-signed" in done.err.replace("self signed", "self-signed"), done.err
    finally:
        mirror.close()


# ---- witnesses ----

@pytest.fixture
def pair(tmp_path, serve):
    """A log, and a witness that it knows: (log, witness, vkey of the witness)."""
    log, witness = Node(tmp_path / "log"), Node(tmp_path / "witness")
    log.run("init", "--name", "log.example")
    witness.run("init", "--name", "witness.example")
    vkey = witness.run("witness", "--vkey").out.strip()
    assert vkey.startswith("witness.example+")
    with open(log.path / "sipar.conf", "a") as conf:
        conf.write(f"witness = {vkey}\n")
    grow(log, 2)
    return Log(log, serve(log)), witness, vkey


def test_a_witness_cosigns(pair, tmp_path):
    log, witness, vkey = pair
    run = lambda code=0: witness.run("witness", "--peer", log.url, "--key", log.key, code=code)
    done = run()
    assert done.out.startswith("log.example/lanes/public\n") and "\u2014 witness.example " in done.out
    assert log.get("checkpoint")[2].decode() == done.out
    receipt = tmp_path / "r.tlog-proof"
    receipt.write_bytes(log.node.run("receipt", "public/1").stdout)
    check = lambda *args, code=0: sipar("verify", receipt, "--key", log.key, *args, code=code)
    assert "witness.example" in check("--witness", vkey, "--max-age", "1h").out
    told = json.loads(check("--witness", vkey, "--json").out)
    assert [w["name"] for w in told["witnesses"]] == ["witness.example"]
    other = Node(tmp_path / "other")
    other.run("init", "--name", "other.example")
    stranger = other.run("witness", "--vkey").out.strip()
    assert "too few witnesses" in check("--witness", vkey, "--witness", stranger, code=1).err
    check("--witness", vkey, "--witness", stranger, "--quorum", "1")
    # Grown: again, and the receipt of an entry in the cosigned part is still a cosigned one.
    grow(log.node, 3, name="more")
    assert b"witness.example" not in log.get("checkpoint")[2]
    receipt.write_bytes(log.get("receipt/2")[2])
    check("--witness", vkey)
    assert run().out == log.get("checkpoint")[2].decode()
    run()
    # Who is no witness of it is not taken, and told so.
    done = other.run("witness", "--peer", log.url, "--key", log.key, code=2)
    assert "did not take it" in done.err and "\u2014 other.example " in done.out
    assert "other.example" not in log.get("checkpoint")[2].decode()


def test_a_witness_refuses(pair, serve, tmp_path):
    log, witness, vkey = pair
    twin = fork_of(log.node, tmp_path / "twin")
    forger = Forger(f"http://127.0.0.1:{log.daemon.http_port}")
    old = log.get("checkpoint")[2]
    try:
        run = lambda url, code=1, key=log.key: witness.run("witness", "--peer", url, "--key", key, code=code)
        assert "not signed" in run(log.url, key=witness.path / "node.pub").err
        forger.change = lambda path, octets: flip(octets, len("log.example/lanes/public\n")) if path == "checkpoint" else octets
        assert "does not hold" in run(forger.url).err
        run(log.url, code=0)
        grow(log.node, 2, name="one")
        run(log.url, code=0)
        forger.change = lambda path, octets: old if path == "checkpoint" else octets
        assert "rolled back" in run(forger.url).err
        grow(twin, 4, name="another")
        other = Log(twin, serve(twin))
        assert "forked" in run(other.url).err
        grow(log.node, 1, name="two")
        forger.change = lambda path, octets: flip(octets, 3) if path.startswith("tile/0") else octets
        assert "do not lead" in run(forger.url).err
        run(log.url, code=0)
        run("http://127.0.0.1:1/lanes/public", code=2)
    finally:
        forger.close()


def test_cosignatures_that_are_not_taken(pair):
    log, witness, vkey = pair
    note = log.get("checkpoint")[2]
    assert log.get("cosignature")[0] == 405
    assert fetch(log.url + "/cosignature", note)[0] == 403
    assert fetch(log.url + "/cosignature", b"rubbish")[0] == 400
    cosigned = witness.run("witness", "--peer", log.url, "--key", log.key).stdout
    assert fetch(log.url + "/cosignature", cosigned)[0] == 200
    assert log.get("checkpoint")[2] == cosigned
    forged = bytearray(cosigned)
    forged[-20] = ord("A") if forged[-20] != ord("A") else ord("B")
    assert fetch(log.url + "/cosignature", bytes(forged))[0] == 403
    other_root = cosigned.replace(cosigned.split(b"\n")[2], base64.b64encode(bytes(32)))
    assert fetch(log.url + "/cosignature", other_root)[0] == 409
    assert log.get("checkpoint")[2] == cosigned


def test_add_checkpoint(tmp_path, serve):
    """tlog-witness, as a log that is not ours would speak it."""
    log, witness = Node(tmp_path / "log"), Node(tmp_path / "witness")
    log.run("init", "--name", "log.example")
    witness.run("init", "--name", "witness.example")
    grow(log, 1)
    face = Log(log, serve(log))
    vkey = json.loads(fetch(f"http://127.0.0.1:{face.daemon.http_port}/lanes")[2])["lanes"][0]["vkey"]
    (witness.path / "sipar.conf").write_text(f"log = {vkey}\n")
    url = f"http://127.0.0.1:{serve(witness).http_port}/add-checkpoint"

    def ask(old, note, hashes=()):
        proof = "".join(base64.b64encode(h).decode() + "\n" for h in hashes)
        return fetch(url, f"old {old}\n{proof}\n".encode() + note)

    first, size = face.get("checkpoint")[2], read_checkpoint(face)[1]
    status, headers, line = ask(0, first)
    assert status == 200 and line.decode().startswith("\u2014 witness.example ")
    assert ask(size, first)[0] == 200  # again, with a new time
    status, headers, octets = ask(0, first)
    assert status == 409 and headers["Content-Type"] == "text/x.tlog.size" and octets == b"%d\n" % size
    grow(log, 1, name="more")
    second, bigger = face.get("checkpoint")[2], read_checkpoint(face)[1]
    hashes = [leaf(e) for e in read_entries(face, bigger)]

    def proof(m, d, whole=True):
        if m == len(d):
            return [] if whole else [root(d)]
        k = 1
        while 2 * k < len(d):
            k *= 2
        return proof(m, d[:k], whole) + [root(d[k:])] if m <= k else proof(m - k, d[k:], False) + [root(d[:k])]

    good = proof(size, hashes)
    assert ask(size, second)[0] == 422 and ask(size, second, [bytes(32)] * len(good))[0] == 422 and ask(size, second, good + good)[0] == 422
    assert ask(bigger + 1, second, good)[0] == 400
    assert ask(size, second.replace(b"log.example/lanes/public", b"log.example/lanes/other"), good)[0] == 404
    assert ask(size, flip(second, len("log.example/lanes/public\n")), good)[0] == 403
    assert fetch(url, b"rubbish")[0] == 400 and fetch(url, b"old 0\n\n")[0] == 400
    assert ask(size, second, good)[0] == 200
    assert ask(size, second, good)[0] == 409
    assert ask(bigger, first)[0] == 400
