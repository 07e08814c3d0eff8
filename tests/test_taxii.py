"""TAXII 2.1 as its clients ask: every page of a collection, with nothing lost or doubled, whatever happens meanwhile."""
import base64
import itertools
import json
import random
import signal
import threading
import urllib.parse
import uuid

import pytest

from conftest import DATA, Daemon, wait_for

MEDIA = "application/taxii+json;version=2.1"
ROOT = "/taxii2/api/"


def identifier(kind, n):
    return f"{kind}--{uuid.uuid5(uuid.NAMESPACE_URL, f'https://objects.example/{kind}/{n}')}"


def indicator(n, version=0, **more):
    return {
        "type": "indicator", "spec_version": "2.1", "id": identifier("indicator", n), "created": "2026-01-01T00:00:00.000Z",
        "modified": f"2026-01-01T00:00:{version:02}.000Z", "name": f"indicator {n}", "pattern": f"[domain-name:value = 'n{n}.example']",
        "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z", **more,
    }


def bundle(*objects):
    return json.dumps({"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": objects}).encode()


def tell(node, *objects, lane="public", source="vendor"):
    return node.counts(source, "--format", "stix", "--lane", lane, "-", stdin=bundle(*objects))


class Client:
    """What taxii2-client sends and looks at."""

    def __init__(self, daemon, collection="public", **headers):
        self.daemon, self.base, self.headers = daemon, f"{ROOT}collections/{collection}/", {"Accept": MEDIA, **headers}

    def ask(self, path="", method="GET", body=None, query=(), code=200, **headers):
        """(resource, fields)"""
        target = path if path.startswith("/") else self.base + path
        if query:
            target += "?" + (query if isinstance(query, str) else urllib.parse.urlencode(query, doseq=True))
        status, fields, text = self.daemon.request(method, target, body, {**self.headers, **headers})
        assert status == code, (target, status, text)
        assert fields["Content-Type"] == MEDIA
        resource = json.loads(text) if text else None
        if status >= 400:
            assert resource["http_status"] == str(status) and resource["title"] and resource["description"], resource
        return resource, fields

    def objects(self, query=(), path="objects/"):
        """All of them, page by page, and how many pages."""
        query, found, last = dict(query), [], ""
        for pages in itertools.count(1):
            page, fields = self.ask(path, query=query)
            items = page.get("objects", page.get("versions", []))
            if items:
                first = fields["X-TAXII-Date-Added-First"]
                assert last < first <= fields["X-TAXII-Date-Added-Last"] and len(first) == 27, "dates rise"
                last = fields["X-TAXII-Date-Added-Last"]
            else:
                assert page == {} and "X-TAXII-Date-Added-Last" not in fields
            found += items
            assert ("next" in page) == page.get("more", False)
            if not page.get("more"):
                return found, pages
            query["next"] = page["next"]

    def by_dates(self, limit):
        """As clients that know of the fields alone."""
        found, after = [], None
        while True:
            page, fields = self.ask("objects/", query={"limit": limit, **({"added_after": after} if after else {})})
            if not page.get("objects"):
                return found
            found += page["objects"]
            after = fields["X-TAXII-Date-Added-Last"]

    def wait(self, n, query=()):
        wait_for(lambda: len(self.objects({"limit": 1000, **dict(query)})[0]) == n, f"{n} objects")


def names(objects):
    return [(o["id"], o.get("modified")) for o in objects]


@pytest.fixture
def small(node, serve):
    """Two versions of one object, the older one told later; an observable; an object of STIX 2.0; an identity."""
    daemon = serve(node)
    old = indicator(3)
    del old["spec_version"]
    node_objects = [
        indicator(1, 5), {"type": "url", "spec_version": "2.1", "id": identifier("url", 1), "value": "http://a.example/"},
        indicator(2, 1), indicator(1, 2), old,
        {"type": "identity", "spec_version": "2.1", "id": identifier("identity", 1), "created": "2026-01-01T00:00:00Z",
         "modified": "2026-01-01T00:00:00.1Z", "name": "Vendor"}, indicator(2, 9),
    ]
    tell(node, *node_objects)
    client = Client(daemon)
    client.wait(5)
    return client, node_objects


def test_the_way_in(small):
    client, _ = small
    discovery, _ = client.ask("/taxii2/")
    assert discovery["default"] in discovery["api_roots"]
    assert urllib.parse.urlsplit(discovery["default"]).path == ROOT and discovery["default"].startswith("http://127.0.0.1:")
    assert client.ask("/taxii2")[0] == discovery
    forwarded, _ = client.ask("/taxii2/", **{"X-Forwarded-Proto": "https"})
    assert forwarded["default"].startswith("https://")
    root, _ = client.ask(ROOT)
    assert root["title"] and MEDIA in root["versions"] and root["max_content_length"] == 16 << 20
    collections, _ = client.ask(ROOT + "collections/")
    public, = collections["collections"]
    assert public["alias"] == "public" and public["can_read"] is True and public["can_write"] is False
    assert client.ask("")[0] == public and client.ask(f"{ROOT}collections/{public['id']}/")[0] == public
    origin = json.loads(client.daemon.get("/lanes")[2])["lanes"][0]["origin"]
    assert public["id"] == str(uuid.uuid5(uuid.NAMESPACE_URL, origin))
    assert Client(client.daemon, public["id"]).objects() == client.objects()


def test_objects_are_what_was_told(small):
    client, told = small
    by_name = {(o["id"], o.get("modified")): o for o in told}
    for limit in (1, 2, 3, 4, 5, 6, 7, 1000):
        found, pages = client.objects({"limit": limit, "match[version]": "all", "match[spec_version]": "2.0,2.1"})
        assert found == told and pages == -(-len(told) // limit), "in the order in which they came"
    last, _ = client.objects()
    assert names(last) == names([told[0], told[1], told[4], told[5], told[6]])
    for o in last:
        assert o == by_name[o["id"], o.get("modified")]
    assert set(names(last)) <= set(names(client.by_dates(1)))


def test_octets_are_kept(node, serve):
    object_ = ('{ "type" : "indicator","id":"%s", "spec_version":"2.1","created":"2026-01-01T00:00:00.120Z",\n\t"modified":"2026-01-01T00:00:00.120000Z",'
               '"pattern":"[url:value = \'http://a.example/\\u00e9\']","x_n":1.0e0, "x_big":12345678901234567890.10,"extensions":{"x":{"\\u0061":[ ]}} }'
               % identifier("indicator", 1))
    daemon = serve(node)
    node.counts("vendor", "--format", "stix", "-", stdin=f'{{"objects":[{object_}]}}'.encode())
    client = Client(daemon)
    client.wait(1)
    _, _, text = daemon.get(client.base + "objects/", Accept=MEDIA)
    assert object_ in text
    manifest, _ = client.ask("manifest/")
    assert manifest["objects"][0]["version"] == "2026-01-01T00:00:00.120000Z"
    for version in ("2026-01-01T00:00:00.12Z", "2026-01-01T00:00:00.120000Z"):
        assert len(client.objects({"match[version]": version})[0]) == 1


def test_filters(small):
    client, told = small
    every = {"match[version]": "all", "match[spec_version]": "2.0,2.1"}

    def ids(query):
        return names(client.objects(query)[0])

    assert ids({"match[type]": "indicator", **every}) == names(o for o in told if o["type"] == "indicator")
    assert ids({"match[type]": "url,identity"}) == names([told[1], told[5]])
    assert ids({"match[type]": "malware"}) == []
    assert ids({"match[id]": told[0]["id"], **every}) == names([told[0], told[3]])
    assert ids({"match[id]": f"{told[2]['id']},{told[1]['id']},{told[2]['id']}", **every}) == names([told[1], told[2], told[6]])
    assert ids({"match[id]": told[0]["id"], "match[type]": "url"}) == []
    assert ids({"match[version]": "first"}) == names([told[1], told[2], told[3], told[4], told[5]])
    assert ids({"match[version]": "first,last", "match[id]": told[0]["id"]}) == names([told[0], told[3]])
    assert ids({"match[version]": "2026-01-01T00:00:09Z,2026-01-01T00:00:00.100Z"}) == names(told[5:7])
    assert ids({"match[spec_version]": "2.0"}) == names([told[4]])
    assert ids({"match[spec_version]": "2.1", "match[version]": "all"}) == names(o for o in told if "spec_version" in o)
    assert names(client.ask("objects/", query="match[type]=url")[0]["objects"]) == names([told[1]])
    manifest = client.objects(every, "manifest/")[0]
    assert [(m["id"], m["version"]) for m in manifest] == [(o["id"], o.get("modified", m["date_added"])) for o, m in zip(told, manifest)]
    assert [m["media_type"] for m in manifest] == [f"application/stix+json;version={o.get('spec_version', '2.0')}" for o in told]
    dates = [m["date_added"] for m in manifest]
    assert dates == sorted(set(dates))
    for i, date in enumerate(dates):
        assert names(client.objects({"added_after": date, **every})[0]) == names(told[i + 1:])
    # What came before added_after does not exist: the older version that was told later is the last of what is left.
    assert ids({"added_after": dates[1]}) == names([told[3], told[4], told[5], told[6]])
    url = next(m for m in manifest if m["id"] == told[1]["id"])
    assert ids({"match[version]": url["date_added"]}) == names([told[1]]), "an observable's version is when it was added"


def test_one_object(small):
    client, told = small
    versions = client.ask(f"objects/{told[0]['id']}/versions/")[0]["versions"]
    assert versions == ["2026-01-01T00:00:02.000Z", "2026-01-01T00:00:05.000Z"], "the one that was added last is the first"
    assert client.objects({"limit": 1}, f"objects/{told[0]['id']}/versions/")[0] == versions[::-1]
    path = f"objects/{urllib.parse.quote(told[0]['id'])}/"
    assert client.objects({}, path)[0] == [told[0]]
    assert client.objects({"match[version]": "all"}, path)[0] == [told[0], told[3]]
    assert client.objects({"match[version]": "first"}, path)[0] == [told[3]]
    assert client.objects({"match[spec_version]": "2.0"}, path)[0] == []
    client.ask(path, query={"match[type]": "indicator"}, code=400)
    client.ask(f"objects/{told[0]['id']}/versions/", query={"match[version]": "all"}, code=400)
    client.ask(f"objects/{identifier('indicator', 99)}/", code=404)
    client.ask("objects/nothing/versions/", code=404)


def test_what_is_refused(small):
    client, told = small
    for query in ("limit=0", "limit=-1", "limit=x", "added_after=yesterday", "match[version]=new", "match[x]=1", "match[id]=a&match[id]=b", "next=x",
                  "match[spec_version]=3.0", "match[version]=all,last", "match[id]="):
        client.ask("objects/", query=query, code=400)
    page, _ = client.ask("objects/", query={"limit": 2, "match[type]": "indicator,url"})
    client.ask("objects/", query={"next": page["next"], "match[type]": "indicator"}, code=400)
    client.ask("manifest/", query={"next": page["next"]}, code=400)
    client.ask("objects/", query={"next": page["next"][:-2] + "AA"}, code=400)
    rest, _ = client.ask("objects/", query={"next": page["next"]})
    assert {o["type"] for o in page["objects"] + rest["objects"]} == {"indicator", "url"} and len(rest["objects"]) == 2, "dropped filters are kept"
    for path in ("/taxii2/x/", "/taxii2/api/x/", "/taxii2/api/collections/secret/objects/", "/taxii2/api/collections/members/",
                 f"/taxii2/api/collections/{uuid.uuid4()}/manifest/"):
        client.ask(path, code=404)
    hidden, _ = client.ask("/taxii2/api/collections/members/", code=404)
    never, _ = client.ask("/taxii2/api/collections/nothing/", code=404)
    assert hidden == never
    _, fields = client.ask("/taxii2/", method="PUT", body=b"", code=405)
    assert fields["Allow"] == "GET, HEAD"
    assert client.ask("objects")[0] == client.ask("objects/")[0], "without the last slash, not redirected"


@pytest.mark.parametrize("accept, code", [
    ("application/taxii+json;version=2.1", 200), ("application/taxii+json; version=2.1", 200), ("application/taxii+json", 200),
    ('Application/TAXII+json ; Version="2.1"', 200), ("text/html, application/taxii+json;q=0.5", 200), ("*/*", 200),
    ("application/json, text/plain, */*", 200), ("application/*;q=0.1", 200), ("application/taxii+json;version=2.0, application/taxii+json;version=2.1", 200),
    ("", 406), ("text/html", 406), ("application/json", 406), ("application/taxii+json;version=2.0", 406),
    ("application/vnd.oasis.taxii+json; version=2.0", 406), ("application/taxii+json;q=0, */*", 406), ("application/taxii+json;version=2.1;q=0", 406),
])
def test_negotiation(small, accept, code):
    client, _ = small
    for path in ("/taxii2/", ROOT, ROOT + "collections/", client.base, client.base + "objects/", client.base + "manifest/"):
        client.ask(path, code=code, Accept=accept)
    client.ask("/taxii2/api/collections/nothing/", code=404, Accept=accept)


def test_pages_stay_what_they_are(node, serve):
    """While imports come and go, the daemon is killed and the index is made anew, each object comes once to whoever pages on."""
    daemon = serve(node)
    rng = random.Random(5)
    tell(node, *[indicator(n) for n in range(400)])
    client = Client(daemon)
    client.wait(400)
    told = {identifier("indicator", n) for n in range(400)}
    page, fields = client.ask("objects/", query={"limit": 7})
    found = page["objects"]
    for n in itertools.count(400, 3):
        if not page.get("more"):
            break
        if n < 460:
            tell(node, *[indicator(i) for i in range(n, n + 3)], source=f"vendor{n % 2}")
            told |= {identifier("indicator", i) for i in range(n, n + 3)}
            wait_for(lambda: client.objects({"match[id]": identifier("indicator", n + 2)})[0], "the last one")
        if n in (403, 430, 460):
            daemon.stop(signal.SIGKILL)
            if n == 430:
                for file in (node.path / "objects").iterdir():
                    file.unlink()
            if n == 460:
                file = node.path / "objects" / "public"
                octets = bytearray(file.read_bytes())
                octets[4096 + rng.randrange(4000)] ^= 1
                file.write_bytes(octets)
            daemon = serve(node)
            client = Client(daemon)
            client.wait(len(told))
        page, fields = client.ask("objects/", query={"limit": rng.randrange(1, 40), "next": page["next"]})
        found += page["objects"]
    assert len(found) == len(told) and {o["id"] for o in found} == told
    assert found == client.objects()[0] == client.by_dates(17)


def test_while_others_write(node, serve):
    """Clients that follow by the dates alone get each version that there ever was at the end of the lane."""
    daemon = serve(node)
    done, errors = threading.Event(), []
    client = Client(daemon)

    def follow(limit, found):
        after = None
        try:
            while True:
                last_round = done.is_set()
                query = {"limit": limit, "match[version]": "all", **({"added_after": after} if after else {})}
                page, fields = client.ask("objects/", query=query)
                found += names(page.get("objects", []))
                after = fields.get("X-TAXII-Date-Added-Last", after)
                if last_round and not page.get("objects"):
                    return
        except Exception as error:  # told by the main thread
            errors.append(error)

    found = [[] for _ in range(3)]
    threads = [threading.Thread(target=follow, args=(limit, f)) for limit, f in zip((1, 13, 1000), found)]
    wait_for(lambda: daemon.get(client.base + "objects/", Accept=MEDIA)[0] == 200, "the collection")
    for thread in threads:
        thread.start()
    told = []
    for n in range(12):
        objects = [indicator(i, version) for version, i in itertools.product(range(n % 3 + 1), range(n * 5, n * 5 + 8))]
        told += names(objects)
        tell(node, *objects, source=f"vendor{n % 3}")
    client.wait(len(set(told)), {"match[version]": "all"})
    done.set()
    for thread in threads:
        thread.join()
    assert not errors
    for f in found:
        assert len(f) == len(set(f)) and set(f) == set(told)


def test_an_import_counts_when_it_has_ended(node, serve):
    daemon = serve(node)
    client = Client(daemon)
    tell(node, indicator(1))
    client.wait(1)
    broken = bundle(*[indicator(n) for n in range(2, 50)])[:-3000] + b"}"
    done = node.run("import", "--strict", "--source", "vendor", "--format", "stix", "-", stdin=broken, code=2)
    assert "nothing of this import counts" in done.err
    tell(node, indicator(99))
    client.wait(2)
    assert names(client.objects()[0]) == names([indicator(1), indicator(99)])


def test_what_is_erased_is_gone(node, serve):
    daemon = serve(node)
    client = Client(daemon)
    tell(node, indicator(1), indicator(2))
    tell(node, indicator(1, 7), indicator(3))
    tell(node, indicator(4))
    client.wait(4)
    before = {m["id"]: m["date_added"] for m in client.objects({}, "manifest/")[0]}
    page, _ = client.ask("objects/", query={"limit": 1})
    log = [json.loads(line) for line in node.run("log", "--json", "--lane", "public").out.splitlines()]
    second = sorted(e["index"] for e in log if e["kind"] == "feed")[1]
    node.run("erase", f"public/{second}", "--reason", "court order")
    assert identifier("indicator", 3) not in str(client.objects({"match[version]": "all"})[0]), "at once"
    client.wait(3)
    found = client.objects()[0]
    assert names(found) == names([indicator(1), indicator(2), indicator(4)]), "the version before is the last one now"
    after = {m["id"]: m["date_added"] for m in client.objects({}, "manifest/")[0]}
    assert after[found[1]["id"]] == before[found[1]["id"]] and after[found[2]["id"]] == before[found[2]["id"]]
    assert names(client.ask("objects/", query={"next": page["next"]})[0]["objects"])[-1] == names([indicator(4)])[0]
    client.ask(f"objects/{identifier('indicator', 3)}/", code=404)
    daemon.stop()
    client = Client(serve(node))
    client.wait(3)
    assert {m["id"]: m["date_added"] for m in client.objects({}, "manifest/")[0]} == after


def test_an_object_larger_than_an_entry(node, serve):
    daemon = serve(node)
    client = Client(daemon)
    objects = [indicator(1), indicator(2, x_large="x" * (3 << 20)), indicator(3)]
    tell(node, *objects)
    client.wait(3)
    assert client.objects()[0] == objects
    many = [indicator(n, x_large="y" * (1 << 20)) for n in range(10, 30)]
    tell(node, *many)
    client.wait(23)
    found, pages = client.objects({"limit": 1000})
    assert found == objects + many and pages > 2, "a page is cut where it gets too large"


def test_real_bundles(node, serve):
    """Everything that a real bundle has comes back as it was."""
    files = [f for pattern in ("stix-oasis-examples/*.json", "unit42-stix/*.json", "amnesty/**/*.stix2", "mvt/*.stix2")
             for f in sorted((DATA / "intel").glob(pattern))]
    if not files:
        pytest.skip("the real data is not there")
    daemon = serve(node)
    client = Client(daemon)
    want = {}
    for file in files:
        try:
            objects = json.loads(file.read_bytes())
        except ValueError:
            continue
        if not isinstance(objects, dict) or objects.get("type") != "bundle":
            continue
        done = node.run("import", "--json", "--lane", "public", "--source", "real", "--format", "stix", str(file), code=None)
        assert done.returncode in (0, 1), done.err
        for o in objects.get("objects", []):
            if "marked tlp" not in done.err:
                want.setdefault((o["id"], o.get("modified", o.get("created"))), o)
    every = {"match[version]": "all", "match[spec_version]": "2.0,2.1"}
    wait_for(lambda: len(client.objects(every)[0]) >= len(want), "all objects")
    found = {(o["id"], o.get("modified", o.get("created"))): o for o in client.objects({"limit": 333, **every})[0]}
    assert len(want) > 1000
    for name, o in want.items():
        assert found[name] == o


# ---- what comes in ----

def token(node, party, role="reporter", clearance="green"):
    node.run("party", "add", party, "--clearance", clearance, code=None)
    return json.loads(node.run("token", "new", party, "--role", role, "--json").out)["token"]


def basic(secret):
    return {"Authorization": "Basic " + base64.b64encode(f"taxii:{secret}".encode()).decode()}


@pytest.fixture
def writer(node, serve):
    """A reporter with clearance green, at the lane for green."""
    secret = token(node, "bank")
    return Client(serve(node), "community", **basic(secret))


def post(client, *objects, code=202, body=None, **headers):
    body = json.dumps({"objects": objects}).encode() if body is None else body
    return client.ask("objects/", "POST", body, code=code, **{"Content-Type": MEDIA, **headers})[0]


def accepted(status, successes, failures=0):
    """A status that adds up; the reasons of what was refused."""
    assert status["status"] == "complete" and status["pending_count"] == 0
    assert (status["total_count"], status["success_count"], status["failure_count"]) == (successes + failures, successes, failures), status
    assert len(status["successes"]) == successes and len(status["failures"]) == failures
    return [f["message"] for f in status["failures"]]


def test_what_was_sent_is_there_at_once(writer):
    text = '{"type":"indicator", "spec_version":"2.1","id":"%s","created":"2026-01-01T00:00:00.1Z","modified":"2026-01-01T00:00:00.10Z","pattern":"[url:value = \'http://sent.example/\']",\n"pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","x":1.50}' % identifier("indicator", 1)
    status = post(writer, body=('{"objects":[%s]}' % text).encode())
    accepted(status, 1)
    assert status["successes"] == [{"id": identifier("indicator", 1), "version": "2026-01-01T00:00:00.10Z"}]
    assert text in writer.daemon.get(writer.base + "objects/", **writer.headers)[2]
    assert writer.ask(f"{ROOT}status/{status['id']}/")[0] == status
    assert json.loads(writer.daemon.get("/v1/lookup/http%3A%2F%2Fsent.example%2F", **writer.headers)[2])["sources"] == ["bank"]
    assert writer.ask("")[0]["can_write"] is True
    last = json.loads(writer.daemon.node.run("log", "--json", "--lane", "community").out.splitlines()[0])
    assert last["party"] == "bank"


def test_nothing_is_stored_twice(writer):
    one, url = indicator(1), {"type": "url", "spec_version": "2.1", "id": identifier("url", 1), "value": "http://a.example/"}
    accepted(post(writer, one, url), 2)
    dates = writer.objects({}, "manifest/")[0]
    size = len(writer.daemon.node.run("log", "--json", "--lane", "community").out.splitlines())
    status = post(writer, url, one, one, dict(reversed(one.items())))
    accepted(status, 4)
    assert {s["message"] for s in status["successes"]} == {"it is there already"}
    assert accepted(post(writer, {**url, "defanged": True}), 1) == []
    assert accepted(post(writer, {**one, "name": "another"}), 0, 1) == ["this id and version is there already, with other content"]
    assert writer.objects({}, "manifest/")[0] == dates
    assert len(writer.daemon.node.run("log", "--json", "--lane", "community").out.splitlines()) == size
    two = indicator(2)
    assert accepted(post(writer, two, {**two, "name": "x"}, two), 2, 1) == ["this id and version is there already, with other content"]
    accepted(post(writer, indicator(1, 5), indicator(1, 2)), 2)
    assert writer.objects({"match[id]": one["id"], "match[version]": "all"})[0] == [one, indicator(1, 5), indicator(1, 2)]
    assert writer.objects({"match[id]": one["id"]})[0] == [indicator(1, 5)]


def test_each_object_is_judged_alone(writer):
    bad = [
        ({"type": "indicator", "id": "indicator--1"}, "its id is not"), ({"type": "tool", "id": identifier("url", 1)}, "type is not the one"),
        ({k: v for k, v in indicator(7).items() if k != "valid_from"}, "valid_from"), (indicator(8, pattern="[x"), "pattern"), (17, "not a JSON object"),
        ({"name": "nothing"}, "no id"), (indicator(9, created="2027-01-01T00:00:00Z"), "not behind"),
        (indicator(10, object_marking_refs=["marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"]), "tlp:red"),
        (indicator(11, object_marking_refs=["marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"]), "tlp:amber+strict"),
        (indicator(12, object_marking_refs=[identifier("marking-definition", 99)]), "nobody here knows"),
        (indicator(13, granular_markings=[{"marking_ref": "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82", "selectors": ["name"]}]), "tlp:amber"),
    ]
    statement = {"type": "marking-definition", "spec_version": "2.1", "id": identifier("marking-definition", 1), "created": "2026-01-01T00:00:00Z",
                 "definition_type": "statement", "definition": {"statement": "Copyright"}}
    good = [indicator(1), indicator(2, object_marking_refs=["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", statement["id"]]), statement,
            {"type": "x-acme-thing", "spec_version": "2.1", "id": identifier("x-acme-thing", 1), "created": "2026-01-01T00:00:00Z",
             "modified": "2026-01-01T00:00:00Z", "extensions": {"unknown": {"a": [None, 1.0]}}}]
    reasons = accepted(post(writer, *itertools.chain(*zip((b for b, _ in bad), itertools.cycle(good)))), len(bad), len(bad))
    for (_, says), reason in zip(bad, reasons):
        assert says in reason
    assert writer.objects()[0] == good
    accepted(post(writer, indicator(3, object_marking_refs=[statement["id"]])), 1), "a marking that the lane has"
    octets = b"".join(p.read_bytes() for p in [writer.daemon.node.path / "ledger.db", writer.daemon.node.path / "ledger.db-wal"] if p.exists())
    assert b"indicator 10" not in octets, "what is refused is not kept"


def test_sending_is_refused(node, serve):
    secret, reader = token(node, "bank"), token(node, "eye", "reader")
    other = token(node, "other")
    daemon = serve(node)
    envelope = json.dumps({"objects": [indicator(1)]}).encode()
    nobody, bank = Client(daemon, "public"), Client(daemon, "public", **basic(secret))
    _, fields = nobody.ask("objects/", "POST", envelope, code=401, **{"Content-Type": "text/plain", "Accept": "text/html"})
    assert fields["WWW-Authenticate"].startswith("Basic")
    Client(daemon, "public", **basic(secret[:-1] + "xy"[secret[-1] == "x"])).ask("objects/", "POST", envelope, code=401, **{"Content-Type": MEDIA})
    Client(daemon, "members", **basic(secret)).ask("objects/", "POST", envelope, code=404, **{"Content-Type": "text/plain"})
    Client(daemon, "public", **basic(reader)).ask("objects/", "POST", envelope, code=403, **{"Content-Type": "text/plain"})
    post(bank, body=envelope, code=406, Accept="text/html", **{"Content-Type": "text/plain"})
    for kind in ("application/json", "application/taxii+json;version=2.0", "application/stix+json;version=2.1"):
        post(bank, body=envelope, code=415, **{"Content-Type": kind})
    for body in (b"", b"{", b'{"objects":[}', b'{"objects":[{]}', b'{"objects":[]} x', b'{"objects":[{}]', b"nothing"):
        post(bank, body=body, code=400)
    for body in (b"[]", b"{}", b'{"objects":{}}', b'"text"', b'{"objects":[],"objects":[]}'):
        post(bank, body=body, code=422)
    post(bank, body=b'{"objects":[' + b" " * (16 << 20) + b"]}", code=413)
    accepted(post(bank, body=b'{"objects":[]}'), 0)
    accepted(post(bank, body=bundle(indicator(1)), **{"Content-Type": "application/taxii+json; charset=utf-8"}), 1)
    status = post(bank, indicator(2))
    Client(daemon, "public", **basic(other)).ask(f"{ROOT}status/{status['id']}/", code=404)
    bank.ask(f"{ROOT}status/x/", code=404)
    stranger = Client(daemon, "public", **basic(other))
    assert "another party" in accepted(post(stranger, indicator(1, 5), indicator(9)), 1, 1)[0]
    assert accepted(post(stranger, indicator(1)), 1) == [], "what is there may be sent again by anybody"


def test_delete_revokes(node, serve):
    bank, other = token(node, "bank"), token(node, "other")
    analyst = token(node, "cert", "analyst")
    daemon = serve(node)
    client, stranger, cert = (Client(daemon, "community", **basic(t)) for t in (bank, other, analyst))
    url = {"type": "url", "spec_version": "2.1", "id": identifier("url", 1), "value": "http://a.example/"}
    accepted(post(client, indicator(1), indicator(1, 3), indicator(2), url), 4)
    accepted(post(stranger, indicator(3)), 1)
    last = client.ask("objects/")[1]["X-TAXII-Date-Added-Last"]
    path = f"objects/{indicator(1)['id']}/"
    Client(daemon, "community").ask(path, "DELETE", code=401)
    Client(daemon, "restricted", **basic(bank)).ask(path, "DELETE", code=404)
    stranger.ask(path, "DELETE", code=403)
    client.ask(path, "DELETE", query={"match[version]": "first"}, code=422)
    client.ask(f"objects/{url['id']}/", "DELETE", code=422)
    client.ask(f"objects/{indicator(77)['id']}/", "DELETE", code=404)
    resource, fields = client.ask(path, "DELETE")
    assert resource is None and fields["Content-Length"] == "0"
    found, _ = client.objects({}, path)
    assert found == [{**indicator(1, 3), "revoked": True, "modified": found[0]["modified"]}] and found[0]["modified"] > indicator(1, 3)["modified"]
    assert client.objects({"added_after": last})[0] == found, "whoever follows is told"
    assert len(client.objects({"match[version]": "all"}, path)[0]) == 3
    client.ask(path, "DELETE"), "once more is no error"
    assert len(client.objects({"match[version]": "all"}, path)[0]) == 3
    late = indicator(1, modified="2099-01-01T00:00:00Z")
    assert "revoked" in accepted(post(client, late), 0, 1)[0]
    assert not json.loads(daemon.get("/v1/lookup/n1.example", **client.headers)[2])["listed"]
    cert.ask(f"objects/{indicator(3)['id']}/", "DELETE")
    assert client.objects({}, f"objects/{indicator(3)['id']}/")[0][0]["revoked"] is True
    daemon.stop()
    client = Client(serve(node), "community", **basic(bank))
    assert client.objects({}, path)[0] == found


def test_many_write_at_once(node, serve):
    """Whoever has got a status finds what was taken; nothing is lost in a kill behind it, nothing is there twice."""
    secrets = [token(node, f"party{n}") for n in range(3)]
    daemon, errors = serve(node), []

    def send(n):
        client = Client(daemon, "community", **basic(secrets[n]))
        try:
            for i in range(8):
                objects = [indicator(1000 * n + 10 * i + k) for k in range(10)]
                accepted(post(client, *objects, *objects[:2]), 12)
                assert client.objects({"match[id]": ",".join(o["id"] for o in objects)})[0] == objects
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    daemon.stop(signal.SIGKILL)
    client = Client(serve(node), "community", **basic(secrets[0]))
    client.wait(240)
    assert {o["id"] for o in client.objects()[0]} == {identifier("indicator", 1000 * n + 10 * i + k) for n in range(3) for i in range(8) for k in range(10)}
