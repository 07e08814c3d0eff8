"""Every real file in a supported format imports, and the counts agree with the catalogue of the data; docs/formats.md explains the
differences that are named here."""
import csv
import json

import pytest

from conftest import SIPAR, Node

FOLDERS = ("blocklists/", "dga/", "intel/amnesty/", "intel/mvt/", "intel/unit42", "intel/eset-iocs/", "intel/volexity/", "intel/misp-events",
           "intel/misp-stix/", "intel/misp-warninglists/", "intel/stix-oasis", "intel/attack/", "intel/disarm/", "netblocks/ipverse",
           "reports/shadowserver/", "reports/intelmq-feeds/")

# Not feeds, or feeds of kinds of things that are no observables here: refused by name (docs/formats.md, "What is refused").
REFUSED = ("words", "nso__files.txt", "nso__processes.txt", "config_profiles.txt", "LICENSE", "README", ".license", "red_framework_ids.csv", "apps.csv",
           "pe_meta.txt", "reports.json", "indicators.yaml", ".xml", "xml-utf8", "_summary.json", "misp_attributes_to_stix21.json", "sharing_groups.json",
           "galaxy.json", "quagga.json", "aggregated.json", "anubisnetworks", "cleanmx", "fireeye", "filter_", "github_feed", "html_table",
           "atdreport", "surbl", "threatminer", "v21-valid-objects.ndjson", "misp__misp_attribute.json", "invalid_braces.json", "domains_buggy")
# The catalogue counts another thing than records (a document, a first row taken for a heading, comments as rows): see docs/formats.md.
OTHER_UNIT = ("enterprise-attack-18.1-sdo.ndjson", "misp_event.json", "mispevent_testfiles__", "search_index_result.json", "test_attributes_collection_",
              "invalid_comma.json", "sha256_w_timestamps.csv", "test_parser_otx.data", "generic__compose_fields.csv", "generic__invalid_sample_report.csv",
              "generic__sample_report.csv")


def named(path, names):
    return any(name in path for name in names)


@pytest.mark.skipif("sanitized" in SIPAR, reason="the same files take minutes there; the unit tests replay samples of each format")
def test_counts_agree_with_the_catalogue(data, tmp_path):
    rows = [r for r in csv.DictReader(open(data / "MANIFEST.tsv"), delimiter="\t", quoting=csv.QUOTE_NONE) if r["path"].startswith(FOLDERS)]
    node = Node(tmp_path / "node")
    node.run("init")
    agree = refused = other = 0
    wrong = []
    for row in rows:
        path = data / row["path"]
        if not path.exists():
            path = path.with_name(path.name + ".zst")
        done = node.run("import", "--json", "-q", "--source", "real", path, code=None)
        assert done.returncode in (0, 1, 2), done.err
        if done.returncode == 2:
            refused += 1
            if not named(row["path"], REFUSED):
                wrong.append(f"{row['path']} was refused: {done.err.strip()}")
            continue
        counts = json.loads(done.out)
        kinds = counts["skipped_by_kind"]
        said = counts["read"] - kinds.get("blank", 0) - kinds.get("comment", 0)
        if row["records"] in (str(said), str(counts["read"])):
            agree += 1
        elif named(row["path"], OTHER_UNIT):
            other += 1
        else:
            wrong.append(f"{row['path']}: the catalogue has {row['records']} {row['unit']}, read {counts}")
    assert not wrong, "\n".join(wrong)
    assert agree >= 900 and other <= 20 and refused <= 70, (agree, other, refused)


@pytest.mark.skipif("sanitized" in SIPAR, reason="takes minutes there")
def test_real_values_answer(data, tmp_path):
    """A value out of each family of feeds is found again."""
    node = Node(tmp_path / "node")
    node.run("init")
    asked = [
        ("blocklists/ipsum/ipsum.txt.zst", "ipsum", "77.90.185.20"),
        ("blocklists/spamhaus-drop-2024-02-27/drop.txt", "drop", None),
        ("blocklists/urlhaus-filter-2025-07-19/urlhaus-filter-rpz.conf", "rpz", "05webinvite.com"),
        ("blocklists/urlhaus-filter-2025-07-19/urlhaus-filter-dnsmasq.conf", "dnsmasq", "05webinvite.com"),
        ("intel/volexity/2024-08-02_StormBamboo__iocs.csv", "volexity", "103.96.130.107"),
        ("intel/mvt/2026-03-03_coruna_cryptowaters__coruna.stix2", "coruna", None),
    ]
    for path, source, value in asked:
        counts = node.counts(source, data / path)
        assert counts["accepted"] > 0 and counts["rejected"] == 0, (path, counts)
        if value:
            assert source in node.check(value)[0]["sources"], (path, value)


def test_warning_lists_protect(data, tmp_path):
    node = Node(tmp_path / "node")
    node.run("init")
    node.counts("bad", "-", stdin=b"104.16.1.1\ndrive.google.com\n77.90.185.20\n")
    assert node.listed("104.16.1.1") and node.listed("77.90.185.20")
    lists = data / "intel" / "misp-warninglists"
    counts = node.counts("warninglists", lists)
    assert counts["accepted"] > 50000 and counts["rejected"] * 100 < counts["read"], counts
    assert not node.listed("104.16.1.1") and "protected_by" in node.check("104.16.1.1")[0]
    assert not node.listed("drive.google.com")
    assert node.listed("77.90.185.20")
    # After a restart, too: the text rules are folded from the ledger.
    assert "protected_by" in node.check("104.16.1.1")[0]


@pytest.mark.skipif("sanitized" in SIPAR, reason="takes minutes there")
def test_everything_at_once_through_the_daemon(data, tmp_path, serve):
    node = Node(tmp_path / "node")
    node.run("init")
    daemon = serve(node)
    before = daemon.memory_kb()
    counts = node.counts("all", "-q", data / "blocklists", data / "dga", data / "intel", code=None)
    assert counts["accepted"] > 600000
    assert daemon.lookup("77.90.185.20")["listed"]
    assert (daemon.memory_kb() - before) * 1024 / counts["claims"] < 400
