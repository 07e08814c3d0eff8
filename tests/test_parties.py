"""Parties, their tokens and roles: who sees what over HTTP, and from when on no more."""
import hashlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess

from conftest import LIMIT, Daemon, wait_for
from test_rpz_tls import Authority, ca  # noqa: F401


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


def test_pace(node, serve):
    """So many a minute, all at once if they like; what is left is in each answer, and another token has its own."""
    node.run("party", "add", "Bank")
    slow, other, free = new(node, "bank", "reader", "--rate", "5"), new(node, "bank", "reader"), new(node, "bank", "reader", "--rate", "0")
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write("http_rate = 1000\n")
    daemon = serve(node)
    status, headers, _ = curl(daemon, "/lanes", *bearer(slow))
    assert status == 200 and headers["ratelimit-policy"] == '"token";q=5;w=60' and headers["ratelimit"] == '"token";r=4;t=12'
    taken = 1
    while curl(daemon, "/lanes", *bearer(slow))[0] == 200:
        taken += 1
    assert 5 <= taken < 100
    status, headers, body = curl(daemon, "/lanes", *bearer(slow))
    if status == 429:  # unless a place has come free just now
        assert 1 <= int(headers["retry-after"]) <= 12 and json.loads(body)["status"] == 429 and headers["ratelimit"].startswith('"token";r=0;t=')
    _, headers, _ = curl(daemon, "/lanes", *bearer(other))
    assert headers["ratelimit-policy"] == '"token";q=1000;w=60' and headers["ratelimit"].startswith('"token";r=999;')
    assert "ratelimit" not in curl(daemon, "/lanes", *bearer(free))[1]
    assert "ratelimit" not in curl(daemon, "/lanes")[1]  # nobody, from loopback
    assert curl(daemon, "/nothing", *bearer(other))[1]["ratelimit-policy"] == '"token";q=1000;w=60'  # of any answer


# ---- HTTPS ----

def secure(node, ca, client_ca=None):
    """The node is to answer over TLS alone; its files."""
    files = node.path / "tls.pem", node.path / "tls.key"
    ca.sign("sipar", files)
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write("https = 127.0.0.1:0\ntls_cert = tls.pem\ntls_key = tls.key\n" + (f"tls_client_ca = {client_ca}\n" if client_ca else ""))
    return files


def curl_tls(daemon, ca, path, *args):
    """(curl's exit code, status, body)"""
    done = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", "--max-time", str(LIMIT), "--cacert", str(ca.cert), "--resolve",
                           f"sipar.example:{daemon.https_port}:127.0.0.1", *map(str, args), f"https://sipar.example:{daemon.https_port}{path}"],
                          capture_output=True, text=True)
    body, _, status = done.stdout.rpartition("\n")
    return done.returncode, int(status), body


def tls_lanes(daemon, ca, *args):
    code, status, body = curl_tls(daemon, ca, "/lanes", *args)
    assert (code, status) == (0, 200), (code, status, body)
    return [lane["name"] for lane in json.loads(body)["lanes"]]


def served(daemon):
    """Fingerprint of the certificate that a new connection is shown."""
    plain = socket.create_connection(("127.0.0.1", daemon.https_port), timeout=LIMIT)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(plain) as s:
        return hashlib.sha256(s.getpeercert(True)).hexdigest()


def test_over_tls(node, serve, ca):
    """The same answers; a certificate that is replaced is taken while connections stay what they were."""
    files = secure(node, ca)
    node.run("party", "add", "Bank", "--clearance", "green")
    token = new(node, "bank", "reader")
    daemon = serve(node, "--http", "off")
    assert daemon.http_port == 0 and daemon.https_port
    assert tls_lanes(daemon, ca) == ["public"] and tls_lanes(daemon, ca, *bearer(token)) == ["public", "community", "decisions"]
    assert tls_lanes(daemon, ca, "--tls-max", "1.2") == ["public"]
    assert curl_tls(daemon, ca, "/lanes", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")[0] != 0
    body = b"192.0.2.1\n" * 50000  # several records each way
    (node.path / "many").write_bytes(body)
    code, status, text = curl_tls(daemon, ca, "/v1/lookup", "--data-binary", f"@{node.path}/many")
    assert (code, status, text.count('"192.0.2.1"')) == (0, 200, 50000)
    # a connection that is open keeps its session over a change of the certificate
    before = served(daemon)
    context = ssl.create_default_context(cafile=str(ca.cert))
    connection = http.client.HTTPSConnection("127.0.0.1", daemon.https_port, context=context, timeout=LIMIT)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read()
    ca.sign("sipar", files)
    assert wait_for(lambda: served(daemon) != before, "the new certificate")
    connection.request("GET", "/healthz")
    assert connection.getresponse().read()
    connection.close()
    # one that is no certificate is not taken
    now = served(daemon)
    (node.path / "bad").write_text("nothing")
    os.rename(node.path / "bad", files[0])
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "stays what it was" in (node.path / "serve.log").read_text(), "the complaint")
    assert served(daemon) == now and tls_lanes(daemon, ca) == ["public"]


def test_certificates_of_clients(node, serve, ca, tmp_path):
    """Mutual TLS: a certificate that the authority has signed and that is a party's is as good as a token."""
    other = Authority(tmp_path, "other")
    mine, stranger, forged = ca.sign("mine", purpose="clientAuth"), ca.sign("stranger", purpose="clientAuth"), other.sign("forged", purpose="clientAuth")
    wrong = ca.sign("wrong", purpose="serverAuth")
    secure(node, ca, ca.cert)
    node.run("party", "add", "Bank", "--clearance", "green")
    token = new(node, "bank", "auditor")
    ids = [node.run("token", "cert", "bank", "--role", "reader", "--cert", files[0]).out.strip() for files in (mine, forged, wrong)]
    print_of = subprocess.run(["openssl", "x509", "-in", mine[0], "-noout", "-fingerprint", "-sha256"], capture_output=True, text=True, check=True).stdout.strip().split("=")[1]
    assert "already" in node.run("token", "cert", "bank", "--role", "reader", "--cert", print_of, code=2).err
    told = [json.loads(line) for line in node.run("token", "list", "--json", "bank").out.splitlines()]
    assert [t["fingerprint"] for t in told if t["id"] == ids[0]] == ["sha256:" + print_of.replace(":", "").lower()]
    daemon = serve(node)

    def shows(files):
        return "--cert", files[0], "--key", files[1]

    assert tls_lanes(daemon, ca) == ["public"]  # asked for, not needed
    assert tls_lanes(daemon, ca, *shows(mine)) == ["public", "community", "decisions"]
    assert tls_lanes(daemon, ca, "--tls-max", "1.2", *shows(mine)) == ["public", "community", "decisions"]
    assert curl_tls(daemon, ca, "/lanes", *shows(stranger))[:2] == (0, 401)
    for files in (forged, wrong):  # not signed by whom we trust, or not for clients: no session
        code, status, _ = curl_tls(daemon, ca, "/lanes", *shows(files))
        assert code != 0 and status == 0
    assert tls_lanes(daemon, ca, *shows(stranger), *bearer(token)) == ["public", "community", "node", "decisions"]  # a token goes before it
    assert curl(daemon, "/lanes")[0] == 200
    # on one connection that stays open, too
    context = ssl.create_default_context(cafile=str(ca.cert))
    context.load_cert_chain(*mine)
    connection = http.client.HTTPSConnection("127.0.0.1", daemon.https_port, context=context, timeout=LIMIT)
    for ended in (False, True):
        connection.request("GET", "/lanes")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == (401 if ended else 200)
        if not ended:
            node.run("token", "revoke", ids[0])
    connection.close()
    assert "nobody's" in (node.path / "serve.log").read_text()


def test_plain_is_for_loopback(node, serve):
    done = node.run("serve", "--http", "0.0.0.0:0", "--dns", "off", "--rpz", "off", code=64)
    assert "http_plain" in done.err and "loopback" in done.err
    assert "tls_cert" in node.run("serve", "--http", "off", "--https", "127.0.0.1:0", "--dns", "off", "--rpz", "off", code=64).err
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write("http_plain = yes\n")
    daemon = serve(node, "--http", "0.0.0.0:0")
    assert curl(daemon, "/healthz")[0] == 200


# ---- by HTTP ----

def send(daemon, method, path, token, body=None):
    args = [] if body is None else ["-H", "Content-Type: application/json", "--data-binary", body if isinstance(body, str) else json.dumps(body)]
    status, _, text = curl(daemon, path, "-X", method, *(bearer(token) if token else []), *args)
    return status, json.loads(text) if text else None


def test_administration(node, serve):
    """Administrators change, auditors look, nobody else does either; the lane says who did it."""
    node.run("party", "add", "Hub")
    admin, auditor, approver = (new(node, "hub", role) for role in ("administrator", "auditor", "approver"))
    daemon = serve(node)
    # default deny
    for method, path, body in (("GET", "/v1/parties", None), ("GET", "/v1/tokens", None), ("POST", "/v1/parties", {"title": "X"}), ("POST", "/v1/parties/hub", {"sector": "x"}),
                               ("DELETE", "/v1/parties/hub", None), ("POST", "/v1/tokens", {"party": "hub", "role": "reader"}), ("DELETE", "/v1/tokens/aaaaaaaaaa", None)):
        assert send(daemon, method, path, None, body)[0] == 401
        assert send(daemon, method, path, approver, body)[0] == 403
        assert send(daemon, method, path, auditor, body)[0] == (200 if method == "GET" else 403)
    assert [p["name"] for p in send(daemon, "GET", "/v1/parties", auditor)[1]["parties"]] == ["hub"]
    assert [t["role"] for t in send(daemon, "GET", "/v1/tokens", admin)[1]["tokens"]] == ["administrator", "auditor", "approver"]
    # done
    status, party = send(daemon, "POST", "/v1/parties", admin, {"title": "State \"Bank\"", "sector": "finance"})
    assert status == 201 and (party["name"], party["title"], party["clearance"]) == ("state-bank", 'State "Bank"', "clear")
    status, party = send(daemon, "POST", "/v1/parties/state-bank", admin, {"clearance": "green", "sector": ""})
    assert status == 200 and (party["clearance"], party["sector"], party["title"]) == ("green", "", 'State "Bank"')
    status, made = send(daemon, "POST", "/v1/tokens", admin, {"party": "state-bank", "role": "reader", "cidr": ["127.0.0.1", "2001:db8::/32"], "expires": "1y", "rate": 7, "label": "x"})
    assert status == 201 and made["token"][6:16] == made["id"]
    assert lanes(daemon, *bearer(made["token"])) == ["public", "community", "decisions"]
    listed_now = {t["id"]: t for t in send(daemon, "GET", "/v1/tokens", auditor)[1]["tokens"]}[made["id"]]
    assert listed_now["cidr"] == ["127.0.0.1", "2001:db8::/32"] and listed_now["rate"] == 7 and listed_now["label"] == "x"
    assert made["token"][16:] not in json.dumps(listed_now)
    assert send(daemon, "DELETE", f"/v1/tokens/{made['id']}", admin)[0] == 204
    assert send(daemon, "DELETE", f"/v1/tokens/{made['id']}", admin)[0] == 404
    assert curl(daemon, "/lanes", *bearer(made["token"]))[0] == 401
    assert send(daemon, "DELETE", "/v1/parties/state-bank", admin)[0] == 204
    # not done
    for method, path, body, expected, says in (
            ("POST", "/v1/parties", {"title": "Hub"}, 409, "already"), ("POST", "/v1/parties", {}, 400, "title"), ("POST", "/v1/parties", "{", 400, "JSON"),
            ("POST", "/v1/parties", {"title": "X", "role": "reader"}, 400, "no \"role\""), ("POST", "/v1/parties", {"title": "X", "size": "1"}, 400, "size"),
            ("POST", "/v1/parties", {"title": "X", "clearance": "tlp:blue"}, 400, "clearance"), ("POST", "/v1/parties", {"title": "X\u0007"}, 400, "control"),
            ("POST", "/v1/parties", '{"title":"X","title":"Y"}', 400, "twice"), ("POST", "/v1/parties/hub", {"name": "y"}, 400, "keeps its name"),
            ("POST", "/v1/parties/hub", {}, 400, "nothing is said"), ("POST", "/v1/parties/none", {"title": "X"}, 404, "no party"), ("DELETE", "/v1/parties/none", None, 404, "no party"),
            ("POST", "/v1/tokens", {"party": "hub"}, 400, "role"), ("POST", "/v1/tokens", {"party": "none", "role": "reader"}, 404, "no party"),
            ("POST", "/v1/tokens", {"party": "hub", "role": "reader", "cidr": ["x.example"]}, 400, "x.example"),
            ("POST", "/v1/tokens", {"party": "hub", "role": "reader", "expires": "then"}, 400, "expires"), ("POST", "/v1/tokens", {"party": "hub", "role": "reader", "rate": -1}, 400, "rate"),
            ("POST", "/v1/tokens", {"party": "hub", "role": "reader", "cidr": [1]}, 400, "cidr"), ("DELETE", "/v1/tokens/none", None, 404, "no such token")):
        status, problem = send(daemon, method, path, admin, body)
        assert status == expected and says in problem["detail"], (method, path, body, problem)
    bodies = [json.loads(line) for line in node.run("log", "--lane", "node", "--json", "--reverse").out.splitlines()]
    said = [e for e in bodies if e["kind"] == "party" and e["party"] == "hub"]
    assert len(said) == 5 and all(admin[6:16] in json.dumps(e) for e in said) and admin[16:] not in json.dumps(bodies)


def test_stream_ends_with_its_token(node, serve, ca):
    """An answer that lasts ends when its token does, over TLS as without."""
    secure(node, ca)
    node.run("party", "add", "Bank", "--clearance", "amber")
    tokens = [new(node, "bank", "reader") for _ in range(2)]
    daemon = serve(node)
    ways = [["curl", "-sN", *bearer(tokens[0]), f"http://127.0.0.1:{daemon.http_port}/v1/stream?lane=members"],
            ["curl", "-sN", *bearer(tokens[1]), "--cacert", str(ca.cert), "--resolve", f"sipar.example:{daemon.https_port}:127.0.0.1",
             f"https://sipar.example:{daemon.https_port}/v1/stream?lane=members"]]
    streams = [subprocess.Popen(way, stdout=subprocess.PIPE, text=True) for way in ways]
    for stream in streams:
        assert any(line.startswith("id: ") for line in stream.stdout)  # it has begun
    node.counts("members", "--lane", "members", "-", stdin=b"first.example\n")
    for stream in streams:
        assert any("first.example" in line for line in stream.stdout)
    node.run("token", "revoke", tokens[0])
    node.run("party", "set", "bank", "--clearance", "green")
    node.counts("members", "--lane", "members", "-", stdin=b"second.example\n")
    for stream in streams:
        rest = stream.stdout.read()
        stream.wait(timeout=LIMIT)
        assert "second.example" not in rest


def test_pace_of_an_address(node, lan):
    """Who comes without a token has a pace by address; from loopback there is none."""
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write("http_plain = yes\nhttp_rate = 3\n")
    lan.run("ip", "addr", "add", "192.0.2.1/32", "dev", "lo")
    lan.run("ip", "addr", "add", "192.0.2.2/32", "dev", "lo")
    node.within = lan.within
    daemon = Daemon(node, "--http", "0.0.0.0:0")
    try:
        def ask(to, source):
            return lan.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %header{ratelimit-policy}", "--interface", source, f"http://{to}:{daemon.http_port}/lanes")
        for _ in range(10):
            assert ask("127.0.0.1", "127.0.0.1") == "200 "
        assert [ask("192.0.2.1", "192.0.2.1") for _ in range(3)] == ['200 "address";q=3;w=60'] * 3
        wait_for(lambda: ask("192.0.2.1", "192.0.2.1").startswith("429"), "the limit")
        assert ask("192.0.2.1", "192.0.2.2").startswith("200")
    finally:
        assert daemon.stop() == 0
