"""Webhooks: everything once and in order at a receiver that fails, goes away and comes back, with signatures that hold."""
import base64
import hashlib
import hmac
import http.server
import json
import threading
import time

import pytest

from conftest import Daemon, wait_for


class Receiver:
    """Answers as it is told: `answers` first, then 200."""

    def __init__(self, secret=b""):
        self.secret, self.answers, self.requests, self.events, self.times = secret, [], [], [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((dict(self.headers), body))
                outer.times.append(time.monotonic())
                status = outer.answers.pop(0) if outer.answers else 200
                if status == 0:  # broken off
                    self.close_connection = True
                    return
                if status == 200:
                    outer.take(self.headers, body)
                self.send_response(status)
                if status == 429:
                    self.send_header("Retry-After", "2")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/in"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, headers, body):
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        wanted = "v1," + base64.b64encode(hmac.new(self.secret, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == wanted
        assert abs(time.time() - int(headers["webhook-timestamp"])) < 300
        self.events += json.loads(body)["events"]

    def values(self):
        return [c["value"] for e in self.events if e["event"] == "claims" for c in e["data"]["claims"]]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.close()


def tell(node, lane, *lines):
    node.counts(f"src-{lane}", "--lane", lane, "-", stdin="".join(f"{x}\n" for x in lines).encode())


def add(node, receiver, *options, name="siem"):
    secret = node.run("hook", "add", name, "--url", receiver.url, *options).out.strip()
    assert secret.startswith("whsec_")
    receiver.secret = base64.b64decode(secret[6:])
    return secret


def status(node, name="siem"):
    return json.loads(node.run("hook", "status", name, "--json").out)


def test_delivered_in_order_whatever_the_receiver_does(node, serve, receiver):
    tell(node, "public", "192.0.2.1")
    receiver.answers = [0, 500, 302, 404]
    daemon = serve(node)
    secret = add(node, receiver, "--lane", "public", "--after", "0")
    tell(node, "public", "192.0.2.2")
    tell(node, "restricted", "192.0.2.99")
    wait_for(lambda: receiver.values() == ["192.0.2.1", "192.0.2.2"] and receiver.events[-1]["event"] == "import", "the events")
    assert [e["event"] for e in receiver.events] == ["lane", "claims", "import", "claims", "import"]
    assert receiver.events[-1]["id"] == "public/5"
    assert len(receiver.requests) >= 5
    ids = [headers["webhook-id"] for headers, _ in receiver.requests[:5]]
    assert len(set(ids)) == 1  # it was the same delivery, again and again
    gaps = [b - a for a, b in zip(receiver.times, receiver.times[1:])][:4]
    assert gaps[0] >= 0.7 and gaps[2] >= 2.8  # the pauses grow
    wait_for(lambda: status(node)["behind"] == 0, "the state")
    now = status(node)
    assert now["state"] == "ok" and now["events"] == 5 and now["failed"] == 4 and now["failures"] == 0 and now["error"] is None
    assert now["cursor"] == "public/5"
    # the secret is nowhere but in its file
    assert secret not in node.run("hook", "list").out + node.run("hook", "list", "--json").out + (node.path / "serve.log").read_text()
    assert (node.path / "hooks" / "siem.conf").stat().st_mode & 0o777 == 0o600
    metrics = daemon.get("/metrics")[2]
    assert 'sipar_hook_events_total{hook="siem"} 5' in metrics and 'sipar_hook_failures_total{hook="siem"} 4' in metrics


def test_goes_on_after_a_kill(node, receiver):
    daemon = Daemon(node)
    add(node, receiver, "--lane", "public")
    for i in range(5):
        for k in range(3):
            tell(node, "public", f"{i}-{k}.example")
        wait_for(lambda: receiver.events, "an event")
        daemon.process.kill()
        daemon.stop()
        daemon = Daemon(node)
    wait_for(lambda: "4-2.example" in receiver.values() and receiver.events[-1]["event"] == "import", "the last")
    seen, order = set(), []
    for e in receiver.events:  # one that was taken just before a kill may come twice, with the same id
        if e["id"] not in seen:
            order.append(e)
        seen.add(e["id"])
    assert [c["value"] for e in order if e["event"] == "claims" for c in e["data"]["claims"]] == [f"{i}-{k}.example" for i in range(5) for k in range(3)]
    daemon.stop()


def test_catches_up_in_batches(node, serve, receiver):
    tell(node, "public", *(f"{i}.many.example" for i in range(20000)))
    serve(node)
    add(node, receiver, "--lane", "public", "--after", "public/1")
    wait_for(lambda: receiver.events and receiver.events[-1]["event"] == "import", "the end")
    assert receiver.values() == [f"{i}.many.example" for i in range(20000)]
    assert 3 < len(receiver.requests) < 20 and max(len(body) for _, body in receiver.requests) < 320 << 10


def test_one_that_is_away_keeps_nobody_waiting(node, serve, receiver):
    serve(node)
    away = Receiver()
    away.close()
    add(node, receiver, "--lane", "public")
    receiver2 = Receiver()
    add(node, away, "--lane", "public", name="away")
    tell(node, "public", "192.0.2.1")
    wait_for(lambda: receiver.values() == ["192.0.2.1"], "the event")
    wait_for(lambda: status(node, "away")["failures"], "the failure")
    now = status(node, "away")
    assert now["state"] == "failing" and now["behind"] == 2 and "cannot be fetched" in now["error"]
    assert "failing" in node.run("hook", "list").out
    receiver2.close()


def test_410_disable_enable_remove(node, serve, receiver):
    receiver.answers = [410]
    serve(node)
    add(node, receiver, "--lane", "public")
    tell(node, "public", "192.0.2.1")
    wait_for(lambda: status(node)["state"] == "gone", "the end")
    tell(node, "public", "192.0.2.2")
    node.run("hook", "disable", "siem")
    assert status(node)["state"] == "disabled"
    node.run("hook", "enable", "siem")
    wait_for(lambda: receiver.values() == ["192.0.2.1", "192.0.2.2"], "both")
    node.run("hook", "remove", "siem")
    assert node.run("hook", "list", "--json").out == ""
    assert list((node.path / "hooks").iterdir()) == []


def test_asked_to_wait(node, serve, receiver):
    receiver.answers = [429]
    serve(node)
    add(node, receiver, "--lane", "public")
    tell(node, "public", "192.0.2.1")
    wait_for(lambda: receiver.values() == ["192.0.2.1"], "the event")
    assert receiver.times[1] - receiver.times[0] >= 1.9


def test_mistakes(node, receiver, tmp_path):
    node.run("hook", "add", "siem", "--lane", "public", code=64)
    node.run("hook", "add", "siem", "--url", "ftp://a.example/", "--lane", "public", code=64)
    node.run("hook", "add", "../siem", "--url", receiver.url, "--lane", "public", code=64)
    assert "no lane" in node.run("hook", "add", "siem", "--url", receiver.url, "--lane", "nothere", code=2).err
    node.run("hook", "add", "siem", "--url", receiver.url, "--lane", "public", "--after", "x", code=2)
    node.run("hook", "remove", "siem", code=2)
    (tmp_path / "secret").write_text("short")
    node.run("hook", "add", "siem", "--url", receiver.url, "--lane", "public", "--secret-file", str(tmp_path / "secret"), code=2)
    (tmp_path / "secret").write_text("a phrase of twenty-four octets\n")
    assert node.run("hook", "add", "siem", "--url", receiver.url, "--lane", "public", "--secret-file", str(tmp_path / "secret")).out == ""
    assert "already" in node.run("hook", "add", "siem", "--url", receiver.url, "--lane", "public", code=2).err
    node.run("hook", "nothing", code=64)
