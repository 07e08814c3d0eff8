"""CrowdSec's own firewall bouncer, as Debian has it, on a feed of this node."""
import json
import shutil
import subprocess

import pytest

from conftest import LIMIT, Daemon, wait_for
from test_feeds import block, key_of

CONFIG = """
mode: nftables
pid_dir: {dir}
update_frequency: 1s
daemonize: false
log_mode: stdout
log_level: info
api_url: http://127.0.0.1:{port}/
api_key: {key}
deny_action: DROP
supported_decisions_types: [ban]
blacklists_ipv4: crowdsec-blacklists
blacklists_ipv6: crowdsec6-blacklists
nftables:
  ipv4: {{enabled: true, set-only: false, table: crowdsec, chain: crowdsec-chain}}
  ipv6: {{enabled: true, set-only: false, table: crowdsec6, chain: crowdsec6-chain}}
"""

# Who of the senders is heard?  The last one is not blocked; what was sent before it has arrived then, or was dropped.
HEAR = """
import socket, sys
ears = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ears.bind(("127.0.0.1", 0))
ears.settimeout(60)
for address in sys.argv[1:]:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, 0))
    s.sendto(address.encode(), ears.getsockname())
heard = []
while not heard or heard[-1] != sys.argv[-1]:
    heard.append(ears.recv(100).decode())
print(*heard)
"""


class Bouncer:
    def __init__(self, lan, folder, port, key):
        (folder / "bouncer.yaml").write_text(CONFIG.format(dir=folder, port=port, key=key))
        self.lan, self.log = lan, open(folder / "bouncer.log", "ab")
        self.process = subprocess.Popen([*lan.within, "crowdsec-firewall-bouncer", "-c", str(folder / "bouncer.yaml")], stdout=self.log, stderr=self.log)

    def elements(self):
        """What the firewall drops."""
        text = self.lan.run("nft", "-j", "list", "sets", code=None)
        if not text:
            return set()
        sets = [o["set"] for o in json.loads(text)["nftables"] if "set" in o]
        return {e["elem"]["val"] for s in sets for e in s.get("elem", [])}

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=LIMIT)
        self.log.close()


@pytest.fixture
def bouncer(lan, decider, tmp_path):
    """(network, node, start(daemon) -> Bouncer)"""
    for program in ("crowdsec-firewall-bouncer", "nft"):
        if not shutil.which(program):
            pytest.skip(f"there is no {program}")
    for address in ("198.51.100.7", "198.51.100.8", "198.51.100.9"):
        lan.run("ip", "address", "add", f"{address}/32", "dev", "lo")
    decider.within = lan.within
    decider.run("feed", "add", "edge", "--type", "list", "--challenge")
    key, made = key_of(decider, "edge", "fw1"), []

    def start(daemon):
        made.append(Bouncer(lan, tmp_path, daemon.http_port, key))
        return made[-1]

    yield lan, decider, start
    for b in made:
        if b.process.poll() is None:
            b.stop()


def heard(lan):
    return lan.python(HEAR, "198.51.100.7", "198.51.100.8", "198.51.100.9").split()


def test_an_address_is_dropped_and_passes_again(bouncer, serve):
    lan, node, start = bouncer
    daemon = serve(node)
    block(node, "198.51.100.7")
    b = start(daemon)
    wait_for(lambda: b.elements() == {"198.51.100.7"}, "what was blocked before the start")
    assert heard(lan) == ["198.51.100.8", "198.51.100.9"]
    block(node, "198.51.100.8", "2001:db8::7", "evil.example")
    block(node, "198.51.100.9", action="challenge")  # not for a firewall
    wait_for(lambda: b.elements() == {"198.51.100.7", "198.51.100.8", "2001:db8::7"}, "what was blocked since")
    assert heard(lan) == ["198.51.100.9"]
    node.run("unblock", "198.51.100.7", "--why", "mistake")
    wait_for(lambda: b.elements() == {"198.51.100.8", "2001:db8::7"}, "the end of the block")
    assert heard(lan) == ["198.51.100.7", "198.51.100.9"]
    shown = node.run("feed", "show", "edge").out
    assert "fw1" in shown and "(lapi)" in shown and "unblocks: median" in shown and "STILL" not in shown


def test_what_was_taken_back_while_the_node_was_down(bouncer):
    """Which serial a bouncer has is kept over a restart of the node: what was unblocked in between goes out of the firewall."""
    lan, node, start = bouncer
    first = Daemon(node)
    port = first.http_port
    block(node, "198.51.100.7", "198.51.100.8")
    b = start(first)
    wait_for(lambda: len(b.elements()) == 2, "both blocks")
    wait_for(lambda: "has serial 1 (lapi)" in node.run("feed", "show", "edge").out, "the bouncer's serial")
    assert first.stop() == 0
    node.run("unblock", "198.51.100.7", "--why", "mistake")
    second = Daemon(node, "--http", f"127.0.0.1:{port}")
    try:
        wait_for(lambda: b.elements() == {"198.51.100.8"}, "the end of the block")
        assert b.process.poll() is None
    finally:
        assert second.stop() == 0


def test_a_feed_that_becomes_another(decider, serve):
    """What the selection leaves out is deleted, once, and nothing is told again and again."""
    daemon = serve(decider)
    decider.run("feed", "add", "edge", "--type", "list")
    key = key_of(decider, "edge", "fw1")
    block(decider, "198.51.100.7")
    block(decider, "198.51.100.8", reason="c2")
    pull = lambda query="": json.loads(daemon.get("/v1/decisions/stream" + query, **{"X-Api-Key": key})[2])
    told = lambda decisions: {d["value"] for d in decisions or []}
    assert told(pull("?startup=true")["new"]) == {"198.51.100.7", "198.51.100.8"}
    assert pull() == {"deleted": None, "new": None}
    decider.run("feed", "set", "edge", "--reasons", "c2")
    first = pull()
    assert told(first["deleted"]) == {"198.51.100.7"} and told(first["new"]) == {"198.51.100.8"}
    assert pull() == {"deleted": None, "new": None}
    assert told(pull("?startup=true")["new"]) == {"198.51.100.8"}
    assert daemon.get("/v1/decisions?ip=198.51.100.7", **{"X-Api-Key": key})[2] == "null\n"
    assert told(json.loads(daemon.get("/v1/decisions?ip=198.51.100.8", **{"X-Api-Key": key})[2])) == {"198.51.100.8"}
    assert daemon.get("/v1/decisions")[0] == 401 and daemon.get("/v1/decisions", **{"X-Api-Key": "x"})[0] == 403
    status, _, text = daemon.request("POST", "/v1/usage-metrics", b'{"remediation_components":[]}', {"X-Api-Key": key, "Content-Type": "application/json"})
    assert (status, text) == (201, "null\n")
    assert daemon.request("POST", "/v1/usage-metrics", b"[]", {"X-Api-Key": key, "Content-Type": "application/json"})[0] == 400


def test_a_filter_that_is_not_understood_gets_nothing(decider, serve):
    daemon = serve(decider)
    decider.run("feed", "add", "edge", "--type", "list")
    key = key_of(decider, "edge", "fw1")
    block(decider, "198.51.100.7", "198.51.100.0/25", "203.0.113.9", "evil.example")

    def ask(path):
        status, _, text = daemon.get("/v1/decisions" + path, **{"X-Api-Key": key})
        got = json.loads(text)
        return {d["value"] for d in got or []} if status == 200 and isinstance(got, (list, type(None))) else (status, got.get("detail", "") if status != 200 else got)

    assert ask("") == {"198.51.100.7", "198.51.100.0/25", "203.0.113.9", "evil.example"}
    assert ask("?ip=198.51.100.7") == {"198.51.100.7", "198.51.100.0/25"}
    assert ask("?range=198.51.100.0/24&contains=false") == {"198.51.100.7", "198.51.100.0/25"}
    assert ask("?range=198.51.100.0/26&contains=false") == {"198.51.100.7"}
    assert ask("?ip=198.51.100.8&contains=false") == set()
    assert ask("?scope=domain&value=evil.example") == {"evil.example"}
    assert len(ask("?limit=2")) == 2 and ask("?limit=1&ip=203.0.113.9") == {"203.0.113.9"}
    for path, name in (("?ipp=198.51.100.7", "ipp"), ("?ip=198.51.100.7&scop=ip", "scop"), ("/stream?ip=198.51.100.7", "ip"), ("/stream?startup=maybe", "startup"),
                       ("?limit=x", "limit"), ("?value=evil.example&contains=perhaps", "contains")):
        status, detail = ask(path)
        assert status == 400 and f'"{name}"' in detail, (path, detail)
    assert ask("?ip=nonsense")[0] == 400
    # what those send that are newer than the one here
    status, got = ask("/stream?startup=true&scopes=ip%2Crange&additional_pull=false&community_pull=false&dedup=true")
    assert status == 200 and {d["value"] for d in got["new"]} == {"198.51.100.7", "198.51.100.0/25", "203.0.113.9"}
