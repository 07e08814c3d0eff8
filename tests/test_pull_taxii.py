"""Sources that are pulled by TAXII 2.1: from a server that behaves, and from one that has the habits of those in the field."""
import datetime
import json
import subprocess
import urllib.parse

import pytest

from conftest import LIMIT, SIPAR, wait_for
from test_pull import entries, fake, other, pull, show  # noqa: F401 (fixtures)

MEDIA = "application/taxii+json;version=2.1"
COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"


def indicator(n, value=None, modified="2026-01-01T00:00:00.000Z", **more):
    return {"type": "indicator", "spec_version": "2.1", "id": f"indicator--91a7b528-80eb-42ed-a74d-{n:012x}", "created": "2026-01-01T00:00:00.000Z",
            "modified": modified, "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z",
            "pattern": f"[ipv4-addr:value = '{value or address(n)}']", **more}


def address(n):
    return f"198.51.{100 + n // 256}.{n % 256}"


def added(n):
    return (datetime.datetime(2026, 1, 1) + datetime.timedelta(seconds=n, microseconds=7)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Taxii:
    """Collections of (date_added, object) on a fake; `trap` is how it misbehaves."""

    def __init__(self, fake, trap="", page=10, key=None, readable=(COLLECTION,)):
        self.fake, self.trap, self.page, self.key, self.broken, self.forgotten = fake, trap, page, key, set(), False
        self.objects = {COLLECTION: []}
        self.readable = readable
        fake.routes["/taxii2/"] = lambda h: self.answer(h, {"title": "t", "default": self.root(), "api_roots": [self.root(), "/nowhere/"]})
        fake.routes["/api1/"] = lambda h: self.answer(h, {"title": "r", "versions": [MEDIA], "max_content_length": 1000})
        fake.routes["/api1/collections/"] = lambda h: self.answer(h, {"collections": [self.about(c) for c in self.objects]} if self.objects else {})

    def about(self, collection):
        return {"id": collection, "title": f"title of {collection}", "alias": collection[:4], "can_read": collection in self.readable, "can_write": False}

    def root(self):
        return {"relative": "/api1/", "http": f"http://127.0.0.1:1/api1/"}.get(self.trap, self.fake.url("/api1/"))

    def add(self, *objects, collection=COLLECTION):
        here = self.objects.setdefault(collection, [])
        first = sum(map(len, self.objects.values()))
        here.extend((added(first + i), o) for i, o in enumerate(objects))
        self.fake.routes[f"/api1/collections/{collection}/"] = lambda h: self.answer(h, self.about(collection))
        self.fake.routes[f"/api1/collections/{collection}/objects/"] = lambda h: self.page_of(h, collection)
        return self

    def answer(self, h, body, status=200, **headers):
        if self.key and h.headers.get("Authorization") != self.key:
            return h.reply(401, b"{}", WWW_Authenticate="Basic realm=x")
        kind = {"type": "text/html; charset=utf-8", "json": "application/json"}.get(self.trap, MEDIA)
        return h.reply(status, json.dumps(body).encode(), Content_Type=kind, **headers)

    def page_of(self, h, collection):
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(h.path).query))
        assert int(asked["limit"]) > 0 and h.headers["Accept"] == MEDIA
        if "+" in asked.get("added_after", ""):
            return self.answer(h, {"title": "bad time"}, 400)
        here = [(when, o) for when, o in self.objects[collection] if when > asked.get("added_after", "")]
        start = 0
        if "next" in asked:
            if self.forgotten:
                self.forgotten = False
                return self.answer(h, {"title": "expired", "http_status": "400"}, 400)
            start = int(asked["next"].split("/")[-1])
        if start in self.broken:
            return h.reply(503, b"", Retry_After="3600")
        size = 10 ** 6 if self.trap == "limit" else self.page
        page, rest = here[start:start + size], here[start + size:]
        envelope, headers = {}, {}
        if page:
            envelope = {"objects": [o for _, o in page]}
            headers = {"X_TAXII_Date_Added_First": page[0][0], "X_TAXII_Date_Added_Last": page[-1][0]}
        if rest:
            envelope.update(more=True, next=f"a+b /{start + size}")
        if self.trap == "nextless" and rest:
            del envelope["next"]
        if self.trap == "same" and rest:
            envelope["next"] = "x/0"
        if self.trap == "number" and rest:
            envelope["next"] = start + size
        if self.trap == "moreless" and rest:
            del envelope["more"]
        if self.trap == "empty" and rest and not asked.get("next", "").startswith("pause"):
            return self.answer(h, {"more": True, "next": f"pause/{start}", "objects": []})
        if self.trap == "javascript" and page:
            headers = {name: "Thu Jan 01 2026 00:00:07 GMT+0000 (UTC)" for name in headers}
        if self.trap == "untimed":
            headers = {}
        if self.trap == "repeats" and not page and self.objects[collection]:
            when, last = self.objects[collection][-1]
            envelope, headers = {"objects": [last], "more": False}, {"X_TAXII_Date_Added_Last": when}
        return self.answer(h, envelope, **headers)

    def pages(self):
        return [asked for _, asked, _ in self.fake.asked if "/objects/" in asked]


def add(node, fake, path="/taxii2/", *options, code=0):
    return node.run("source", "add", "vendor", "--url", "taxii+" + fake.url(path), "--every", "1h", *options, code=code)


def all_listed(node, n):
    return all(c["listed"] for c in node.check(*map(address, range(n))))


@pytest.mark.parametrize("path", ["/taxii2/", "/api1/", "/api1", f"/api1/collections/", f"/api1/collections/{COLLECTION}/",
                                  f"/api1/collections/{COLLECTION}/objects/", f"/api1/collections/{COLLECTION}/objects/?match[type]=indicator"])
def test_from_any_of_its_urls(node, fake, path):
    server = Taxii(fake).add(*map(indicator, range(35)))
    add(node, fake, path)
    done = pull(node, "vendor")
    assert (done["accepted"], done["imports"]) == (35, 1)
    assert all_listed(node, 35)
    assert len(server.pages()) == 4
    before = entries(node)
    assert pull(node, "vendor")["unchanged"]
    assert entries(node) == before
    assert urllib.parse.parse_qs(urllib.parse.urlsplit(server.pages()[-1]).query)["added_after"] == [added(34)]
    assert ("match" in server.pages()[-1]) == ("match" in path)
    server.add(*map(indicator, range(35, 37)))
    assert pull(node, "vendor")["accepted"] == 2, "what is new, and nothing else"
    assert show(node, "vendor")["added_after"] == added(36)


@pytest.mark.parametrize("trap", ["relative", "http", "type", "json", "limit", "nextless", "number", "moreless", "empty", "javascript", "untimed", "repeats"])
def test_habits_of_servers(node, fake, trap):
    server = Taxii(fake, trap).add(*map(indicator, range(35)))
    add(node, fake)
    assert pull(node, "vendor")["read"] == 35
    assert all_listed(node, 35)
    if trap == "repeats":  # the last object as a page of its own is another page than the one that it came with: it is read once more, and then known
        assert pull(node, "vendor")["read"] == 1
    assert pull(node, "vendor")["unchanged"]
    server.objects[COLLECTION].append(("9" if trap in ("javascript", "untimed") else added(50), indicator(50)))  # these are asked by the clock
    if trap in ("javascript", "untimed"):
        server.objects[COLLECTION][-1] = (datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), indicator(50))
    assert pull(node, "vendor")["read"] == 1
    assert node.listed(address(50))
    assert pull(node, "vendor")["unchanged"]
    assert show(node, "vendor")["failed"] == 0


def test_the_same_next_for_ever(node, fake):
    """It goes on by time where there is one, and ends where there is none."""
    server = Taxii(fake, "same").add(*map(indicator, range(35)))
    add(node, fake)
    assert pull(node, "vendor")["read"] >= 35
    assert all_listed(node, 35)
    assert len(server.pages()) < 20
    fake.serve(f"/api1/collections/{COLLECTION}/objects/", json.dumps({"more": True, "next": "x", "objects": [indicator(40)]}).encode())
    assert "no way to it" in pull(node, "vendor", code=2)
    assert node.listed(address(40)), "what came before the error is kept"


def test_what_broke_off_goes_on(node, fake):
    server = Taxii(fake).add(*map(indicator, range(50)))
    server.broken = {30}
    add(node, fake)
    error = pull(node, "vendor", code=2)
    assert "503" in error
    health = show(node, "vendor")
    assert health["failures"] == 1 and health["status"] == 503
    next_s = datetime.datetime.fromisoformat(health["next"].replace("Z", "+00:00")) - datetime.datetime.fromisoformat(health["last_try"].replace("Z", "+00:00"))
    assert next_s.total_seconds() >= 3599, "it asked for an hour"
    assert all_listed(node, 30) and not node.listed(address(30))
    before = len(server.pages())
    server.broken = set()
    assert pull(node, "vendor")["accepted"] == 20
    assert "next=a%2Bb%20%2F30" in server.pages()[before], "it began anew"
    assert all_listed(node, 50)


def test_a_next_that_is_not_known_any_more(node, fake):
    server = Taxii(fake).add(*map(indicator, range(50)))
    server.broken = {30}
    add(node, fake)
    pull(node, "vendor", code=2)
    server.broken, server.forgotten = set(), True
    assert pull(node, "vendor")["accepted"] == 20
    assert f"added_after={urllib.parse.quote(added(29))}" in server.pages()[-1]
    assert all_listed(node, 50)


def test_revoked_takes_effect(node, fake):
    server = Taxii(fake).add(*map(indicator, range(3)))
    add(node, fake)
    pull(node, "vendor")
    assert node.listed(address(1))
    server.add(indicator(1, modified="2026-02-01T00:00:00.000Z", revoked=True))
    pull(node, "vendor")
    assert not node.listed(address(1)) and node.listed(address(2))


def test_keys(node, fake, tmp_path):
    Taxii(fake, key="Basic cmVhZGVyOnBhc3M=").add(indicator(1))
    add(node, fake)
    assert "wants a key" in pull(node, "vendor", code=2)
    key = tmp_path / "key"
    key.write_text("reader:pass\n")
    node.run("source", "set", "vendor", "--key-file", key)
    assert pull(node, "vendor")["accepted"] == 1


def test_collections(node, fake):
    second, third = "2222b528-80eb-42ed-a74d-c6fbd5a26116", "3333b528-80eb-42ed-a74d-c6fbd5a26116"
    server = Taxii(fake, readable=(COLLECTION, second)).add(indicator(1)).add(indicator(2), collection=second).add(indicator(3), collection=third)
    for n, (wanted, code) in enumerate(((second, 0), ("2222", 0), (f"title of {second}", 0), ("3333", 2), ("none", 2))):
        node.run("source", "add", f"s{n}", "--url", "taxii+" + fake.url("/api1/"), "--every", "1h", "--collection", wanted)
        done = pull(node, f"s{n}", code=code)
        if code:
            assert wanted in done
    assert [c["listed"] for c in node.check(*map(address, range(1, 4)))] == [False, True, False]
    add(node, fake)
    assert pull(node, "vendor")["accepted"] == 2
    assert node.listed(address(1))
    # each has its own place
    server.add(indicator(7), collection=second)
    assert pull(node, "vendor")["accepted"] == 1
    # one that fails does not keep the other from being read
    server.add(indicator(8), collection=second)
    fake.serve(f"/api1/collections/{COLLECTION}/objects/", b"", 500)
    assert "500" in pull(node, "vendor", code=2)
    assert node.listed(address(8))


def test_markings_above_the_lane(node, fake):
    red = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"
    Taxii(fake).add(indicator(1), indicator(2, object_marking_refs=[red]))
    add(node, fake)
    done = pull(node, "vendor")
    assert (done["accepted"], done["rejected"]) == (1, 1)
    assert not node.listed(address(2))


def test_what_is_no_taxii(node, fake):
    fake.serve("/taxii2/", b"<html>Log in</html>", Content_Type="text/html")
    add(node, fake)
    assert "text/html" in pull(node, "vendor", code=2)
    fake.serve("/taxii2/", b'{"title": "something"}', Content_Type=MEDIA)
    assert "no discovery" in pull(node, "vendor", code=2)
    fake.serve("/taxii2/", b'{"title": "t", "api_roots": ["https://other.example/api/"]}', Content_Type=MEDIA)
    assert "other hosts" in pull(node, "vendor", code=2)
    node.run("source", "set", "vendor", "--type", "snapshot")
    assert "snapshot" in pull(node, "vendor", code=2)


def test_many_pages_flow_through_the_daemon(node, fake, serve):
    server = Taxii(fake, page=500).add(*map(indicator, range(5000)))
    daemon = serve(node)
    node.run("source", "add", "vendor", "--url", fake.url("/taxii2/"), "--every", "1s")
    wait_for(lambda: daemon.lookup(address(4999))["listed"], "the last object")
    server.add(indicator(5001))
    wait_for(lambda: daemon.lookup(address(5001))["listed"], "the new object")
    assert show(node, "vendor")["kind"] == "taxii"


@pytest.mark.parametrize("after_pages", [3, 14, 20])
def test_killed_in_the_middle(node, fake, after_pages):
    """Nothing is left out, and of what was durable nothing is asked for again."""
    server = Taxii(fake, page=500).add(*(indicator(n, description="x" * 3000) for n in range(12000)))
    add(node, fake)
    process = subprocess.Popen([SIPAR, "source", "pull", "-d", str(node.path), "vendor"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(server.pages()) >= after_pages or process.poll() is not None, f"page {after_pages}")
    process.kill()
    process.wait(timeout=LIMIT)
    before = len(server.pages())
    stood = (node.path / "pulls" / "vendor.cursors").exists()
    done = pull(node, "vendor")
    assert done["unchanged"] or done["read"] > 0
    sample = [address(n) for n in range(0, 12000, 7)]
    assert all(c["listed"] for c in node.check(*sample))
    assert ("next=" in server.pages()[before] or "added_after=" in server.pages()[before]) == stood
    assert pull(node, "vendor")["unchanged"]
