"""The script of docs/ledger.md that needs nothing but the specification: it runs as it stands on the page, against a daemon, and against
forgers, whom it must find out."""
import http.server
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

from conftest import LIMIT, ROOT, Daemon, Node

ENTRIES = 263  # more than a bundle


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "ledger.md").read_text(), re.M | re.S)
    assert len(blocks) == 1 and blocks[0].count("\n") <= 60
    path = tmp_path_factory.mktemp("auditor") / "verify_lane.py"
    path.write_text(blocks[0])
    return path


@pytest.fixture(scope="module")
def lane(tmp_path_factory):
    """(daemon, verifier key) of a lane with two bundles, and two bodies that are gone."""
    node = Node(tmp_path_factory.mktemp("audited") / "node")
    node.run("init", "--name", "audited.example")
    daemon = Daemon(node)
    node.run("source", "add", "notes", "--type", "event")
    for i in range((ENTRIES - 3) // 2):
        node.counts("notes", "-", stdin=f"192.0.2.{i}\n".encode())
    for entry in ("public/1", "public/259"):
        node.run("erase", entry, "--reason", "a test")
    vkey = next(line.split()[1] for line in node.run("key", "show").out.splitlines() if line.startswith("public "))
    assert daemon.get("/lanes/public/checkpoint")[2].splitlines()[1] == str(ENTRIES)
    yield daemon, vkey
    daemon.process.terminate()
    daemon.process.wait()


class Forger:
    """Shows what the daemon shows, but for one path, whose octets (None: it is erased) it changes."""

    def __init__(self, daemon, path, change):
        self.met = 0
        forger = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                url = f"http://127.0.0.1:{daemon.http_port}{self.path}"
                try:
                    with urllib.request.urlopen(url, timeout=LIMIT) as answer:
                        status, octets = 200, answer.read()
                except urllib.error.HTTPError as error:
                    status, octets = error.code, error.read()
                if path and re.search(path, self.path):
                    forger.met += 1
                    octets = change(octets)
                    status, octets = (status, octets) if octets is not None else (410, b"")
                self.send_response(status)
                self.send_header("Content-Length", str(len(octets)))
                self.end_headers()
                self.wfile.write(octets)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/lanes/public"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def run(script, url, vkey):
    return subprocess.run([sys.executable, str(script), url, vkey], capture_output=True, text=True, timeout=LIMIT)


def test_a_lane_that_holds(script, lane):
    daemon, vkey = lane
    done = run(script, f"http://127.0.0.1:{daemon.http_port}/lanes/public", vkey)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"audited.example/lanes/public: {ENTRIES} entries, {ENTRIES - 2} bodies, 2 erased or pruned: all holds\n"


def flip(at):
    def change(octets):
        octets = bytearray(octets)
        octets[at] ^= 1
        return bytes(octets)
    return change


def more(text):
    """One entry more than was signed."""
    origin, size, rest = text.split(b"\n", 2)
    return b"\n".join((origin, str(int(size) + 1).encode(), rest))


FORGERIES = {
    "nothing": (None, None, None),
    "an entry": (r"/tile/entries/000$", flip(30), "the entries do not lead to the signed root"),
    "the last entry": (r"/tile/entries/001\.p/7$", flip(-1), "the entries do not lead to the signed root"),
    "a bundle cut short": (r"/tile/entries/001\.p/7$", lambda o: o[:2 + int.from_bytes(o[:2], "big")], f"there are 257 entries, not {ENTRIES}"),
    "the root": (r"/checkpoint$", lambda o: re.sub(rb"(?m)^[0-9A-Za-z+/]{43}=$", b"A" * 43 + b"=", o), "the checkpoint is not signed by this key"),
    "the size": (r"/checkpoint$", more, "the checkpoint is not signed by this key"),
    "the origin": (r"/checkpoint$", lambda o: o.replace(b"audited.", b"other.", 1), "this is another log: other.example/lanes/public"),
    "a body": (r"/body/", flip(-2), "the body of entry 0 is another one"),
    "a nonce": (r"/body/", flip(0), "the body of entry 0 is another one"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forger_is_found_out(script, lane, what):
    daemon, vkey = lane
    path, change, says = FORGERIES[what]
    forger = Forger(daemon, path, change)
    done = run(script, forger.url, vkey)
    forger.close()
    assert forger.met or not path
    assert (done.returncode, done.stderr) == ((1, says + "\n") if says else (0, "")), done


def test_a_body_that_nothing_says_is_erased(script, lane):
    daemon, vkey = lane
    bundle = urllib.request.urlopen(f"http://127.0.0.1:{daemon.http_port}/lanes/public/tile/entries/000").read()
    records = []
    while bundle:
        end = 2 + int.from_bytes(bundle[:2], "big")
        records, bundle = records + [bundle[2:end]], bundle[end:]
    for index, says in ((3, "no entry says that the body of entry 3 is erased"), (2, "the body of entry 2: HTTP Error 410: Gone")):
        forger = Forger(daemon, records[index][32:64].hex(), lambda octets: None)
        done = run(script, forger.url, vkey)
        forger.close()
        assert (done.returncode, done.stderr) == (1, says + "\n"), done


def test_a_key_that_is_another_one(script, lane):
    daemon, vkey = lane
    url = f"http://127.0.0.1:{daemon.http_port}/lanes/public"
    community = next(line.split()[1] for line in daemon.node.run("key", "show").out.splitlines() if line.startswith("community "))
    assert run(script, url, vkey[:-4] + "AAAA").stderr == "the verifier key is mistyped\n"
    assert run(script, url, community).stderr == "this is another log: audited.example/lanes/public\n"
