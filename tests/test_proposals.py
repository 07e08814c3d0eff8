"""Decisions by parties over HTTP: proposed, approved by another, undone by one; and what they may not."""
import json

import pytest

from test_parties import curl, new, send


@pytest.fixture
def desk(node, serve):
    """Two parties at a node, and what they say with their tokens."""
    for party in ("CERT", "ISP", "Bank"):
        node.run("party", "add", party, "--clearance", "clear" if party == "Bank" else "green")
    node.run("feed", "add", "edge", "--type", "list", "--open")
    node.counts("alexa", "--as", "false-positive", "--lane", "restricted", "-", stdin=b"hidden.example\n")
    node.run("protect", "add", "guarded.example", "--why", "a word for few", code=0)

    class Desk:
        daemon = serve(node)
        analyst, approver, reader, outside = new(node, "cert", "analyst"), new(node, "isp", "approver"), new(node, "isp", "reader"), new(node, "bank", "approver")

        def say(self, token, path, body, code=200, method="POST"):
            status, answer = send(self.daemon, method, path, token, body)
            assert status == code, (path, body, status, answer)
            return answer

        def look(self, token, path="/v1/proposals", code=200):
            return self.say(token, path, None, code, "GET")

        def blocked(self):
            return sorted(line for line in curl(self.daemon, "/v1/feeds/edge.txt")[2].splitlines() if line[:1] not in ("", "#", "*"))

    return Desk()


def test_two_keys(desk, node):
    """A proposal of one party, in force by the approval of another, out of force by one voice; all of it in the log under their names."""
    made = desk.say(desk.analyst, "/v1/proposals", {"values": ["hxxp://evil[.]example/x", "198.51.100.7"], "reason": "phishing", "for": "2d", "why": "seen",
                                                    "evidence": "https://evidence.example/1"}, 201)
    path = f"/v1/proposals/{made['decision'].split('/')[1]}"
    assert (made["state"], made["values"], made["first"]) == ("proposed", 2, "http://evil.example/x")
    assert [(v["party"], v["by"], v["why"]) for v in made["voices"]] == [("cert", desk.analyst[6:16], "seen")] and desk.blocked() == []
    assert [d["decision"] for d in desk.look(desk.reader)["decisions"]] == [made["decision"]]
    assert desk.look(desk.reader, path)["all"] == ["http://evil.example/x", "198.51.100.7"]
    assert desk.say(new(node, "cert", "approver"), f"{path}/approve", {})["state"] == "proposed" and desk.blocked() == []  # of the same party
    done = desk.say(desk.approver, f"{path}/approve", {"why": "so it is"})
    assert done["state"] == "active" and done["voices"][2]["party"] == "isp" and done["voices"][2]["by"] == desk.approver[6:16]
    assert "198.51.100.7" in desk.blocked()
    assert desk.look(desk.reader) == {"decisions": [], "more": False}
    assert len(desk.look(desk.reader, "/v1/proposals?state=active")["decisions"]) == 1

    before = desk.look(desk.reader, "/v1/proposals?state=all&after=0")["decisions"]
    undone = desk.say(desk.analyst, "/v1/unblock", {"value": "198.51.100.7", "why": "a mistake"})
    assert undone["said"].startswith("decisions/") and "198.51.100.7" not in desk.blocked()
    desk.say(desk.approver, f"{path}/suspend", {})
    assert [d["state"] for d in desk.look(desk.reader)["decisions"]] == ["suspended"]
    assert desk.say(desk.approver, f"{path}/refuse", {})["state"] == "refused"
    assert desk.look(desk.reader, f"/v1/proposals?state=all&after={made['decision'].split('/')[1]}")["decisions"] == [] and len(before) == 1
    again = desk.say(desk.analyst, "/v1/proposals", {"values": "other.example", "reason": "c2", "action": "challenge", "exact": True}, 201)
    assert (again["action"], again["reason"]) == ("challenge", "c2")
    desk.say(desk.approver, f"/v1/proposals/{again['decision'].split('/')[1]}/approve", {})
    desk.say(desk.analyst, "/v1/unblock", {"decision": int(again["decision"].split("/")[1]), "why": "enough"})
    said = [json.loads(line) for line in node.run("log", "--lane", "decisions", "--json", "--reverse").out.splitlines()]
    assert {e["party"] for e in said if e["kind"] == "decision"} >= {"cert", "isp"}


def test_nobody_is_two(node, serve):
    """Where one approval of the same party is enough, it takes two tokens."""
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write("approvals = 1\nparties = 1\n")
    node.run("party", "add", "CERT", "--clearance", "green")
    daemon, one, other = serve(node), new(node, "cert", "approver"), new(node, "cert", "approver")
    made = send(daemon, "POST", "/v1/proposals", one, {"values": ["evil.example"], "reason": "c2"})[1]["decision"].split("/")[1]
    status, answer = send(daemon, "POST", f"/v1/proposals/{made}/approve", one, {})
    assert status == 409 and "somebody else must" in answer["detail"]
    assert send(daemon, "POST", f"/v1/proposals/{made}/approve", other, {})[1]["state"] == "active"


def test_who_may_not(desk):
    """Roles, lanes that are not seen, and what protects in a lane for others."""
    body = {"values": ["evil.example"], "reason": "phishing"}
    assert send(desk.daemon, "POST", "/v1/proposals", None, body)[0] == 401
    desk.say(desk.reader, "/v1/proposals", body, 403)
    made = desk.say(desk.analyst, "/v1/proposals", body, 201)["decision"].split("/")[1]
    for what, token in (("approve", desk.analyst), ("refuse", desk.analyst), ("suspend", desk.reader)):
        desk.say(token, f"/v1/proposals/{made}/{what}", {}, 403)
    desk.say(desk.reader, "/v1/unblock", {"value": "evil.example", "why": "x"}, 403)
    # The lane is for green: who is not, is told the same of what there is and what there is not.
    assert send(desk.daemon, "GET", "/v1/proposals", None)[0] == 404
    seen = [desk.look(desk.outside, f"/v1/proposals/{n}", 404)["detail"] for n in (made, 999)]
    assert seen[0] == seen[1]
    assert desk.say(desk.outside, f"/v1/proposals/{made}/approve", {}, 404)["detail"] == seen[0] and desk.say(desk.outside, "/v1/proposals", body, 404)["detail"] == seen[0]
    # Protected: that, and no word of why or by whom.
    refused = desk.say(desk.analyst, "/v1/proposals", {"values": ["guarded.example"], "reason": "phishing"}, 409)["detail"]
    assert '"guarded.example" is protected' in refused and "word" not in refused
    assert desk.blocked() == []


@pytest.mark.parametrize("path, body, code, says", [
    ("/v1/proposals", {"values": ["evil.example"]}, 400, "reasons"),
    ("/v1/proposals", {"values": ["evil.example"], "reason": "insult"}, 400, "reasons"),
    ("/v1/proposals", {"reason": "c2"}, 400, "values"),
    ("/v1/proposals", {"values": [], "reason": "c2"}, 400, "values"),
    ("/v1/proposals", {"values": [7], "reason": "c2"}, 400, "values"),
    ("/v1/proposals", {"values": ["a.example", "no value"], "reason": "c2"}, 400, "value 2"),
    ("/v1/proposals", {"values": ["evil.example"], "reason": "c2", "for": "12y"}, 400, "184 days"),
    ("/v1/proposals", {"values": ["evil.example"], "reason": "c2", "action": "drop"}, 400, "drop"),
    ("/v1/proposals", {"values": ["evil.example"], "reason": "c2", "evidence": "a file"}, 400, "evidence"),
    ("/v1/proposals", {"values": ["evil.example"], "reason": "c2", "by": "aisha"}, 400, "by"),
    ("/v1/proposals", {"values": ["evil.example"], "reason": "c2", "why": "a\u0007b"}, 400, "control"),
    ("/v1/proposals", {"values": ["evil.example"], "reason": "c2", "exact": 1}, 400, "exact"),
    ("/v1/proposals", {"values": ["evil.example"], "reason": "c2", "policy": "mine"}, 400, "policy"),
    ("/v1/proposals", '{"values":["evil.example"],"reason":"c2","reason":"c2"}', 400, "twice"),
    ("/v1/proposals", "[]", 400, "JSON object"),
    ("/v1/proposals/999/approve", {}, 404, "no"),
    ("/v1/proposals/18446744073709551616/approve", {}, 404, "no such"),
    ("/v1/proposals/x/refuse", {}, 404, "no such"),
    ("/v1/unblock", {"value": "none.example", "why": "x"}, 404, "none.example"),
    ("/v1/unblock", {"value": "none.example"}, 400, "why"),
    ("/v1/unblock", {"why": "x"}, 400, "value"),
    ("/v1/unblock", {"why": "x", "value": "a.example", "decision": 1}, 400, "value"),
    ("/v1/unblock", {"why": "x", "decision": 999}, 404, "999"),
])
def test_mistakes(desk, path, body, code, says):
    assert says in desk.say(desk.approver, path, body, code)["detail"]


def test_questions(desk):
    for query in ("state=none", "after=x", "x=1"):
        desk.look(desk.reader, f"/v1/proposals?{query}", 400)
    desk.look(desk.reader, "/v1/proposals/7", 404)
