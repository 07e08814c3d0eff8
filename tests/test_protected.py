"""The protected register: what must never be blocked is refused at the gate, whoever asks, and goes out of force when it comes to be protected."""
import json

import pytest
from conftest import DATA, ROOT, wait_for

MISTAKES = [line.split("#")[0].split() for line in (ROOT / "tests" / "mistakes.txt").read_text().splitlines()]
LISTS = DATA / "intel" / "misp-warninglists"


def mistakes(kind):
    return [words[1] for words in MISTAKES if words and words[0] == kind]


def configure(node, text):
    with open(node.path / "sipar.conf", "a") as f:
        f.write(text)


def at_once(node, text=""):
    configure(node, "approvals = 0\nparties = 1\n" + text)


def block(node, *args, code=0):
    done = node.run("block", "--json", "--reason", "phishing", *args, code=code)
    return json.loads(done.out) if code == 0 else done.err


def active(node):
    return {d["first"] for d in map(json.loads, node.run("decisions", "--json", "--active").out.splitlines())}


def reasons(node, value):
    done = node.run("protect", "test", "--json", value, code=None)
    told = json.loads(done.out)
    assert done.returncode == (1 if told["protected"] else 0)
    return [(p["by"], p["why"]) for p in told["protected"]]


def refuse_all(node, kind, file):
    values = mistakes(kind)
    assert len(values) >= 4
    file.write_text("\n".join(values))
    err = block(node, "--from", str(file), code=2)
    assert f"{len(values)} of {len(values)} values must not be blocked" in err, err
    for value in values[:: max(1, len(values) // 8)]:
        assert "must not be blocked" in block(node, value, code=2)
    done = node.run("protect", "test", "-q", "-", stdin="\n".join(values).encode(), code=1)
    assert not done.out and not done.err
    said = node.run("protect", "test", "-", stdin="\n".join(values).encode(), code=1).out
    assert "may be blocked" not in said, said


def test_mistakes_of_the_past(node, tmp_path):
    at_once(node, "asset = government gov.pk\nasset = bank-a bank-a.example 203.0.113.0/28\n")
    for kind in ("built-in", "asset"):
        refuse_all(node, kind, tmp_path / "values")
    for value in mistakes("parse"):
        node.run("block", "--reason", "phishing", "--", value, code=2)
    assert not active(node)
    assert "an asset of bank-a: ask them" in block(node, "www.bank-a.example", "evil.example", code=2)
    assert "1 of 2 values" in block(node, "www.bank-a.example", "evil.example", code=2)
    assert block(node, "evil.example")["state"] == "active"


@pytest.mark.skipif(not LISTS.is_dir(), reason="no warning lists here")
def test_mistakes_that_only_lists_know(node, tmp_path):
    at_once(node)
    node.run("import", "--source", "misp", str(LISTS))
    refuse_all(node, "list", tmp_path / "values")
    refuse_all(node, "built-in", tmp_path / "values")
    assert block(node, "evil.example", "evil.blogspot.com")["state"] == "active"


def test_own_entries(node):
    at_once(node)
    block(node, "shop.example")
    out = node.run("protect", "add", "shop.example", "198.51.100.7", "--why", "the owner has called", "--as", "cert/aisha").out
    assert "1 decision that blocked it is suspended" in out
    assert not active(node)
    assert "sipar protect" in block(node, "www.shop.example", code=2)
    assert "it would take 198.51.100.7 with it" in block(node, "198.51.100.0/24", code=2)
    assert reasons(node, "shop.example")[0][0] == "own"
    rows = [json.loads(line) for line in node.run("protect", "list", "--json").out.splitlines()]
    assert {r["value"] for r in rows[:-1]} == {"shop.example", "198.51.100.7"} and rows[-1]["own"] == 2
    assert all((r["party"], r["by"], r["why"], r["until"]) == ("cert", "aisha", "the owner has called", None) for r in rows[:-1])
    assert node.check("www.shop.example")[0].get("protected_by") is None  # nothing lists it: nobody has looked
    node.counts("bad", stdin=b"shop.example\n")
    assert node.check("www.shop.example")[0]["protected_by"] == "this node (sipar protect)"
    assert node.why("www.shop.example")["protected_by"] == "this node (sipar protect)"
    node.run("protect", "remove", "shop.example", "--why", "hacked again")
    assert "is not protected" in node.run("protect", "remove", "shop.example", code=2).err
    assert block(node, "www.shop.example")["state"] == "active"
    assert node.listed("shop.example")
    node.run("protect", "add", "w.example", "--for", "1y")
    assert json.loads(node.run("protect", "list", "--json").out.splitlines()[-2])["until"]


def test_what_is_no_use(node):
    for args in (["add"], ["test"], ["remove"], ["give"], ["list", "x"], ["test", "x.example", "--for", "1d"], ["add", "x.example", "--for", "soon"]):
        assert node.run("protect", *args, code=64).err
    assert node.run("protect", "add", "not an observable", code=2).err
    done = node.run("protect", "test", "-", stdin=b"x.example\n\n# y\nnot one\n8.8.8.8\n", code=2)
    assert "(standard input):4:" in done.err and done.out.count("\n") == 3


def test_settings_are_checked(node):
    for line in ("asset = bank-a", "asset = Bank/A x.example", "cgnat = x.example", "shared = 198.51.100.0/33"):
        before = (node.path / "sipar.conf").read_text()
        configure(node, line + "\n")
        assert "sipar.conf:" in node.run("protect", "list", code=64).err
        (node.path / "sipar.conf").write_text(before)


def test_pools_are_challenged(node):
    at_once(node, "cgnat = 198.51.100.128/25\nshared = hosting.example 203.0.113.80\n")
    assert "--action challenge" in block(node, "198.51.100.200", code=2)
    assert block(node, "198.51.100.200", "--action", "challenge")["state"] == "active"
    assert "must not be blocked" in block(node, "8.8.8.8", "--action", "challenge", code=2)
    assert "unrelated people share" in block(node, "203.0.113.80", code=2)
    assert block(node, "evil.hosting.example")["state"] == "active"


def test_reach_is_told_with_the_proposal(node):
    node.counts("bad", stdin=b"a.evil.example\nb.evil.example\nevil.example\n198.51.100.1\n198.51.100.2\n")
    reach = block(node, "evil.example", "198.51.100.0/25")["reach"]
    assert [r["known_below"] for r in reach] == [2, 2] and reach[1]["addresses"] == 128
    assert reach[0]["score"] > 0 and reach[0]["sources"] == ["bad"]
    text = node.run("protect", "test", "--blast", "198.51.100.0/25").out
    assert "128 addresses, 2 known in it" in text


def test_a_list_that_comes_later(node, serve):
    """Whatever the daemon has in force and a list protects by now waits for a person; what is not protected stays."""
    at_once(node)
    daemon = serve(node)
    block(node, "portal.example")
    block(node, "198.51.100.0/24")
    block(node, "evil.example")
    node.counts("bad", stdin=b"other.example\n")
    node.counts("allow", "--as", "protected", stdin=b"www.portal.example\n198.51.100.7\n")
    wait_for(lambda: active(node) == {"evil.example"}, "the suspension")
    history = [json.loads(line) for line in node.run("decisions", "--json", "--history").out.splitlines()]
    assert {d["first"]: "protected" in d["voices"][-1]["why"] for d in history if d["state"] == "suspended"} == {"portal.example": True, "198.51.100.0/24": True}
    assert "www.portal.example" in node.run("protect", "test", "portal.example", code=1).out and "allow" in node.run("protect", "test", "198.51.100.0/24", code=1).out
    assert "must not be blocked" in node.run("approve", history[0]["decision"], "--as", "isp/omar", code=2).err
    assert daemon.stop() == 0
    configure(node, "asset = evil-inc evil.example\n")  # a setting, at the next start
    serve(node)
    wait_for(lambda: not active(node), "the suspension by a setting")
