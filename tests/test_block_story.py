"""The block loop as one story, with the real peers: a report comes in, two parties block, a resolver and a firewall enforce, hits come back, the owner of a
shared host appeals, it is undone everywhere, and the clock says how long that took."""
import json
import shutil

import pytest

from conftest import wait_for
from resolvers import Unbound, Upstream
from test_feeds import SEND, curl, key_of
from test_rpz import GONE, HERE, ZONE

SHOP, SHARED = "shop.example", "198.51.100.7"


class LoggingUnbound(Unbound):
    def config(self):
        return super().config().replace("rpz:\n", "rpz:\n    rpz-log: yes\n    rpz-log-name: \"isp\"\n")


def decided(node, name):
    return next(d for d in map(json.loads, node.run("decisions", "--json", "--history").out.splitlines()) if d["decision"] == name)


def passes(lan, *addresses):
    return dict(line.split() for line in lan.python(SEND, *addresses).splitlines())


@pytest.fixture
def upstream():
    u = Upstream()
    yield u
    u.close()


def test_from_the_report_to_the_clock(node, serve, upstream, lan, tmp_path):
    if not shutil.which("nft"):
        pytest.skip("there is no nft(8)")
    lan.run("ip", "route", "add", "local", "198.51.100.0/24", "dev", "lo")
    daemon = serve(node)

    # somebody reports a phishing page on a shop's host
    node.run("import", "--source", "reports", "-", stdin=f"{SHOP} # phishing\n{SHARED}\n".encode())
    assert daemon.lookup(SHOP)["listed"]

    # an ISP's resolver and firewall take what is decided
    unbound = LoggingUnbound(tmp_path / "unbound", ZONE, f"127.0.0.1:{daemon.rpz_port}", upstream)
    node.run("feed", "add", "isp", "--type", "rpz", "--zone", ZONE, "--allow", "127.0.0.0/8", "--notify", f"{unbound.address}:{unbound.port}")
    node.run("feed", "add", "edge", "--type", "list")
    key = ["-H", f"X-Api-Key: {key_of(node, 'edge', 'firewall')}"]

    def firewall():
        status, _, body = curl(daemon, "/v1/feeds/edge.nft", *key)
        assert status == 200
        lan.run("nft", "-f", "-", stdin=body.decode())

    firewall()
    lines = node.run("feed", "show", "edge", "--config", "nftables").out
    lan.run("nft", "-f", "-", stdin=lines[lines.index("table inet sipar"):])
    try:
        unbound.start()
        assert unbound.ask(SHOP) == HERE and passes(lan, SHARED) == {SHARED: "passes"}

        # the CERT proposes, the ISP approves
        name = json.loads(node.run("block", "--json", SHOP, SHARED, "--reason", "phishing", "--for", "2d", "--evidence", "https://cert.example/case/1",
                                   "--as", "cert/aisha").out)["decision"]
        assert unbound.ask(SHOP) == HERE  # nothing happens by one voice
        node.run("approve", name, "--as", "isp/omar")
        unbound.becomes(SHOP, GONE)
        unbound.becomes(f"www.{SHOP}", GONE)
        firewall()
        assert passes(lan, SHARED, "198.51.100.8") == {SHARED: "dropped", "198.51.100.8": "passes"}

        # hits come back, without who asked
        for _ in range(6):
            assert unbound.ask(f"www.{SHOP}") == GONE
        wait_for(lambda: json.loads(node.run("hits", "--json", "--as", "isp", str(unbound.log)).out)["hits"] >= 6, "the hits in Unbound's log")
        assert decided(node, name)["hits"] >= 6

        # the owner of the shared host appeals: one voice undoes it, everywhere
        said = json.loads(node.run("unblock", "--json", SHARED, "--why", "its owner has cleaned it", "--as", "cert/bilal").out)
        node.run("unblock", SHOP, "--why", "its owner has cleaned it", "--as", "cert/bilal")
        unbound.becomes(SHOP, HERE)
        assert passes(lan, SHARED) == {SHARED: "dropped"}  # it has not asked yet, and the node knows

        def seen():
            return {c["consumer"]: c for c in map(json.loads, node.run("decisions", "--consumers", "--json").out.splitlines())}

        assert seen()["firewall"]["behind"] == 2
        firewall()
        assert passes(lan, SHARED) == {SHARED: "passes"}
        assert decided(node, name)["state"] == "retracted"

        # the clock
        wait_for(lambda: all(c["behind"] == 0 for c in seen().values()), "the last consumer")
        for consumer in seen().values():
            assert consumer["serial"] >= said["serial"] and consumer["unblocks"] == 2 and consumer["max_ms"] >= consumer["p50_ms"] >= 0
        assert len(seen()) == 2
        assert "sipar_consumer_still_enforces" in daemon.get("/metrics")[2]
    finally:
        unbound.stop()

    # and all of it is in the lane, signed
    assert "all holds" in node.run("verify").out
    text = node.run("log", "--lane", "decisions").out
    for op in ("propose", "approve", "unblock"):
        assert f'"op":"{op}"' in text
    assert '"hits"' in text and "cleaned it" in text
