"""The stream: live, resumed, slow, hidden, killed; each event once."""
import json
import os
import random
import select
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest

from conftest import LIMIT, SIPAR, Daemon, Node, wait_for

KILLS = int(os.environ.get("SIPAR_KILLS", "6"))


class Listener:
    """curl -N on the stream, from where the last one left off."""

    def __init__(self, daemon, query="", last=None, token=None):
        command = ["curl", "-sSN", f"http://127.0.0.1:{daemon.http_port}/v1/stream{query}"]
        if last:
            command[2:2] = ["-H", f"Last-Event-ID: {last}"]
        if token:
            command[2:2] = ["-H", f"Authorization: Bearer {token}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.text, self.events, self.last = b"", [], last
        self.begun = False

    def take(self):
        """What has come; False at its end."""
        octets = os.read(self.process.stdout.fileno(), 1 << 20)
        self.text += octets
        while b"\n\n" in self.text:
            block, self.text = self.text.split(b"\n\n", 1)
            fields = dict(line.split(": ", 1) for line in block.decode().splitlines() if line and not line.startswith(":"))
            if "data" in fields:
                self.events.append((fields["event"], json.loads(fields["data"]), fields["id"]))
            self.last = fields.get("id", self.last)
            self.begun = True
        return bool(octets)

    def until(self, condition, what="the event"):
        """Listen until it holds of the events."""
        end = time.monotonic() + LIMIT
        while not condition(self.events):
            ready = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]
            assert ready and self.take(), f"{what} did not come: {self.events[-3:]}"
        return self

    def ready(self):
        """It listens: whatever is committed from now on comes."""
        while not self.begun:
            assert self.take()
        return self

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        return self.events


@pytest.fixture
def listen():
    listeners = []

    def start(*args, **kw):
        listeners.append(Listener(*args, **kw))
        return listeners[-1]

    yield start
    for one in listeners:
        one.close()


def values(events):
    return [c["value"] for name, data, _ in events if name in ("claims", "retraction") for c in data["claims"]]


def names(events):
    return [name for name, _, _ in events]


def tell(node, lane, source, *lines):
    return node.counts(source, "--lane", lane, "-", stdin="".join(f"{line}\n" for line in lines).encode())


def test_live_and_resumed(node, serve, listen):
    daemon = serve(node)
    live = listen(daemon, "?lane=public").ready()
    tell(node, "public", "a", "192.0.2.1", "evil.example")
    live.until(lambda e: "import" in names(e))
    assert values(live.events) == ["192.0.2.1", "evil.example"]
    assert live.events[0][1]["source"] == "a" and live.events[0][1]["lane"] == "public"
    assert live.events[1][1]["body"]["accepted"] == 2
    # from anywhere: the start, an index, the id of each event
    whole = listen(daemon, "?lane=public&after=0").until(lambda e: "import" in names(e)).events
    assert names(whole) == ["lane", "claims", "import"] and values(whole) == ["192.0.2.1", "evil.example"]
    assert listen(daemon, "?lane=public&after=1").until(lambda e: "import" in names(e)).events == whole[1:]
    for i, (_, _, at) in enumerate(whole[:-1]):
        assert listen(daemon, "?lane=public", at).until(lambda e: "import" in names(e)).events == whole[i + 1:]
        assert listen(daemon, "?lane=public&after=" + urllib.parse.quote(at, safe="")).until(lambda e: "import" in names(e)).events == whole[i + 1:]
    # behind the last there is nothing, until there is
    end = listen(daemon, "?lane=public&after=0", whole[-1][2]).ready()
    tell(node, "public", "b", "192.0.2.9")
    assert values(end.until(lambda e: "import" in names(e)).events) == ["192.0.2.9"]


def test_all_that_happens(node, serve, listen):
    daemon = serve(node, "--http", "127.0.0.1:0")
    live = listen(daemon, "?after=0").ready()  # what anybody may see: not the lane of decisions
    tell(node, "public", "a", "192.0.2.1")
    bundle = {"type": "bundle", "id": "bundle--1", "objects": [
        {"type": "indicator", "spec_version": "2.1", "id": "indicator--11111111-1111-4111-8111-111111111111", "created": "2026-01-01T00:00:00Z",
         "modified": "2026-01-01T00:00:00Z", "pattern": "[domain-name:value = 'evil.example']", "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z"}]}
    node.counts("b", "-", stdin=json.dumps(bundle).encode())
    bundle["objects"][0] |= {"modified": "2026-02-01T00:00:00Z", "revoked": True}
    node.counts("b", "-", stdin=json.dumps(bundle).encode())
    live.until(lambda e: names(e).count("import") == 3)
    assert names(live.events) == ["lane", "claims", "import", "claims", "import", "retraction", "import"]
    claim = live.events[3][1]["claims"][0]
    assert claim["type"] == "domain" and claim["stance"] == "indicator" and claim["id"] == bundle["objects"][0]["id"]
    back = live.events[5][1]["claims"][0]
    assert back["stance"] == "retracted" and back["value"] == "evil.example" and back["id"] == claim["id"]
    node.run("erase", "public/1", "--reason", "of a person")
    live.until(lambda e: "erased" in names(e))
    assert live.events[-1][1]["body"]["first"] == 1 and live.events[-1][1]["body"]["reason"] == "of a person"
    again = listen(daemon, "?after=0").until(lambda e: "erased" in names(e))
    assert values(again.events) == ["evil.example", "evil.example"]
    tell(node, "public", "c", "192.0.2.7", "192.0.2.8")
    node.run("retract", "192.0.2.7", "--why", "it was a mistake")
    live.until(lambda e: names(e).count("import") == 5)
    assert names(live.events)[-4:] == ["claims", "import", "retraction", "import"]
    back = live.events[-2][1]
    assert back["source"] == "c" and [(c["value"], c["stance"]) for c in back["claims"]] == [("192.0.2.7", "retracted")]


def test_decisions(node, serve, listen):
    (node.path / "sipar.conf").write_text("audience = green\napprovals = 0\nparties = 1\n")
    daemon = serve(node)
    live = listen(daemon, "?lane=decisions,public").ready()
    node.run("block", "evil.example", "--reason", "phishing", "--why", "reported")
    live.until(lambda e: "decision" in names(e))
    assert "evil.example" in json.dumps(live.events[-1][1]["body"])


def test_an_import_that_does_not_end(node, serve, listen):
    daemon = serve(node)
    live = listen(daemon, "?lane=public").ready()
    heads = listen(daemon, "?lane=public&only=heads").ready()
    lines = b"".join(b"%d.never.example\n" % i for i in range(200000))
    broken = subprocess.Popen([SIPAR, "import", "-d", str(node.path), "--source", "never", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    broken.stdin.write(lines)
    broken.stdin.flush()
    heads.until(lambda e: e and e[-1][1]["size"] > 1)  # its pieces are in the lane
    tell(node, "public", "other", "192.0.2.5")
    broken.kill()
    broken.wait()
    broken.stdin.close()
    tell(node, "public", "other2", "192.0.2.6")
    live.until(lambda e: "192.0.2.6" in values(e) and names(e).count("import") == 2)
    assert values(live.events) == ["192.0.2.5", "192.0.2.6"]
    assert set(names(heads.events)) == {"head"}
    assert values(listen(daemon, "?after=0").until(lambda e: names(e).count("import") == 2).events) == ["192.0.2.5", "192.0.2.6"]


def test_hidden_lanes(node, serve, listen):
    daemon = serve(node)
    live = listen(daemon).ready()
    heads = listen(daemon, "?only=heads").ready()
    sizes = len(heads.events)
    for i in range(20):
        tell(node, "restricted", "secret", f"{i}.secret.example")
    tell(node, "public", "a", "192.0.2.1")
    live.until(lambda e: "import" in names(e))
    heads.until(lambda e: e[-1][1]["size"] == 3)
    assert values(live.events) == ["192.0.2.1"]
    shown = live.text + json.dumps(live.events + heads.events).encode()
    assert b"secret" not in shown and b"restricted" not in shown and b"node" not in shown
    assert [at for _, _, at in live.events] == ["public/2.2.0", "public/3"]  # no gap tells of the others
    assert len(heads.events) <= sizes + 3
    status, _, text = daemon.get("/v1/stream?lane=restricted")
    other, _, same = daemon.get("/v1/stream?lane=nothereatall")
    assert (status, other) == (404, 404) and text.replace("restricted", "X") == same.replace("nothereatall", "X")
    assert daemon.get("/v1/stream?lane=public", **{"Last-Event-ID": "public/1,restricted/1"})[0] == 400
    text = daemon.get("/metrics")[2]
    assert "sipar_stream" not in text  # how many events others had would tell of hidden lanes


def test_a_party_and_its_token(node, serve, listen):
    daemon = serve(node)
    node.run("party", "add", "Bank", "--clearance", "amber")
    token = node.run("token", "new", "bank", "--role", "reader").out.strip()
    other = node.run("token", "new", "bank", "--role", "reader").out.strip()
    theirs, again = listen(daemon, "", None, token).ready(), listen(daemon, "?lane=members,public", None, other).ready()
    assert daemon.get("/v1/stream?lane=members")[0] == 404
    tell(node, "members", "m", "192.0.2.1")
    tell(node, "restricted", "r", "192.0.2.2")
    theirs.until(lambda e: "import" in names(e))
    again.until(lambda e: "import" in names(e))
    assert values(theirs.events) == values(again.events) == ["192.0.2.1"] and "restricted" not in json.dumps(theirs.events)
    node.run("token", "revoke", token[6:16])
    tell(node, "members", "m", "192.0.2.3")
    while theirs.take():
        pass  # it ends, without a word more
    assert values(theirs.events) == ["192.0.2.1"]
    again.until(lambda e: names(e).count("import") == 2)
    assert values(again.events) == ["192.0.2.1", "192.0.2.3"]
    node.run("party", "set", "bank", "--clearance", "clear")
    tell(node, "members", "m", "192.0.2.4")
    while again.take():
        pass
    assert values(again.events) == ["192.0.2.1", "192.0.2.3"]


def test_on_the_command_line(node, serve, listen):
    tell(node, "public", "a", "192.0.2.1")
    lines = [json.loads(line) for line in node.run("stream", "--lane", "public").out.splitlines()]
    assert [line["event"] for line in lines] == ["lane", "claims", "import"] and lines[1]["data"]["claims"][0]["value"] == "192.0.2.1"
    assert [json.loads(line) for line in node.run("stream", "--lane", "public", "--after", lines[1]["id"]).out.splitlines()] == lines[2:]
    node.run("stream", "--lane", "nothere", code=2)
    node.run("stream", "public", code=64)
    assert "no daemon" in node.run("stream", "-f", code=2).err
    daemon = serve(node)
    assert [(n, data, at) for n, data, at in listen(daemon, "?after=0").until(lambda e: "import" in names(e)).events] == [
        (line["event"], line["data"], line["id"]) for line in lines]
    follower = subprocess.Popen([SIPAR, "stream", "-d", str(node.path), "--lane", "public", "-f", "--after", lines[-1]["id"]], stdout=subprocess.PIPE)
    tell(node, "public", "b", "192.0.2.2")
    assert json.loads(follower.stdout.readline())["data"]["claims"][0]["value"] == "192.0.2.2"
    follower.kill()
    follower.wait()
    follower.stdout.close()


def test_refusals(node, serve):
    (node.path / "sipar.conf").write_text("http_connections = 64\n")
    daemon = serve(node)
    for query, status in (("?lane=public&after=x", 400), ("?lane=public&after=99", 409), ("?lane=public&after=public/99", 409), ("?nothing=1", 400),
                          ("?only=tails", 400), ("?lane=", 200), ("?lane=%zz", 400)):
        connection = socket.create_connection(("127.0.0.1", daemon.http_port))
        connection.sendall(f"GET /v1/stream{query} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        assert connection.recv(12) == f"HTTP/1.1 {status}".encode(), query
        connection.close()
    open_ones = []
    for i in range(60):
        connection = socket.create_connection(("127.0.0.1", daemon.http_port))
        connection.sendall(b"GET /v1/stream?lane=public HTTP/1.1\r\nHost: h\r\n\r\n")
        open_ones.append(connection)
    answers = [c.recv(12) for c in open_ones]
    assert answers.count(b"HTTP/1.1 200") >= 55 and b"HTTP/1.1 503" in answers
    assert daemon.get("/healthz")[0] == 200
    for c in open_ones:
        c.close()


def test_a_new_lane_ends_it(node, serve, listen):
    daemon = serve(node)
    live = listen(daemon).ready()
    node.run("lane", "create", "extra", "--audience", "tlp:clear")
    while live.take():
        pass  # the answer ends
    again = listen(daemon, "", live.last).until(lambda e: "lane" in names(e))
    assert again.events[-1][1]["lane"] == "extra"


def test_a_slow_reader_is_alone(node, serve, listen):
    """One takes nothing while much is told: writer and others go on, and it has everything when it reads at last, in one piece or, after it was cut off, in more."""
    daemon = serve(node)
    slow = listen(daemon, "?lane=public&after=1").ready()
    quick = listen(daemon, "?lane=public&after=1").ready()
    for part in range(4):
        tell(node, "public", f"s{part}", *(f"{part}-{i}.slow.example" for i in range(30000)))
    quick.until(lambda e: names(e).count("import") == 4)
    assert len(set(values(quick.events))) == len(values(quick.events)) == 120000
    memory, events = daemon.memory_kb(), []
    while names(events + slow.events).count("import") < 4:
        if not slow.take():
            events += slow.close()
            slow = listen(daemon, "?lane=public", slow.last)
    assert events + slow.events == quick.events
    assert daemon.memory_kb() < memory + 60000


def test_killed_and_resumed(node, serve):
    """Either side is killed, again and again, while things are told: each comes once, in order."""
    told, r = [], random.Random(5)
    daemon = serve(node)
    events, last = [], "public/1"
    done = threading.Event()

    def write():
        n = 0
        while not done.is_set():
            lines = [f"{n}-{i}.told.example" for i in range(r.choice((1, 3, 2000)))]
            command = [SIPAR, "import", "-d", str(node.path), "--json", "--source", f"w{n % 5}", "-"]
            out = subprocess.run(command, input="".join(f"{x}\n" for x in lines).encode(), capture_output=True, timeout=LIMIT)
            if out.returncode == 0:
                told.append(n)  # acknowledged; one that was cut off may count, too
            n += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for kill in range(KILLS):
            listener = Listener(daemon, "?lane=public", last)
            wanted = len(events) + r.randrange(1, 40)
            end = time.monotonic() + LIMIT
            while len(events) + len(listener.events) < wanted:
                assert time.monotonic() < end and listener.take()
            if kill % 2:  # the server; what it had sent may still come
                daemon.process.kill()
                daemon.stop()
                while listener.take():
                    pass
                daemon = Daemon(node)
            events += listener.close()
            last = listener.last
    finally:
        done.set()
        writer.join()
    listener = Listener(daemon, "?lane=public", last)
    size = len(Node.run(node, "log", "--lane", "public", "--json").out.splitlines())
    listener.until(lambda e: e[-1][1]["index"] == size - 1 if e else False)
    events += listener.close()
    daemon.stop()
    ends = [data["index"] for name, data, _ in events if name == "import"]
    assert ends == sorted(set(ends))
    came = values(events)
    assert len(came) == len(set(came)), "doubled"
    numbers = {int(v.split("-")[0]) for v in came}
    assert set(told) <= numbers, f"lost {set(told) - numbers}"
    fresh = Daemon(node)
    whole = Listener(fresh, "?lane=public&after=1").until(lambda e: e[-1][1]["index"] == size - 1 if e else False)
    assert whole.close() == events
    fresh.stop()
