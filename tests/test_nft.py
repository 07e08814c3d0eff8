"""sipar enforce nft: a firewall and a peer in network namespaces of their own, a real node, and packets that are dropped and pass again."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import pytest

from conftest import LIMIT, SIPAR, Daemon, Node, wait_for

FW, PEER = f"sipar-fw-{os.getpid()}", f"sipar-peer-{os.getpid()}"
IN_FW, IN_PEER = ["ip", "netns", "exec", FW], ["ip", "netns", "exec", PEER]


def sh(*command, code=0, **kw):
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, **kw)
    assert code is None or done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module", autouse=True)
def namespaces():
    for tool in ("ip", "nft", "ping"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not here")
    if sh("ip", "netns", "add", FW, code=None).returncode:
        pytest.skip("network namespaces are not allowed here")
    try:
        sh("ip", "netns", "add", PEER)
        sh("ip", "-n", FW, "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", PEER)
        for name, addresses in ((FW, ["203.0.113.1/24", "2001:db8::1/64"]), (PEER, ["203.0.113.2/24", "203.0.113.66/24", "2001:db8::2/64"])):
            for address in addresses:
                sh("ip", "-n", name, "addr", "add", address, "dev", "veth0", *(["nodad"] if ":" in address else []))
            for link in ("lo", "veth0"):
                sh("ip", "-n", name, "link", "set", link, "up")
        if sh(*IN_FW, "nft", "list", "ruleset", code=None).returncode:
            pytest.skip("nftables are not allowed here")
        yield
    finally:
        for name in (FW, PEER):
            sh("ip", "netns", "del", name, code=None)


def passes(address):
    return sh(*IN_PEER, "ping", "-c", "1", "-W", "1", "-I", address, "2001:db8::1" if ":" in address else "203.0.113.1", code=None).returncode == 0


def elements(name, table="sipar", family="inet"):
    """What a set has, as nft shows it; None: there is no such set."""
    done = sh(*IN_FW, "nft", "-j", "list", "set", family, table, name, code=None)
    if done.returncode:
        return None
    members = next(o["set"] for o in json.loads(done.stdout)["nftables"] if "set" in o).get("elem", [])

    def text(e):
        if isinstance(e, str):
            return e
        return "{addr}/{len}".format(**e["prefix"]) if "prefix" in e else "-".join(e["range"])
    return sorted(text(e) for e in members)


class Agent:
    def __init__(self, tmp_path, *options, url, key, every="50ms"):
        self.events, self.tmp = [], tmp_path
        self.process = subprocess.Popen([*IN_FW, SIPAR, "enforce", "nft", "--url", url, "--feed", "edge", "--key-file", str(key), "--state", str(tmp_path / "state"),
                                         "--every", every, "--json", *options], stdout=subprocess.PIPE, stderr=open(tmp_path / "agent.err", "ab"), text=True)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def saw(self, what, **fields):
        return [e for e in self.events if e["event"] == what and all(e.get(k) == v for k, v in fields.items())]

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(timeout=LIMIT)
        self.reader.join()
        self.process.stdout.close()
        err = (self.tmp / "agent.err").read_text()
        assert "AddressSanitizer" not in err and "runtime error" not in err, err
        return code


@pytest.fixture
def firewall(tmp_path):
    """A node in the firewall's namespace, its feed, a key, and agents that are ended at the end."""
    class Firewall:
        node, key, agents = Node(tmp_path / "node", within=IN_FW), tmp_path / "key", []

        def serve(self, *options):
            self.daemon = Daemon(self.node, *options)
            self.url = f"http://127.0.0.1:{self.daemon.http_port}/"
            return self.daemon

        def agent(self, *options, **kw):
            self.agents.append(Agent(tmp_path, *options, url=kw.pop("url", self.url), key=kw.pop("key", self.key), **kw))
            return self.agents[-1]

        def block(self, *values, approve=True, action="block"):
            name = json.loads(self.node.run("block", "--json", "--as", "cert/a", "--reason", "c2", "--action", action, *values).out)["decision"]
            if approve:
                self.node.run("approve", name, "--as", "isp/b")
            return name

        def unblock(self, value):
            self.node.run("unblock", value, "--why", "x")

        def command(self, *options, code=0):
            return sh(*IN_FW, SIPAR, "enforce", "nft", "--url", self.url, "--feed", "edge", "--key-file", str(self.key), "--state", str(tmp_path / "state"), *options, code=code)

    f = Firewall()
    sh(*IN_FW, "nft", "flush", "ruleset")
    f.node.run("init")
    f.node.run("feed", "add", "edge", "--type", "list", "--kinds", "ip", "--challenge")
    f.key.write_text(f.node.run("feed", "key", "edge", "fw1").out)
    f.key.chmod(0o600)
    f.serve()
    yield f
    for a in f.agents:
        if a.process.poll() is None:
            assert a.stop() == 0
    if f.daemon.process.poll() is None:
        assert f.daemon.stop() == 0


def test_dropped_and_passing_again(firewall):
    agent = firewall.agent()
    wait_for(lambda: elements("block4") == [], "the sets")
    assert passes("203.0.113.2") and passes("2001:db8::2")
    name = firewall.block("203.0.113.2", "2001:db8::2", approve=False)
    assert passes("203.0.113.2")
    firewall.node.run("approve", name, "--as", "isp/b")
    wait_for(lambda: elements("block4") == ["203.0.113.2"] and elements("block6") == ["2001:db8::2"], "the block")
    assert not passes("203.0.113.2") and not passes("2001:db8::2") and passes("203.0.113.66")
    counted = sh(*IN_FW, "nft", "list", "chain", "inet", "sipar", "input").stdout
    assert 'ip saddr @block4 counter packets 1 ' in counted and 'comment "sipar block4 saddr"' in counted and "priority filter - 10" in counted
    assert sh(*IN_FW, "ping", "-c", "1", "-W", "1", "203.0.113.2", code=None).returncode  # outwards, too
    firewall.unblock("203.0.113.2")
    wait_for(lambda: passes("203.0.113.2"), "the way back")
    assert not passes("2001:db8::2")
    assert agent.saw("enforced", serial=2, added=0, removed=1, values=1)
    # prefixes that nest and adjoin become one range, and come apart again
    firewall.block("203.0.113.64/26", "203.0.113.128/25", "203.0.113.66")
    wait_for(lambda: elements("net4") == ["203.0.113.64-203.0.113.255"], "the prefixes")
    assert elements("block4") == ["203.0.113.66"] and not passes("203.0.113.66")
    firewall.unblock("203.0.113.66")
    wait_for(lambda: elements("block4") == [], "the address")
    assert not passes("203.0.113.66")
    firewall.unblock("203.0.113.64/26")
    wait_for(lambda: elements("net4") == ["203.0.113.128/25"], "the rest")
    assert passes("203.0.113.66")
    # a challenge is for other rules, and drops nothing
    firewall.block("203.0.113.66", "203.0.113.67", action="challenge")
    wait_for(lambda: elements("challenge4") == ["203.0.113.66/31"], "the challenge")
    assert passes("203.0.113.66")
    assert agent.stop() == 0
    assert elements("net4") == ["203.0.113.128/25"], "the sets stay"


def test_the_node_knows_what_is_enforced(firewall):
    key = [line.split()[1] for line in firewall.key.read_text().splitlines() if line.startswith("X-Api-Key:")][0]

    def seen():
        feeds = json.loads(sh(*IN_FW, "curl", "-sf", "-H", f"X-Api-Key: {key}", firewall.url + "v1/feeds").stdout)["feeds"]
        return {row["how"]: row for row in feeds[0]["seen"]}
    firewall.block("203.0.113.2")
    firewall.agent()
    wait_for(lambda: seen().get("nft", {}).get("serial") == 1, "the serial at the node")
    firewall.unblock("203.0.113.2")
    wait_for(lambda: seen()["nft"]["serial"] == 2, "the serial after the unblocking")
    assert "http" not in seen(), "what was sent is not what is enforced"


def test_a_restart_changes_only_the_difference(firewall):
    firewall.block("203.0.113.2", "203.0.113.3", "198.51.100.0/24")
    agent = firewall.agent()
    wait_for(lambda: agent.saw("enforced", serial=1, added=3), "the first start")
    assert agent.stop(signal.SIGKILL) == -signal.SIGKILL
    firewall.unblock("203.0.113.3")
    firewall.block("203.0.113.4")
    again = firewall.agent()
    wait_for(lambda: again.saw("enforced", serial=3, added=1, removed=1), "the second start")
    assert elements("block4") == ["203.0.113.2", "203.0.113.4"] and elements("net4") == ["198.51.100.0/24"]
    assert again.stop() == 0
    third = firewall.agent()
    firewall.block("203.0.113.5")
    wait_for(lambda: elements("block4") == ["203.0.113.2", "203.0.113.4", "203.0.113.5"], "the third start")
    assert sum(e["added"] + e["removed"] for e in third.saw("enforced")) == 1
    # without its state it takes the whole feed, and still only the difference
    assert third.stop() == 0
    (third.tmp / "state" / "inet-sipar.state").unlink()
    sh(*IN_FW, "nft", "add", "element", "inet", "sipar", "block4", "{ 203.0.113.77 }")
    fourth = firewall.agent()
    wait_for(lambda: fourth.saw("enforced", added=0, removed=1), "the stale element")
    assert "203.0.113.77" not in elements("block4")


def test_put_right_what_others_change(firewall):
    firewall.block("203.0.113.2", "198.51.100.0/24")
    agent = firewall.agent()
    wait_for(lambda: elements("net4") == ["198.51.100.0/24"], "the sets")
    sh(*IN_FW, "nft", "add", "rule", "inet", "sipar", "input", "ip", "saddr", "192.0.2.1", "accept", "comment", "mine")
    sh(*IN_FW, "nft", "flush", "set", "inet", "sipar", "block4")
    sh(*IN_FW, "nft", "add", "element", "inet", "sipar", "net4", "{ 192.0.2.0/24 }")
    wait_for(lambda: elements("block4") == ["203.0.113.2"] and elements("net4") == ["198.51.100.0/24"], "the repair")
    assert agent.saw("repaired") and '"mine"' in sh(*IN_FW, "nft", "list", "chain", "inet", "sipar", "input").stdout
    sh(*IN_FW, "nft", "flush", "chain", "inet", "sipar", "forward")
    wait_for(lambda: "sipar net6 daddr" in sh(*IN_FW, "nft", "list", "chain", "inet", "sipar", "forward").stdout, "the rules")
    sh(*IN_FW, "nft", "flush", "ruleset")
    wait_for(lambda: elements("block4") == ["203.0.113.2"], "the table")
    # and a change of the feed that meets a set which is not as it was
    sh(*IN_FW, "nft", "delete", "element", "inet", "sipar", "block4", "{ 203.0.113.2 }")
    firewall.unblock("203.0.113.2")
    firewall.block("203.0.113.9")
    wait_for(lambda: elements("block4") == ["203.0.113.9"], "the change")
    agent.process.send_signal(signal.SIGHUP)
    firewall.block("203.0.113.10")
    wait_for(lambda: elements("block4") == ["203.0.113.10", "203.0.113.9"], "a change after SIGHUP")
    assert agent.stop() == 0


def test_a_forged_feed_cannot_cut_the_host_off(firewall, tmp_path):
    """A node that says what an attacker wants, in the namespace of the firewall."""
    values = ["203.0.113.1", "203.0.113.0/24", "127.0.0.1", "10.0.0.0/8", "8.8.8.8", "2001:db8::/32", "203.0.113.250", "224.0.0.0/4", "203.0.113.2"]
    text = json.dumps({"feed": "edge", "serial": 9, "complete": True, "removed": [],
                       "values": [{"value": v, "kind": "cidr" if "/" in v else "ipv4", "action": "block"} for v in values]})
    script = ("import http.server, sys\nclass H(http.server.BaseHTTPRequestHandler):\n def do_GET(self):\n  b = sys.argv[1].encode()\n  self.send_response(200)\n"
              "  self.send_header('Content-Length', str(len(b)))\n  self.end_headers()\n  self.wfile.write(b)\n def log_message(self, *a): pass\n"
              "s = http.server.HTTPServer(('127.0.0.1', 0), H)\nprint(s.server_port, flush=True)\ns.serve_forever()\n")
    server = subprocess.Popen([*IN_FW, "/usr/bin/python3", "-c", script, text], stdout=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        agent = firewall.agent("--spare", "203.0.113.250", url=url)
        wait_for(lambda: agent.saw("enforced"), "the forged feed")
        assert elements("block4") == ["203.0.113.2"] and elements("net4") == [] and elements("net6") == []
        assert {e["value"] for e in agent.saw("spared")} == set(values) - {"203.0.113.2"}
        assert agent.stop() == 0
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def age(tmp_path, value, seconds):
    """As if it had been enforced for longer."""
    path = tmp_path / "state" / "inet-sipar.state"
    lines = [line.split() for line in path.read_text().splitlines()]
    for words in lines:
        if words[0] == "+" and words[3] == value:
            words[2] = str(int(words[2]) - seconds)
    path.write_text("".join(" ".join(words) + "\n" for words in lines))


@pytest.mark.parametrize("offline,left", [("drop-young", ["203.0.113.2"]), ("keep", ["203.0.113.2", "203.0.113.3"]), ("drop-all", [])])
def test_the_node_is_away(firewall, tmp_path, offline, left):
    firewall.block("203.0.113.2", "203.0.113.3")
    agent = firewall.agent()
    wait_for(lambda: elements("block4") == ["203.0.113.2", "203.0.113.3"], "the block")
    assert agent.stop() == 0
    age(tmp_path, "203.0.113.2", 86400 + 60)
    port = firewall.daemon.http_port
    agent = firewall.agent("--grace", "1s", "--offline", offline)
    wait_for(lambda: (tmp_path / "state" / "inet-sipar.lock").exists(), "the agent")
    firewall.block("203.0.113.4")
    wait_for(lambda: "203.0.113.4" in elements("block4"), "the agent at work")
    firewall.unblock("203.0.113.4")
    wait_for(lambda: "203.0.113.4" not in elements("block4"), "the agent at work")
    assert firewall.daemon.stop() == 0
    wait_for(lambda: agent.saw("away"), "the loss")
    if offline == "keep":
        time.sleep(1.5)
    wait_for(lambda: elements("block4") == left, "what stays")
    assert len(agent.saw("away")) == 1 and len(agent.saw("dropped")) == (offline != "keep")
    firewall.unblock("203.0.113.2")  # meanwhile
    firewall.serve("--http", f"127.0.0.1:{port}")
    wait_for(lambda: elements("block4") == ["203.0.113.3"], "the way back")
    assert agent.saw("back") and agent.stop() == 0


def test_a_reboot_without_the_node(firewall, tmp_path):
    """The kernel has nothing, the node does not answer: what the state says is enforced."""
    firewall.block("203.0.113.2", "198.51.100.0/24")
    agent = firewall.agent()
    wait_for(lambda: agent.saw("enforced"), "the block")
    assert agent.stop() == 0 and firewall.daemon.stop() == 0
    sh(*IN_FW, "nft", "flush", "ruleset")
    agent = firewall.agent()
    wait_for(lambda: elements("block4") == ["203.0.113.2"] and elements("net4") == ["198.51.100.0/24"], "the state")
    assert agent.saw("away") and agent.stop() == 0


def test_keys(firewall, tmp_path):
    firewall.block("203.0.113.2")
    bad = tmp_path / "bad"
    bad.write_text("0" * 40)
    bad.chmod(0o644)
    done = firewall.command("--once", "--key-file", str(bad), code=2)
    assert "read by others" in done.stderr
    bad.chmod(0o600)
    done = firewall.command("--key-file", str(bad), code=2)
    assert "does not take the key" in done.stderr and elements("block4") is None
    assert "cannot be read" in firewall.command("--key-file", str(tmp_path / "none"), code=2).stderr
    # a key that is taken away later: as a node that is away
    agent = firewall.agent()
    wait_for(lambda: elements("block4") == ["203.0.113.2"], "the block")
    firewall.node.run("feed", "key", "edge", "fw1", "--rotate")
    wait_for(lambda: agent.saw("away"), "the refusal")
    assert elements("block4") == ["203.0.113.2"] and "key" in agent.saw("away")[0]["text"]
    assert "another agent" in firewall.command("--once", code=2).stderr
    assert agent.stop() == 0


def test_once_dry_run_flush(firewall, tmp_path):
    firewall.block("203.0.113.2", "198.51.100.0/25", "198.51.100.128/25")
    done = firewall.command("--dry-run")
    assert done.stdout.splitlines()[:2] == ["add block4 203.0.113.2", "add net4 198.51.100.0-198.51.100.255"]
    assert elements("block4") is None and not (tmp_path / "state").exists()
    done = firewall.command("--once")
    assert "2 added" in done.stdout and elements("block4") == ["203.0.113.2"]
    firewall.unblock("203.0.113.2")
    assert "remove block4 203.0.113.2" in firewall.command("--dry-run").stdout and elements("block4") == ["203.0.113.2"]
    firewall.command("--once", "--no-rules")
    assert elements("block4") == [] and "sipar" not in sh(*IN_FW, "nft", "list", "chain", "inet", "sipar", "input").stdout.replace("inet sipar", "")
    firewall.command("--flush")
    assert elements("block4") is None and "there" in firewall.command("--flush", code=2).stderr
    sh(*IN_FW, "nft", "add table inet sipar; add set inet sipar block4 { type ipv4_addr; flags interval; }")
    assert "somebody else" in firewall.command("--once", code=2).stderr
    sh(*IN_FW, "nft", "flush", "ruleset")
    firewall.command("--once", "--family", "ip", "--table", "other")
    assert elements("net4", "other", "ip") == ["198.51.100.0/24"] and elements("net6", "other", "ip") is None


def test_of_the_node_on_this_machine(firewall, tmp_path):
    firewall.block("203.0.113.2")
    assert firewall.daemon.stop() == 0
    with open(firewall.node.path / "sipar.conf", "a") as conf:
        conf.write(f"http = 127.0.0.1:{firewall.daemon.http_port}\n")
    command = [*IN_FW, SIPAR, "enforce", "nft", "-d", str(firewall.node.path), "--feed", "edge", "--state", str(tmp_path / "state"), "--once"]
    assert "not reached" in sh(*command, "--consumer", "fw1", code=2).stderr
    firewall.serve("--http", f"127.0.0.1:{firewall.daemon.http_port}")
    sh(*command, "--consumer", "fw1")
    assert elements("block4") == ["203.0.113.2"]
    assert "makes it" in sh(*command, "--consumer", "nobody", code=2).stderr
    assert "no feed" in sh(*command, "--feed", "other", code=2).stderr


@pytest.mark.parametrize("options,what", [
    ([], "--feed"), (["--feed", "x"], "--url"), (["--feed", "x", "--url", "ftp://x/"], "http"), (["--feed", "x", "--url", "http://x/", "--family", "bridge"], "inet"),
    (["--feed", "x", "--url", "http://x/", "--every", "1ms"], "--every"), (["--feed", "x", "--url", "http://x/", "--offline", "no"], "drop-young"),
    (["--feed", "x", "--url", "http://x/", "--spare", "x.example"], "prefix"), (["--feed", "x", "--url", "http://x/", "--table", "a b"], "table"),
])
def test_usage(options, what):
    assert what in sh(SIPAR, "enforce", "nft", *options, code=64).stderr
