"""Blackhole routes: off by default, single addresses of one's own alone, taken back at once."""
import subprocess

from conftest import SIPAR, wait_for
from test_hits import in_force


def enable(node, *prefixes):
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write("".join(f"bgp_prefix = {p}\n" for p in prefixes) + "bgp_next_hop = 192.0.2.1\n")


def test_off_by_default(node):
    assert "bgp_prefix" in node.run("bgp", "--once", code=2).err


def test_only_single_addresses_of_ones_own(node):
    enable(node, "203.0.113.0/24", "208.65.153.0/24")
    in_force(node, "203.0.113.7", "198.51.100.7", "203.0.113.128/25", "evil.example", reason="c2")
    done = node.run("bgp", "--once")
    assert done.out == "clear adj-rib out\nannounce route 203.0.113.7/32 next-hop 192.0.2.1 community [65535:666 65535:65281]\n"
    assert '"198.51.100.7" is not announced: it is in none' in done.err and '"203.0.113.128/25" is not announced: it is no single address' in done.err


def test_the_mistake_of_2008(node):
    """208.65.153.0/24 comes past no gate, and the whole of a prefix is announced by nobody, whoever names it his own."""
    enable(node, "203.99.0.0/16", "208.65.153.0/24", "198.51.100.0/24")
    assert "must not be blocked" in node.run("block", "208.65.153.0/24", "--reason", "c2", code=2).err
    in_force(node, "198.51.100.0/24", reason="c2")
    done = node.run("bgp", "--once")
    assert done.out == "clear adj-rib out\n" and "198.51.100.0/24" in done.err


def test_a_hundred_at_most(node):
    enable(node, "203.0.113.0/24")
    in_force(node, *(f"203.0.113.{i}" for i in range(120)), reason="c2")
    done = node.run("bgp", "--once")
    assert done.out.count("announce") == 100 and done.err.count("no more are announced") == 20


def test_follows_and_takes_back(node, serve, tmp_path):
    enable(node, "203.0.113.0/24")
    serve(node)
    said = tmp_path / "said"
    with open(said, "wb") as out:
        process = subprocess.Popen([SIPAR, "bgp", "-d", str(node.path)], stdout=out)
    in_force(node, "203.0.113.7", "203.0.113.8", reason="c2")
    wait_for(lambda: said.read_text().count("announce") == 2, "the announcements")
    node.run("unblock", "203.0.113.7", "--why", "a mistake")
    wait_for(lambda: "withdraw route 203.0.113.7/32" in said.read_text(), "the withdrawal")
    process.terminate()
    process.wait()
