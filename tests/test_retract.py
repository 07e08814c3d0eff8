"""What was told is taken back: by value, by entry, by object; of one source and not of others; and it stays so."""
import json
import urllib.parse

from conftest import SAMPLES

URL = "http://evil.example/login"


def retracted(node, *args):
    return json.loads(node.run("retract", "--json", "--why", "told by mistake", *args).out)


def holds(node):
    """The same after everything is folded anew, and in the files."""
    done = json.loads(node.run("rebuild", "--json").out)
    assert done["differed"] is False, done
    assert "all holds" in node.run("verify").out


def fates(node, value):
    return [(line["source"], line["fate"]) for line in node.why(value)["lines"]]


def entries(node, kind, lane="public"):
    return [e for e in map(json.loads, node.run("log", "--json", "--lane", lane, "--reverse").out.splitlines()) if e["kind"] == kind]


def test_a_value_of_one_source(node, serve):
    node.counts("a", "--format", "lines", "-", stdin=f"{URL}\n198.51.100.7\n203.0.113.0/24\n".encode())
    node.counts("b", "--format", "lines", "-", stdin=b"198.51.100.7\n")
    alone = node.score("203.0.113.9")
    both = node.score("198.51.100.7")
    daemon = serve(node)
    done = retracted(node, "198.51.100.7", "--source", "a", "--as", "bank/ali")
    assert (done["imports"], done["claims"], done["objects"], done["before"], done["of_others"]) == (1, 1, 0, 0, 0)
    assert 0 < node.score("198.51.100.7") < both and daemon.lookup("198.51.100.7")["sources"] == ["b"]
    assert node.score("203.0.113.9") == alone
    assert sorted(fates(node, "198.51.100.7")) == [("a", "retracted"), ("a", "retracts"), ("b", "counts")]
    line = next(l for l in node.why("198.51.100.7")["lines"] if l["fate"] == "retracts")
    assert line["entry"] == done["entries"][0] and line["retraction"]["by"] == "bank/ali" and line["retraction"]["why"] == "told by mistake"
    assert "says bank/ali on 20" in (text := node.run("why", "198.51.100.7").out) and ": told by mistake\n" in text
    status, _, body = daemon.get("/v1/why/" + urllib.parse.quote("198.51.100.7", safe=""))
    assert status == 200 and '"by":"bank/ali"' in body
    end = entries(node, "ended")[-1]
    assert end["party"] == "bank" and end["body"]["retracts"] == "198.51.100.7" and end["body"]["why"] == "told by mistake"
    assert "taken back already" in node.run("retract", "198.51.100.7", "--source", "a", "--why", "x", code=2).err
    assert retracted(node, "198.51.100.7")["claims"] == 1  # the other source's
    assert not node.listed("198.51.100.7") and daemon.dig("7.100.51.198.dnsbl.sipar.example")[1] == []
    for value in (URL, "203.0.113.0/24"):
        assert node.listed(value)
        assert retracted(node, value)["claims"] == 1
        assert not node.listed(value)
    holds(node)


def test_what_is_not_there(node):
    node.counts("a", "--format", "lines", "-", stdin=b"198.51.100.7\n")
    for value, why in (("198.51.100.8", "nothing is claimed"), ("198.51.100.0/24", "nothing is claimed"), ("public/99", "neither an object"),
                       ("indicator--00000000-0000-4000-8000-000000000001", "neither an object"), ("public/0", 'kind "lane"'), ("node/1", 'kind "source"')):
        assert why in node.run("retract", value, "--why", "x", code=2).err, value
    assert "nothing is claimed" in node.run("retract", "198.51.100.7", "--source", "b", "--why", "x", code=2).err
    assert "say why" in node.run("retract", "198.51.100.7", code=64).err
    assert "255 octets" in node.run("retract", "198.51.100.7", "--why", "x" * 256, code=2).err
    assert node.listed("198.51.100.7")


def test_said_again(node):
    """A later snapshot that has it, or a later report, is believed again; one that does not have it says nothing new."""
    node.counts("list", "--format", "lines", "-", stdin=b"198.51.100.7\n198.51.100.8\n")
    node.counts("events", SAMPLES / "malware.stix.json")
    retracted(node, "198.51.100.7")
    assert not node.listed("198.51.100.7") and node.listed("198.51.100.8")  # the list is not replaced by its retraction
    node.counts("list", "--format", "lines", "-", stdin=b"198.51.100.8\n")
    assert not node.listed("198.51.100.7") and node.listed("198.51.100.8")
    assert "nothing is claimed" in node.run("retract", "198.51.100.7", "--why", "x", code=2).err
    node.counts("list", "--format", "lines", "-", stdin=b"198.51.100.7\n198.51.100.8\n")
    assert node.listed("198.51.100.7")
    retracted(node, "198.51.100.7")
    assert not node.listed("198.51.100.7")
    holds(node)


def test_an_entry_and_an_import(node):
    node.counts("e", "--format", "csv", "-", stdin=b"domain,category\na.example,phishing\nb.example,phishing\n*.c.example,c2\n")
    first = entries(node, "feed")[0]["entry"]
    node.run("source", "set", "e", "--type", "event")
    node.counts("e", "--format", "csv", "-", stdin=b"domain,category\nb.example,c2\na.example,phishing\n")
    done = retracted(node, first)
    # a was said again by the later import; b was said of another category, which stays
    assert (done["claims"], done["said_again"]) == (2, 1), done
    assert node.listed("a.example") and node.check("b.example")[0]["categories"] == ["c2-server"]
    assert not node.listed("x.c.example")
    assert "taken back" in node.run("retract", first, "--why", "x", code=2).err
    end = [e for e in entries(node, "ended") if e["body"]["accepted"] == 2][0]["entry"]
    assert retracted(node, end)["claims"] == 2
    assert not node.listed("a.example") and not node.listed("b.example")
    holds(node)


def test_a_false_positive_is_taken_back(node):
    node.counts("bad", "--format", "lines", "-", stdin=b"198.51.100.7\n")
    alone = node.score("198.51.100.7")
    node.counts("good", "--format", "lines", "--as", "false-positive", "-", stdin=b"198.51.100.7\n")
    assert node.score("198.51.100.7") < alone
    retracted(node, "198.51.100.7", "--source", "good")
    assert node.score("198.51.100.7") == alone
    holds(node)


def indicator(n, value, modified="2026-05-01T08:17:27.000Z", **more):
    return {"type": "indicator", "spec_version": "2.1", "id": f"indicator--00000000-0000-4000-8000-{n:012x}", "created": "2026-05-01T08:17:27.000Z",
            "modified": modified, "pattern": f"[domain-name:value = '{value}']", "pattern_type": "stix", "valid_from": "2026-05-01T08:17:27Z", **more}


def test_an_object(node, serve):
    first, second, other = indicator(1, "old.example"), indicator(1, "new.example", "2026-06-01T00:00:00.000Z", x_more={"kept ": [1, "\u00e4"]}), indicator(2, "other.example")
    # with members in an order of its own and white space, which stay
    text = json.dumps(second).replace('"modified": "', '"modified"  :"')
    node.counts("cti", "-", stdin=json.dumps(first).encode())
    node.counts("cti", "-", stdin=("[" + text + "," + json.dumps(other) + "]").encode())
    node.counts("cti2", "-", stdin=json.dumps(first).encode())
    assert node.listed("old.example") and node.listed("new.example") and node.listed("other.example")
    done = retracted(node, first["id"], "--source", "cti")
    assert (done["imports"], done["objects"], done["claims"]) == (1, 1, 1), done  # what only the first version claimed, too
    assert node.check("old.example")[0]["sources"] == ["cti2"]
    now = node.run("object", first["id"]).out.strip()
    told = json.loads(now)
    assert told["revoked"] is True and told["modified"] > second["modified"] and told["x_more"] == second["x_more"]
    assert now.replace(f'"modified"  :"{told["modified"]}","revoked":true', '"modified"  :"2026-06-01T00:00:00.000Z"') == text
    assert not node.listed("new.example") and node.listed("other.example")
    assert "taken back already" in node.run("retract", first["id"], "--source", "cti", "--why", "x", code=2).err
    retracted(node, first["id"])
    assert not node.listed("old.example")
    holds(node)


def test_an_object_that_claims_nothing(node):
    malware = {"type": "malware", "spec_version": "2.1", "id": "malware--00000000-0000-4000-8000-000000000001", "created": "2026-05-01T08:17:27.000Z",
               "modified": "2026-05-01T08:17:27.000Z", "revoked": False, "name": "m", "is_family": False}
    seen = {"type": "ipv4-addr", "spec_version": "2.1", "id": "ipv4-addr--00000000-0000-5000-8000-000000000001", "value": "198.51.100.7"}
    node.counts("cti", "-", stdin=json.dumps({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000009", "objects": [malware, seen]}).encode())
    assert retracted(node, malware["id"])["objects"] == 1
    told = json.loads(node.run("object", malware["id"]).out)
    assert told["revoked"] is True and list(told) == list(malware)
    assert "nothing to take back" in node.run("retract", seen["id"], "--why", "x", code=2).err


def test_a_misp_attribute(node):
    node.counts("misp", SAMPLES / "event.misp.json")
    event = json.loads((SAMPLES / "event.misp.json").read_text())
    attribute = next(a for a in event["Event"]["Attribute"] if a.get("to_ids") and node.listed(a["value"]))
    assert node.listed(attribute["value"])
    done = retracted(node, attribute["uuid"])
    assert done["claims"] >= 1 and done["objects"] == 0
    assert not node.listed(attribute["value"])
    holds(node)


def test_edges_and_restarts(node, serve, tmp_path):
    """A snapshot for an edge is of what is left; a node that is opened again, and one that is killed, answers the same."""
    node.counts("a", "--format", "lines", "-", stdin=b"198.51.100.7\n198.51.100.8\n")
    retracted(node, "198.51.100.7")
    daemon = serve(node)
    assert not daemon.lookup("198.51.100.7")["listed"]
    daemon.stop()
    node.run("snapshot", "-o", tmp_path / "edge.snap")
    asked = node.run("check", "--json", "--snapshot", tmp_path / "edge.snap", "--key", node.path / "node.pub", "198.51.100.7", "198.51.100.8", code=None)
    assert [json.loads(line)["listed"] for line in asked.out.splitlines()] == [False, True], asked.err


def test_a_large_import(node):
    values = b"".join(b"h%d.example\n" % i for i in range(120000))
    node.counts("big", "--format", "lines", "-", stdin=values)
    node.run("source", "set", "big", "--type", "event")
    assert retracted(node, entries(node, "feed")[0]["entry"])["claims"] == 120000
    assert not any(a["listed"] for a in node.check("h0.example", "h77777.example", "h119999.example"))
    holds(node)


def test_an_object_behind_a_large_one(node):
    """A body that lies in several entries: the object begins in one that is not its first."""
    objects = [indicator(1, "first.example"), indicator(2, "large.example", description="x" * 3000000), indicator(3, "behind.example")]
    node.counts("cti", "-", stdin=json.dumps({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000009", "objects": objects}).encode())
    node.counts("cti", "-", stdin=json.dumps(indicator(3, "other.example", "2026-06-01T00:00:00.000Z")).encode())
    assert node.listed("behind.example") and node.listed("other.example")
    assert retracted(node, objects[2]["id"])["claims"] == 1  # the first version's
    assert not node.listed("behind.example") and not node.listed("other.example") and node.listed("large.example")
    assert retracted(node, objects[1]["id"])["objects"] == 1
    assert not node.listed("large.example") and node.listed("first.example")
    holds(node)
