"""Sources that are pulled: from servers on loopback that behave, and from those that do not."""
import gzip
import http.server
import json
import os
import signal
import ssl
import stat
import subprocess
import threading

import pytest

from conftest import LIMIT, SIPAR, Node, wait_for

for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
    os.environ.pop(name, None)


class Fake:
    """A server whose answers are functions of the request: `routes` PATH -> f(handler); what was asked is in `asked`."""

    def __init__(self, certificate=None):
        self.routes, self.asked, self.held = {}, [], threading.Event()
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                path = self.path.split("?")[0]
                length = int(self.headers.get("Content-Length", 0))
                self.posted = self.rfile.read(length) if length else b""
                fake.asked.append((self.command, self.path, dict(self.headers)))
                route = fake.routes.get(path)
                if not route:
                    return self.reply(404, b"no such thing")
                return route(self)

            do_GET = do_POST = handle_any

            def reply(self, status, body=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *args: None  # clients that go away in the middle
        self.scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path, host="127.0.0.1"):
        return f"{self.scheme}://{host}:{self.port}{path}"

    def serve(self, path, body, status=200, **headers):
        self.routes[path] = lambda h: h.reply(status, body() if callable(body) else body, **headers)

    def count(self, path):
        return sum(1 for _, asked, _ in self.asked if asked.split("?")[0] == path)

    def close(self):
        self.held.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def fake():
    f = Fake()
    yield f
    f.close()


@pytest.fixture
def other():
    f = Fake()
    yield f
    f.close()


def add(node, name, url, *options, code=0):
    return node.run("source", "add", name, "--url", url, "--every", "1h", *options, code=code)


def pull(node, name, *options, code=0):
    done = node.run("source", "pull", name, "--json", *options, code=code)
    return json.loads(done.out) if code == 0 else done.err


def show(node, name):
    return json.loads(node.run("source", "show", name, "--json").out)["pull"]


def entries(node):
    return len(node.run("log", "--json", "-n", "1000000").out.splitlines())


def tagged(h, body, tag='"one"'):
    """As servers do that know ETags."""
    if h.headers.get("If-None-Match") == tag:
        return h.reply(304)
    return h.reply(200, body, ETag=tag)


def test_a_feed_is_pulled_once_while_it_is_the_same(node, fake):
    fake.routes["/list.txt"] = lambda h: tagged(h, b"198.51.100.7\n198.51.100.8\n")
    add(node, "vendor", fake.url("/list.txt"))
    first = pull(node, "vendor")
    assert (first["accepted"], first["unchanged"]) == (2, False)
    assert node.listed("198.51.100.7")
    before = entries(node)
    again = pull(node, "vendor")
    assert again["unchanged"] and again["imports"] == 0
    assert fake.asked[-1][2]["If-None-Match"] == '"one"'
    assert entries(node) == before, "nothing new, and yet something was written"
    health = show(node, "vendor")
    assert health["status"] == 304 and health["error"] is None and health["lag_s"] is not None and health["etag"] == '"one"'
    assert health["objects"] == 2 and health["pulls"] == 2 and health["failed"] == 0

    fake.routes["/list.txt"] = lambda h: tagged(h, b"198.51.100.8\n198.51.100.9\n", '"two"')
    assert pull(node, "vendor")["accepted"] == 2
    assert not node.listed("198.51.100.7") and node.listed("198.51.100.9"), "a snapshot is all that its source says"


def test_the_same_octets_write_nothing(node, fake):
    fake.serve("/list.txt", b"198.51.100.7\n")
    add(node, "vendor", fake.url("/list.txt"))
    pull(node, "vendor")
    before = entries(node)
    assert pull(node, "vendor")["unchanged"]
    assert entries(node) == before
    assert pull(node, "vendor", "--anew")["accepted"] == 1
    assert entries(node) > before


def test_if_modified_since(node, fake):
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    fake.routes["/l"] = lambda h: h.reply(304) if h.headers.get("If-Modified-Since") == date else h.reply(200, b"198.51.100.7\n", Last_Modified=date)
    add(node, "vendor", fake.url("/l"))
    assert pull(node, "vendor")["accepted"] == 1
    assert pull(node, "vendor")["unchanged"]
    assert show(node, "vendor")["status"] == 304


def test_packed(node, fake):
    packed = gzip.compress(b"198.51.100.7\n198.51.100.8\n", mtime=0)
    fake.serve("/list.txt.gz", packed)
    add(node, "file", fake.url("/list.txt.gz"))
    assert pull(node, "file")["accepted"] == 2
    assert "Accept-Encoding" not in fake.asked[-1][2]
    fake.serve("/list.txt", packed, Content_Encoding="gzip")
    add(node, "way", fake.url("/list.txt"))
    assert pull(node, "way")["accepted"] == 2


def test_trouble_keeps_what_was_said(node, fake):
    answer = {"status": 200, "body": b"198.51.100.7\n"}
    fake.routes["/l"] = lambda h: h.reply(answer["status"], answer["body"])
    add(node, "vendor", fake.url("/l"))
    pull(node, "vendor")
    for status, body, says in ((500, b"198.51.100.9\n", "answers 500"), (200, b"<html><body>Log in</body></html>", "not recognised"),
                               (200, b"", "still counts"), (403, b"", "does not open")):
        answer.update(status=status, body=body)
        error = pull(node, "vendor", code=2)
        assert says in error, error
        assert node.listed("198.51.100.7") and not node.listed("198.51.100.9")
        assert says in show(node, "vendor")["error"]
    assert show(node, "vendor")["failures"] == 4
    answer.update(status=200, body=b"198.51.100.9\n")
    pull(node, "vendor")
    health = show(node, "vendor")
    assert health["failures"] == 0 and health["error"] is None and health["failed"] == 4
    assert node.listed("198.51.100.9")


def test_a_body_that_cannot_be_read_is_tried_once(node, fake):
    bundle = {"type": "bundle", "id": "bundle--5b1d3c33-1d4e-4a3e-8a0f-0d5f3a6c7e10", "objects": [
        {"type": "indicator", "spec_version": "2.1", "id": f"indicator--5b1d3c33-1d4e-4a3e-8a0f-{i:012x}", "created": "2026-01-01T00:00:00Z",
         "modified": "2026-01-01T00:00:00Z", "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z", "pattern": f"[ipv4-addr:value = '198.51.100.{i}']"}
        for i in range(100)]}
    fake.serve("/b.json", json.dumps(bundle).encode()[:-40])
    add(node, "vendor", fake.url("/b.json"))
    assert "b.json" in pull(node, "vendor", code=2)
    before = entries(node)
    assert "b.json" in pull(node, "vendor", code=2)
    assert entries(node) == before
    assert not node.listed("198.51.100.7")


def test_caps(node, fake):
    fake.serve("/huge", b"198.51.100.7\n" * 20000)
    add(node, "huge", fake.url("/huge"), "--max-size", "100k")
    assert "larger than 102400 octets" in pull(node, "huge", code=2)
    fake.serve("/bomb.gz", gzip.compress(b"198.51.100.7\n" * 400000))
    add(node, "bomb", fake.url("/bomb.gz"), "--max-size", "30k")
    assert "unpacks to more" in pull(node, "bomb", code=2)
    for ip in node.check("198.51.100.7"):
        assert not ip["listed"]

    def stall(h):
        h.send_response(200)
        h.send_header("Content-Length", "100")
        h.end_headers()
        h.wfile.write(b"198.51.100.7\n")
        h.wfile.flush()
        fake.held.wait()

    fake.routes["/stall"] = stall
    add(node, "stall", fake.url("/stall"), "--timeout", "1s")
    assert "cannot be fetched" in pull(node, "stall", code=2)
    assert not node.listed("198.51.100.7")

    def cut(h):
        h.send_response(200)
        h.send_header("Content-Length", "100")
        h.end_headers()
        h.wfile.write(b"198.51.100.7\n")
        h.close_connection = True

    fake.routes["/cut"] = cut
    add(node, "cut", fake.url("/cut"))
    assert "cannot be fetched" in pull(node, "cut", code=2)
    assert not node.listed("198.51.100.7")


def test_redirects_and_keys(node, fake, other, tmp_path):
    key = tmp_path / "key"
    key.write_text("s3cret-key\n")
    fake.serve("/here", b"198.51.100.7\n")
    other.serve("/there", b"198.51.100.8\n")
    for n in range(5):
        fake.serve(f"/hop{n}", b"", 302, Location=f"/hop{n - 1}" if n else "/here")
    fake.serve("/away", b"not this", 301, Location=other.url("/there"))
    fake.serve("/file", b"", 302, Location="file:///etc/passwd")
    fake.serve("/out", b"", 302, Location="http://198.51.100.1/list")
    add(node, "hops", fake.url("/hop2"), "--key-file", str(key))
    assert pull(node, "hops")["accepted"] == 1
    assert fake.asked[-1][1] == "/here" and fake.asked[-1][2]["Authorization"] == "Bearer s3cret-key"
    add(node, "many", fake.url("/hop4"))
    assert "more than 3 times" in pull(node, "many", code=2)
    add(node, "away", fake.url("/away"), "--key-file", str(key))
    assert pull(node, "away")["accepted"] == 1
    assert node.listed("198.51.100.8")
    assert "Authorization" not in other.asked[-1][2], "a key went to another server"
    add(node, "file", fake.url("/file"))
    assert "sends on" in pull(node, "file", code=2)
    add(node, "out", fake.url("/out"))
    assert "sends on" in pull(node, "out", code=2)


def test_secrets_stay(node, fake, tmp_path):
    basic, headers, url = tmp_path / "basic", tmp_path / "headers", tmp_path / "url"
    basic.write_text("reader:s3cret-word\n")
    headers.write_text("X-Api-Key: s3cret-header\nX-Other: 1\n")
    fake.routes["/l"] = lambda h: h.reply(403) if "broken" in h.path else h.reply(200, b"198.51.100.7\n")
    url.write_text(fake.url("/l?key=s3cret-query"))
    node.run("source", "add", "vendor", "--url-file", url, "--every", "10m", "--key-file", basic, "--header-file", headers)
    pull(node, "vendor")
    sent = fake.asked[-1]
    assert sent[1] == "/l?key=s3cret-query" and sent[2]["X-Api-Key"] == "s3cret-header" and sent[2]["X-Other"] == "1"
    assert sent[2]["Authorization"] == "Basic cmVhZGVyOnMzY3JldC13b3Jk"
    url.write_text(fake.url("/l?key=s3cret-broken"))
    node.run("source", "set", "vendor", "--url-file", url)
    said = [pull(node, "vendor", code=2)]
    assert fake.asked[-1][2]["X-Api-Key"] == "s3cret-header", "the server is the same, so are its keys"
    assert stat.S_IMODE(os.stat(node.path / "pulls.conf").st_mode) == 0o600
    said += [node.run("source", *args).out for args in (("list",), ("list", "--json"), ("show", "vendor"), ("show", "vendor", "--json"))]
    said += [(node.path / "pulls" / "vendor.health").read_text(), node.run("log", "--json").out]
    for text in said:
        assert "s3cret" not in text and "cmVhZGVy" not in text, text
    for database in node.path.glob("ledger.db*"):
        assert b"s3cret" not in database.read_bytes()
    # another server does not get them
    done = node.run("source", "set", "vendor", "--url", "http://localhost:1/l")
    assert "dropped" in done.err
    assert "s3cret" not in (node.path / "pulls.conf").read_text()


def test_what_may_be_given(node, fake):
    for options, says in (
            (("--url", "http://feeds.example/l", "--every", "10m"), "not protected"),
            (("--url", "https://u:p@feeds.example/l", "--every", "10m"), "--key-file"),
            (("--url", "ftp://feeds.example/l", "--every", "10m"), "https://"),
            (("--url", "https://feeds.example/l"), "--every"),
            (("--url", "https://feeds.example/l", "--every", "10x"), "10x"),
            (("--url", "https://feeds.example/l", "--every", "0s"), "between"),
            (("--url", "https://feeds.example/l", "--every", "10m", "--format", "nonsense"), "nonsense"),
            (("--url", "https://feeds.example/l", "--every", "10m", "--max-size", "1t"), "1t"),
            (("--url", "https://feeds.example/l", "--every", "10m", "--collection", "c"), "TAXII"),
            (("--url", "taxii+https://feeds.example/l", "--every", "10m", "--type", "snapshot"), "events"),
            (("--every", "10m"), "--url")):
        done = node.run("source", "add", "vendor", *options, code=64)
        assert says in done.err and "p@" not in done.err, done.err
    done = node.run("source", "add", "vendor", "--url", "https://feeds.example/l", "--every", "10m", "--lane", "none", code=2)
    assert '"none"' in done.err
    assert node.run("source", "list", "--json").out == ""
    assert not (node.path / "pulls.conf").exists()
    node.run("source", "add", "vendor", "--url", "http://feeds.example/l", "--every", "10m", "--insecure-http")
    node.run("source", "add", "plain")
    done = node.run("source", "set", "plain", "--url", "taxii+https://feeds.example/", "--every", "10m", code=64)
    assert "--type event" in done.err
    assert "not a source that is pulled" in node.run("source", "pull", "plain", code=2).err
    assert '"nobody"' in node.run("source", "show", "nobody", code=2).err
    assert show(node, "plain") is None
    # who, what and the host are said by an entry
    said = [json.loads(line) for line in node.run("log", "--json", "--lane", "node").out.splitlines()]
    assert any(entry["source"] == "vendor" and entry["body"].get("pulled_from") == "feeds.example" for entry in said)


def test_removal_forgets(node, fake):
    fake.routes["/l"] = lambda h: tagged(h, b"198.51.100.7\n")
    add(node, "vendor", fake.url("/l"))
    pull(node, "vendor")
    node.run("source", "remove", "vendor")
    assert "[vendor]" not in (node.path / "pulls.conf").read_text()
    assert not node.listed("198.51.100.7")
    add(node, "vendor", fake.url("/l"))
    assert not pull(node, "vendor")["unchanged"], "the new one has said nothing yet"
    assert node.listed("198.51.100.7")
    node.run("source", "set", "vendor", "--url", "off")
    assert show(node, "vendor") is None
    assert node.listed("198.51.100.7")


def metric(daemon, name, source):
    for line in daemon.get("/metrics")[2].splitlines():
        if line.startswith(f'sipar_pull_{name}{{source="{source}"}} '):
            return float(line.split()[-1])
    return None


def test_the_daemon_pulls_in_time(node, fake, serve):
    answer = {"status": 500, "body": b"198.51.100.7\n"}
    fake.routes["/l"] = lambda h: h.reply(answer["status"], answer["body"])
    fake.serve("/secret", b"198.51.100.99\n")
    daemon = serve(node)
    node.run("source", "add", "vendor", "--url", fake.url("/l"), "--every", "1s")
    node.run("source", "add", "quiet", "--url", fake.url("/secret"), "--every", "1s", "--lane", "members")
    wait_for(lambda: fake.count("/l") >= 2, "a second try")
    wait_for(lambda: metric(daemon, "failures", "vendor"), "the failure in the metrics")
    assert metric(daemon, "up", "vendor") == 0 and metric(daemon, "lag_seconds", "vendor") == -1
    answer["status"] = 200
    node.run("source", "set", "vendor", "--url", fake.url("/l?again"))  # the back-off may be long by now
    wait_for(lambda: daemon.lookup("198.51.100.7")["listed"], "the first pull")
    wait_for(lambda: metric(daemon, "up", "vendor") == 1, "the health in the metrics")
    assert metric(daemon, "objects_total", "vendor") == 1
    answer["body"] = b"198.51.100.8\n"
    wait_for(lambda: daemon.lookup("198.51.100.8")["listed"] and not daemon.lookup("198.51.100.7")["listed"], "the next pull")
    wait_for(lambda: node.listed("198.51.100.99"), "the pull of the lane for members")
    assert metric(daemon, "up", "quiet") is None, "what is pulled into a lane for members shows to everybody"


def test_the_daemon_stops_in_the_middle(node, fake, serve):
    reached = threading.Event()

    def drip(h):
        h.send_response(200)
        h.send_header("Content-Length", "1000000")
        h.end_headers()
        h.wfile.write(b"198.51.100.7\n")
        h.wfile.flush()
        reached.set()
        fake.held.wait()

    fake.routes["/l"] = drip
    daemon = serve(node)
    node.run("source", "add", "vendor", "--url", fake.url("/l"), "--every", "1s")
    assert reached.wait(300)
    assert "being pulled" in node.run("source", "pull", "vendor", code=2).err
    daemon.stop()
    assert not node.listed("198.51.100.7")
    fake.serve("/l", b"198.51.100.9\n")
    assert show(node, "vendor")["failures"] == 0
    pull(node, "vendor")
    assert node.listed("198.51.100.9")


@pytest.fixture
def certificate(tmp_path):
    """A certificate of nobody's, for 127.0.0.1, and its key."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", "/CN=fake.example", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True, timeout=LIMIT)
    return str(cert), str(key)


def test_certificates_are_looked_at(node, fake, certificate):
    secure = Fake(certificate)
    try:
        secure.serve("/l", b"198.51.100.7\n")
        secure.serve("/down", b"", 302, Location=fake.url("/l"))
        fake.serve("/l", b"198.51.100.8\n")
        add(node, "vendor", secure.url("/l"))
        assert "cannot be trusted" in pull(node, "vendor", code=2)
        assert secure.count("/l") == 0
        node.run("source", "set", "vendor", "--ca-file", certificate[0])
        assert pull(node, "vendor")["accepted"] == 1
        node.run("source", "set", "vendor", "--url", secure.url("/l", "localhost"))
        assert "cannot be trusted" in pull(node, "vendor", code=2), "the certificate is of another name"
        node.run("source", "set", "vendor", "--url", secure.url("/down"))
        assert "from https" in pull(node, "vendor", code=2)
        assert fake.count("/l") == 0
    finally:
        secure.close()


def test_through_a_proxy(node, fake):
    fake.routes["http://feeds.example/l"] = lambda h: h.reply(200, b"198.51.100.7\n")
    add(node, "vendor", "http://feeds.example/l", "--insecure-http", "--proxy", fake.url(""))
    assert pull(node, "vendor")["accepted"] == 1
    assert fake.asked[-1][2]["Host"] == "feeds.example"


@pytest.mark.parametrize("moment", range(6))
def test_killed_in_the_middle(node, fake, moment):
    """Whenever it is killed, what was said before counts until what is said now does, whole."""
    lists = [b"".join(b"h%d.%s.example\n" % (n, which) for n in range(50000)) for which in (b"old", b"new")]
    now = {"body": lists[0]}
    fake.routes["/l"] = lambda h: h.reply(200, now["body"])
    add(node, "vendor", fake.url("/l"))
    pull(node, "vendor")
    now["body"] = lists[1]
    process = subprocess.Popen([SIPAR, "source", "pull", "-d", str(node.path), "vendor", "--json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=0.03 * moment + 0.01)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.wait(timeout=LIMIT)
    old, new = node.listed("h7.old.example"), node.listed("h7.new.example")
    assert old != new
    again = pull(node, "vendor")
    assert again["unchanged"] or again["accepted"] == 50000
    assert [c["listed"] for c in node.check("h7.old.example", "h7.new.example", "h49999.new.example")] == [False, True, True]


def test_one_node_pulls_from_another(node, serve, tmp_path):
    """By TAXII and as a MISP feed: what is told there is known here, and what is taken back there is taken back here."""
    hub = Node(tmp_path / "hub")
    hub.run("init")
    told = {"type": "indicator", "spec_version": "2.1", "id": "indicator--5b1d3c33-1d4e-4a3e-8a0f-000000000001", "created": "2026-01-01T00:00:00.000Z",
            "modified": "2026-01-01T00:00:00.000Z", "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z", "pattern": "[ipv4-addr:value = '198.51.100.7']"}
    bundle = {"type": "bundle", "id": "bundle--5b1d3c33-1d4e-4a3e-8a0f-000000000002", "objects": [told]}
    hub.run("import", "--source", "bank", "-", stdin=json.dumps(bundle).encode())
    hub.run("import", "--source", "list", "-", stdin=b"evil.example\nworse.example\n")
    hub.run("import", "--source", "secret", "--lane", "members", "-", stdin=b"secret.example\n")
    daemon = serve(hub)
    root = f"http://127.0.0.1:{daemon.http_port}"
    node.run("source", "add", "by-taxii", "--url", root + "/taxii2/", "--every", "1h")
    node.run("source", "add", "by-misp", "--url", f"misp+{root}/misp/", "--every", "1h")
    values = ["198.51.100.7", "evil.example", "worse.example", "secret.example"]

    def who():
        return [sorted(s["name"] if isinstance(s, dict) else s for s in c["sources"]) if c["listed"] else [] for c in node.check(*values)]

    pull(node, "by-taxii"), pull(node, "by-misp")
    assert who() == [["by-misp", "by-taxii"], ["by-misp"], ["by-misp"], []]
    assert pull(node, "by-taxii")["unchanged"] and pull(node, "by-misp")["unchanged"]
    hub.run("retract", told["id"], "--why", "ours")
    hub.run("retract", "evil.example", "--why", "ours")
    pull(node, "by-taxii"), pull(node, "by-misp")
    assert who() == [[], [], ["by-misp"], []]
