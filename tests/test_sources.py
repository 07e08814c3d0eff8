"""Sources: snapshots replace, events stay, groups count once, distrust and removal work at once."""
import gzip
import json

import pytest


def feed(node, name, text, *options):
    return node.counts(name, *options, "-", stdin=text.encode())


def sources(node, *options):
    return {s["name"]: s for s in map(json.loads, node.run("source", "list", "--json", *options).out.splitlines())}


def test_a_snapshot_replaces_its_predecessor(node):
    feed(node, "snap", "192.0.2.1\n192.0.2.2\n")
    assert node.listed("192.0.2.1") and node.listed("192.0.2.2")
    feed(node, "snap", "192.0.2.2\n192.0.2.3\n")
    assert not node.listed("192.0.2.1") and node.listed("192.0.2.2") and node.listed("192.0.2.3")
    feed(node, "snap", "", "--allow-empty")
    assert not node.listed("192.0.2.2")
    node.run("rebuild")
    assert not node.listed("192.0.2.1") and not node.listed("192.0.2.3")


def test_a_broken_download_does_not_empty_a_source(node):
    feed(node, "snap", "192.0.2.1\n192.0.2.2\n")
    assert "still counts" in feed(node, "snap", "")["stderr"]
    done = node.run("import", "--source", "snap", "--format", "lines", "-", stdin=b"192.0.2.300\n192.0.2.301\n", code=1)
    assert "still counts" in done.err
    cut = gzip.compress("".join(f"192.0.2.{i}\n" for i in range(3, 200)).encode())[:-20]
    done = node.run("import", "--source", "snap", "-", stdin=cut, code=1)
    assert node.listed("192.0.2.1") and node.listed("192.0.2.2")
    assert "replaces the " in node.run("import", "--source", "snap", "-", stdin=b"192.0.2.2\n").out
    assert not node.listed("192.0.2.1") and node.listed("192.0.2.2")


def test_events_stay(node):
    node.run("source", "add", "events", "--type", "event")
    feed(node, "events", "192.0.2.1\n")
    feed(node, "events", "192.0.2.2\n")
    assert node.listed("192.0.2.1") and node.listed("192.0.2.2")


def test_duplicates_are_counted_within_one_import(node):
    counts = feed(node, "dup", "192.0.2.1\n# c\n192.0.2.1\n\n192.0.2[.]1\n192.0.2.2\n")
    assert (counts["accepted"], counts["duplicate"], counts["skipped"], counts["rejected"]) == (2, 2, 2, 0)
    assert feed(node, "dup", "192.0.2.1\n")["duplicate"] == 0


def test_groups_and_weights(node):
    for name, group in (("a", "one"), ("b", "one"), ("c", "two")):
        node.run("source", "add", name, "--group", group, "--weight", 10)
    feed(node, "a", "192.0.2.1\n192.0.2.2\n192.0.2.3\n")
    feed(node, "b", "192.0.2.2\n192.0.2.3\n")
    feed(node, "c", "192.0.2.3\n")
    one, same, both = (node.score(f"192.0.2.{i}") for i in (1, 2, 3))
    assert one == same < both
    node.run("source", "set", "c", "--weight", 0)
    assert node.score("192.0.2.3") == one
    node.run("source", "set", "a", "--weight", 20)
    assert node.score("192.0.2.1") > one
    node.run("source", "remove", "a")
    assert not node.listed("192.0.2.1") and node.score("192.0.2.2") == one
    assert "a" not in sources(node) and sources(node, "--all")["a"]["removed"]


def test_false_positives_count_against(node):
    node.run("source", "add", "feed", "--weight", 20)
    node.run("source", "add", "analyst", "--weight", 15, "--type", "event")
    feed(node, "feed", "192.0.2.1\n")
    before = node.score("192.0.2.1")
    feed(node, "analyst", "192.0.2.1\n", "--as", "false-positive")
    assert node.score("192.0.2.1") < before


def test_protected_values_are_capped_and_say_so(samples):
    feed(samples, "wild", "10.1.2.3\n127.0.0.1\nwww.portal.gov.example\n224.0.0.5\n::1\n")
    for value in ("10.1.2.3", "127.0.0.1", "www.portal.gov.example", "224.0.0.5", "::1"):
        answer = samples.check(value)[0]
        assert answer["score"] == 0 and not answer["listed"] and answer["protected_by"], answer
    assert "RFC 1918" in samples.check("10.1.2.3")[0]["protected_by"]
    assert "sample-services" in samples.run("why", "www.portal.gov.example", code=0).out


@pytest.mark.parametrize("arguments", [
    ["add"], ["add", "Bad Name"], ["set", "nobody", "--weight", "3"], ["add", "x", "--weight", "61"], ["add", "x", "--category", "nonsense"],
    ["remove", "nobody"], ["frobnicate", "x"], ["add", "x", "--type", "sometimes"],
])
def test_bad_changes_are_refused(node, arguments):
    done = node.run("source", *arguments, code=None)
    assert done.returncode in (2, 64) and done.err.startswith("sipar: ")
    assert sources(node) == {}


def test_list_shows_what_was_set(node):
    node.run("source", "add", "one", "--weight", 30, "--group", "g", "--category", "phishing", "--type", "event", "--lifetime", 9)
    s = sources(node)["one"]
    assert (s["weight"], s["group"], s["category"], s["type"], s["lifetime"]) == (30, "g", "phishing", "event", 9)
    assert "one" in node.run("source", "list").out
