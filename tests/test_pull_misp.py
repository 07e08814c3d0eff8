"""Sources that are pulled from a MISP: feeds whose events grow, shrink and leave, and a server that is asked for what has changed."""
import json
import re

import pytest

from conftest import wait_for
from test_pull import entries, fake, pull, show, tagged  # noqa: F401 (fixtures)


def uuid(n):
    return f"5b1d3c33-1d4e-4a3e-8a0f-{n:012x}"


def attribute(value, kind="ip-dst", **more):
    return {"uuid": uuid(abs(hash(value)) % 10 ** 9), "type": kind, "value": value, "to_ids": True, "category": "Network activity", "timestamp": "1764000000", **more}


def event(n, timestamp, *attributes, **more):
    return {"Event": {"uuid": uuid(n), "info": f"event {n}", "date": "2026-01-01", "timestamp": str(timestamp), "published": True, "analysis": "2",
                      "threat_level_id": "1", "Orgc": {"name": "cert.example", "uuid": uuid(999)},
                      "Attribute": [a if isinstance(a, dict) else attribute(a) for a in attributes], **more}}


class Feed:
    """A MISP feed on a fake."""

    def __init__(self, fake, *events, path="/misp/"):
        self.fake, self.path, self.events = fake, path, {}
        self.put(*events)

    def put(self, *events):
        for e in events:
            self.events[e["Event"]["uuid"]] = e
            self.fake.serve(f"{self.path}{e['Event']['uuid']}.json", json.dumps(e, indent=1).encode())
        self.publish()

    def remove(self, *numbers):
        for n in numbers:
            del self.events[uuid(n)], self.fake.routes[f"{self.path}{uuid(n)}.json"]
        self.publish()

    def publish(self):
        manifest = {u: {k: e["Event"][k] for k in ("info", "date", "timestamp", "Orgc")} for u, e in self.events.items()}
        body = json.dumps(manifest).encode()
        self.fake.routes[self.path + "manifest.json"] = lambda h: tagged(h, body, f'"{hash(body)}"')

    def asked(self):
        """Numbers of the events that were asked for since the last time."""
        numbers = [int(m[1], 16) for _, path, _ in self.fake.asked for m in [re.search(r"-(\w{12})\.json", path)] if m]
        self.fake.asked.clear()
        return numbers


def add(node, fake, *options, path="/misp/"):
    return node.run("source", "add", "misp", "--url", "misp+" + fake.url(path), "--every", "1h", *options)


def listed(node, *values):
    return [c["listed"] for c in node.check(*values)]


def test_only_what_has_changed(node, fake):
    feed = Feed(fake, event(1, 100, "198.51.100.1"), event(2, 100, "198.51.100.2", attribute("evil.example", "domain")))
    add(node, fake)
    done = pull(node, "misp")
    assert done["accepted"] == 3 and done["imports"] == 1
    assert listed(node, "198.51.100.1", "198.51.100.2", "evil.example") == [True] * 3
    assert sorted(feed.asked()) == [1, 2]
    before = entries(node)
    assert pull(node, "misp")["unchanged"] and feed.asked() == [] and entries(node) == before
    feed.put(event(3, 101, "198.51.100.3"))
    assert pull(node, "misp")["accepted"] == 1 and feed.asked() == [3]
    feed.put(event(1, 102, "198.51.100.1", "198.51.100.4"))
    pull(node, "misp")
    assert feed.asked() == [1]
    assert listed(node, "198.51.100.1", "198.51.100.3", "198.51.100.4") == [True] * 3
    health = show(node, "misp")
    assert health["kind"] == "misp" and health["added_after"] == "1970-01-01T00:01:42Z"


def test_what_leaves_is_taken_back(node, fake):
    feed = Feed(fake, event(1, 100, "198.51.100.1", "198.51.100.2", "198.51.100.3", "2001:db8:7::/48", attribute("198.51.100.4|80", "ip-dst|port"),
                            attribute("http://evil.example/x", "url"), attribute("d41d8cd98f00b204e9800998ecf8427e", "md5"),
                            attribute("a@evil.example", "email")),
                event(2, 100, "198.51.100.2"), event(3, 100, "198.51.100.3", "198.51.100.5"))
    all_of_it = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "2001:db8:7::1", "198.51.100.4", "http://evil.example/x", "d41d8cd98f00b204e9800998ecf8427e",
                 "a@evil.example", "198.51.100.5"]
    add(node, fake)
    pull(node, "misp")
    assert listed(node, *all_of_it) == [True] * 9
    # a newer version says less, by leaving out and by "deleted"
    feed.put(event(1, 101, "198.51.100.2", attribute("198.51.100.3", deleted=True), attribute("a@evil.example", "email")))
    pull(node, "misp")
    assert listed(node, *all_of_it) == [False, True, True, False, False, False, False, True, True], "others say some of it still"
    # an event leaves
    feed.remove(3)
    pull(node, "misp")
    assert listed(node, "198.51.100.2", "198.51.100.3", "198.51.100.5") == [True, False, False]
    # and what is said again counts again
    feed.put(event(4, 103, "198.51.100.1", "198.51.100.5"))
    pull(node, "misp")
    assert listed(node, "198.51.100.1", "198.51.100.5") == [True, True]
    # all the same after a fold of everything
    assert json.loads(node.run("rebuild", "--json").out)["differed"] is False
    assert listed(node, "198.51.100.1", "198.51.100.3", "198.51.100.5") == [True, False, True]


def test_a_value_moves_from_event_to_event(node, fake):
    feed = Feed(fake, event(1, 100, "198.51.100.1"), event(2, 100, "198.51.100.2"))
    add(node, fake)
    pull(node, "misp")
    feed.put(event(1, 101, "198.51.100.2"), event(2, 101, "198.51.100.1"))
    pull(node, "misp")
    assert listed(node, "198.51.100.1", "198.51.100.2") == [True, True]
    feed.put(event(1, 102, {**attribute("198.51.100.2"), "to_ids": False}))
    pull(node, "misp")
    assert listed(node, "198.51.100.2") == [False], "it is no indicator any more"


def test_trouble_with_one_event(node, fake):
    feed = Feed(fake, event(1, 100, "198.51.100.1"), event(2, 100, "198.51.100.2"), event(3, 100, "198.51.100.3"))
    good = fake.routes[f"/misp/{uuid(2)}.json"]
    add(node, fake)
    for broken, says in ((b"{", "line 1"), (json.dumps(event(9, 1, "198.51.100.9")).encode(), "not the event of that name")):
        fake.serve(f"/misp/{uuid(2)}.json", broken)
        assert says in pull(node, "misp", code=2)
        assert listed(node, "198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.9") == [True, False, True, False]
    feed.asked()
    fake.serve(f"/misp/{uuid(2)}.json", b"", 404)
    before = entries(node)
    assert "404" in pull(node, "misp", code=2)
    assert feed.asked() == [2], "the others are here" and entries(node) == before
    fake.routes[f"/misp/{uuid(2)}.json"] = good
    assert pull(node, "misp")["accepted"] == 1
    assert listed(node, "198.51.100.2") == [True]
    # one that asks to be left alone is left alone
    feed.put(*(event(n, 200, f"198.51.100.{n}") for n in range(10, 20)))
    for n in range(10, 20):
        fake.serve(f"/misp/{uuid(n)}.json", b"", 429, Retry_After="60")
    feed.asked()
    assert "429" in pull(node, "misp", code=2)
    assert len(feed.asked()) == 1


def test_a_manifest_that_is_none(node, fake):
    feed = Feed(fake, event(1, 100, "198.51.100.1"))
    add(node, fake)
    pull(node, "misp")
    for body, says in ((b"{}", "no event"), (b"<html>", "no manifest"), (b'{"' + uuid(1).encode() + b'": {"timestamp": "1"', "line 1")):
        fake.serve("/misp/manifest.json", body)
        assert says in pull(node, "misp", code=2)
        assert listed(node, "198.51.100.1") == [True]
    fake.serve("/misp/manifest.json", b"{}")
    node.run("source", "set", "misp", "--allow-empty")
    pull(node, "misp")
    assert listed(node, "198.51.100.1") == [False]
    # names that are no UUIDs are asked of nobody
    fake.serve("/misp/manifest.json", json.dumps({"../../etc/passwd": {"timestamp": "1"}, uuid(1): {"timestamp": "100"}}).encode())
    feed.asked()
    pull(node, "misp")
    assert feed.asked() == [1] and listed(node, "198.51.100.1") == [True]


def test_markings_above_the_lane(node, fake):
    Feed(fake, event(1, 100, "198.51.100.1", attribute("198.51.100.2", Tag=[{"name": "tlp:red"}])), event(2, 100, "198.51.100.3", Tag=[{"name": "tlp:amber"}]))
    add(node, fake)
    done = pull(node, "misp")
    assert (done["accepted"], done["rejected"]) == (1, 2)
    assert listed(node, "198.51.100.1", "198.51.100.2", "198.51.100.3") == [True, False, False]


class Server:
    """A MISP with a key."""

    def __init__(self, fake, index=True, pages=True):
        self.fake, self.events, self.index, self.pages, self.bodies = fake, {}, index, pages, []
        fake.routes["/manifest.json"] = lambda h: h.reply(302, b"", Location="/users/login")
        fake.serve("/users/login", b"<html>Log in</html>", Content_Type="text/html")
        fake.routes["/servers/getVersion"] = lambda h: self.answer(h, {"version": "2.5.1", "perm_sync": True})
        fake.routes["/events/restSearch"] = self.search
        fake.routes["/events/index"] = lambda h: self.answer(h, [{"uuid": u, "timestamp": e["Event"]["timestamp"]} for u, e in self.events.items()]) if index \
            else h.reply(404)

    def put(self, *events):
        self.events.update({e["Event"]["uuid"]: e for e in events})

    def answer(self, h, body):
        if h.headers.get("Authorization") != "k" * 40:
            return h.reply(403, b'{"message":"Authentication failed."}')
        return h.reply(200, json.dumps(body).encode(), Content_Type="application/json")

    def search(self, h):
        asked = json.loads(h.posted)
        assert h.headers["Accept"] == h.headers["Content-Type"] == "application/json"
        self.bodies.append(asked)
        found = [e for e in self.events.values() if int(e["Event"]["timestamp"]) >= int(asked["timestamp"])]
        if self.pages:
            found = found[(asked["page"] - 1) * asked["limit"]:asked["page"] * asked["limit"]]
        return self.answer(h, {"response": found})


@pytest.mark.parametrize("index,pages", [(True, True), (False, True), (True, False)])
def test_a_server(node, fake, tmp_path, index, pages):
    server = Server(fake, index, pages)
    server.put(*(event(n, 1000 + n % 7, f"198.51.{100 + n // 250}.{n % 250}") for n in range(250)))
    add(node, fake, path="/")
    assert "403" in pull(node, "misp", code=2)
    key = tmp_path / "key"
    key.write_text("k" * 40 + "\n")
    node.run("source", "set", "misp", "--key-file", key)
    assert pull(node, "misp")["accepted"] == 250
    assert all(listed(node, *(f"198.51.100.{n}" for n in range(250))))
    assert [b["page"] for b in server.bodies] == ([1, 2, 3] if pages else [1, 2])
    before = entries(node)
    assert pull(node, "misp")["unchanged"] and entries(node) == before
    assert server.bodies[-1]["timestamp"] == "1006"
    server.put(event(5, 2000, "198.51.100.251"))
    del server.events[uuid(6)]
    pull(node, "misp")
    assert listed(node, "198.51.100.5", "198.51.100.251", "198.51.100.6") == [False, True, not index]
    assert show(node, "misp")["status"] == 200 and show(node, "misp")["added_after"] == "1970-01-01T00:33:20Z"


def test_the_daemon_follows(node, fake, serve):
    feed = Feed(fake, event(1, 100, "198.51.100.1"))
    daemon = serve(node)
    node.run("source", "add", "misp", "--url", "misp+" + fake.url("/misp/"), "--every", "1s")
    wait_for(lambda: daemon.lookup("198.51.100.1")["listed"], "the event")
    feed.put(event(1, 101, "198.51.100.2"))
    wait_for(lambda: daemon.lookup("198.51.100.2")["listed"] and not daemon.lookup("198.51.100.1")["listed"], "its newer version")
    feed.put(event(2, 102, "198.51.100.3"))
    feed.remove(1)
    wait_for(lambda: not daemon.lookup("198.51.100.2")["listed"] and daemon.lookup("198.51.100.3")["listed"], "its end")


def test_real_events(node, fake, data):
    """What the feed says is what an import of its files says; without them nothing is left."""
    files = sorted((data / "intel" / "misp-events-eset").rglob("*.json"))
    events = {}
    for file in files:
        text = json.loads(file.read_text())
        for e in text if isinstance(text, list) else text.get("response", [text]):
            if isinstance(e, dict) and "uuid" in e.get("Event", {}):
                events[e["Event"]["uuid"]] = e
    if not events:
        pytest.skip("there are no MISP events in the real data")
    feed = Feed(fake, *events.values())
    add(node, fake, "--lane", "restricted")
    done = pull(node, "misp")
    assert done["accepted"] > 100
    values = [a["value"] for e in events.values() for a in e["Event"].get("Attribute", []) if a.get("to_ids") and a["type"] in ("domain", "ip-dst", "sha1", "md5")]
    assert any(listed(node, *values))
    first, *rest = events
    feed.events = {first: feed.events[first]}
    feed.publish()
    pull(node, "misp")
    kept = {a["value"] for a in events[first]["Event"].get("Attribute", [])}
    left = [v for v, on in zip(values, listed(node, *values)) if on and v not in kept]
    assert not [v for v in left if not any(v in k or k in v for k in kept)], left[:5]
