"""Parties, their tokens and roles: who sees what over HTTP, and from when on no more."""
import json
import subprocess

from conftest import LIMIT, wait_for


def curl(daemon, path, *args):
    """(status, headers in lower case, body) as curl(1) gets them."""
    done = subprocess.run(["curl", "-s", "-i", "--max-time", str(LIMIT), *args, f"http://127.0.0.1:{daemon.http_port}{path}"], capture_output=True)
    assert done.returncode == 0, done
    head, _, body = done.stdout.decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    return int(lines[0].split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}, body


def bearer(token):
    return ["-H", f"Authorization: Bearer {token}"]


def new(node, party, role, *options):
    token = node.run("token", "new", party, "--role", role, *options).out.strip()
    assert token.startswith("sipar_") and len(token) == 57
    return token


def lanes(daemon, *args):
    status, _, body = curl(daemon, "/lanes", *args)
    assert status == 200, body
    return [lane["name"] for lane in json.loads(body)["lanes"]]


def listed(daemon, value, *args):
    status, _, body = curl(daemon, f"/v1/lookup/{value}", *args)
    assert status == 200, body
    return json.loads(body)["listed"]


def test_lanes_of_a_party(node, serve):
    """Each sees the lanes of its clearance, those with members when it is one; for others they were never made."""
    node.run("lane", "create", "club", "--audience", "tlp:amber", "--members", "state-bank,isp")
    assert "state-bank" in node.run("party", "add", "State Bank", "--sector", "finance", "--clearance", "amber", "--contact", "soc@bank.example").out
    node.run("party", "add", "Press", "--as", "hub/aisha")
    for lane, value in (("public", "192.0.2.1"), ("members", "192.0.2.2"), ("club", "192.0.2.3"), ("restricted", "192.0.2.4")):
        node.counts(lane, "--lane", lane, "-", stdin=value.encode())
    bank, press = new(node, "state-bank", "reader"), new(node, "press", "reader")
    daemon = serve(node)
    assert lanes(daemon) == ["public"]
    assert lanes(daemon, *bearer(bank)) == ["public", "community", "members", "decisions", "club"]
    assert lanes(daemon, *bearer(press)) == ["public"]
    for auth, sees in (((), (1, 0, 0, 0)), (bearer(bank), (1, 1, 1, 0)), (bearer(press), (1, 0, 0, 0))):
        assert tuple(listed(daemon, f"192.0.2.{i}", *auth) for i in range(1, 5)) == sees
    # what may not be seen is answered as what there never was
    hidden, never = (curl(daemon, f"/lanes/{lane}/checkpoint", *bearer(press)) for lane in ("club", "klub"))
    assert hidden[0] == never[0] == 404 and hidden[2].replace("club", "klub") == never[2]
    assert curl(daemon, "/lanes/club/checkpoint", *bearer(bank))[0] == 200
    # lanes and clearances that come later count at once
    node.run("lane", "create", "late", "--audience", "tlp:green")
    assert lanes(daemon, *bearer(bank)) == ["public", "community", "members", "decisions", "club", "late"]
    node.run("party", "set", "state-bank", "--clearance", "clear")
    assert lanes(daemon, *bearer(bank)) == ["public"]
    node.run("party", "set", "press", "--clearance", "red")
    assert lanes(daemon, *bearer(press)) == ["public", "community", "members", "restricted", "decisions", "late"]
    # what is said about parties is for those who keep it and those who look
    for role, sees in (("administrator", True), ("auditor", True), ("approver", False)):
        assert ("node" in lanes(daemon, *bearer(new(node, "press", role)))) == sees
    shown = json.loads(node.run("party", "show", "state-bank", "--json").out)
    assert (shown["clearance"], shown["lanes"], [t["role"] for t in shown["held"]]) == ("clear", ["public"], ["reader"])
    log = node.run("log", "--lane", "node").out
    assert "party" in log and bank[16:] not in log
    assert '"by":"aisha"' in node.run("log", "--lane", "node", "--json").out.replace('\\"', '"')


def test_ways_to_say_it(node, serve):
    """Bearer, Basic as password or user, bare as for MISP, and X-Api-Key; nothing that is wrong tells what."""
    node.run("party", "add", "Bank", "--clearance", "green")
    token = new(node, "bank", "reader")
    daemon = serve(node)
    ways = [bearer(token), ["-u", f"x:{token}"], ["-u", f"{token}:"], ["-H", f"Authorization: {token}"], ["-H", f"X-Api-Key: {token}"],
            ["-H", f"authorization: bearer  {token} "]]
    for way in ways:
        assert lanes(daemon, *way) == ["public", "community", "decisions"], way
    flipped = token[:30] + ("a" if token[30] != "a" else "b") + token[31:]
    answers = set()
    for way in (bearer(flipped), bearer("sipar_"), bearer(token + "a"), bearer(token[:-1]), ["-H", f"X-Api-Key: {flipped}"], ["-u", f"{flipped}:x"]):
        status, headers, body = curl(daemon, "/lanes", *way)
        assert status == 401 and headers["www-authenticate"].startswith("Basic realm=")
        answers.add(body)
    assert len(answers) == 1 and json.loads(answers.pop())["status"] == 401
    # a key of another shape is no affair of ours: what everybody sees
    assert lanes(daemon, *bearer("something")) == ["public"]
    assert lanes(daemon, "-H", "Authorization: Basic !!!") == ["public"]
    log = (node.path / "serve.log").read_text()
    assert "mistyped" in log and token[16:40] not in log and flipped[16:] not in log
    # failures of one address are not answered for ever, and shut nobody out
    assert wait_for(lambda: curl(daemon, "/lanes", *bearer(flipped))[0] == 429, "the limit")
    status, headers, _ = curl(daemon, "/lanes", *bearer(flipped))
    assert status == 429 and int(headers["retry-after"]) > 0
    assert lanes(daemon, *bearer(token)) == ["public", "community", "decisions"] and lanes(daemon) == ["public"]


def test_until_when_and_from_where(node, serve):
    node.run("party", "add", "Bank", "--clearance", "green")
    near, far = new(node, "bank", "reader", "--cidr", "127.0.0.0/8,2001:db8::/32"), new(node, "bank", "reader", "--cidr", "198.51.100.0/24", "--label", "siem")
    short = new(node, "bank", "reader", "--expires", "1s")
    daemon = serve(node)
    assert lanes(daemon, *bearer(near)) == ["public", "community", "decisions"]
    assert curl(daemon, "/lanes", *bearer(far))[0] == 401
    assert wait_for(lambda: curl(daemon, "/lanes", *bearer(short))[0] == 401, "the end of a token")
    # used, and until when: while the daemon runs, and after it
    def told():
        return {t["id"]: t for t in map(json.loads, node.run("token", "list", "--all", "--json").out.splitlines())}
    tokens = told()
    assert tokens[near[6:16]]["last_used"] and not tokens[far[6:16]]["last_used"]
    assert [tokens[t[6:16]]["state"] for t in (near, far, short)] == ["valid", "valid", "expired"]
    assert tokens[far[6:16]]["cidr"] == ["198.51.100.0/24"] and tokens[far[6:16]]["label"] == "siem"
    # revoked: no more, from the moment on when the command returns
    node.run("token", "revoke", near[6:16])
    assert curl(daemon, "/lanes", *bearer(near))[0] == 401
    assert "no token" in node.run("token", "revoke", near[6:16], code=2).err
    again = new(node, "bank", "reader")
    assert lanes(daemon, *bearer(again)) == ["public", "community", "decisions"]
    node.run("party", "remove", "bank")
    assert curl(daemon, "/lanes", *bearer(again))[0] == 401
    node.run("party", "add", "Bank")
    assert curl(daemon, "/lanes", *bearer(again))[0] == 401
    node.run("rebuild")
    assert daemon.stop() == 0
    tokens = told()
    assert tokens[near[6:16]]["last_used"] and tokens[near[6:16]]["state"] == "revoked" and not tokens[far[6:16]]["last_used"]
    node.run("verify")


def test_keys_of_feeds_stay(decider, serve):
    """A consumer's key and a party's token go their own ways."""
    decider.run("feed", "add", "edge", "--type", "list")
    decider.run("feed", "add", "open", "--type", "list", "--open")
    key = json.loads(decider.run("feed", "--json", "key", "edge", "fw").out)["api_key"]
    decider.run("party", "add", "Bank", "--clearance", "green")
    token = new(decider, "bank", "reader")
    daemon = serve(decider)
    assert curl(daemon, "/v1/feeds/edge.txt", *bearer(key))[0] == 200
    assert curl(daemon, "/v1/feeds/open.txt")[0] == 200
    assert curl(daemon, "/v1/feeds/open.txt", *bearer(token))[0] == 200
    assert curl(daemon, "/v1/feeds/edge.txt", *bearer(token))[0] == 401
    assert curl(daemon, "/v1/feeds/open.txt", "-H", "X-Api-Key: nobodys")[0] == 403


def test_wrong_words(node):
    node.run("party", "add", "Bank")
    for args, code, says in (
            (("party", "add", "Bank"), 2, "already"), (("party", "add", "..."), 64, "--name"), (("party", "add", "Local"), 64, "--name"),
            (("party", "add", "X", "--clearance", "purple"), 64, "clearance"), (("party", "set", "bank"), 2, "nothing is said"),
            (("party", "set", "nobody", "--sector", "x"), 2, "no party"), (("party", "grow"), 64, "none of"), (("party", "show", "nobody"), 2, "no party"),
            (("token", "new", "bank"), 64, "--role"), (("token", "new", "bank", "--role", "king"), 64, "king"),
            (("token", "new", "bank", "--role", "reader", "--expires", "soon"), 64, "soon"), (("token", "new", "bank", "--role", "reader", "--expires", "2001-01-01"), 64, "over"),
            (("token", "new", "bank", "--role", "reader", "--cidr", "evil.example"), 64, "evil.example"), (("token", "new", "nobody", "--role", "reader"), 2, "no party"),
            (("token", "cert", "bank", "--role", "reader"), 64, "--cert"), (("token", "cert", "bank", "--role", "reader", "--cert", "/etc/passwd"), 2, "certificate"),
            (("token", "revoke", "abc"), 2, "no token"), (("token", "list", "nobody"), 2, "no party"), (("token", "list", "a", "b"), 64, "none of")):
        done = node.run(*args, code=None)
        assert done.returncode == code and says in done.err and not done.out, (args, done.returncode, done.err)
