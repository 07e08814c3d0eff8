"""TLP by construction, tried by somebody who wants to know more than he may: every lane has values, words, sources and objects of its own; every recipient asks every
face for all of them; nothing of a lane above him may come back, and a twin of the node that never had those lanes' entries answers the same.

What a route is asked for follows from the node's own description (/openapi.json): a new route fails here until it is said how it is asked."""
import hashlib
import itertools
import json
import re
import shutil
import urllib.parse
import uuid as uuids

import pytest

from conftest import Node

AUDIENCE = {"public": "clear", "community": "green", "members": "amber", "restricted": "red", "ring": "green"}
LEVELS = ["clear", "green", "amber", "amber+strict", "red"]
RING = "state-bank"  # the one member of "ring"
NOBODY = None


def uuid(lane):
    h = hashlib.sha256(lane.encode()).hexdigest()
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-8{h[17:20]}-{h[20:32]}"


def values(lane):
    return [f"canary-{lane}.example", f"http://canary-{lane}.example/path-{lane}", f"203.0.113.{10 + list(AUDIENCE).index(lane)}",
            hashlib.sha256(lane.encode()).hexdigest(), f"indicator--{uuid(lane)}"]


def words(lane):
    """What only entries of the lane have: a source's name, a text, a value that nobody asks for, an object's id."""
    return [f"src-{lane}", f"stix-{lane}", f"whisper {lane}", f"unasked-{lane}", f"indicator--{uuid(lane)}"]


def bundle(lane):
    return json.dumps({"type": "bundle", "id": f"bundle--{uuid(lane)}", "objects": [{
        "type": "indicator", "spec_version": "2.1", "id": f"indicator--{uuid(lane)}", "created": "2026-11-01T00:00:00.000Z",
        "modified": "2026-11-01T00:00:00.000Z", "name": f"whisper {lane}", "pattern": f"[domain-name:value = 'unasked-{lane}.example']",
        "pattern_type": "stix", "valid_from": "2026-11-01T00:00:00Z"}]}).encode()


def tell(node, lane):
    node.run("import", "-q", "--lane", lane, "--source", f"src-{lane}", "-", stdin="\n".join(values(lane)[:4]).encode())
    node.run("import", "-q", "--lane", lane, "--source", f"stix-{lane}", "-", stdin=bundle(lane))


def visible(recipient):
    if recipient is NOBODY:
        return ["public"]
    party, level = recipient
    return [lane for lane, audience in AUDIENCE.items()
            if LEVELS.index(audience) <= LEVELS.index(level) and (lane != "ring" or party == RING)]


RECIPIENTS = [NOBODY]


def make(path, recipient):
    """Two nodes: with all lanes' entries, and one whose hidden lanes never had any."""
    whole, twin = Node(path / "whole"), Node(path / "twin")
    whole.run("init")
    whole.run("lane", "create", "ring", "--audience", "tlp:green", "--members", RING)
    for lane in visible(recipient):
        tell(whole, lane)
    shutil.copytree(whole.path, twin.path)
    for lane in AUDIENCE:
        if lane not in visible(recipient):
            tell(whole, lane)
    for node in (whole, twin):  # what comes behind is numbered
        node.run("import", "-q", "--source", "later", "-", stdin=b"later.example\n")
        node.run("feed", "add", "edge", "--type", "list", "--open")
    return whole, twin


ANY = ["later.example", *(v for lane in AUDIENCE for v in values(lane))]
FILL = {
    "value": ANY, "score": ["1"], "list": ["edge.txt", "edge.json", "none.txt"], "lane": [*AUDIENCE, "node", "decisions", "none"],
    "collection": [*AUDIENCE, "node", "decisions", "none"], "object": [*(f"indicator--{uuid(lane)}" for lane in AUDIENCE), "none"],
    "event": ["none", "1"],  # and those that events() makes
    "filters": ["value:%25", *(f"value:{v}" for v in ANY if "/" not in v)], "attribute": ["none", "1"],
    "tile": ["0/000.p/1", "entries/000.p/1", "entries/000"], "digest": ["0" * 64], "index": ["0", "1", "2"],
}
BODIES = {
    "/v1/lookup": ("text/plain", "\n".join(ANY).encode()), "/v1/usage-metrics": ("application/json", b"{}"),
    "/attributes/restSearch": ("application/json", json.dumps({"value": ANY, "deleted": [0, 1]}).encode()),
    "/events/restSearch": ("application/json", b'{"value":"%"}'),
    "/sightings/add": ("application/json", json.dumps({"value": ANY}).encode()), "/sightings/add/{attribute}": ("application/json", b"{}"),
    "/warninglists/checkValue": ("application/json", json.dumps(ANY).encode()),
    "/v1/hits": ("application/json", b"{}"), "/lanes/{lane}/cosignature": ("text/plain", b"x"), "/add-checkpoint": ("text/plain", b"x"),
}


def events(node):
    """The UUIDs of what each source says in each lane, as anybody can make them who knows their names."""
    return [str(uuids.uuid5(uuids.NAMESPACE_URL, f"{node}/lanes/{lane}#src-{lane}#1")) + ".json" for lane in AUDIENCE]


def requests(description, node):
    """(method, path, type, body) for each operation of the description."""
    fill = dict(FILL, event=FILL["event"] + events(node))
    for path, methods in description["paths"].items():
        names = re.findall(r"{(\w+)}", path)
        missing = [n for n in names if n not in FILL]
        assert not missing, f"{path}: say in FILL what {missing} may be"
        for filled in itertools.product(*(fill[n] for n in names)):
            target = path
            for name, value in zip(names, filled):
                target = target.replace("{%s}" % name, value if name == "tile" else urllib.parse.quote(value, safe=""))
            for method in methods:
                if method == "get":
                    yield "GET", target, None, None
                else:
                    assert path in BODIES, f"{method} {path}: say in BODIES what it is sent"
                    yield method.upper(), target, *BODIES[path]


def sweep(daemon, headers):
    """{request, with its body: (status, text)} of all faces; what HTTP answers, with its header fields."""
    description = json.loads(daemon.get("/openapi.json")[2])
    answers = {}
    for method, target, kind, body in requests(description, json.loads(daemon.get("/lanes")[2])["node"]):
        h = dict(headers, Accept="*/*", **({"Content-Type": kind} if kind else {}))
        status, fields, text = daemon.request(method, target, body=body, headers=h)
        answers[f"{method} {target} {(body or b'').decode()}"] = status, f"{fields}\n{text}"
    for lane in AUDIENCE:
        domain, _, address, digest, _ = values(lane)
        for name in (domain, ".".join(reversed(address.split("."))), digest[:32] + "." + digest[32:]):
            for kind in ("A", "TXT", "ANY"):
                answers[f"DNS {name} {kind}"] = 200, repr(daemon.dig(f"{name}.bl.sipar.test", kind))
    return answers


def plain(text):
    """Without what two nodes at two moments do not have in common."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = re.sub(r"\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT", "TIME", text)
    text = re.sub(r"\b1[78]\d{8}(\d{3})?\b", "TIME", text)
    text = re.sub(r'"age_s":\d+', "AGE", text)
    text = re.sub(r'ETag: "[0-9a-f]{16}"', "ETAG", text)
    text = re.sub(r"[A-Za-z0-9+/]{40,}=*", "HASH", text)
    lines = [line for line in text.splitlines() if not re.match(r"sipar_(http_request_duration|process|dns_)|process_|sipar_http_requests", line)]
    return "\n".join(lines)


def headers(node, recipient):
    return {}


@pytest.mark.parametrize("recipient", RECIPIENTS, ids=lambda r: "nobody" if r is NOBODY else "-".join(r))
def test_nothing_above_comes_back(tmp_path, serve, recipient):
    whole, twin = make(tmp_path, recipient)
    shown = visible(recipient)
    hidden = [lane for lane in AUDIENCE if lane not in shown]
    told = sweep(serve(whole), headers(whole, recipient))
    control = sweep(serve(twin), headers(twin, recipient))
    assert told.keys() == control.keys()

    everything = "\n".join(f"{r}\n{t}" for r, (_, t) in told.items())
    assert "src-public" in everything and '"later"' in everything
    for request, (status, text) in told.items():
        for lane in hidden:
            for word in words(lane):
                assert word in request or word not in text, f"{request}: tells of {lane}\n{text}"
        assert (status, plain(text)) == (control[request][0], plain(control[request][1])), f"{request}: the twin says something else"


def test_the_test_finds_what_is_told(tmp_path, serve):
    """The same sweep by somebody who may see everything: each lane's words come back, and the twin differs."""
    whole, twin = make(tmp_path, NOBODY)
    for node in (whole, twin):
        with open(node.path / "sipar.conf", "a") as conf:
            conf.write("audience = red\n")
    told = sweep(serve(whole), {})
    everything = "\n".join(t for _, t in told.values())
    for lane in AUDIENCE:
        if lane != "ring":  # has members: it is shown to nobody without a name
            assert f"src-{lane}" in everything, lane
    control = sweep(serve(twin), {})
    assert any(plain(told[r][1]) != plain(control[r][1]) for r in told)
