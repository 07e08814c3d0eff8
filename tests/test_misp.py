"""A node as a MISP's feed, and as the MISP that programs search: what comes out, what another node makes of it, and what each sees."""
import hashlib
import json
import uuid

import pytest

from conftest import DATA, Node


def listing(text):
    return text.encode()


def manifest(daemon, **headers):
    status, _, text = daemon.get("/misp/manifest.json", **headers)
    assert status == 200, text
    return json.loads(text)


def event(daemon, name, **headers):
    status, _, text = daemon.get(f"/misp/{name}.json", **headers)
    assert status == 200, text
    return json.loads(text)["Event"]


def search(daemon, what, headers=None, **filters):
    status, _, text = daemon.request("POST", f"/{what}/restSearch", json.dumps(filters).encode(), {"Content-Type": "application/json", **(headers or {})})
    assert status == 200, text
    return json.loads(text)["response"] if filters.get("returnFormat", "json") == "json" else text


def values(attributes, deleted=False):
    return sorted(a["value"] for a in attributes if a["deleted"] == deleted)


def save(daemon, folder):
    """What a puller of the feed has afterwards."""
    folder.mkdir()
    listed = manifest(daemon)
    (folder / "manifest.json").write_text(json.dumps(listed))
    for name in listed:
        (folder / f"{name}.json").write_text(json.dumps({"Event": event(daemon, name)}))


def test_a_feed_of_what_a_source_says(node, serve):
    node.counts("snap", "-", stdin=listing("192.0.2.1\n2001:db8::/32\nevil.example\nhttp://evil.example/a\n"))
    node.counts("amber", "--lane", "members", "-", stdin=listing("198.51.100.7\n"))
    daemon = serve(node)
    (name, about), = manifest(daemon).items()
    assert uuid.UUID(name).version == 5
    assert about["Tag"][0]["name"] == "tlp:clear" and about["info"] == "snap, lane public"
    got = event(daemon, name)
    assert got["timestamp"] == about["timestamp"] and got["uuid"] == name
    assert values(got["Attribute"]) == ["192.0.2.1", "2001:db8::/32", "evil.example", "http://evil.example/a"]
    assert {a["type"] for a in got["Attribute"]} == {"ip-dst", "domain", "url"}
    assert all(a["to_ids"] and uuid.UUID(a["uuid"]).version == 5 for a in got["Attribute"])
    _, headers, text = daemon.get("/misp/hashes.csv")
    assert sorted(text.split()) == sorted(f"{hashlib.md5(a['value'].encode()).hexdigest()},{name}" for a in got["Attribute"])
    assert daemon.get("/misp/manifest.json", **{"If-None-Match": headers["ETag"]})[0] == 304
    assert daemon.get(f"/misp/{uuid.uuid4()}.json")[0] == 404
    assert daemon.get("/misp/x.json")[0] == 404


def test_a_snapshot_that_is_replaced_stays_the_same_event(node, serve):
    node.counts("snap", "-", stdin=listing("192.0.2.1\n192.0.2.2\n"))
    daemon = serve(node)
    (name, before), = manifest(daemon).items()
    old = {a["value"]: a for a in event(daemon, name)["Attribute"]}
    node.counts("snap", "-", stdin=listing("192.0.2.2\n192.0.2.3\n"))
    (same, after), = manifest(daemon).items()
    assert same == name and int(after["timestamp"]) > int(before["timestamp"])
    got = event(daemon, name)["Attribute"]
    assert values(got) == ["192.0.2.2", "192.0.2.3"] and values(got, True) == ["192.0.2.1"]
    for a in got:
        if a["value"] in old:
            assert a["uuid"] == old[a["value"]]["uuid"]
        if a["deleted"]:
            assert int(a["timestamp"]) > int(old[a["value"]]["timestamp"])


def test_what_adds_comes_to_a_day(node, serve):
    node.run("source", "add", "reports", "--type", "event")
    node.counts("reports", "-", stdin=listing("192.0.2.1\n"))
    daemon = serve(node)
    (name, before), = manifest(daemon).items()
    node.counts("reports", "-", stdin=listing("192.0.2.2\n"))
    (same, after), = manifest(daemon).items()
    assert same == name and int(after["timestamp"]) > int(before["timestamp"])
    assert values(event(daemon, name)["Attribute"]) == ["192.0.2.1", "192.0.2.2"]
    node.run("retract", "192.0.2.1", "--why", "ours")
    assert int(manifest(daemon)[name]["timestamp"]) > int(after["timestamp"])
    got = event(daemon, name)["Attribute"]
    assert values(got) == ["192.0.2.2"] and values(got, True) == ["192.0.2.1"]
    node.run("source", "remove", "reports")
    assert values(event(daemon, name)["Attribute"], True) == ["192.0.2.1", "192.0.2.2"]


def test_another_node_comes_to_the_same_verdicts(node, serve, tmp_path):
    rows = "".join(f"198.51.100.{i}\n" for i in range(100)) + "evil.example\nhttp://bad.example/x?y=%22\n" + hashlib.sha256(b"x").hexdigest() + "\n"
    node.run("source", "add", "list", "--category", "c2-server")
    node.counts("list", "-", stdin=listing(rows))
    daemon = serve(node)
    other = Node(tmp_path / "other")
    other.run("init")
    save(daemon, tmp_path / "feed")
    other.counts("list", tmp_path / "feed")
    asked = rows.split()
    for a, b in zip(node.check(*asked), other.check(*asked)):
        assert a["listed"] and b["listed"] and a["categories"] == b["categories"] and abs(a["score"] - b["score"]) <= 1, (a, b)
    node.counts("list", "-", stdin=listing("198.51.100.1\n"))
    save(daemon, tmp_path / "again")
    other.counts("list", tmp_path / "again")
    assert other.listed("198.51.100.1")
    assert [v for v in asked if other.listed(v)] == ["198.51.100.1"]


def test_searches(node, serve):
    node.counts("snap", "-", stdin=listing("192.0.2.1\n192.0.2.2\nevil.example\nhttp://evil.example/a\n"))
    daemon = serve(node)
    found = search(daemon, "attributes", value="192.0.2[.]1")["Attribute"]
    assert [a["value"] for a in found] == ["192.0.2.1"]
    (name, _), = manifest(daemon).items()
    assert found[0]["Event"]["uuid"] == name
    assert found[0]["uuid"] in {a["uuid"] for a in event(daemon, name)["Attribute"]}
    assert search(daemon, "attributes", value="192.0.2.99") == {"Attribute": []}
    assert values(search(daemon, "attributes", value=["192.0.2.1", "evil.example"])["Attribute"]) == ["192.0.2.1", "evil.example"]
    assert values(search(daemon, "attributes", value="%evil%")["Attribute"]) == ["evil.example", "http://evil.example/a"]
    assert values(search(daemon, "misp/attributes", type={"OR": ["url"]})["Attribute"]) == ["http://evil.example/a"]
    assert search(daemon, "attributes", returnFormat="count").strip() == "4"
    assert search(daemon, "attributes", returnFormat="text", limit=2, page=2) == "evil.example\nhttp://evil.example/a\n"
    rows = search(daemon, "attributes", returnFormat="csv", type="domain").splitlines()
    assert rows[0].startswith("uuid,event_id,category,type,value") and '"domain","evil.example"' in rows[1] and len(rows) == 2
    assert [e["Event"]["uuid"] for e in search(daemon, "events", value="192.0.2.1")] == [name]
    assert len(search(daemon, "events", value="192.0.2.1")[0]["Event"]["Attribute"]) == 4
    assert search(daemon, "events", value="192.0.2.9") == []
    assert search(daemon, "events", eventid=found[0]["event_id"], metadata=1)[0]["Event"]["Attribute"] == []
    assert search(daemon, "attributes", timestamp="1d", type="domain", last="1h")["Attribute"]
    assert not search(daemon, "attributes", **{"to": "2020-01-01"})["Attribute"]
    for body, sentence in ((b"[1]", "not a JSON object"), (b'{"value"', "not JSON"), (b'{"timestamp":"soon"}', "not a time"), (b'{"returnFormat":"xml"}', "xml")):
        status, _, text = daemon.request("POST", "/attributes/restSearch", body, {"Content-Type": "application/json"})
        assert status == 400 and sentence in json.loads(text)["message"], text


def test_who_asks_sees_their_lanes(node, serve):
    node.counts("open", "-", stdin=listing("192.0.2.1\n"))
    node.counts("closed", "--lane", "members", "-", stdin=listing("192.0.2.1\n198.51.100.7\n"))
    node.run("party", "add", "State Bank", "--clearance", "amber")
    token = node.run("token", "new", "state-bank", "--role", "reporter").out.split()[-1]
    daemon = serve(node)
    key = {"Authorization": token}
    assert len(manifest(daemon)) == 1 and len(manifest(daemon, **key)) == 2
    hidden, = set(manifest(daemon, **key)) - set(manifest(daemon))
    assert daemon.get(f"/misp/{hidden}.json")[0] == 404
    assert values(event(daemon, hidden, **key)["Attribute"]) == ["192.0.2.1", "198.51.100.7"]
    assert search(daemon, "attributes", value="198.51.100.7")["Attribute"] == []
    assert search(daemon, "attributes", eventid=hidden)["Attribute"] == []
    assert len(search(daemon, "attributes", value="192.0.2.1")["Attribute"]) == 1
    assert len(search(daemon, "attributes", headers=key, value="192.0.2.1")["Attribute"]) == 2
    assert "198.51.100.7" not in search(daemon, "attributes", returnFormat="text")
    me = json.loads(daemon.get("/users/view/me", **key)[2])
    assert me["User"]["email"].startswith("state-bank@") and me["Role"]["name"] == "reporter"
    assert json.loads(daemon.get("/servers/getVersion", **key)[2])["perm_sighting"] is True
    assert daemon.get("/misp/manifest.json", Authorization=token[:-1] + ("a" if token[-1] != "a" else "b"))[0] in (200, 401)


def post(daemon, path, body, **headers):
    status, _, text = daemon.request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
    return status, json.loads(text)


def test_sightings(node, serve):
    node.counts("open", "-", stdin=listing("192.0.2.1\n192.0.2.2\n"))
    node.counts("closed", "--lane", "members", "-", stdin=listing("198.51.100.7\n"))
    node.run("party", "add", "State Bank", "--clearance", "amber")
    node.run("party", "add", "ISP")
    bank, isp = ({"Authorization": node.run("token", "new", who, "--role", "reporter").out.split()[-1]} for who in ("state-bank", "isp"))
    reader = {"Authorization": node.run("token", "new", "isp", "--role", "reader").out.split()[-1]}
    daemon = serve(node)
    assert post(daemon, "/sightings/add", {"value": "192.0.2.1"})[0] == 401
    assert post(daemon, "/sightings/add", {"value": "192.0.2.1"}, **reader)[0] == 403
    status, answer = post(daemon, "/sightings/add", {"values": ["192.0.2.1", "192.0.2.99"], "timestamp": "1790000000"}, **isp)
    assert status == 200 and answer["message"] == "1 sighting successfully added.", answer
    line, = [x for x in node.why("192.0.2.1")["lines"] if x["source"] == "isp.sightings"]
    assert line["stance"] == "sighting" and line["seen"] == 1790000000
    found, = search(daemon, "attributes", value="192.0.2.2")["Attribute"]
    for path, body in (("/sightings/add", {"uuid": found["uuid"], "type": 1}), (f"/misp/sightings/add/{found['id']}", {"type": "1"})):
        assert post(daemon, path, body, **isp)[0] == 200
    assert {"false-positive"} == {x["stance"] for x in node.why("192.0.2.2")["lines"] if x["source"] == "isp.sightings"}
    for value in ("192.0.2.99", "198.51.100.7", "not one"):  # not listed, or not for the ISP
        status, answer = post(daemon, "/sightings/add", {"value": value}, **isp)
        assert status == 404 and answer["message"].startswith("No valid attributes"), answer
    assert post(daemon, "/sightings/add", {"value": "198.51.100.7"}, **bank)[0] == 200  # told where it is listed
    assert "198.51.100.7" not in json.dumps([event(daemon, name) for name in manifest(daemon)])
    assert any("198.51.100.7" in values(event(daemon, name, **bank)["Attribute"]) for name in manifest(daemon, **bank))
    assert post(daemon, "/sightings/add", {"value": "192.0.2.1", "type": 2}, **isp)[0] == 400
    seen = [a for a in search(daemon, "attributes", value="192.0.2.1")["Attribute"] if "Sighting" in a]
    assert [s["type"] for a in seen for s in a["Sighting"]] == ["0"]


def test_warning_lists(node, serve, tmp_path):
    (tmp_path / "list.json").write_text(json.dumps({"name": "resolvers", "version": 1, "type": "cidr", "description": "", "list": ["198.51.100.0/24"],
                                                    "matching_attributes": ["ip-dst", "ip-src"]}))
    node.counts("resolvers", "--format", "misp-warninglist", tmp_path / "list.json")
    node.counts("snap", "-", stdin=listing("198.51.100.7\n203.0.113.7\n"))
    daemon = serve(node)
    status, answer = post(daemon, "/warninglists/checkValue", ["198.51.100.7", "203.0.113.7", "10.0.0.1", "not one"])
    assert status == 200 and set(answer) == {"198.51.100.7", "10.0.0.1"}, answer
    assert answer["198.51.100.7"][0]["name"] == "resolvers" and answer["198.51.100.7"][0]["matched"] == "198.51.100.0/24"
    assert post(daemon, "/warninglists/checkValue", "203.0.113.7") == (200, {})
    assert values(search(daemon, "attributes", type="ip-dst")["Attribute"]) == ["198.51.100.7", "203.0.113.7"]
    assert values(search(daemon, "attributes", type="ip-dst", enforceWarninglist=1)["Attribute"]) == ["203.0.113.7"]
    assert values(search(daemon, "attributes", value=["198.51.100.7", "203.0.113.7"], enforceWarninglist=True)["Attribute"]) == ["203.0.113.7"]
    assert len(manifest(daemon)) == 1  # a warning list is no event


def test_filters_in_the_path(node, serve):
    node.counts("snap", "-", stdin=listing("192.0.2.1\n192.0.2.2\nevil.example\n"))
    daemon = serve(node)
    get = lambda path: daemon.get(path)[2]
    assert values(json.loads(get("/attributes/restSearch/value:192.0.2.1||evil.example"))["response"]["Attribute"]) == ["192.0.2.1", "evil.example"]
    assert get("/attributes/restSearch/type:ip-dst/returnFormat:text/limit:1/page:2") == "192.0.2.2\n"
    assert len(json.loads(get("/misp/events/restSearch/eventinfo:snap%25/metadata:1"))["response"]) == 1


def misp(name, timestamp, *attributes, **more):
    return {"Event": {"uuid": name, "info": "a \"case\"", "date": "2026-09-01", "timestamp": str(timestamp), "analysis": "1", "threat_level_id": "2",
                      "Orgc": {"name": "CERT", "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, "cert"))}, "Attribute": list(attributes), **more}}


def attribute(value, kind="ip-dst", **more):
    return {"uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, value)), "type": kind, "category": "Network activity", "value": value, "to_ids": True,
            "timestamp": "1790000000", **more}


def test_what_came_as_misp_stays_what_it_is(node, serve, tmp_path):
    name = str(uuid.uuid4())
    folder = tmp_path / "events"
    folder.mkdir()
    text = attribute("who it was", "text", to_ids=False)
    came = misp(name, 1790000000, attribute("192.0.2.1"), attribute("192.0.2.2"), text, Galaxy=[{"name": "x"}])
    (folder / f"{name}.json").write_text(json.dumps(came))
    node.counts("cert", "--lane", "community", folder)
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write("audience = green\n")
    daemon = serve(node)
    (same, about), = manifest(daemon).items()
    assert same == name and about["timestamp"] == "1790000000" and about["info"] == "a \"case\"" and about["Orgc"]["name"] == "CERT"
    assert [t["name"] for t in about["Tag"]] == ["tlp:green"] and about["analysis"] == "1"
    got = event(daemon, name)
    assert got.pop("Tag")[0]["name"] == "tlp:green" and got == came["Event"]
    found, = search(daemon, "attributes", value="192.0.2.2")["Attribute"]
    assert found["uuid"] == attribute("192.0.2.2")["uuid"] and found["Event"]["info"] == "a \"case\""
    assert search(daemon, "attributes", uuid=found["uuid"])["Attribute"] == [found]
    node.run("retract", attribute("192.0.2.2")["uuid"], "--why", "ours")
    assert int(manifest(daemon)[name]["timestamp"]) > 1790000000
    got = event(daemon, name)
    assert values(got["Attribute"]) == ["192.0.2.1"] and values(got["Attribute"], True) == ["192.0.2.2"]
    assert {a["uuid"] for a in got["Attribute"]} == {attribute("192.0.2.1")["uuid"], attribute("192.0.2.2")["uuid"]}
    later = misp(name, 1790000500, attribute("192.0.2.1"), attribute("192.0.2.3"), Tag=[{"name": "tlp:green", "local": 0}])
    (folder / f"{name}.json").write_text(json.dumps(later))
    node.counts("cert", "--lane", "community", folder)
    assert values(event(daemon, name)["Attribute"]) == ["192.0.2.1", "192.0.2.3"]


def faults(schema, value, whole, at=""):
    """Where a value is not what a JSON schema says, as far as the words of MISP's schema go."""
    if "$ref" in schema:
        path, schema = schema["$ref"].split("/")[1:], whole
        for step in path:
            schema = schema[step]
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int, "number": (int, float)}
    wanted = schema.get("type", [])
    wanted = wanted if isinstance(wanted, list) else [wanted]
    if wanted and not any(isinstance(value, kinds[k]) for k in wanted):
        yield f"{at}: {value!r} is no {wanted}"
    if isinstance(value, dict):
        known = schema.get("properties", {})
        for key in value:
            if key in known:
                yield from faults(known[key], value[key], whole, f"{at}/{key}")
            elif schema.get("additionalProperties") is False:
                yield f"{at}: {key} is not known"
        missing = schema.get("required", [])
        yield from (f"{at}: {key} is missing" for key in missing if key not in value)
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from faults(schema.get("items", {}), item, whole, f"{at}/{i}")


@pytest.mark.skipif(not (DATA / "intel" / "misp-schema").is_dir(), reason="SIPAR_DATA has no MISP schema")
def test_events_are_what_the_schema_says(node, serve):
    known = json.loads((DATA / "intel" / "misp-schema" / "describeTypes.json").read_text())["result"]
    schema = json.loads((DATA / "intel" / "misp-schema" / "schema-lax.json").read_text())
    rows = ["192.0.2.1", "2001:db8::1", "192.0.2.0/24", "evil.example", "http://evil.example/a", "mallory@evil.example"]
    rows += [hashlib.new(kind, b"x").hexdigest() for kind in ("md5", "sha1", "sha256", "sha512")]
    node.counts("snap", "-", stdin=listing("\n".join(rows)))
    daemon = serve(node)
    (name, _), = manifest(daemon).items()
    got = event(daemon, name)
    assert len(got["Attribute"]) == len(rows)
    for a in got["Attribute"]:
        assert a["type"] in known["category_type_mappings"][a["category"]]
        assert known["sane_defaults"][a["type"]] == {"default_category": a["category"], "to_ids": 1}
    assert list(faults(schema, {"Event": got}, schema)) == []


@pytest.mark.skipif(not (DATA / "intel" / "misp-events-eset").is_dir(), reason="SIPAR_DATA has no MISP events")
def test_real_events_go_on_to_another_node(node, serve, tmp_path):
    files = sorted((DATA / "intel" / "misp-events-eset").rglob("*.json"))
    counts = node.counts("eset", *files, code=None)
    assert counts["accepted"] > 200
    daemon = serve(node)
    other = Node(tmp_path / "other")
    other.run("init")
    save(daemon, tmp_path / "feed")
    again = other.counts("eset", tmp_path / "feed", code=None)
    asked = search(daemon, "attributes", returnFormat="text", to_ids=1).split("\n")[:-1]
    assert len(set(asked)) > 200 and again["accepted"] > 200
    for start in range(0, len(asked), 200):
        for a, b in zip(node.check(*asked[start:start + 200]), other.check(*asked[start:start + 200])):
            assert a["listed"] == b["listed"] and a["categories"] == b["categories"] and a["score"] == b["score"], (a, b)
