"""Bodies that go: erased by name, pruned by age.  What was said with them counts no more, what was signed still holds."""
import json
import random
import time
import urllib.error
import urllib.request

from conftest import wait_for


def test_an_erased_body_is_gone_from_the_files(node, serve):
    secret = "".join(random.Random(7).choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(60)) + ".example"
    node.counts("feed", "--format", "lines", "-", stdin=f"{secret}\nother.example\n".encode())
    node.counts("feed2", "--format", "lines", "-", stdin=b"stays.example\n")
    entry = json.loads([line for line in node.run("log", "--json").out.splitlines() if '"feed"' in line and '"count":2' in line][0])
    assert node.listed(secret)
    holds = lambda: any(secret.encode() in path.read_bytes() for path in node.path.glob("ledger.db*"))
    assert holds()
    receipt = node.run("receipt", entry["entry"]).out
    daemon = serve(node)
    body = f"http://127.0.0.1:{daemon.http_port}/lanes/public/body/{entry['digest']}"
    assert urllib.request.urlopen(body).read()[32:] == f"{secret}\nother.example\n".encode()
    node.run("erase", entry["entry"], "--reason", "court order 7")
    assert not holds() and not daemon.lookup(secret)["listed"] and daemon.lookup("stays.example")["listed"]
    try:
        urllib.request.urlopen(body)
        assert False, "the body is still served"
    except urllib.error.HTTPError as e:
        assert e.code == 410 and b"court order 7" in e.read()
    assert "court order 7" in node.run("erase", entry["entry"], "--reason", "again", code=2).err
    assert "only bodies of feeds" in node.run("erase", "public/0", "--reason", "x", code=2).err
    assert "there is no entry" in node.run("erase", "public/999", "--reason", "x", code=2).err
    done = node.run("verify")
    assert "1 erased" in done.out and "all holds" in done.out
    assert json.loads(node.run("rebuild", "--json").out)["differed"] is False
    (node.path / "r.tlog-proof").write_text(receipt)
    node.run("verify", node.path / "r.tlog-proof", "--key", node.path / "node.pub")


def test_retention_prunes_by_age(node, serve):
    node.run("lane", "create", "short", "--audience", "tlp:clear", "--retention", "1s")
    node.counts("old", "--lane", "short", "-", stdin=b"192.0.2.55\n")
    node.counts("kept", "-", stdin=b"192.0.2.56\n")
    time.sleep(1.1)  # it is older than its retention from here on, however slow the machine
    serve(node)  # the daemon looks when it starts
    wait_for(lambda: not node.listed("192.0.2.55"), "pruning")
    assert node.listed("192.0.2.56")
    log = [json.loads(line) for line in node.run("log", "--json", "--lane", "short").out.splitlines()]
    assert log[0]["kind"] == "pruned" and log[0]["body"]["first"] == 0 and "retention" in [e for e in log if e["kind"] == "feed"][0]["gone"]
    assert json.loads(node.run("lane", "prune", "--json").out)["pruned"] == 0
    assert "1 erased" in node.run("verify").out


def test_one_object_of_a_large_bundle(node):
    objects = [{"type": "indicator", "spec_version": "2.1", "id": f"indicator--00000000-0000-4000-8000-{i:012x}",
                "created": "2026-05-01T08:17:27.000Z", "modified": "2026-05-01T08:17:27.000Z", "pattern_type": "stix",
                "pattern": f"[domain-name:value = 'h{i}.example']", "valid_from": "2026-05-01T08:17:27Z"} for i in range(20000)]
    objects[7]["description"] = "x" * 3000000  # larger than a body
    bundle = json.dumps({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": objects})
    assert node.counts("stix", "-", stdin=bundle.encode())["accepted"] == len(objects)
    for i in (0, 7, 8, 9999, 19999):
        assert json.loads(node.run("object", objects[i]["id"]).out) == objects[i]
    node.run("object", "indicator--ffffffff-0000-4000-8000-000000000000", code=2)
    node.run("rebuild")
    assert node.listed("h7.example") and node.listed("h19999.example")
