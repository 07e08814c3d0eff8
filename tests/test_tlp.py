"""TLP by construction, tried by somebody who wants to know more than he may.

Each lane is told something of every kind, in words that no other lane has. Every recipient asks every face for all of it, when the last lane that he may see has been told, and
again when those above him have: nothing of them may come back, and no answer may be another one than before. What he may see must come back, so that the test can fail.

What a route is asked for follows from the node's own description (/openapi.json): a new route fails here until it is said how it is asked."""
import base64
import contextlib
import hashlib
import http.client
import ipaddress
import itertools
import json
import re
import subprocess
import time
import types
import urllib.parse
import uuid as uuids

import pytest

from conftest import LIMIT, Daemon, Node, wait_for
from test_hooks import Receiver
from test_pull import Fake
from test_stream import Listener

# In the order in which they are told: each is seen by fewer, as far as that can be said. Who is a member of a lane is a party that no other lane names.
LANES = {
    "public": ("clear", ()), "decisions": ("green", ()), "community": ("green", ()), "ring": ("green", ("ring-bank", "teller")), "members": ("amber", ()),
    "restricted": ("red", ()), "sealed": ("red", ("other-bank", "teller")),
}
MADE = ("ring", "sealed")                  # the others are there from the start
MIRRORED = ("community", "members")        # of these a peer has one, too
LEVELS = ["clear", "green", "amber", "amber+strict", "red"]
ROLES = ("reporter", "analyst", "approver", "administrator", "auditor")
SEES_NODE = ("administrator", "auditor")

# name: (party, its clearance, the role of the token)
RECIPIENTS = {
    "nobody": None, "clear": ("press", "clear", "reader"), "green": ("isp", "green", "reader"), "ring": ("ring-bank", "green", "reader"),
    "amber": ("ministry", "amber", "reader"), "red": ("service", "red", "reader"), "teller": ("teller", "red", "analyst"),
    **{role: (f"green-{role}", "green", role) for role in ROLES},
}
NODE_WORDS = ("source", "misp", "pulled")  # names of sources: the lane "node" has them, for those who keep and those who look


def visible(name):
    who = RECIPIENTS[name]
    level, party = (who[1], who[0]) if who else ("clear", "")
    return [lane for lane, (audience, members) in LANES.items() if LEVELS.index(audience) <= LEVELS.index(level) and (not members or party in members)]


# ---- what is told ----

def word(kind, lane):
    return f"{kind}-{lane}-canary"


def uuid(kind, lane):
    return str(uuids.uuid5(uuids.NAMESPACE_URL, word(kind, lane)))


def place(lane):
    return list(LANES).index(lane)


def address(lane):
    return f"203.0.113.{10 + place(lane)}"


def digest(lane):
    return hashlib.sha256(lane.encode()).hexdigest()


def values(lane):
    """What is asked for by everybody."""
    return [f"{word('domain', lane)}.example", f"http://{word('url', lane)}.example/path", address(lane), f"198.51.100.{16 * place(lane)}/28", digest(lane),
            f"{word('mail', lane)}@mail.example"]


SHARED = "shared.example"  # what every lane speaks of; the words that it uses are its own
SHARED_OBJECT, SHARED_EVENT = f"indicator--{uuid('shared', 'all')}", uuid("event", "all")
NOW = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - 60))  # nothing of it decays while the test runs
LATER = "later.example"


def source(node, name, *options):
    node.run("source", "add", name, "--event", "--lifetime", "3650", *options)


def lines(node, daemon, lane):
    source(node, word("source", lane), "--weight", "9")
    node.run("import", "-q", "--lane", lane, "--source", word("source", lane), "-", stdin="\n".join(values(lane) + [SHARED]).encode())


def shared_source(node, daemon, lane):
    """One source speaks in each lane."""
    node.run("import", "-q", "--lane", lane, "--source", "everywhere", "-", stdin=f"{word('everywhere', lane)}.example\n{SHARED}\n".encode())


def stix(lane):
    """Objects of many types; what they are about stands in a pattern, a name or a text alone."""
    def of(kind, **more):
        return {"type": kind, "spec_version": "2.1", "id": f"{kind}--{uuid(kind, lane)}", "created": NOW, "modified": NOW, **more}

    def indicator(pattern, **more):
        return of("indicator", pattern_type="stix", valid_from=NOW, pattern=pattern, **more)
    named = indicator(f"[domain-name:value = '{word('pattern', lane)}.example']", name=word("whisper", lane))
    kept = dict(indicator(f"[process:command_line LIKE '{word('kept', lane)}%']"), id=f"indicator--{uuid('kept', lane)}")
    gone = dict(indicator(f"[domain-name:value = '{word('deleted', lane)}.example']"), id=f"indicator--{uuid('deleted', lane)}")
    shared = dict(indicator(f"[domain-name:value = '{SHARED}']", name=word("shared", lane)), id=SHARED_OBJECT)
    return [named, kept, gone, shared, of("malware", is_family=False, name=word("malware", lane)), of("threat-actor", name=word("actor", lane)),
            of("identity", name=word("identity", lane)), of("note", content=word("note", lane), object_refs=[named["id"]]),
            of("report", name=word("report", lane), published=NOW, object_refs=[named["id"]]), of("sighting", sighting_of_ref=named["id"], description=word("sighted", lane)),
            of("relationship", relationship_type="indicates", source_ref=named["id"], target_ref=f"malware--{uuid('malware', lane)}", description=word("relation", lane)),
            {"type": "file", "spec_version": "2.1", "id": f"file--{uuid('file', lane)}", "name": word("file", lane)}, of("x-own", x_text=word("own", lane))]


def objects(node, daemon, lane):
    """By TAXII, and one is taken back."""
    at = f"/taxii2/api/collections/{lane}/objects/"
    status, _, text = daemon.ask("POST", at, json.dumps({"objects": stix(lane)}).encode(), TAXII, "teller")
    assert status == 202 and json.loads(text)["failure_count"] == 0, text
    assert daemon.ask("DELETE", f"{at}indicator--{uuid('deleted', lane)}/", None, None, "teller")[0] == 200


def event(node, daemon, lane):
    """A MISP's event, and one that each lane has, in another wording."""
    def attribute(n, value, comment):
        return {"uuid": uuid(f"attribute{n}", lane), "type": "domain", "category": "Network activity", "value": value, "comment": comment, "to_ids": True,
                "timestamp": str(int(time.time()) - 60)}

    def of(name, info, *attributes):
        return json.dumps({"Event": {"uuid": name, "info": info, "date": NOW[:10], "timestamp": str(int(time.time()) - 60), "published": True, "Orgc": {
            "name": "CERT", "uuid": uuid("cert", "all")}, "Attribute": list(attributes)}}).encode()
    source(node, word("misp", lane))
    for name, info, n, value in ((uuid("event", lane), word("info", lane), 1, f"{word('attribute', lane)}.example"), (SHARED_EVENT, word("again", lane), 2, SHARED)):
        node.run("import", "-q", "--lane", lane, "--source", word("misp", lane), "-", stdin=of(name, info, attribute(n, value, word("comment", lane))))


def intelmq(node, daemon, lane):
    node.run("import", "-q", "--lane", lane, "--source", word("source", lane), "--format", "intelmq", "-", stdin=json.dumps({
        "source.fqdn": f"{word('intelmq', lane)}.example", "classification.type": "c2-server", "time.observation": NOW, "event_description.text": word("described", lane)}).encode())


def shadowserver(node, daemon, lane):
    node.run("import", "-q", "--lane", lane, "--source", word("source", lane), "--format", "shadowserver", "-", stdin=(
        '"timestamp","url","host","ip","asn","geo","tag","source","sha256"\n'
        f'"{NOW[:10]} {NOW[11:19]}","http://{word("shadow", lane)}.example/m",,,64496,ZZ,,,\n').encode())


def opinions(node, daemon, lane):
    """What everybody may see is a false positive, protected and taken back, says the lane."""
    node.run("import", "-q", "--lane", lane, "--source", word("source", lane), "--as", "false-positive", "-", stdin=f"{SHARED}\n{values('public')[0]}\n".encode())
    if lane != "public":
        node.run("import", "-q", "--lane", lane, "--source", word("source", lane), "--as", "protected", "-", stdin=f"{address('public')}\n".encode())
    node.run("import", "-q", "--lane", lane, "--source", word("source", lane), "-", stdin=f"{word('taken', lane)}.example\n".encode())
    node.run("retract", f"{word('taken', lane)}.example", "--why", word("why", lane))


def met(node, daemon, lane):
    """A sighting, by who sees everything: of what the lane alone has, and of what all have."""
    status, _, text = daemon.ask("POST", "/sightings/add", json.dumps({"values": [values(lane)[0]]}).encode(), "application/json", "teller")
    assert status == 200, text


def pulled(node, daemon, lane):
    path = f"/{word('path', lane)}"
    daemon.web.serve(path, f"{word('remote', lane)}.example\n".encode())
    (node.path / "key").write_text(word("key", lane))
    source(node, word("pulled", lane), "--url", daemon.web.url(path), "--key-file", node.path / "key", "--lane", lane, "--every", "7d")
    wait_for(lambda: json.loads(node.run("source", "show", word("pulled", lane), "--json").out)["pull"]["last_success"], "the first pull")


def hook(node, daemon, lane):
    """Its receiver has all of the lane, and nothing else."""
    r = daemon.receivers[lane] = Receiver()
    secret = node.run("hook", "add", word("hook", lane), "--url", r.url, "--lane", lane, "--after", "0").out.strip()
    r.secret = base64.b64decode(secret[6:])


def mirrored(node, daemon, lane):
    if lane in MIRRORED and daemon.hub:
        node.run("peer", "add", f"hub-{lane}", "--url", f"http://127.0.0.1:{daemon.hub.http_port}/", "--key", daemon.hub.node.path / "node.pub", "--lanes", lane, "--every",
                 "200ms", "--token-file", daemon.hub.node.path / "token")
        wait_for(lambda: word("hubbed", lane) in daemon.ask("GET", f"/lanes/hub-{lane}.{lane}/from/0", None, None, "teller")[2], "the lane of the peer")


def marked(node, daemon, lane):
    """What is for fewer people than the lane is refused, and kept nowhere."""
    if LANES[lane][0] == "red":
        return
    mark = {"object_marking_refs": ["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]}  # TLP:RED
    refused = [dict(stix(lane)[4], id=f"malware--{uuid('marked', lane)}", name=word("marked", lane), **mark),
               dict(stix(lane)[0], id=f"indicator--{uuid('marked', lane)}", pattern=f"[domain-name:value = '{word('marked', lane)}.example']", **mark)]
    status, _, text = daemon.ask("POST", f"/taxii2/api/collections/{lane}/objects/", json.dumps({"objects": refused}).encode(), TAXII, "teller")
    assert status == 202 and json.loads(text)["failure_count"] == 2, text
    red = [{"name": "tlp:red"}]
    for body in (json.dumps({"type": "bundle", "id": f"bundle--{uuid('marked', lane)}", "objects": refused}),
                 json.dumps({"Event": {"uuid": uuid("marked", lane), "info": word("marked", lane), "date": NOW[:10], "Tag": red, "Attribute": [
                     {"type": "domain", "value": f"{word('marked', lane)}.example", "to_ids": True}]}}),
                 json.dumps({"source.fqdn": f"{word('marked', lane)}.example", "classification.type": "c2-server", "tlp": "RED"})):
        node.run("import", "-q", "--lane", lane, "--source", word("source", lane), "-", stdin=body.encode(), code=None)


TOLD = {  # by what, and which words of it are shown to those who see the lane
    lines: ("domain", "url", "mail", "source"), shared_source: ("everywhere",),
    objects: ("pattern", "whisper", "kept", "deleted", "shared", "malware", "actor", "identity", "note", "report", "sighted", "relation", "file", "own"),
    event: ("info", "attribute", "comment", "again", "misp"), intelmq: ("intelmq", "described"), shadowserver: ("shadow",), opinions: ("taken", "why"), met: (),
    pulled: ("remote", "pulled"), hook: (), mirrored: ("hubbed",), marked: (),
}
NEVER = ("key", "path", "marked")  # shown to nobody
DECIDED = ("reasons", "evidence")
DECIDED_VALUE = "decided.example"  # that it is blocked, everybody is told who asks a face that enforces; not why


def decide(node):
    node.run("block", DECIDED_VALUE, "--reason", "phishing", "--why", word("reasons", "decisions"), "--evidence", f"https://{word('evidence', 'decisions')}.example/", "--as",
             "cert/aisha")


def words(lane):
    """{kind: word} of all that is shown to those who see the lane."""
    if lane == "decisions":
        return {kind: word(kind, lane) for kind in DECIDED}
    kinds = [k for how, kinds in TOLD.items() if how is not mirrored or lane in MIRRORED for k in kinds]
    return {kind: word(kind, lane) for kind in kinds}


def disguises(text):
    """The word itself, and as base64 would have it, wherever it stands."""
    yield text
    for shift in range(3):
        yield base64.b64encode(b"\0" * shift + text.encode())[4 if shift else 0:-4].decode()


def hidden(lane):
    """{kind: [how it may look]}"""
    found = {kind: list(disguises(w)) for kind, w in words(lane).items()}
    found.update({kind: list(disguises(word(kind, lane))) for kind in NEVER if lane != "decisions"})
    if lane != "decisions":
        found["address"], found["digest"] = [address(lane)], [digest(lane)]
        found["md5"] = [hashlib.md5(v.encode()).hexdigest() for v in values(lane)]
    return found


# ---- how it is asked for ----

TAXII = "application/taxii+json;version=2.1"
TOLD_LANES = [lane for lane in LANES if lane != "decisions"]
ANY = [LATER, SHARED, DECIDED_VALUE, *(v for lane in TOLD_LANES for v in [*values(lane), f"{word('taken', lane)}.example"])]
LANE = [*LANES, "node", "hub-members.members", "none"]
OBJECTS = [*(f"indicator--{uuid('indicator', lane)}" for lane in TOLD_LANES), SHARED_OBJECT, "none"]
FILL = {
    "value": ANY, "score": ["1"], "list": ["edge.txt", "edge.json", "none.txt"], "lane": LANE, "status": ["none", uuid("status", "none")], "collection": LANE,
    "event": ["none", "1", *(uuid("event", lane) for lane in TOLD_LANES), SHARED_EVENT, *(uuid("event", lane) + ".json" for lane in TOLD_LANES), SHARED_EVENT + ".json"],
    "filters": ["value:%25", *(f"value:{v}" for v in ANY if "/" not in v)], "attribute": ["none"],
    "tile": ["0/000.p/1", "0/000.p/5", "entries/000.p/5", "entries/000"], "digest": ["0" * 64], "index": ["0", "1", "999"], "party": ["none"], "token": ["aaaaaaaaaa"],
    "number": ["0", "1", "2", "none"],
}
ALSO = {  # what is asked besides, by parameters
    "/taxii2/api/collections/{collection}/objects/": ["?limit=3", f"?match[id]={SHARED_OBJECT}&match[version]=all", "?match[type]=malware"],
    "/taxii2/api/collections/{collection}/manifest/": ["?limit=2&added_after=2020-01-01T00:00:00Z"], "/v1/decisions": [f"?scope=domain&value={DECIDED_VALUE}"],
    "/v1/feeds/{list}": ["?since=0"], "/v1/proposals": ["?state=all", "?state=active&after=0"],
}
BODIES = {  # what changes nothing, whoever sends it: the rest is below, at test_writing_is_no_oracle
    "/v1/lookup": ("text/plain", "\n".join(ANY).encode()), "/v1/usage-metrics": ("application/json", b"{}"),
    "/taxii2/api/collections/{collection}/objects/": (TAXII, b'{"objects":[{}]}'), "/taxii2/api/collections/{collection}/objects/{object}/": None,
    "/attributes/restSearch": ("application/json", json.dumps({"value": ANY, "deleted": [0, 1]}).encode()), "/events/restSearch": ("application/json", b'{"value":"%"}'),
    "/sightings/add": ("application/json", b'{"value":"never.example"}'), "/sightings/add/{attribute}": ("application/json", b"{}"),
    "/warninglists/checkValue": ("application/json", json.dumps(ANY).encode()),
    **{path: ("application/json", b"x") for path in ("/v1/proposals", "/v1/unblock", *(f"/v1/proposals/{{number}}/{do}" for do in ("approve", "refuse", "suspend")))},
    "/v1/hits": ("application/json", b"{}"), "/lanes/{lane}/cosignature": ("text/plain", b"x"), "/add-checkpoint": ("text/plain", b"x"),
    **{path: ("application/json", b"{}") for path in ("/v1/parties", "/v1/parties/{party}", "/v1/tokens", "/v1/tokens/{token}")},
}
ENFORCING = re.compile(r"\w+ (/v1/feeds|/v1/decisions)|DNS |RPZ |GET /metrics")  # these say what is decided, to whom it is decided for
OF_NODE = re.compile(r"GET /lanes( |/node/)|GET /metrics|GET /v1/stream\?(after|\w+=node)")  # what the lane "node" shows in


def requests(description):
    """(method, path, type, body) for each operation of the description."""
    for path, methods in description["paths"].items():
        names = re.findall(r"{(\w+)}", path)
        fill = dict(FILL, object=OBJECTS)
        assert not set(names) - set(fill), f"{path}: say in FILL what {names} may be"
        for filled in itertools.product(*(fill[n] for n in names)):
            if "object" in names and not (filled[0] in ("public", "none") or filled[1] in (SHARED_OBJECT, f"indicator--{uuid('indicator', filled[0])}")):
                continue  # an object of a lane, asked for in another: once
            target = path
            for name, value in zip(names, filled):
                target = target.replace("{%s}" % name, value if name == "tile" else urllib.parse.quote(value, safe=""))
            for method in methods:
                if method == "get" and path != "/v1/stream":
                    yield from (("GET", target + more, None, None) for more in ["", *ALSO.get(path, [])])
                elif method != "get":
                    assert path in BODIES, f"{method} {path}: say in BODIES what it is sent"
                    if BODIES[path]:
                        yield method.upper(), target, *BODIES[path]


class Asking:
    """A daemon, and a connection to it for each recipient; (status, fields, text) of an answer, octets as Latin-1."""

    def __init__(self, daemon, web, hub=None):
        self.daemon, self.web, self.hub, self.tokens, self.open, self.receivers = daemon, web, hub, {"nobody": None}, {}, {}

    def ask(self, method, path, body=None, kind=None, name="nobody", **more):
        c = self.open.setdefault(name, http.client.HTTPConnection("127.0.0.1", self.daemon.http_port, timeout=LIMIT))
        token = self.tokens[name]
        fields = {"Accept": "*/*", **({"Content-Type": kind} if kind else {}), **({"Authorization": f"Bearer {token}"} if token else {}), **more}
        try:
            c.request(method, path, body=body, headers=fields)
            answer = c.getresponse()
        except http.client.RemoteDisconnected:  # it was silent for too long
            c.close()
            c.request(method, path, body=body, headers=fields)
            answer = c.getresponse()
        octets = answer.read()
        length = answer.headers["Content-Length"]
        assert method == "HEAD" or not length or int(length) == len(octets)
        told = {k: v for k, v in answer.headers.items() if k not in ("Date", "Content-Length", "RateLimit")}
        return answer.status, told, octets.decode("latin-1")

    def stream(self, name, lane=None):
        """All that it has said up to now."""
        token = self.tokens[name]
        sizes = {row["name"]: row["size"] for row in json.loads(self.ask("GET", "/lanes", name=name)[2])["lanes"]}
        if lane and lane not in sizes:
            return self.ask("GET", f"/v1/stream?after=0&lane={lane}", name=name)
        end = {(lane, sizes[lane])} if lane else set(sizes.items())
        c = http.client.HTTPConnection("127.0.0.1", self.daemon.http_port, timeout=LIMIT)
        c.request("GET", "/v1/stream?after=0" + (f"&lane={lane}" if lane else ""), headers={"Authorization": f"Bearer {token}"} if token else {})
        answer, text, at = c.getresponse(), [], set()
        while not end <= at:
            line = answer.readline().decode()
            assert line, text[-5:]
            text.append(line)
            if line.startswith("id: "):
                at = {(lane, int(place)) for lane, place in (p.split("/") for p in line[4:].strip().split(",")) if place.isdigit()}
        text.append(answer.readline().decode())
        text.append(answer.readline().decode())
        c.close()
        return answer.status, {}, "".join(text)

    def dns(self, name, kind):
        """What is behind the question; of one without answers, how long it is (its SOA has the time)."""
        question = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0" + bytes([0, kind, 0, 1])
        packet = wait_for(lambda: self.daemon.udp(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + question, LIMIT), "an answer over DNS")
        return packet[3] & 15, {}, packet[12 + len(question):].decode("latin-1") if packet[7] else f"{len(packet)} octets"

    def rpz(self):
        done = subprocess.run(["dig", "@127.0.0.1", "-p", str(self.daemon.rpz_port), "+onesoa", "rpz.example", "AXFR"], capture_output=True, text=True, timeout=LIMIT)
        return 0, {}, "\n".join(line for line in done.stdout.splitlines() if line and line[0] != ";" and "SOA" not in line)

    def close(self):
        for c in [*self.open.values(), *self.receivers.values(), self.web]:
            c.close()


def sweep(a, name):
    """{request: (status, fields, text)} of all faces."""
    answers = {}
    for method, target, kind, body in requests(json.loads(a.ask("GET", "/openapi.json")[2])):
        answers[f"{method} {target} {(body or b'').decode()}"] = a.ask(method, target, body, kind, name)
    for method, target in (("HEAD", "/misp/hashes.csv"), ("HEAD", "/lanes/restricted/checkpoint"), ("PUT", "/lanes/restricted/checkpoint"), ("GET", "/lanes/restricted")):
        answers[f"{method} {target} "] = a.ask(method, target, name=name)
    for lane in LANE:
        answers[f"GET /v1/stream?lane={lane} "] = a.stream(name, lane)
        answers[f"GET /v1/stream?from={lane} "] = a.ask("GET", f"/v1/stream?after={lane}/999", name=name)
    answers["GET /v1/stream?after=0 "] = a.stream(name)
    if name == "nobody":
        for lane in TOLD_LANES:
            for asked in (values(lane)[0], SHARED, ".".join(reversed(address(lane).split("."))), base64.b32encode(bytes.fromhex(digest(lane))).decode().rstrip("=")):
                for kind in (1, 16, 255):
                    answers[f"DNS {asked} {kind}"] = a.dns(f"{asked}.bl.sipar.test", kind)
        answers["RPZ "] = a.rpz()
    return answers


def plain(answer):
    """Without what one moment does not have in common with another: the clock, and what the face counts of its own work."""
    status, fields, text = answer
    if fields.get("Content-Type") == "application/octet-stream":
        return answer
    for name in ("as_of", "request_timestamp"):
        text = re.sub(rf'"{name}":"[^"]*"', "TIME", text)
    text = re.sub(r'"(now|age_s|uptime_s)":\d+', "TIME", text)
    text = re.sub(r'"id":"[0-9a-f-]{36}","status"|"version":"[^"]*","message"|"last_used":("[^"]*"|null)', "OF NOW", text)
    text = re.sub(r"(sipar_pull_\w+_seconds|sipar_hook_\w+)({.*}) .*", r"\1\2 LATELY", text)
    text = "\n".join(line for line in text.splitlines() if not re.match(r"sipar_(http_request|dns_|rpz_|stream_|consumer_)|process_", line))
    return status, fields, text


def unlike(before, after, leaving_out=None, of=plain):
    """What is answered in another way: (request, where the answers part)."""
    assert before.keys() == after.keys()
    found = []
    for request in before:
        one, other = repr(of(before[request])), repr(of(after[request]))
        if one != other and not (leaving_out and leaving_out.match(request)):
            at = max(0, next((i for i, (x, y) in enumerate(zip(one, other)) if x != y), min(len(one), len(other))) - 80)
            found.append((request[:100], one[at:at + 240], other[at:at + 240]))
    return found


def leaks(answers, lanes, but=()):
    """What of the lanes came back: (request, word)."""
    looks = [(k, form) for lane in lanes for k, forms in hidden(lane).items() if k not in but for form in forms]
    return [(request, form) for request, (_, fields, text) in answers.items() for _, form in looks
            if (form in text or form in str(fields)) and form not in urllib.parse.unquote(request)]


# ---- the story ----

def build(path, start, hub=None):
    """A node with the parties, lanes and feeds of the story, and without a word."""
    node = Node(path)
    node.run("init", "--name", "cert.example")
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write("approvals = 0\nparties = 1\n")
    for lane in MADE:
        node.run("lane", "create", lane, "--audience", f"tlp:{LANES[lane][0]}", "--members", ",".join(LANES[lane][1]))
    node.run("feed", "add", "edge", "--type", "list", "--open")
    node.run("feed", "add", "zone", "--type", "rpz", "--zone", "rpz.example", "--allow", "127.0.0.0/8")
    for name in ("everywhere", "teller", "teller.sightings"):
        source(node, name, "--weight", "5")
    a = Asking(start(node), Fake(), hub)
    for name, (party, clearance, role) in ((n, w) for n, w in RECIPIENTS.items() if w):
        node.run("party", "add", party, "--clearance", clearance)
        a.tokens[name] = node.run("token", "new", party, "--role", role).out.strip()
    return node, a


def tell(node, a, lane):
    if lane == "decisions":
        decide(node)
    else:
        for how in TOLD:
            how(node, a, lane)


def of_twin(answer):
    """Without what two nodes do not have in common: keys, hashes and nonces, of which the length remains, and all times and ports."""
    status, fields, text = plain(answer)
    if fields.get("Content-Type") == "application/octet-stream":
        text = f"{len(text)} octets"
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", lambda m: "T" * len(m.group()), f"{fields}\n{text}")
    text = re.sub(r"\b1[78]\d{8}(\d{3})?\b", "TIME", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "HERE", text)
    text = re.sub(r"'ETag': '\"[0-9a-f]{16}\"'", "ETAG", text)
    text = re.sub(r"\+[0-9a-f]{8}\+", "+KEY+", text)
    text = re.sub(r"[\w+/-]{40,}=*", lambda m: "H" * len(m.group()), text)
    return status, text


@pytest.fixture(scope="module")
def started():
    """started(node) -> Daemon; stopped at the end of all tests."""
    with contextlib.ExitStack() as stack:
        def start(node):
            daemon = Daemon(node)
            stack.callback(lambda: daemon.stop() == 0 or pytest.fail("a daemon did not end well"))
            return daemon
        yield start


@pytest.fixture(scope="module")
def hub(tmp_path_factory, started):
    """A peer with something in each lane that is mirrored."""
    node = Node(tmp_path_factory.mktemp("hub"))
    node.run("init", "--name", "hub.example")
    for lane in MIRRORED:
        node.run("import", "-q", "--lane", lane, "--source", f"list-{lane}", "-", stdin=f"{word('hubbed', lane)}.example\n".encode())
    node.run("party", "add", "cert", "--clearance", "red")
    (node.path / "token").write_text(node.run("token", "new", "cert", "--role", "reader").out)
    (node.path / "token").chmod(0o600)
    return started(node)


@pytest.fixture(scope="module")
def story(tmp_path_factory, started, hub):
    """The node in the end, and what was answered on the way: by recipient, the sweep when all that he may see was told, and the last one."""
    path = tmp_path_factory.mktemp("tlp")
    node, a = build(path / "whole", started, hub)
    s = types.SimpleNamespace(node=node, a=a, before={}, after={}, live=Listener(a.daemon).ready())
    for lane in LANES:
        tell(node, a, lane)
        if lane == "public":
            s.undecided = sweep(a, "nobody")
        for name in RECIPIENTS:
            if visible(name)[-1] == lane or (lane == "decisions" and visible(name) == ["public"]):
                s.before[name] = sweep(a, name)
    for name in RECIPIENTS:
        s.after[name] = sweep(a, name)
    # what comes behind is numbered: a twin that was told of nothing else says the same of it
    twin, b = build(path / "twin", started)
    for lane in ("public", "decisions"):
        tell(twin, b, lane)
    for n in (node, twin):
        n.run("import", "-q", "--source", "everywhere", "-", stdin=f"{LATER}\n".encode())
    s.later, s.twin = sweep(a, "nobody"), sweep(b, "nobody")
    s.live.until(lambda events: LATER in json.dumps(events), LATER)
    yield s
    s.live.process.kill()
    a.close()
    b.close()


@pytest.mark.parametrize("name", RECIPIENTS)
def test_nothing_above_comes_back(story, name):
    shown = visible(name)
    answers = {**{f"before: {k}": v for k, v in story.before[name].items()}, **story.after[name]}
    but = NODE_WORDS if name in SEES_NODE else ()
    assert not leaks(answers, [lane for lane in LANES if lane not in shown], but)
    assert not [(r, form) for lane in TOLD_LANES for k in NEVER for form in disguises(word(k, lane)) for r, (_, _, text) in answers.items() if form in text]


@pytest.mark.parametrize("name", RECIPIENTS)
def test_what_he_may_see_comes_back(story, name):
    everything = "\n".join(text for _, _, text in story.after[name].values())
    assert not [w for lane in visible(name) for w in words(lane).values() if w not in everything]


@pytest.mark.parametrize("name", RECIPIENTS)
def test_nothing_changes_for_who_does_not_see_it(story, name):
    found = unlike(story.before[name], story.after[name], OF_NODE if name in SEES_NODE else None)
    assert not found, "\n".join(map(str, found))


def test_the_reasons_of_decisions_are_not_public(story):
    found = unlike(story.undecided, story.before["nobody"], ENFORCING)
    assert not found, "\n".join(map(str, found))


def test_numbers_have_no_gaps(story):
    found = unlike(story.later, story.twin, of=of_twin)
    assert not found, "\n".join(map(str, found))
    assert LATER in story.later[f"GET /v1/lookup/{LATER} "][2]


def test_who_listens_meanwhile_hears_nothing(story):
    heard = {"stream": (200, {}, json.dumps(story.live.events))}
    assert not leaks(heard, [lane for lane in LANES if lane != "public"]) and word("domain", "public") in heard["stream"][2]
    assert {event[2].split("/")[0] for event in story.live.events} == {"public"}


@pytest.mark.parametrize("name", RECIPIENTS)
def test_what_is_told_is_not_counted(story, name):
    """How often somebody has told something over HTTP, wherever, is for who looks after all of them."""
    _, _, text = story.a.ask("GET", "/metrics", name=name)
    counted = dict(re.findall(r'sipar_http_requests_total{operation="(\w+)",status="2xx"} (\d+)', text))
    total = sum(int(n) for n in re.findall(r"sipar_http_requests_total{.*} (\d+)", text))
    assert ("taxiiAdd" in counted) == ("mispSighting" in counted) == (name == "auditor") and "taxiiObjects" in counted
    assert int(re.search(r"sipar_http_request_duration_seconds_count (\d+)", text)[1]) == total


# ---- what changes something ----

def alike(a, name, method, path, secret, never, body=None, kind=None, **fields):
    """Is somebody who asks about what he may not see answered as about what there is not?"""
    def ask(what):
        text = body.replace("WHAT", what).encode() if body else None
        status, told, answer = plain(a.ask(method, path.replace("WHAT", urllib.parse.quote(what, safe="")), text, kind, name, **{k: v.replace("WHAT", what) for k, v in fields.items()}))
        forms = sorted({what, urllib.parse.quote(what, safe="")}, key=len, reverse=True)
        for form in forms:
            answer = answer.replace(form, "WHAT")
        return status, told, answer
    one, other = ask(secret), ask(never)
    assert one == other, f"{method} {path} {secret}"
    return one


def fresh(kind, n=itertools.count()):
    return f"{kind}--{uuids.uuid5(uuids.NAMESPACE_URL, f'never {next(n)}')}"


@pytest.mark.parametrize("lane", MIRRORED[1:] + MADE + ("restricted",))
def test_writing_is_no_oracle(story, lane):
    """By a party of clearance green, in a lane that it sees: what is above is as good as not there."""
    a, at, secret = story.a, "/taxii2/api/collections/community/objects/", f"indicator--{uuid('indicator', lane)}"
    told = json.dumps(dict(stix("community")[0], id="WHAT", revoked=True))
    for name in ("reporter", "analyst"):
        for path in (at + "WHAT/", at + "WHAT/versions/", at + "?match[id]=WHAT&match[version]=2020", at + "WHAT/?match[version]=x"):
            assert alike(a, name, "GET", path, secret, fresh("indicator"))[0] in (400, 404)
        assert alike(a, name, "DELETE", at + "WHAT/", secret, fresh("indicator"))[0] == 404
        assert alike(a, name, "DELETE", at + "WHAT/?match[version]=x", secret, fresh("indicator"))[0] in (400, 422)
        for path in ("", f"{secret}/", "manifest/"):
            for method in ("GET", "POST", "DELETE"):
                alike(a, name, method, f"/taxii2/api/collections/WHAT/objects/{path}", lane, "lane-of-nobody", '{"objects":[]}' if method == "POST" else None, TAXII)
        marked = json.dumps(dict(stix("community")[0], id=fresh("indicator"), object_marking_refs=["WHAT"]))
        assert alike(a, name, "POST", at, f"marking-definition--{uuid('marking', lane)}", fresh("marking-definition"), '{"objects":[%s]}' % marked, TAXII)[0] == 202
        for body in ('{"value":"WHAT"}', '{"values":["WHAT"],"type":1}'):
            assert alike(a, name, "POST", "/sightings/add", values(lane)[0], "never.example", body, "application/json")[0] == 404
        assert alike(a, name, "POST", "/sightings/add", address(lane), "203.0.113.250", '{"value":"WHAT"}', "application/json")[0] == 404
        assert alike(a, name, "POST", "/v1/unblock", values(lane)[0], "never.example", '{"value":"WHAT","why":"x"}', "application/json")[0] in (403, 404, 409)
        assert alike(a, name, "POST", "/sightings/add/WHAT", uuid("attribute1", lane), fresh("x")[3:], "{}", "application/json")[0] == 404
        assert alike(a, name, "GET", "/events/view/WHAT", uuid("event", lane), fresh("x")[3:])[0] == 404
        for query in ("?lane=WHAT", "?lane=public,WHAT", "?after=WHAT/1", "?lane=public&after=public/1,WHAT/1", "?lane=WHAT&after=3"):
            assert alike(a, name, "GET", "/v1/stream" + query, lane, "lane-of-nobody")[0] in (400, 404)
        assert alike(a, name, "GET", "/v1/stream?lane=public", lane, "lane-of-nobody", **{"Last-Event-ID": "WHAT/1"})[0] == 400
        for path, body in (("cosignature", "x"), ("checkpoint", None), ("from/0", None), ("tile/0/000", None)):
            assert alike(a, name, "POST" if body else "GET", f"/lanes/WHAT/{path}", lane, "lane-of-nobody", body, "text/plain" if body else None)[0] == 404
        # to tell it is to tell something new
        assert alike(a, name, "POST", at, f"indicator--{uuid('kept', lane)}" if name == "reporter" else secret, fresh("indicator"), '{"objects":[%s]}' % told, TAXII)[0] == 202
    # and those who see it have it as it was
    for kind in ("indicator", "kept"):
        assert '"revoked"' not in a.ask("GET", f"/taxii2/api/collections/{lane}/objects/indicator--{uuid(kind, lane)}/", name="teller")[2]
    assert json.loads(a.ask("GET", f"/v1/lookup/{word('pattern', lane)}.example", name="teller")[2])["listed"]


def test_cursors_are_their_owners(story):
    """A cursor that somebody else was given is as good as one that nobody was given."""
    at = "/taxii2/api/collections/community/objects/"
    given = json.loads(story.a.ask("GET", f"{at}?limit=2", name="teller")[2])["next"]
    broken = given[:-2] + ("AA" if given[-2:] != "AA" else "BB")
    assert alike(story.a, "green", "GET", f"{at}?next=WHAT", given, broken)[0] == 400


def test_tokens_that_open_nothing(story):
    """Over, revoked, not from here, mistyped, of a party that is gone: refused, whatever is asked for; and what everybody may see is no other thing by them."""
    node, a = story.node, story.a
    def new(*options):
        return node.run("token", "new", "service", "--role", "reader", *options).out.strip()
    a.tokens.update(far=new("--cidr", "198.51.100.0/24"), over=new("--expires", "1s"), revoked=new(), mistyped=a.tokens["red"][:-1] + ("7" if a.tokens["red"][-1] != "7" else "6"))
    node.run("party", "add", "gone", "--clearance", "red")
    a.tokens["gone"] = node.run("token", "new", "gone", "--role", "administrator").out.strip()
    node.run("party", "remove", "gone")
    node.run("token", "revoke", a.tokens["revoked"][6:16])
    wait_for(lambda: a.ask("GET", "/lanes", name="over")[0] in (401, 429), "the end of a token")
    for name in ("far", "over", "revoked", "mistyped", "gone"):
        for path, secret, never in (("/lanes/WHAT/checkpoint", "restricted", "lane-of-nobody"), ("/v1/lookup/WHAT", values("restricted")[0], "never.example"),
                                    ("/events/view/WHAT", uuid("event", "restricted"), fresh("x")[3:])):
            wait_for(lambda: alike_or_busy(a, name, path, secret, never), "an answer before there were too many")
    assert len({a.ask("GET", "/lanes", name=name)[2] for name in ("far", "over", "revoked", "mistyped", "gone")}) <= 2  # 401, or too many of them


def alike_or_busy(a, name, path, secret, never):
    """The same refusal of both, unless the limit of refusals came between them."""
    (one, _, text), (other, _, said) = (a.ask("GET", path.replace("WHAT", w), name=name) for w in (secret, never))
    assert {one, other} <= {401, 429}
    return one != other or text.replace(secret, never) == said


# ---- what leaves on other ways ----

@pytest.mark.parametrize("level", [level for level in LEVELS if level != "amber+strict"])
def test_files_for_a_level(story, tmp_path, level):
    """Exports and snapshots of what a level may see; lanes with members are for none."""
    lanes = [lane for lane, (audience, members) in LANES.items() if LEVELS.index(audience) <= LEVELS.index(level) and not members]
    node, out = story.node, {}
    for form in ("stix", "misp", "csv", "intelmq"):
        out[form] = 0, {}, node.run("export", "--format", form, "--audience", level, "-o", "-").out
    node.run("snapshot", "--audience", level, "-o", tmp_path / "it")
    out["snapshot"] = 0, {}, (tmp_path / "it").read_bytes().decode("latin-1")
    assert not leaks(out, [lane for lane in LANES if lane not in lanes])
    for lane in lanes:
        if lane != "decisions":
            assert all(word("domain", lane) in text for _, _, text in out.values()), lane


@pytest.mark.parametrize("lane", TOLD_LANES)
def test_hooks_send_their_lane(story, lane):
    shown = [word(kind, lane) for kind in ("domain", "pattern", "attribute", "intelmq", "shadow", "why", "remote")]
    sent = wait_for(lambda: (lambda text: all(w in text for w in shown) and {"hook": (0, {}, text)})("".join(
        f"{fields}\n{body.decode('latin-1')}" for fields, body in story.a.receivers[lane].requests)), "all that the lane was told")
    assert not leaks(sent, [other for other in LANES if other != lane], ("domain", "address"))  # each says something of the public ones, too


def test_the_log_tells_of_nothing(story):
    """Names of sources, hooks and peers stand in the daemon's log; what was told, and what opens a door, does not."""
    logged = {"log": (0, {}, (story.node.path / "serve.log").read_text())}
    assert not leaks(logged, LANES, NODE_WORDS)
    assert not [t for t in story.a.tokens.values() if t and t[16:] in logged["log"][2]]


# ---- who may see everything, and what is decided for everybody ----

def test_everybody_may_see_everything(tmp_path, started):
    """With audience = red the lanes without members are for everybody. What the node says of itself is not."""
    node, a = build(tmp_path / "open", started)
    for lane in ("public", "restricted", "sealed"):
        tell(node, a, lane)
    a.daemon.stop()
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write("audience = red\n")
    a.daemon = started(node)
    a.open.clear()
    answers = sweep(a, "nobody")
    everything = "\n".join(text for _, _, text in answers.values())
    assert not [w for w in words("restricted").values() if w not in everything]
    assert not leaks(answers, ["sealed"])
    lanes = [lane["name"] for lane in json.loads(a.ask("GET", "/lanes")[2])["lanes"]]
    assert "node" not in lanes and "restricted" in lanes and '"lane":"node"' not in everything and a.ask("GET", "/lanes/node/checkpoint")[0] == 404
    a.close()


def test_policies_make_nothing_public(tmp_path):
    """A decision is told to all who see the lane of decisions: a machine makes none of what they do not see, unless the policy says so."""
    node = Node(tmp_path / "node")
    node.run("init")
    node.run("lane", "create", "ring", "--audience", "tlp:green", "--members", "ring-bank")
    for lane in ("public", "community", "ring", "members", "restricted"):
        for n in "ab":
            node.run("source", "add", f"{lane}-{n}", "--weight", "40", "--category", "phishing")
            node.run("import", "-q", "--lane", lane, "--source", f"{lane}-{n}", "-", stdin=f"{word('policy', lane)}.example\n".encode())
    for audience, lanes in (("", ("public", "community")), ("audience=clear", ("public",)), ("audience=amber", ("public", "community", "members")),
                            ("audience=red", ("public", "community", "members", "restricted"))):
        (node.path / "sipar.conf").write_text(f"policy = auto reason=phishing min_score=60 kinds=domain {audience}\n")
        assert set(node.run("policy", "run", "--dry-run").out.split()) == {f"{word('policy', lane)}.example" for lane in lanes}
    (node.path / "sipar.conf").write_text("policy = auto reason=phishing audience=purple\n")
    assert "none of clear" in node.run("policy", code=64).err


def test_what_protects_stays_where_it_was_told(tmp_path, started):
    """A list that few may see takes a value out of force; those who see the decision are not told which list, nor what else stands in it."""
    node, a = build(tmp_path / "node", started)
    for value in ("203.0.113.0/24", "blocked.example", "198.51.100.7"):
        node.run("block", value, "--reason", "phishing", "--as", "cert/aisha")
    wl = {"name": word("listname", "restricted"), "version": 1, "type": "substring", "description": "x", "matching_attributes": ["domain"], "list": ["blocked.examp"]}
    for how, told in (("misp-warninglist", json.dumps(wl)), ("lines", f"{word('protected', 'restricted')}.blocked.example\n203.0.113.77\n198.51.100.7\n")):
        node.run("import", "-q", "--lane", "restricted", "--source", word("source", "restricted"), "--as", "protected", "--format", how, "-",
                 stdin=told.encode())
    wait_for(lambda: len(re.findall("suspend", a.stream("green", "decisions")[2])) == 3, "the suspensions")
    answers = sweep(a, "green")
    assert not [(r, w) for r, (_, _, text) in answers.items() for w in ("source-restricted", "listname-", "a text rule", "protected-restricted", "203.0.113.77") if w in text and w not in r]
    a.close()


def test_a_list_does_not_move_out_of_sight(tmp_path):
    """What a list says is over when it says something else: not where fewer people see it, since the others would know that it does."""
    node = Node(tmp_path / "node")
    node.run("init")
    node.run("lane", "create", "ring", "--audience", "tlp:green", "--members", "ring-bank")

    def told(lane, *options):
        return node.run("import", "--lane", lane, "--source", "list", *options, "-", stdin=b"192.0.2.7\n", code=None)
    assert told("community").returncode == 0 and told("community").returncode == 0
    for lane in ("members", "restricted", "ring"):
        done = told(lane)
        assert done.returncode == 2 and 'is a list that lane "community" has' in done.err, done
    assert told("public").returncode == 0  # who sees the one sees the other
    node.run("source", "set", "list", "--event")
    assert told("restricted").returncode == 0  # what adds takes nothing away


def test_what_is_hidden_takes_no_room(tmp_path, started):
    """However many prefixes in prefixes a hidden lane has, the public ones around them count as before."""
    node = Node(tmp_path / "node")
    node.run("init")
    node.counts("list", "-", stdin=b"2001:db8::/32\n198.51.0.0/16\n")
    a = Asking(started(node), None)
    values = ["2001:db8:0:0:1::1", "198.51.100.7"]
    before = [a.ask("GET", f"/v1/lookup/{v}") for v in values]
    assert all(json.loads(text)["sources"] == ["list"] for _, _, text in before)
    nested = [f"{ipaddress.ip_network((v, length), strict=False)}" for v, least, most in ((values[0], 33, 128), (values[1], 17, 32)) for length in range(least, most + 1)]
    for source in ("one", "two", "three"):
        node.counts(source, "--lane", "restricted", "-", stdin="".join(f"{p}\n" for p in nested).encode())
    assert [a.ask("GET", f"/v1/lookup/{v}") for v in values] == before
    assert len(node.why(values[0])["lines"]) > 96
