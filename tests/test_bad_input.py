"""Bad input gets a clear error with its place and loses nothing: not the process, not the rest of the file, not what was stored."""
import gzip
import json
import lzma
import random
import resource
import socket
import struct
import subprocess

import pytest

from conftest import LIMIT, SIPAR


def test_broken_octets_among_good_lines(node, tmp_path):
    feed = tmp_path / "bad.txt"
    feed.write_bytes(b"192.0.2.1\n\xff\xfe\x80broken\n192.0.2.300\nnul\x00byte.example\n" + b"a" * 300 + b".example\n192.0.2.2\n")
    counts = node.counts("bad", feed)
    assert counts["accepted"] == 2 and counts["rejected"] >= 3, counts
    assert "bad.txt:3: " in counts["stderr"] and "192.0.2.300" in counts["stderr"]
    assert node.listed("192.0.2.1") and node.listed("192.0.2.2")
    assert not any(ord(c) < 32 and c not in "\n\t\r\x1b" for c in counts["stderr"])


def test_strict_stops_and_nothing_counts(node, tmp_path):
    feed = tmp_path / "bad.txt"
    feed.write_text("192.0.2.1\n192.0.2.300\n192.0.2.2\n")
    done = node.run("import", "--strict", "--source", "s", feed, code=2)
    assert "bad.txt:2: " in done.err
    assert not node.listed("192.0.2.1") and not node.listed("192.0.2.2")
    node.run("rebuild")
    assert not node.listed("192.0.2.1")


def test_a_line_of_100_mb(node, tmp_path):
    feed = tmp_path / "long.txt"
    with open(feed, "wb") as f:
        f.write(b"192.0.2.1\n")
        for _ in range(100):
            f.write(b"x" * 1000000)
        f.write(b"\n192.0.2.2\n")
    counts = node.counts("long", "--format", "lines", feed)
    assert (counts["accepted"], counts["rejected"]) == (2, 1) and "long.txt:2: " in counts["stderr"]
    assert node.listed("192.0.2.2")
    if "sanitized" not in SIPAR:
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 400 * 1024


@pytest.mark.parametrize("text", [b"[" * 10000, b"[" * 10000 + b"]" * 10000, b'{"type":"bundle","objects":[' + b'{"a":' * 10000 + b"1" + b"}" * 10000 + b"]}"],
                         ids=["open arrays", "closed arrays", "objects in a bundle"])
def test_deep_json(node, text):
    done = node.run("import", "--json", "--format", "stix", "--source", "deep", "-", stdin=text, code=None)
    assert done.returncode in (0, 1, 2) and "standard input" in done.err
    assert node.counts("after", "-", stdin=b"192.0.2.1\n")["accepted"] == 1


def bundle(n):
    objects = [{"type": "indicator", "spec_version": "2.1", "id": f"indicator--00000000-0000-4000-8000-{i:012d}",
                "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z", "valid_from": "2026-01-01T00:00:00Z",
                "pattern_type": "stix", "pattern": f"[domain-name:value = 'd{i}.example']"} for i in range(n)]
    return json.dumps({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": objects}, indent=1).encode()


def test_a_bundle_cut_in_half(node, tmp_path):
    feed = tmp_path / "half.json"
    whole = bundle(100)
    feed.write_bytes(whole[: len(whole) // 2])
    done = node.run("import", "--json", "--source", "half", feed, code=1)
    counts = json.loads(done.out)
    assert 45 <= counts["accepted"] <= 50 and counts["rejected"] == 1 and counts["damaged"], counts
    assert "half.json" in done.err
    assert node.listed("d0.example") and not node.listed("d99.example")


def test_cut_compressed_streams(node, tmp_path):
    lines = "".join(f"192.0.2.{i % 250}\nhost{i}.example\n" for i in range(20000)).encode()
    for name, packed in (("cut.gz", gzip.compress(lines)), ("cut.xz", lzma.compress(lines))):
        feed = tmp_path / name
        feed.write_bytes(packed[: len(packed) * 2 // 3])
        done = node.run("import", "--json", "--source", "cut-" + name[-2:], feed, code=None)
        assert done.returncode == 1 and name in done.err, done.err
        counts = json.loads(done.out)
        assert counts["accepted"] > 0 and counts["rejected"] >= 1 and counts["damaged"]
        feed.write_bytes(packed)
        assert node.counts("whole-" + name[-2:], feed)["rejected"] == 0


def test_a_csv_that_changes_its_columns(node, tmp_path):
    feed = tmp_path / "ragged.csv"
    feed.write_text("ip,domain,note\n192.0.2.1,a.example,x\nnote first,192.0.2.9,b.example,y\n192.0.2.3\n,,\n\"192.0.2.4\",c.example,\"q\"\"uoted\"\n")
    counts = node.counts("ragged", feed)
    assert node.listed("192.0.2.1") and node.listed("192.0.2.4") and node.listed("c.example") and node.listed("192.0.2.3")
    assert counts["accepted"] >= 3


def test_unknown_formats_are_refused(node, tmp_path):
    binary = tmp_path / "noise.bin"
    binary.write_bytes(random.Random(7).randbytes(100000))
    done = node.run("import", "--source", "noise", binary, code=None)
    assert done.returncode != 0 and "noise.bin" in done.err
    assert node.counts("none", "-", stdin=b"")["read"] == 0
    assert node.run("import", "--source", "x", "--format", "nonsense", "-", stdin=b"", code=64)
    assert node.run("import", "--source", "x", tmp_path / "missing.txt", code=2)
    assert node.run("import", "--source", "x", "--lane", "nowhere", "-", stdin=b"", code=2)
    assert node.run("import", "-", stdin=b"", code=64)


def test_marked_records_do_not_enter_a_wider_lane(node, tmp_path):
    amber = bundle(3).replace(b'"valid_from"', b'"object_marking_refs": ["marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"],\n "valid_from"', 1)
    counts = node.counts("marked", "-", stdin=amber)
    assert counts["accepted"] == 2 and counts["rejected"] == 1 and "tlp:amber" in counts["stderr"]
    assert not node.listed("d0.example") and node.listed("d1.example")
    raw = (node.path / "ledger.db").read_bytes() + b"".join(p.read_bytes() for p in node.path.glob("ledger.db-wal"))
    assert b"d0.example" not in raw
    assert node.counts("marked", "--lane", "members", "-", stdin=amber)["accepted"] == 3


def test_an_amber_lane_does_not_show_to_anonymous_askers(node, serve):
    node.counts("secret", "--lane", "members", "-", stdin=b"192.0.2.1\n")
    daemon = serve(node)
    assert node.listed("192.0.2.1") and node.check("192.0.2.1")[0]["tlp"] == "tlp:amber"
    assert "tlp:amber" in node.run("check", "192.0.2.1", code=1).out and "lane members (tlp:amber)" in node.run("why", "192.0.2.1", code=0).out
    assert not daemon.lookup("192.0.2.1")["listed"] and daemon.lookup("192.0.2.1")["sources"] == []
    assert daemon.dig("1.2.0.192.bl.sipar.test")[0] == "NXDOMAIN"
    assert "secret" not in daemon.get("/v1/why/192.0.2.1")[2]


def name_wire(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"


def test_malformed_dns(samples, serve):
    daemon = serve(samples)
    question = name_wire("7.100.51.198.bl.sipar.test") + struct.pack("!HH", 1, 1)
    good = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + question
    rcode = lambda answer: answer[3] & 15
    assert rcode(daemon.udp(good)) == 0
    malformed = {
        "name cut": good[:20], "label type 0x40": good[:12] + b"\x41" + good[13:], "pointer in question": good[:12] + b"\xc0\x0c\x00\x01\x00\x01",
        "two questions": struct.pack("!HHHHHH", 7, 0, 2, 0, 0, 0) + question * 2, "no question": struct.pack("!HHHHHH", 7, 0, 0, 0, 0, 0),
        "long name": good[:12] + (b"\x3f" + b"a" * 63) * 5 + b"\0" + b"\0\1\0\1",
    }
    for name, packet in malformed.items():
        answer = daemon.udp(packet)
        assert answer is not None and rcode(answer) == 1 and answer[:2] == good[:2], name
    assert rcode(daemon.udp(struct.pack("!HHHHHH", 7, 0x2000, 1, 0, 0, 0) + question)) == 4
    assert daemon.udp(good[:11], wait=0.3) is None
    assert daemon.udp(struct.pack("!HHHHHH", 7, 0x8000, 1, 0, 0, 0) + question, wait=0.3) is None
    noise = random.Random(1)
    for _ in range(500):
        packet = bytearray(good)
        for _ in range(noise.randint(1, 8)):
            packet[noise.randrange(len(packet))] = noise.randrange(256)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(bytes(packet[: noise.randint(0, len(packet))]), ("127.0.0.1", daemon.dns_port))
    with socket.create_connection(("127.0.0.1", daemon.dns_port), timeout=LIMIT) as s:
        s.sendall(struct.pack("!H", len(good)) + good[:5])
        s.sendall(good[5:] + struct.pack("!H", len(good)) + good)
        n = struct.unpack("!H", s.recv(2, socket.MSG_WAITALL))[0]
        assert s.recv(n, socket.MSG_WAITALL)[:2] == good[:2]
        n = struct.unpack("!H", s.recv(2, socket.MSG_WAITALL))[0]
        assert s.recv(n, socket.MSG_WAITALL)[:2] == good[:2]
    assert rcode(daemon.udp(good)) == 0


def test_bad_http(samples, serve):
    daemon = serve(samples)
    assert daemon.request("DELETE", "/v1/lookup/192.0.2.1")[0] == 405
    assert daemon.get("/nowhere")[0] == 404
    assert daemon.get("/v1/lookup/%zz")[0] == 400
    assert daemon.request("POST", "/v1/lookup", b"x" * (17 << 20), {"Content-Type": "text/plain"})[0] == 413
    for octets in (b"GET\r\n\r\n", b"\x00\x01\x02", b"GET / HTTP/9.9\r\n\r\n", b"GET /v1/lookup/" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", daemon.http_port), timeout=LIMIT) as s:
            try:
                s.sendall(octets)
                s.shutdown(socket.SHUT_WR)
                s.recv(65536)
            except OSError:
                pass  # the server closed first
    assert daemon.lookup("198.51.100.7")["listed"]


def test_a_bad_configuration_is_told_with_its_line(node):
    (node.path / "sipar.conf").write_text("# fine\nhttp = 127.0.0.1:0\nfrobnicate = yes\n")
    done = node.run("serve", code=64)
    assert "sipar.conf:3: " in done.err
    (node.path / "sipar.conf").write_text("http = not an address\ndns = 127.0.0.1:0\n")
    assert "not an address" in node.run("serve", code=2).err


def test_a_closed_pipe_is_no_error(samples):
    done = subprocess.run(f"yes 198.51.100.7 | head -200000 | {SIPAR} check -d {samples.path} | head -1", shell=True, capture_output=True,
                          text=True, timeout=LIMIT)
    assert done.stdout.startswith("198.51.100.7") and "Sanitizer" not in done.stderr


def test_names_of_files_do_not_reach_the_terminal_raw(node, tmp_path):
    folder = tmp_path / "names"
    folder.mkdir()
    (folder / "z\x1b[31mred\nforged: line").write_text("192.0.2.1/99\n192.0.2.1\n")
    (folder / "q\x1b]0;T\x07").write_bytes(b"\0\1\2" * 100)
    done = node.run("import", "--source", "n", "--format", "lines", folder, code=None)
    assert "\x1b" not in done.err and "\nforged" not in done.err and "?[31mred" in done.err
    (folder / "loop").symlink_to(".")
    assert node.counts("m", "--format", "lines", folder, code=None)["accepted"] == 1


def test_hostile_configurations(node):
    config = node.path / "sipar.conf"
    config.write_text("# " + "x" * 1021 + "zone = evil.example\nfrobnicate = 1\n")
    assert "sipar.conf:2: " in node.run("serve", code=64).err
    config.write_bytes(b"http = 127.0.0.1:0\0:1\n")
    assert "sipar.conf:1: " in node.run("serve", code=64).err
    config.unlink()
    config.mkdir()
    assert "cannot be read" in node.run("serve", code=2).err
