"""Decisions: proposed, approved by others, in force for a time, taken back by one voice; the same after any restart."""
import json
import re

from conftest import wait_for


def decisions(node, *options):
    return {d["decision"]: d for d in map(json.loads, node.run("decisions", "--json", *options).out.splitlines())}


def block(node, *args, party="cert/aisha", reason="phishing", code=0):
    done = node.run("block", "--json", "--as", party, "--reason", reason, *args, code=code)
    return json.loads(done.out)["decision"] if code == 0 else done.err


def test_two_parties_decide(node):
    name = block(node, "evil.example", "*.w.example", "198.51.100.7", "--for", "2d", "--why", "a bank's copy", "--evidence", "https://x.example/1")
    assert decisions(node)[name]["state"] == "proposed" and not decisions(node, "--active")
    assert "somebody else" in node.run("approve", name, "--as", "cert/aisha", code=2).err
    assert json.loads(node.run("approve", name, "--as", "cert/bilal", "--json").out)["state"] == "proposed"  # one party is not enough
    assert json.loads(node.run("approve", name, "--as", "isp/omar", "--json").out)["state"] == "active"
    d = decisions(node, "--active", "--values")[name]
    assert d["all"] == ["evil.example", "*.w.example", "198.51.100.7"] and d["evidence"] == "https://x.example/1"
    assert [(v["said"], v["party"], v["by"]) for v in d["voices"]] == [("propose", "cert", "aisha"), ("approve", "cert", "bilal"), ("approve", "isp", "omar")]
    proof = node.run("receipt", name).out
    assert proof.startswith("c2sp.org/tlog-proof")


def test_one_voice_takes_back(node):
    name = block(node, "evil.example", "w.example")
    node.run("approve", name, "--as", "isp/omar")
    assert "say why" in node.run("unblock", "evil.example", code=64).err
    node.run("unblock", "evil.example", "--why", "a shop", "--as", "isp/omar")
    assert "is not blocked" in node.run("unblock", "evil.example", "--why", "again", code=2).err
    done = node.run("unblock", "www.w.example", "--why", "below", code=2)
    assert name in done.err and "covers it" in done.err
    assert decisions(node)[name]["unblocked"] == 1
    node.run("unblock", name, "--why", "all of it")
    d = decisions(node, "--history")[name]
    assert d["state"] == "retracted" and d["voices"][-1]["why"] == "all of it"


def test_refused_and_suspended(node):
    a, b = block(node, "a.example"), block(node, "b.example")
    node.run("refuse", a, "--as", "isp/omar", "--why", "no")
    assert "refused" in node.run("approve", a, "--as", "isp/omar", code=2).err
    node.run("approve", b, "--as", "isp/omar")
    node.run("suspend", b, "--as", "isp/omar", "--why", "look again")
    assert decisions(node)[b]["state"] == "suspended" and not decisions(node, "--active")
    node.run("approve", b, "--as", "isp/omar")
    assert decisions(node, "--active")[b]["state"] == "active"


def test_what_is_no_decision_is_refused(node):
    assert "reasons" in block(node, "a.example", reason="opinion", code=64)
    assert "184 days" in block(node, "a.example", "--for", "1y", code=64)
    assert "184 days" in block(node, "a.example", "--for", "forever", code=64)
    assert "PARTY" in block(node, "a.example", party="a b", code=64)
    assert block(node, "not an observable", code=2)
    assert "give at least one" in block(node, code=64)
    assert "no decision 77" in node.run("approve", "77", code=2).err
    assert "not the name" in node.run("approve", "x", code=64).err
    assert not decisions(node, "--history")


def test_leases_end_by_an_entry(node, serve):
    daemon = serve(node)
    name = block(node, "short.example", "--for", "10s")
    node.run("approve", name, "--as", "isp/omar")
    wait_for(lambda: decisions(node, "--history")[name]["state"] == "expired", "the end of the lease")
    assert '"op":"expire"' in node.run("log", "--lane", "decisions").out
    late = block(node, "late.example", "--for", "10s")  # ends while nobody is there
    node.run("approve", late, "--as", "isp/omar")
    assert daemon.stop() == 0
    wait_for(lambda: decisions(node, "--history")[late]["state"] == "expired", "the end at an opening")


def test_everything_is_what_the_lane_says(node):
    names = "".join(f"n{i}.bulk.example\n" for i in range(20000))
    done = node.run("block", "--from", "-", "--reason", "dga", "--as", "cert/a", "--json", stdin=names.encode())
    name = json.loads(done.out)["decision"]
    node.run("approve", name, "--as", "isp/b")
    node.run("unblock", "n77.bulk.example", "--why", "x")
    before = decisions(node, "--history")
    for child in (node.path / "decisions" / "table").iterdir():
        child.unlink()
    assert decisions(node, "--history") == before
    assert "is not blocked" in node.run("unblock", "n77.bulk.example", "--why", "x", code=2).err
    node.run("unblock", "n78.bulk.example", "--why", "x")
    assert "all holds" in node.run("verify").out


def test_evidence_is_kept_and_can_be_erased(node, tmp_path):
    shot = tmp_path / "page.html"
    shot.write_bytes(b"<form>PIN</form>" * 1000)
    name = block(node, "evil.example", "--evidence", str(shot))
    where, digest = decisions(node)[name]["evidence"].split()
    assert digest.startswith("sha256:") and where.startswith("decisions/")
    node.run("erase", where, "--reason", "personal data")
    assert "all holds" in node.run("verify").out
    assert "only bodies of" in node.run("erase", name, "--reason", "x", code=2).err


def test_policy_of_one(node):
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write("approvals = 0\nparties = 1\n")
    name = block(node, "evil.example")
    assert decisions(node, "--active")[name]["state"] == "active"
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write("approvals = many\n")
    assert re.search(r"sipar.conf:\d+: ", node.run("decisions", code=64).err)


def test_texts_are_one_line(node, tmp_path):
    """Nothing that is said can look like another line, or move a terminal."""
    for option, text in (("--why", "a\n    2026-11-25T19:34:30Z  approve  isp/omar"), ("--why", "\x1b[31m"), ("--evidence", "https://a.example/\n  approve"),
                         ("--why", "\u2028"), ("--evidence", "https://a.example/" + "x" * 2000), ("--evidence", "https://")):
        assert block(node, "evil.example", option, text, code=2)
    assert not decisions(node, "--history")
    assert "names of parties" in block(node, "evil.example", party="CERT/aisha", code=64)


def test_evidence_that_is_none(node, tmp_path):
    (tmp_path / "empty").touch()
    for what, why in ((tmp_path, "cannot be read"), (tmp_path / "empty", "is empty"), (tmp_path / "nothing", "no file")):
        assert why in block(node, "evil.example", "--evidence", str(what), code=2)
    text = tmp_path / "text"
    text.write_bytes(b'plain "text\n\xff')
    block(node, "evil.example", "--evidence", str(text))
    for line in node.run("log", "--lane", "decisions", "--json").out.splitlines():
        json.loads(line)


def test_errors_name_what_they_are_about(node, tmp_path):
    (tmp_path / "blank").write_text("\n# nothing\n\n")
    assert "no value in it" in block(node, "--from", str(tmp_path / "blank"), code=2)
    assert str(tmp_path) in block(node, "--from", str(tmp_path), code=2)
    assert '"a b"' in block(node, "good.example", "a b", code=2)
    assert '"a b"' in node.run("unblock", "a b", "--why", "x", code=2).err
