"""Automatic decisions: by a policy of sipar.conf, and by nothing else."""
import json

from conftest import wait_for
from test_decisions import decisions
from test_sources import feed


def lists(node):
    """Two lists that agree on some names, and one of another matter."""
    for name in ("list-a", "list-b"):
        node.run("source", "add", name, "--weight", "40", "--category", "phishing")
    node.run("source", "add", "spam", "--weight", "40", "--category", "spam")
    feed(node, "list-a", "both1.example\nboth2.example\nonly-a.example\n198.51.100.7\n")
    feed(node, "list-b", "both1.example\nboth2.example\nonly-b.example\n198.51.100.7\n")
    feed(node, "spam", "other.example\n")


def policy(node, text):
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write(f"policy = {text}\n")


def test_what_agrees_is_blocked(node):
    lists(node)
    policy(node, "auto reason=phishing min_score=60 sources=2 kinds=domain for=2d")
    assert node.run("policy").out.split()[0] == "auto"
    assert set(node.run("policy", "run", "--dry-run").out.split()) == {"both1.example", "both2.example"} and not decisions(node)
    done = json.loads(node.run("policy", "run", "auto", "--json").out)
    d = decisions(node, "--active", "--values")[done["decision"]]
    assert d["policy"] == "auto" and set(d["all"]) == {"both1.example", "both2.example"} and d["reason"] == "phishing"
    assert json.loads(node.run("policy", "run", "--json").out)["values"] == 0  # decided already
    node.run("unblock", "both1.example", "--why", "no")
    assert "no policy" in node.run("policy", "run", "other", code=2).err


def test_the_daemon_runs_them(node, serve):
    policy(node, "auto reason=phishing min_score=60 sources=2 max=1 kinds=ip,domain")
    lists(node)
    serve(node)
    wait_for(lambda: decisions(node, "--active"), "a decision of the policy")
    assert [d["values"] for d in decisions(node).values()] == [1]


def test_bad_policies(node):
    for text, why in (("x", "no reason"), ("x reason=opinion", "none of the reasons"), ("x reason=c2 for=30d", "7 days"), ("x reason=c2 min_score=0", "no number"),
                      ("x reason=c2 kinds=car", "kinds"), ("X! reason=c2", "not the name"), ("x reason=c2 foo=1", "none of reason")):
        (node.path / "sipar.conf").write_text(f"policy = {text}\n")
        assert why in node.run("policy", code=64).err
    (node.path / "sipar.conf").write_text("policy = x reason=c2\npolicy = x reason=dga\n")
    assert "twice" in node.run("policy", code=64).err
