"""What the sources say, written for others: each format is read again by another node, which comes to the same verdicts."""
import csv
import json

import pytest

from conftest import SAMPLES, Node

FORMATS = ("stix", "misp", "csv", "intelmq")


def new_node(path):
    node = Node(path)
    node.run("init")
    return node


def export(node, form, path, *args):
    done = json.loads(node.run("export", "--json", "--format", form, "-o", path, *args).out)
    assert done["octets"] == path.stat().st_size
    return done


def values_of(path):
    """What a CSV export names."""
    with open(path, newline="") as f:
        return sorted({row["value"] for row in csv.DictReader(f)})


def verdicts(node, values, scores=True):
    """By value, as they are asked: of a few hundred at once."""
    found = {}
    for i in range(0, len(values), 500):
        for answer in node.check(*values[i:i + 500]):
            found[answer["value"]] = (answer["listed"], answer["categories"], answer["score"] if scores else None)
    return found


def round_trips(node, tmp_path, source, expect_all=True):
    """Each format into a node of its own."""
    listing = tmp_path / "all.csv"
    export(node, "csv", listing, "--source", source)
    values = values_of(listing)
    assert values
    for form in FORMATS:
        there = new_node(tmp_path / form)
        path = tmp_path / f"x.{form}"
        done = export(node, form, path, "--source", source)
        assert node.run("export", "--format", form, "-o", "-", "--source", source).stdout == path.read_bytes(), form  # the same each time
        counts = there.counts(source, path)
        assert counts["rejected"] == 0, (form, counts)
        left_out = sum(done["left_out"].values())
        # a MISP tag has five levels of confidence, so scores are near
        scores = form != "misp"
        ours, theirs = verdicts(node, values, scores), verdicts(there, values, scores)
        if form == "misp":  # hashes without a category are malware to it
            ours, theirs = ({v: (a[0], ["blacklist"] if a[1] == ["malware-distribution"] else a[1], a[2]) for v, a in d.items()} for d in (ours, theirs))
        wrong = [(v, ours[v], theirs[v]) for v in ours if ours[v] != theirs[v]]
        assert len(wrong) <= left_out, (form, left_out, wrong[:5])
        if expect_all:
            assert not wrong, (form, wrong[:5])
    return values


def test_samples(tmp_path):
    for sample in ("phishing.csv", "malware.stix.json", "event.misp.json", "scanners.txt", "netblocks.netset", "hosts"):
        here = tmp_path / sample
        here.mkdir()
        node = new_node(here / "node")
        node.counts("feed", SAMPLES / sample)
        round_trips(node, here, "feed")


def test_every_kind_and_what_stands(tmp_path):
    node = new_node(tmp_path / "node")
    node.counts("all", "-", stdin=b"""value,category,confidence,stance,valid_until,last_seen
198.51.100.7,c2,80,,,2026-08-22
2001:db8::7,hijacked,,,,2026-08-22
198.51.100.0/28,tor,60,,2126-01-01T00:00:00Z,2026-08-22
*.below.example,phishing,,,,2026-08-22
evil.example,fraud,75,sighting,,2026-08-22
"http://evil.example/a,b;c?d='e'",spyware,,,,2026-08-22
someone@evil.example,scanner,,,,2026-08-22
d41d8cd98f00b204e9800998ecf8427e,c2,,,,2026-08-22
cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e,malware,,,,2026-08-22
past.example,c2,,,2020-01-01T00:00:00Z,2019-01-01
back.example,c2,,,,2026-08-22
""")
    node.run("retract", "back.example", "--why", "x")
    values = round_trips(node, tmp_path, "all", expect_all=False)
    assert "past.example" not in values and "back.example" not in values and len(values) == 9
    done = export(node, "intelmq", tmp_path / "i")
    assert done["left_out"] == {"wildcard": 1, "sha512": 1} and done["claims"] == 7
    for form in ("stix", "csv"):
        assert export(node, form, tmp_path / "i")["claims"] == 9


def test_false_positives(tmp_path):
    node = new_node(tmp_path / "node")
    node.counts("bad", "-", stdin=b"198.51.100.7\n")
    alone = node.score("198.51.100.7")
    node.counts("good", "--as", "false-positive", "-", stdin=b"198.51.100.7\n")
    both = node.score("198.51.100.7")
    assert both < alone
    for form in ("stix", "csv"):
        there = new_node(tmp_path / form)
        for source in ("bad", "good"):
            export(node, form, tmp_path / "x", "--source", source)
            there.counts(source, tmp_path / "x")
        assert there.score("198.51.100.7") == both, form


def test_objects_stay_as_they_are(tmp_path):
    """Whatever their type, octet for octet, each version once; none that was taken back."""
    node = new_node(tmp_path / "node")
    indicator = lambda n, value, **more: {"type": "indicator", "spec_version": "2.1", "id": f"indicator--00000000-0000-4000-8000-{n:012x}",
                                          "created": "2026-05-01T08:17:27.000Z", "modified": "2026-05-01T08:17:27.000Z", "pattern_type": "stix",
                                          "pattern": f"[domain-name:value = '{value}']", "valid_from": "2026-05-01T08:17:27Z", **more}
    malware = {"type": "malware", "spec_version": "2.1", "id": "malware--00000000-0000-4000-8000-000000000001", "created": "2026-05-01T08:17:27.000Z",
               "modified": "2026-05-01T08:17:27.000Z", "name": "m", "is_family": False, "x_unknown": {"a": [1.50, "\u00e4"]}}
    large = indicator(3, "large.example", description="x" * 3000000)
    texts = [json.dumps(o, indent=1) for o in (indicator(1, "a.example"), malware, large, indicator(2, "back.example"))]
    bundle = '{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","objects":[' + " ,\n ".join(texts) + "]}"
    node.counts("cti", "-", stdin=bundle.encode())
    node.counts("cti", "-", stdin=bundle.encode())
    node.run("retract", "indicator--00000000-0000-4000-8000-000000000002", "--why", "x")
    done = export(node, "stix", tmp_path / "x")
    text = (tmp_path / "x").read_text()
    assert done["objects"] == 3 and all(text.count(t) == 1 for t in texts[:3]) and texts[3] not in text
    assert [o["id"] for o in json.loads(text)["objects"]] == [json.loads(t)["id"] for t in texts[:3]]
    assert export(node, "stix", tmp_path / "x", "--type", "domain")["objects"] == 2  # no malware
    assert export(node, "stix", tmp_path / "x", "--type", "ip,hash")["objects"] == 0


def test_whom_it_is_for(tmp_path):
    node = new_node(tmp_path / "node")
    for lane, value in (("public", "p.example"), ("community", "c.example"), ("members", "m.example"), ("restricted", "r.example")):
        node.counts(lane, "--lane", lane, "-", stdin=value.encode() + b"\n")
    names = lambda *args: (export(node, "csv", tmp_path / "x", *args), values_of(tmp_path / "x"))[1]
    assert names() == ["c.example", "m.example", "p.example", "r.example"]
    assert names("--audience", "green") == ["c.example", "p.example"]
    assert names("--lane", "members,public") == ["m.example", "p.example"]
    assert names("--source", "members") == ["m.example"] and names("--since", "2100-01-01") == [] and len(names("--since", "2020-01-01")) == 4
    assert "no lane" in node.run("export", "--format", "csv", "-o", tmp_path / "y", "--audience", "clear", "--lane", "members", code=2).err
    # for each format: nothing of other lanes, and a lane that may not hold it refuses what is marked above it
    for form in FORMATS:
        export(node, form, tmp_path / "x", "--audience", "green")
        text = (tmp_path / "x").read_text()
        assert "members" not in text and "restricted" not in text and "m.example" not in text and "r.example" not in text
        export(node, form, tmp_path / "x", "--lane", "members")
        there = new_node(tmp_path / form)
        assert there.counts("x", tmp_path / "x", code=None)["rejected"] == 1 and not there.listed("m.example")
        assert there.counts("x", "--lane", "members", tmp_path / "x")["accepted"] == 1 and there.listed("m.example")


def test_mistakes(tmp_path, node):
    for args, words in ((("-o", "x"), "--format"), (("--format", "csv"), "-o FILE"), (("--format", "pdf", "-o", "x"), "stix, misp, csv or intelmq"),
                        (("--format", "csv", "-o", "x", "--type", "thing"), "--type"), (("--format", "csv", "-o", "x", "--since", "soon"), "--since")):
        assert words in node.run("export", *args, code=64).err
    assert "cannot be written" in node.run("export", "--format", "csv", "-o", tmp_path / "no" / "x", code=2).err
    assert list(tmp_path.glob("*.part")) == []
    # of nothing
    for form in FORMATS:
        assert export(node, form, tmp_path / "x")["claims"] == 0
    assert json.loads((tmp_path / "x").read_text() or "null") is None


def test_imports_that_do_not_count(tmp_path):
    node = new_node(tmp_path / "node")
    node.counts("list", "-", stdin=b"old.example\n")
    node.counts("list", "-", stdin=b"new.example\nnew.example\n")
    node.run("import", "--source", "other", "--strict", "--format", "stix", "-", stdin=b'{"type":"malware","id":"malware--1"}\n{"type":5}', code=None)
    node.counts("gone", "-", stdin=b"gone.example\n")
    node.run("source", "remove", "gone")
    export(node, "csv", tmp_path / "x")
    assert values_of(tmp_path / "x") == ["new.example"]
    assert export(node, "stix", tmp_path / "x")["objects"] == 0


@pytest.mark.parametrize("path,source", [("blocklists/ipsum/3.txt", "ipsum"), ("intel/volexity/2024-08-02_StormBamboo__iocs.csv", "volexity"),
                                         ("intel/mvt/2026-03-03_coruna_cryptowaters__coruna.stix2", "mvt"), ("reports/shadowserver", "shadow"),
                                         ("intel/misp-events-eset", "misp")])
def test_real_data(data, tmp_path, path, source):
    node = new_node(tmp_path / "node")
    counts = node.counts(source, "-q", data / path, code=None)
    assert counts["accepted"] > 0
    round_trips(node, tmp_path, source, expect_all=False)
