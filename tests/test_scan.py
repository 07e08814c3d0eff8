"""sipar scan: an analyst has logs, and asks what in them is listed."""
import bz2
import collections
import gzip
import json
import lzma
import os
import re
import signal
import subprocess
import threading
import urllib.request

import pytest

from conftest import LIMIT, SIPAR, Daemon, Node, wait_for

LISTED = "198.51.100.7\nevil.example\nhttp://bad.example/x\n203.0.113.0/24\n44d88612fea8a8f36de82e1278abb02f\nmallory@crime.example\n2001:db8:7::9\n"
LOG = """192.0.2.1 - - [25/Nov/2020:13:58:01 +0100] "GET / HTTP/1.1" 200 "http://bad.example/x"
Nov 25 12:00:01 fw kernel: [UFW BLOCK] SRC=198.51.100.7 DST=192.0.2.4
nothing here
2020-11-25T14:00:00Z resolver: evil.example A and 203.0.113.9
{"timestamp":"2020-11-25T14:30:00+0000","dest_ip":"2001:db8:7::9","from":"mallory@crime.example"}
/srv/x: 44d88612fea8a8f36de82e1278abb02f FOUND
"""
VALUES = ["http://bad.example/x", "198.51.100.7", "evil.example", "203.0.113.9", "2001:db8:7::9", "mallory@crime.example",
          "44d88612fea8a8f36de82e1278abb02f"]
PLACES = [f"{n}:{line.index(value) + 1}" for n, line in enumerate(LOG.splitlines(), 1) for value in VALUES if value in line]
ROWS = [f"{place}: {value} 50 blacklist" for place, value in zip(PLACES, VALUES)]


@pytest.fixture
def lists(node):
    assert node.counts("list", "-", stdin=LISTED.encode())["accepted"] == 7
    return node


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "a.log"
    path.write_text(LOG)
    return path


def lines(done):
    return done.out.splitlines()


def test_every_hit_has_its_place(lists, log):
    assert lines(lists.run("scan", log)) == ROWS
    assert lines(lists.run("scan", stdin=LOG.encode())) == ROWS
    assert lines(lists.run("scan", "-H", log)) == [f"{log}:{row}" for row in ROWS]
    text = LOG.splitlines()
    for row in lines(lists.run("scan", log)):
        line, column, rest = row.split(":", 2)
        assert text[int(line) - 1][int(column) - 1:].startswith(rest.split()[0])


def test_several_files_are_named_and_in_order(lists, log, tmp_path):
    other = tmp_path / "b.log"
    other.write_text("x\nevil.example\n")
    expected = [f"{other}:2:1: evil.example 50 blacklist", *(f"{log}:{row}" for row in ROWS), *(f"(standard input):{row}" for row in ROWS)]
    assert lines(lists.run("scan", other, log, "-", stdin=LOG.encode())) == expected
    assert lines(lists.run("scan", "--no-filename", other, log)) == ["2:1: evil.example 50 blacklist", *ROWS]


@pytest.mark.parametrize("pack", ["gzip", "zstd", "xz", "bzip2"])
def test_packed_files_are_unpacked(lists, tmp_path, pack):
    path = tmp_path / "log"
    octets = LOG.encode() * 1000
    if pack == "zstd":
        subprocess.run(["zstd", "-q", "-o", path], input=octets, check=True)
    else:
        path.write_bytes({"gzip": gzip, "xz": lzma, "bzip2": bz2}[pack].compress(octets))
    assert lines(lists.run("scan", "--only-matching", path)) == VALUES * 1000
    assert lines(lists.run("scan", "--count", stdin=path.read_bytes())) == ["5000"]


def test_json_has_all_that_check_says(lists, log):
    hits = [json.loads(line) for line in lines(lists.run("scan", "--json", log))]
    assert [hit["value"] for hit in hits] == VALUES
    assert [f"{hit['line']}:{hit['column']}" for hit in hits] == PLACES
    for hit, checked in zip(hits, lists.check(*VALUES)):
        assert hit["file"] == str(log) and hit["text"] == hit["value"] and hit["category"] == "blacklist"
        assert {k: hit[k] for k in checked} == checked
    shouted = json.loads(lists.run("scan", "--json", stdin=b"see EVIL.Example.").out)
    assert (shouted["text"], shouted["value"]) == ("EVIL.Example", "evil.example")


def test_lines_are_printed_as_grep_prints_them(lists, log):
    text = LOG.splitlines()
    with_hits = text[:2] + text[3:]
    assert lines(lists.run("scan", "--lines", log)) == with_hits
    assert lines(lists.run("scan", "--lines", "-n", log)) == [f"{n}:{text[n - 1]}" for n in (1, 2, 4, 5, 6)]
    assert lines(lists.run("scan", "--invert", log)) == ["nothing here"]
    assert lines(lists.run("scan", "--count", log)) == ["5"]
    assert lines(lists.run("scan", "--count", "--invert", log, log)) == [f"{log}:1"] * 2
    shown = lists.run("scan", "--lines", "--color", "always", log).out
    assert "SRC=\33[1;31m198.51.100.7\33[0m DST" in shown
    assert "\33" not in lists.run("scan", "--lines", log).out


def test_hits_are_chosen(lists, log):
    kinds = {"ip": [1, 3, 4], "domain": [2], "url": [0], "email": [5], "hash": [6]}
    for kind, wanted in kinds.items():
        assert lines(lists.run("scan", "-o", "--kinds", kind, log)) == [VALUES[i] for i in wanted]
    assert lines(lists.run("scan", "-o", "--kinds", "hash,ip", log)) == [VALUES[i] for i in (1, 3, 4, 6)]
    lists.counts("second", "-", stdin=b"evil.example\n")
    assert lines(lists.run("scan", "-o", "--min-score", 51, log)) == ["evil.example"]


def test_exit_status_is_greps(lists, log, tmp_path):
    secret = tmp_path / "secret.log"
    clean = tmp_path / "clean.log"
    clean.write_text("nothing\n")
    lists.run("scan", "-q", log, code=0)
    assert lists.run("scan", clean, code=1).out == ""
    assert lists.run("scan", "--invert", "-q", clean, code=0).out == ""
    done = lists.run("scan", tmp_path / "none.log", log, tmp_path, code=2)
    assert len(lines(done)) == 7 and "none.log" in done.err and "is a directory" in done.err
    assert lists.run("scan", "-q", tmp_path / "none.log", log, code=0).err
    secret.write_bytes(gzip.compress(LOG.encode())[:-20])
    done = lists.run("scan", secret, log, code=2)
    assert "secret.log" in done.err and f"{log}:{ROWS[-1]}" in lines(done)
    if os.getuid():
        secret.chmod(0)
        assert "secret.log" in lists.run("scan", secret, code=2).err
    for wrong in (["--kinds", "ip,phone"], ["--color", "red"], ["--json", "--count"], ["-o", "-v"], ["--lane", "x"], ["-f", "-c"], ["--min-score", "101"]):
        lists.run("scan", *wrong, log, code=64)
    assert "is not a data directory" in Node(tmp_path / "no").run("scan", log, code=2).err


def test_directories_want_recursive(lists, log, tmp_path):
    (tmp_path / "d" / "sub").mkdir(parents=True)
    for name in ("b", "a", "sub/c", ".hidden"):
        (tmp_path / "d" / name).write_text("evil.example\n")
    os.mkfifo(tmp_path / "d" / "pipe")
    assert lists.run("scan", tmp_path / "d", code=2).out == ""
    assert [row.split(":")[0] for row in lines(lists.run("scan", "-r", "d", cwd=tmp_path))] == ["d/.hidden", "d/a", "d/b", "d/sub/c"]


def test_binary_files_are_scanned_and_not_printed(lists, tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"\0\1\2" + b"\0http://bad.example/x\0" * 2 + b"\n")
    for form in ([], ["--lines"]):
        assert lines(lists.run("scan", *form, path)) == [f"Binary file {path}: http://bad.example/x 50 blacklist"] * 2
    hit = json.loads(lines(lists.run("scan", "--json", path))[0])
    assert (hit["binary"], hit["offset"]) == (True, 4)


def test_long_lines_and_many_threads(lists, tmp_path):
    """Whatever the threads, the same answer in the same order; a line that is too long is said to be looked at in pieces."""
    path = tmp_path / "long.log"
    with open(path, "w") as f:
        for i in range(120000):
            f.write(f"{i} x {'evil.example' if i % 1000 == 0 else 'good.example'} {'y' * (i % 97)}\n")
        f.write('"evil.example",' + '"good.example",' * 1200000 + '"evil.example"\n')
        f.write("evil.example\n")
    outputs = [lists.run("scan", "-j", j, path) for j in (1, 2, 7)]
    rows = lines(outputs[0])
    assert len(rows) == 123 and rows[-1].startswith("120002:1: ") and rows[-3].startswith("120001:2: ") and rows[-2].startswith("120001:18000017: ")
    assert all(o.out == outputs[0].out and "120001: the line is longer than 16 MiB" in o.err for o in outputs)


def test_output_is_not_scanned(lists, tmp_path):
    (tmp_path / "a").write_text("evil.example\n")
    with open(tmp_path / "out", "w") as out:
        done = subprocess.run([SIPAR, "scan", "-d", lists.path, "-r", "."], cwd=tmp_path, stdout=out, stderr=subprocess.PIPE, timeout=LIMIT)
    assert done.returncode == 2 and b"is the output" in done.stderr
    assert [row for row in (tmp_path / "out").read_text().splitlines() if row.startswith("./a:")] == ["./a:1:1: evil.example 50 blacklist"]


def test_beside_the_daemon(lists, log, serve):
    """The daemon has the directory open: a scan waits for nobody and knows what the daemon knows, saved or not."""
    serve(lists)
    assert lines(lists.run("scan", "-o", log)) == VALUES
    lists.counts("late", "-", stdin=b"45.83.64.9\n")
    assert lines(lists.run("scan", stdin=b"x 45.83.64.9\n")) == ["1:3: 45.83.64.9 50 blacklist"]
    (entry,) = [e["entry"] for e in map(json.loads, lines(lists.run("log", "--json"))) if e["source"] == "late" and e["kind"] == "feed"]
    lists.run("erase", "--reason", "test", entry)
    lists.run("scan", stdin=b"x 45.83.64.9\n", code=1)


# ---- sightings ----


def told(node, source="scan"):
    """What the ledger has of a source's feeds: their octets, one behind the other."""
    entries = [json.loads(line) for line in lines(node.run("log", "--json", "--reverse"))]
    digests = [e["digest"] for e in entries if e["kind"] == "feed" and e["source"] == source]
    daemon = Daemon(node)
    bodies = []
    for digest in digests:
        with urllib.request.urlopen(f"http://127.0.0.1:{daemon.http_port}/lanes/public/body/{digest}", timeout=LIMIT) as answer:
            bodies.append(answer.read()[32:].decode())  # behind its nonce
    assert daemon.stop() == 0
    return bodies


def test_sightings_go_in_as_one_batch(lists, log):
    before = lists.check("evil.example")[0]
    done = lists.run("scan", "--sightings", "-q", log)
    assert done.out == "" and '7 sightings of listed values (7 times) went in as source "scan"' in done.err
    (body,) = told(lists)
    assert sorted(json.loads(line)["indicator"] for line in body.splitlines()) == sorted(VALUES)
    after = lists.check("evil.example")[0]
    assert after["sources"] == ["list", "scan"] and before["sources"] == ["list"]
    seen = {line["source"]: line for line in lists.why("evil.example")["lines"]}["scan"]
    assert seen["stance"] == "sighting" and seen["seen"] == 1606312800  # 2020-11-25T14:00:00Z, from the line
    source = [json.loads(s) for s in lines(lists.run("source", "--json", "list")) if '"scan"' in s][0]
    assert (source["type"], source["weight"]) == ("event", 1)


def test_sightings_count_and_keep_nothing_else(lists, tmp_path):
    path = tmp_path / "x.log"
    path.write_text("".join(f"2020-11-25T{h}:0{m}:00Z client 192.0.2.{m} asks evil.example\n" for h in (10, 11) for m in range(5)))
    done = lists.run("scan", "--sightings", "--source", "dns", "-q", path)
    assert "2 sightings of listed values (10 times)" in done.err
    (body,) = told(lists, "dns")
    assert body == "".join(f'{{"indicator":"evil.example","category":"blacklist","last_seen":"2020-11-25T{h}:00:00Z","count":5}}\n' for h in (10, 11))
    assert lists.check("evil.example")[0]["sources"] == ["list", "dns"]


def test_sightings_tell_nobody_what_he_may_not_know(lists, tmp_path):
    lists.counts("partner", "--lane", "members", "-", stdin=b"secret.example\n")
    text = b"2020-11-25T10:00:00Z secret.example\n"
    done = lists.run("scan", "--sightings", "-q", stdin=text)
    assert "no sightings went in" in done.err and "1 sightings are left out" in done.err
    assert '1 sightings of listed values' in lists.run("scan", "--sightings", "-q", "--lane", "members", stdin=text).err
    assert 'no lane "nowhere"' in lists.run("scan", "--sightings", "--lane", "nowhere", stdin=text, code=2).err


def test_a_sighting_is_no_evidence_for_the_next(lists, log):
    lists.run("scan", "--sightings", "-q", log)
    lists.run("source", "remove", "list")
    done = lists.run("scan", "--sightings", "-q", log)
    assert "no sightings went in" in done.err and "7 sightings are left out" in done.err
    lists.run("source", "add", "snap", "--type", "snapshot")
    assert "is a snapshot" in lists.run("scan", "--sightings", "--source", "snap", log, code=2).err


def test_sightings_through_the_daemon(lists, log, serve):
    daemon = serve(lists)
    lists.run("scan", "--sightings", "-q", log)
    assert daemon.lookup("evil.example")["sources"] == ["list", "scan"]


# ---- following ----


class Follower:
    def __init__(self, node, *args, stdin=subprocess.DEVNULL):
        self.process = subprocess.Popen([SIPAR, "scan", "-d", str(node.path), "-f", *map(str, args)], stdin=stdin, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.rows, self.err = [], []
        self.threads = [threading.Thread(target=self.read, args=a) for a in ((self.process.stdout, self.rows), (self.process.stderr, self.err))]
        for t in self.threads:
            t.start()

    @staticmethod
    def read(stream, to):
        for line in stream:
            to.append(line.rstrip("\n"))

    def expect(self, *rows):
        wait_for(lambda: len(self.rows) >= len(rows), f"{rows}, only {self.rows}, {self.err}")
        assert self.rows == list(rows)

    def stop(self, how=signal.SIGTERM):
        if how:
            self.process.send_signal(how)
        code = self.process.wait(timeout=LIMIT)
        for t in self.threads:
            t.join(LIMIT)
        assert not any("AddressSanitizer" in line or "runtime error" in line for line in self.err), self.err
        return code


def hit(where):
    return f"{where}: evil.example 50 blacklist"


def test_follow_rotation_and_truncation(lists, tmp_path):
    path = tmp_path / "a.log"
    path.write_text("evil.example\nunfinished")
    f = Follower(lists, path)
    f.expect(hit("1:1"))
    with open(path, "a") as log:
        log.write(" line evil.example\n")
    rows = [hit("1:1"), hit("2:17")]
    f.expect(*rows)
    path.rename(tmp_path / "a.log.1")
    with open(tmp_path / "a.log.1", "a") as old:
        old.write("x\nthe last evil.example")  # without a line end
    path.write_text("the new evil.example\n")
    rows += [hit("4:10"), hit("1:9")]
    f.expect(*rows)
    path.write_text("evil.example\n")  # shorter than it was
    rows.append(hit("1:1"))
    f.expect(*rows)
    assert f.stop() == 0
    assert any("became shorter" in line for line in f.err)


def test_follow_waits_for_a_file_and_sees_new_lists(lists, tmp_path):
    path, other = tmp_path / "later.log", tmp_path / "b.log"
    other.write_text("45.83.64.9\n")
    f = Follower(lists, path, other)
    wait_for(lambda: any("later.log" in line for line in f.err), "the complaint")
    path.write_text("evil.example\n")
    f.expect(hit(f"{path}:1:1"))
    lists.counts("new", "-", stdin=b"45.83.64.9\n")

    def append():
        with open(other, "a") as log:
            log.write("45.83.64.9\n")
        return any("45.83.64.9 50" in row for row in f.rows)

    wait_for(append, "the new list")
    assert f.stop(signal.SIGINT) == 2  # a file was not there


def test_follow_standard_input(lists, tmp_path):
    f = Follower(lists, "--sightings", stdin=subprocess.PIPE)
    f.process.stdin.write("now evil.example\n")
    f.process.stdin.flush()
    f.expect(hit("1:5"))
    f.process.stdin.write("evil.example\n")
    f.process.stdin.flush()
    f.expect(hit("1:5"), hit("2:1"))
    assert f.stop() == 0
    assert lists.check("evil.example")[0]["sources"] == ["list", "scan"]
    assert any("(2 times)" in line for line in f.err)


def test_a_pipe_is_looked_at_as_it_comes(lists):
    """Without -f, too."""
    process = subprocess.Popen([SIPAR, "scan", "-d", str(lists.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write("now evil.example\n")
    process.stdin.flush()
    assert process.stdout.readline() == hit("1:5") + "\n"
    process.stdin.close()
    assert process.wait(timeout=LIMIT) == 0
    process.stdout.close()


# ---- real data ----

QUAD = re.compile(rb"(?<![^\s\"',=])((?:\d{1,3}\.){3}\d{1,3})(?![^\s\"',])")


@pytest.mark.skipif("sanitized" in SIPAR, reason="takes minutes there")
def test_real_logs_against_a_slow_check(data, tmp_path):
    """Every exact address that stands alone in a real log and that check calls listed is found in its line, and whatever is found is
    listed and stands where it is said to stand."""
    files = sorted(p for p in (data / "logs").rglob("*") if p.is_file() and p.suffix not in (".md", ".pcap"))
    node = Node(tmp_path / "node")
    node.run("init")
    node.counts("ipsum", *(data / "blocklists" / d for d in ("ipsum", "maltrail", "urlhaus-filter-2025-07-19")), code=None)
    texts, seen = {}, collections.Counter()
    for path in files:
        texts[str(path)] = subprocess.run(["zstdcat", "-f", str(path)], capture_output=True, check=True).stdout.split(b"\n")
        for line in texts[str(path)]:
            seen.update(QUAD.findall(line))
    # what real lists know of real logs is little: every fifth address is listed as well
    node.counts("own", "-", stdin=b"\n".join(sorted(a for a in seen if b"/" not in a)[::5]) + b"\n", code=None)
    asked = node.run("check", "--json", stdin=b"\n".join(sorted(seen)), code=None)
    listed = {a["value"].encode() for a in map(json.loads, lines(asked)) if a.get("listed")}
    wanted = {(name, n, a) for name, text in texts.items() for n, line in enumerate(text, 1) for a in QUAD.findall(line) if a in listed}
    assert len(wanted) > 1000, len(wanted)
    hits = [json.loads(line) for line in lines(node.run("scan", "--json", "-r", data / "logs", code=None))]
    found = set()
    for h in hits:
        if h["file"] not in texts or h.get("binary"):
            continue
        line = texts[h["file"]][h["line"] - 1]
        found.add((h["file"], h["line"], h["value"].encode()))
        at = h["column"] - 1
        assert line[at:at + len(h["text"].encode())].decode("utf-8", "replace") == h["text"]
    assert not wanted - found, sorted(wanted - found)[:20]
    values = sorted({h["value"] for h in hits})
    again = node.run("check", "--json", stdin="\n".join(values).encode(), code=None)
    assert all(json.loads(line)["listed"] for line in lines(again))


def test_a_snapshot_lists_as_its_node_does(lists, log, tmp_path):
    snapshot = tmp_path / "pk.sipar"
    lists.run("snapshot", "-o", snapshot)

    def scan(*args):
        done = subprocess.run([SIPAR, "scan", "--snapshot", snapshot, *args, log], capture_output=True, timeout=LIMIT,
                              env=dict(os.environ, SIPAR_DIR="/nonexistent"))
        assert done.returncode >= 0, done
        return done.returncode, done.stdout.decode().splitlines(), done.stderr.decode()

    assert scan("--key", lists.path / "node.pub")[:2] == (0, ROWS)
    assert scan("--verify", "-o")[:2] == (0, VALUES)
    code, out, err = scan("--key", "0" * 64)
    assert (code, out) == (2, []) and "key" in err
    assert scan("--sightings")[0] == 2  # there is no node to tell
    octets = bytearray(snapshot.read_bytes())
    at = octets.index(b"evil.example")
    octets[at] = ord("a")
    snapshot.write_bytes(octets)
    code, out, err = scan()
    assert code == 2 and "evil.example" not in "".join(out) and "pk.sipar" in err
    code, out, err = scan("--verify")
    assert (code, out) == (2, [])
