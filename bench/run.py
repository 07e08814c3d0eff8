#!/usr/bin/python3
"""Measures what bench/RESULTS.md reports.  Each figure is a median of several runs and stands beside a limit or a peer measured in the
same run.  bench/run.py [NAME...]: import, memory, stix, check, start, data, lookup, scan, finder, table, base, address, incremental,
ledger, merkle, replay, dns, http, block, guard, docket, rpz, resolvers, nft, peers, snapshot, stream, lib, taxii."""
import datetime
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-release"
SIPAR = str(BUILD / "sipar")
DATA = pathlib.Path(os.environ.get("SIPAR_DATA", ROOT.parent / "shared" / "data"))
RUNS = 5


def timed(command, stdin=None):
    """(seconds, peak KiB, output) of a whole process.  time(1) starts it: a child of this process would count our memory as its peak."""
    with tempfile.NamedTemporaryFile("r") as note:
        begin = time.monotonic()
        done = subprocess.run(["/usr/bin/time", "-q", "-o", note.name, "-f", "%M", *command], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, stdin=open(stdin, "rb") if stdin else subprocess.DEVNULL)
        seconds = time.monotonic() - begin
        peak = int(note.read())
    return seconds, peak, done.stdout.decode("utf-8", "replace")


def median(values):
    return statistics.median(values)


def say(text):
    print(text, flush=True)


def fresh(base):
    node = pathlib.Path(tempfile.mkdtemp(dir=base)) / "node"
    subprocess.run([SIPAR, "init", "-d", str(node)], check=True, capture_output=True)
    return node


def sipar(node, verb, *args, **kw):
    return timed([SIPAR, verb, "-d", str(node), *map(str, args)], **kw)


def real_lines():
    """All plain addresses, prefixes and domains of the real block lists, shuffled; topped up with made ones to a million."""
    values = set()
    for folder in ("blocklists/ipsum", "blocklists/x4bnet-vpn", "blocklists/urlhaus-filter-2025-07-19", "blocklists/maltrail", "dga"):
        for path in sorted((DATA / folder).rglob("*")) if DATA.exists() else []:
            if path.is_file() and (".txt" in path.name):
                text = subprocess.run(["zstdcat", "-f", str(path)], capture_output=True).stdout.decode("utf-8", "replace")
                values.update(w[0] for w in (line.split() for line in text.splitlines()) if w and w[0][0].isalnum() and "." in w[0])
    values = sorted(values)
    r = random.Random(1)
    r.shuffle(values)
    real = len(values)
    while len(values) < 1000000:
        values.append(f"{r.randrange(1 << 40):x}.{r.choice(('example', 'test.example', 'bad.example'))}" if len(values) % 2
                      else f"{r.randrange(1, 224)}.{r.randrange(256)}.{r.randrange(256)}.{r.randrange(1, 255)}")
    return values[:1000000], min(real, 1000000)


def write_list(base, values, name="list.txt"):
    path = pathlib.Path(base) / name
    path.write_text("\n".join(values) + "\n")
    return path


def bench_import(base):
    values, real = real_lines()
    path = write_list(base, values)
    rates, zstds = [], []
    for _ in range(RUNS):
        node = fresh(base)
        seconds, peak, out = sipar(node, "import", "--json", "-q", "--source", "list", path)
        counts = json.loads(out)
        assert counts["read"] == len(values)
        assert sipar(node, "check", "-q", values[0])[0] is not None
        zstds.append(timed(["sh", "-c", f"zstd -1 -q -f {path} -o {base}/packed.zst && sync {base}/packed.zst"])[0])
        rates.append(len(values) / seconds)
        shutil.rmtree(node.parent)
    say(f"import, plain list: {median(rates) / 1e6:.2f} M lines/s (1,000,000 lines, {real} of them real; whole process, durable and "
        f"answering; peak {peak / 1024:.0f} MiB); {len(values) / median(rates) / median(zstds):.1f} times the time of zstd -1 and fsync of the file")


def bench_memory(base):
    r = random.Random(2)
    peaks = []
    for millions in (1, 4, 16):
        path = pathlib.Path(base) / f"{millions}m.txt"
        with open(path, "w") as f:
            for _ in range(millions * 10):
                f.writelines(f"{r.randrange(1 << 44):x}.example\n" for _ in range(100000))
        node = fresh(base)
        seconds, peak, out = sipar(node, "import", "--json", "-q", "--source", "list", path)
        counts = json.loads(out)
        assert counts["accepted"] + counts["duplicate"] == millions * 1000000
        peaks.append(f"{millions} M lines: {peak / 1024:.0f} MiB, {millions / seconds:.2f} M lines/s")
        shutil.rmtree(node.parent)
        path.unlink()
    say("import, peak memory: " + "; ".join(peaks))


def bench_stix(base):
    objects = []
    for i in range(200000):
        value = f"[domain-name:value = 'host{i}.bad{i % 977}.example']" if i % 2 else f"[file:hashes.'SHA-256' = '{i:064x}']"
        objects.append('{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-%012x","created_by_ref":'
                       '"identity--f431f809-377b-45e0-aa1c-6a4751cae5ff","created":"2026-05-01T08:17:27.000Z","modified":'
                       '"2026-05-01T08:17:27.000Z","name":"Indicator %d of a synthetic bundle","description":"%s","indicator_types":'
                       '["malicious-activity"],"pattern":"%s","pattern_type":"stix","valid_from":"2026-05-01T08:17:27Z",'
                       '"confidence":75,"labels":["phishing"]}' % (i, i, "made for measuring " * 12, value))
    path = pathlib.Path(base) / "bundle.json"
    path.write_text('{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","objects":[' + ",\n".join(objects) + "]}")
    rates, peers = [], []
    for _ in range(RUNS):
        node = fresh(base)
        seconds, peak, out = sipar(node, "import", "--json", "-q", "--source", "stix", path)
        assert json.loads(out)["accepted"] == len(objects), out
        rates.append(len(objects) / seconds)
        peers.append(timed(["/usr/bin/python3", "-c", f"import json; json.load(open('{path}'))"])[0])
        shutil.rmtree(node.parent)
    say(f"import, STIX bundle: {median(rates):,.0f} objects/s ({path.stat().st_size / 1e6:.0f} MB, {len(objects)} indicators; peak "
        f"{peak / 1024:.0f} MiB); {len(objects) / median(rates) / median(peers):.2f} times the time in which Python only parses the JSON")


def bench_check(base):
    values, _ = real_lines()
    node = fresh(base)
    sipar(node, "import", "-q", "--source", "list", write_list(base, values[:700000]))
    r = random.Random(3)
    asked = [values[r.randrange(700000)] if i % 2 else f"{r.randrange(1, 224)}.{r.randrange(256)}.{r.randrange(256)}.{r.randrange(256)}"
             for i in range(1000000)]
    path = write_list(base, asked, "asked.txt")
    one = write_list(base, asked[:1], "one.txt")
    times, starts, cats = [], [], []
    for _ in range(RUNS):
        seconds, peak, out = sipar(node, "check", stdin=path)
        assert out.count("\n") > 990000 # some words of the real lists are no observables
        times.append(seconds)
        starts.append(sipar(node, "check", stdin=one)[0])
        cats.append(timed(["sort", "-S", "1G", str(path)])[0])
    say(f"check, 1 M values from a file: {median(times) - median(starts):.2f} s beyond a start-up of {median(starts) * 1000:.0f} ms (peak "
        f"{peak / 1024:.0f} MiB); {(median(times) - median(starts)) / median(cats):.2f} times sort(1) of the same file")


def rss_kib(pid):
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0])


def anonymous_kib(pid):
    """Resident memory that is no mapped file."""
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["RssAnon"].split()[0])


def serve(node):
    begin = time.monotonic()
    process = subprocess.Popen([SIPAR, "serve", "-d", str(node), "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--rpz", "127.0.0.1:0", "--json"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    ready = json.loads(process.stdout.readline())
    return process, ready, time.monotonic() - begin


def bench_start(base):
    values, _ = real_lines()
    empty, node = fresh(base), fresh(base)
    sipar(node, "import", "-q", "--source", "list", write_list(base, values))
    starts, per, touched = [], [], []
    for _ in range(RUNS):
        process, _, _ = serve(empty)
        nothing = rss_kib(process.pid)
        process.terminate()
        process.wait()
        process, _, seconds = serve(node)
        starts.append(seconds)
        sipar(node, "check", "-q", stdin=write_list(base, values))
        per.append((rss_kib(process.pid) - nothing) * 1024 / len(values))
        process.terminate()
        process.wait()
    say(f"start with 1 M indicators: {median(starts) * 1000:.0f} ms to serving; resident {median(per):.0f} octets per indicator above an empty node, "
        "after every one of them was looked up")


def bench_data(base):
    """Every real file alone: nothing may fail that the formats page does not explain (tests/test_real_data.py holds the counts)."""
    if not DATA.exists():
        return say("data: the real data is not here (SIPAR_DATA)")
    node = fresh(base)
    seconds, peak, out = sipar(node, "import", "--json", "-q", "--source", "all", *(DATA / d for d in ("blocklists", "dga", "intel")))
    counts = json.loads(out)
    say(f"real data, blocklists + dga + intel in one import: {counts['read']:,} records, {counts['accepted']:,} accepted, {counts['rejected']:,} "
        f"rejected, {seconds:.1f} s, peak {peak / 1024:.0f} MiB")


def program(name, *args):
    path = BUILD / "bench" / name
    say(subprocess.run([str(path), *args], capture_output=True, text=True).stdout.rstrip() if path.exists() else f"{name}: not built")


def bench_lookup(base):
    """Verdicts in process on the real feeds: half of the values listed, half made up; then with all MISP warning lists as well."""
    values, real = real_lines()
    node = fresh(base)
    if not DATA.exists():
        return say("lookup: the real data is not here (SIPAR_DATA)")
    r = random.Random(4)
    made = lambda i: f"{r.randrange(1 << 40):x}.example" if i % 4 < 2 else f"{r.randrange(1, 224)}.{r.randrange(256)}.{r.randrange(256)}.7"
    asked = write_list(base, [values[r.randrange(real)] if i % 2 else made(i) for i in range(1000000)], "asked.txt")
    for name, folders in (("feeds (blocklists, dga)", ("blocklists", "dga")), ("feeds, reports and warning lists", ("intel",))):
        for folder in folders:
            sipar(node, "import", "-q", "--source", folder, DATA / folder)
        say(f"lookups, {name}: ")
        program("lookup_bench", str(node), str(asked))


def cpu_of(command):
    """(seconds, processor seconds, most KiB of memory that is no file, output): of a process that is watched while it runs."""
    begin, most = time.monotonic(), 0
    with open(os.devnull, "rb") as nothing, tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdin=nothing, stdout=out, stderr=subprocess.DEVNULL)
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                break
            try:
                fields = pathlib.Path(f"/proc/{process.pid}/status").read_text()
                most = max(most, int(fields.split("RssAnon:")[1].split()[0]))
            except (IndexError, OSError):
                pass
            time.sleep(0.005)
        seconds = time.monotonic() - begin
        out.seek(0)
        return seconds, usage.ru_utime + usage.ru_stime, most, out.read().decode("utf-8", "replace")


def make_logs(base, indicators, octets):
    names = [pathlib.Path(base) / f"{word}-{indicators}" for word in ("list", "log")]
    subprocess.run([BUILD / "bench" / "make_logs", names[0], str(indicators), names[1], str(octets)], check=True)
    return names


def bench_scan(base):
    """1 M indicators against a gigabyte of made logs (SIPAR_BENCH_SCAN: octets), beside cat and wc of the same file; then 100,000 against a
    piece of it, beside the peers.  Processor time is told, too: it holds on a busy machine."""
    octets = int(os.environ.get("SIPAR_BENCH_SCAN", 1000000000))
    listed, log = make_logs(base, 1000000, octets)
    node = fresh(base)
    sipar(node, "import", "-q", "--source", "list", listed)
    one = write_list(base, ["nothing"], "nothing.log")
    kinds = {"cat": ["sh", "-c", f"exec cat {log} > /dev/null"], "wc -l": ["wc", "-l", str(log)], "start": [SIPAR, "scan", "-d", str(node), str(one)]}
    for threads in (1, 2):
        kinds[f"{threads} threads"] = [SIPAR, "scan", "-d", str(node), "-j", str(threads), str(log)]
    took = {name: [] for name in kinds}
    for _ in range(3):
        for name, command in kinds.items():
            took[name].append(cpu_of(command))
    middle = {name: [median(run[i] for run in runs) for i in range(3)] for name, runs in took.items()}
    hits = took["1 threads"][0][3].count("\n")
    assert hits > octets / 1000000 and all(run[3] == took["1 threads"][0][3] for run in took["1 threads"] + took["2 threads"])
    for name in ("1 threads", "2 threads"):
        seconds, cpu, anon = middle[name]
        say(f"scan, {octets / 1e9:.1f} GB of logs, 1 M indicators, {hits} hits, {name}: {octets / 1e9 / seconds:.2f} GB/s, {octets / 1e9 / cpu:.2f} GB for a second of "
            f"processor time; {seconds / middle['cat'][0]:.0f} times cat, {seconds / middle['wc -l'][0]:.0f} times wc -l; memory that is no file {anon / 1024:.0f} MiB")
    say(f"scan, start with 1 M indicators: {middle['start'][0] * 1000:.0f} ms")
    log.unlink()
    scan_peers(base, octets // 20)


def scan_peers(base, octets):
    listed, log = make_logs(base, 100000, octets)
    node = fresh(base)
    sipar(node, "import", "-q", "--source", "list", listed)
    addresses = write_list(base, [v for v in listed.read_text().split() if v.replace(".", "").isdigit()], "addresses.txt")
    ours = [SIPAR, "scan", "-d", str(node), "-j", "1", "--lines"]
    pairs = {"grep -F -f": (["env", "LC_ALL=C", "grep", "-F", "-f", str(listed), str(log)], ours), "ripgrep -F -f": (["rg", "-j1", "-F", "-f", str(listed), str(log)], ours),
             "grepcidr -f (addresses only)": (["grepcidr", "-f", str(addresses), str(log)], [*ours, "--kinds", "ip"])}
    for name, (peer, mine) in pairs.items():
        if shutil.which(peer[2] if peer[0] == "env" else peer[0]) is None:
            say(f"scan beside {name}: not installed")
            continue
        a, b = [cpu_of(peer) for _ in range(3)], [cpu_of([*mine, str(log)]) for _ in range(3)]
        say(f"scan beside {name}: 100,000 indicators, {octets / 1e6:.0f} MB: {median(x[1] for x in b):.2f} s of processor time against {median(x[1] for x in a):.2f}, "
            f"{median(x[1] for x in a) / median(x[1] for x in b):.2f} times as fast; lines {b[0][3].count(chr(10))} against {a[0][3].count(chr(10))}")
    program_path = BUILD / "bench" / "scan_peer"
    if not program_path.exists():
        return say("scan beside Hyperscan: not built")
    runs = [cpu_of([str(program_path), str(listed), str(log)]) for _ in range(3)]
    compiling, scanning = (median(float(run[3].split()[i]) for run in runs) for i in (0, 1))
    b = [cpu_of([SIPAR, "scan", "-d", str(node), "-j", "1", "-c", str(log)]) for _ in range(3)]
    say(f"scan beside Hyperscan (literals, no borders): {median(x[1] for x in b):.2f} s against {scanning:.2f} of scanning and {compiling:.1f} of compiling; "
        f"{scanning / median(x[1] for x in b):.2f} times as fast, the compiling not counted")


def bench_table(base):
    program("table_bench")


def bench_base(base):
    """A base of ten million claims."""
    program("table_bench", "10000000", "base")


def bench_ledger(base):
    program("ledger_bench", str(base))


def bench_merkle(base):
    program("merkle_bench")


def bench_guard(base):
    """The protected register with all MISP warning lists, in a table of a million other keys."""
    if not DATA.exists():
        return say("guard: the real data is not here (SIPAR_DATA)")
    node = fresh(base)
    sipar(node, "import", "-q", "--source", "misp", DATA / "intel" / "misp-warninglists")
    sipar(node, "import", "-q", "--source", "made", "--format", "lines", write_list(base, made_lines(7, 1000000)))
    program("guard_bench", str(node))


def bench_docket(base):
    """100,000 decisions of one value each and one of 200,000: how long an opening takes, and how long others wait for a roster."""
    program("docket_bench", str(fresh(base)), "100000", "200000")


def bench_replay(base):
    program("replay_bench", "500000", str(base))


def made_lines(seed, n):
    r = random.Random(seed)
    return [f"{r.randrange(1, 224)}.{r.randrange(256)}.{r.randrange(256)}.{r.randrange(1, 255)}" if i % 2 else f"{r.randrange(1 << 40):x}.example"
            for i in range(n)]


def bench_incremental(base):
    node = fresh(base)
    for i in range(5):
        sipar(node, "import", "-q", "--source", f"base{i}", "--format", "lines", write_list(base, made_lines(i, 1000000), "base.txt"))
    program("incremental_bench", str(node), str(write_list(base, made_lines(99, 1000000), "large.txt")))


def bench_address(base):
    program("address_bench")


def bench_dns(base):
    program("dns_bench")
    paced_import(base)


def paced_import(base):
    """What a client that asks at an even pace notices of the import of a million claims, beside the same without one."""
    node = fresh(base)
    sipar(node, "import", "-q", "--source", "base", "--format", "lines", write_list(base, made_lines(1, 1000000), "base.txt"))
    listed = write_list(base, made_lines(2, 1000000), "large.txt")
    process, ready, _ = serve(node)
    for rate in (20000, 50000):
        for importing in (False, True):
            client = subprocess.Popen([str(BUILD / "bench" / "dns_bench"), "pace", str(ready["dns_port"]), str(rate), "8000"], stdout=subprocess.PIPE, text=True)
            time.sleep(1)
            seconds = sipar(node, "import", "-q", "--source", f"large{rate}", "--format", "lines", listed)[0] if importing else 0
            told = client.communicate()[0].strip()
            say(f"dns, {rate} questions a second for 8 s{f', with an import of 1,000,000 lines ({seconds:.1f} s)' if importing else ''}: {told}")
    process.terminate()
    process.wait()


def bench_block(base):
    """From the word of a decision to the answer that knows it, on a node with a million values."""
    node = fresh(base)
    sipar(node, "import", "-q", "--source", "list", "--format", "lines", write_list(base, made_lines(5, 1000000), "base.txt"))
    program("block_bench", str(node), "500")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(pid):
    return [int(c) for t in pathlib.Path(f"/proc/{pid}/task").iterdir() for c in (t / "children").read_text().split()]


def asked_by_wrk(url, pids, seconds=4):
    """(answers per second of these processes, answers per second) of 64 clients that keep their connections."""
    before = sum(map(cpu_seconds, pids))
    out = subprocess.run(["wrk", "-t", "1", "-c", "64", "-d", f"{seconds}s", url], capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in out and "Socket errors" not in out, out
    n = int(re.search(r"(\d+) requests in", out)[1])
    return n / (sum(map(cpu_seconds, pids)) - before), n / seconds


def bench_http(base):
    """Lookups over HTTP on a node with a million values, beside nginx that serves a file of the same size; each answer's cost in the server's
    own processor time."""
    values, _ = real_lines()
    node = fresh(base)
    sipar(node, "import", "-q", "--source", "bench", write_list(base, values))
    process, ready, _ = serve(node)
    url = f"http://127.0.0.1:{ready['http_port']}/v1/lookup/{values[0]}"
    body = subprocess.run(["curl", "-sf", url], capture_output=True, check=True).stdout
    root = pathlib.Path(base) / "nginx"
    root.mkdir(mode=0o755)
    (root / "file").write_bytes(body)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (root / "conf").write_text(f"""worker_processes {os.cpu_count()}; user root; daemon off; pid {root}/pid; error_log {root}/error;
events {{ worker_connections 1024; }}
http {{ access_log off; default_type application/json; open_file_cache max=10; keepalive_requests 1000000000;
client_body_temp_path {root}/a; proxy_temp_path {root}/b; fastcgi_temp_path {root}/c; uwsgi_temp_path {root}/d; scgi_temp_path {root}/e;
server {{ listen 127.0.0.1:{port}; root {root}; }} }}""")
    peer = subprocess.Popen(["nginx", "-c", str(root / "conf"), "-p", str(root)], stderr=subprocess.DEVNULL)
    while subprocess.run(["curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{port}/file"]).returncode:
        time.sleep(0.1)
    ours, theirs, ratios = [], [], []
    for _ in range(RUNS):
        ours.append(asked_by_wrk(url, [process.pid]))
        theirs.append(asked_by_wrk(f"http://127.0.0.1:{port}/file", children(peer.pid)))
        ratios.append(ours[-1][0] / theirs[-1][0])
    peer.terminate()
    process.terminate()
    peer.wait()
    process.wait()
    say(f"HTTP lookups, {len(body)} octets, 64 connections: {median(o[0] for o in ours) / 1000:.0f},000 answers per processor second (nginx with a "
        f"file of that size: {median(t[0] for t in theirs) / 1000:.0f},000), {median(ratios):.2f} of nginx ({min(ratios):.2f}-{max(ratios):.2f}); "
        f"{median(o[1] for o in ours):.0f} and {median(t[1] for t in theirs):.0f} answers/s")


def taxii_objects(n):
    """Some 600 octets each, of three types."""
    for i in range(n):
        kind = ("indicator", "indicator", "malware")[i % 3]
        rest = (f'"pattern":"[domain-name:value = \'host{i}.bad{i % 977}.example\']","pattern_type":"stix","valid_from":"2026-05-01T08:17:27Z","confidence":75'
                if i % 3 < 2 else '"is_family":false')
        yield ('{"type":"%s","spec_version":"2.1","id":"%s--00000000-0000-4000-8000-%012x","created_by_ref":"identity--f431f809-377b-45e0-aa1c-6a4751cae5ff",'
               '"created":"2026-05-01T08:17:27.000Z","modified":"2026-05-01T08:17:27.%03dZ","name":"Object %d of a synthetic collection","description":"%s",%s}'
               % (kind, kind, i, i % 1000, i, "made for measuring " * 8, rest))


class Taxii:
    """One connection of a client that reads octets and parses no JSON."""
    media = "application/taxii+json;version=2.1"

    def __init__(self, port, secret=None):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        self.http.connect()
        self.http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.headers = {"Accept": self.media, "Content-Type": self.media, **({"Authorization": f"Bearer {secret}"} if secret else {})}

    def ask(self, path, body=None):
        """(octets, fields, milliseconds)"""
        begin = time.monotonic()
        self.http.request("POST" if body else "GET", "/taxii2/api/collections/" + path, body, self.headers)
        answer = self.http.getresponse()
        octets = answer.read()
        assert answer.status in (200, 202), octets[:500]
        return octets, answer.headers, (time.monotonic() - begin) * 1000


def processor_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fsync_ms(base, n):
    """What it takes to make 4 KiB durable, on the same disk."""
    times = []
    with open(pathlib.Path(base) / "synced", "wb") as f:
        for _ in range(n):
            begin = time.monotonic()
            f.write(b"x" * 4096)
            f.flush()
            os.fsync(f.fileno())
            times.append((time.monotonic() - begin) * 1000)
    return sorted(times)


def bench_taxii(base):
    """Pages of 1,000 out of SIPAR_BENCH_TAXII objects (5,000,000), one million of them by one client; what it takes to add some."""
    total = int(os.environ.get("SIPAR_BENCH_TAXII", 5000000))
    node = fresh(base)
    begin = time.monotonic()
    feed = subprocess.Popen([SIPAR, "import", "-d", str(node), "-q", "--source", "bench", "--format", "stix", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    for line in taxii_objects(total):
        feed.stdin.write(line.encode() + b"\n")
    feed.stdin.close()
    assert feed.wait() == 0
    imported = time.monotonic() - begin
    subprocess.run([SIPAR, "party", "add", "-d", str(node), "bench"], check=True, capture_output=True)
    secret = json.loads(subprocess.run([SIPAR, "token", "new", "-d", str(node), "bench", "--role", "reporter", "--rate", "0", "--json"], check=True, capture_output=True).stdout)["token"]
    process, ready, _ = serve(node)
    begin = time.monotonic()
    client = Taxii(ready["http_port"], secret)
    while True:
        try:
            octets, fields, _ = client.ask("public/manifest/?limit=1&match[id]=" + "malware--00000000-0000-4000-8000-%012x" % (total - 1 - (total - 1 - 2) % 3))
            if b"date_added" in octets:
                break
        except AssertionError:
            pass
        time.sleep(0.05)
    made, cost = time.monotonic() - begin, processor_s(process.pid)
    say(f"taxii: index of {total:,} objects made in {made:.1f} s, {cost:.1f} s of processor time (imported in {imported:.0f} s)")
    first = datetime.datetime.fromisoformat(client.ask("public/manifest/?limit=1")[1]["X-TAXII-Date-Added-First"][:-1])
    r, times, seconds = random.Random(4), [], processor_s(process.pid)
    for _ in range(1000):
        after = (first + datetime.timedelta(microseconds=r.randrange(max(total - 1001, 1)))).isoformat(timespec="microseconds")
        octets, fields, ms = client.ask(f"public/objects/?limit=1000&added_after={after}Z")
        assert total < 3000 or octets.count(b'"type":"') == 1000
        times.append(ms)
    times.sort()
    cost = (processor_s(process.pid) - seconds) / len(times) * 1000
    say(f"taxii: a page of 1,000 objects ({len(octets) / 1e3:.0f} kB) at a random place of {total:,}: median {median(times):.1f} ms, p99 {times[990]:.1f} ms; "
        f"{cost:.1f} ms of the server's processor time")
    before, peak, pulled, path = rss_kib(process.pid), 0, 0, "public/objects/?limit=1000"
    begin = time.monotonic()
    while pulled < min(total, 1000000):
        octets, fields, _ = client.ask(path)
        pulled += octets.count(b'"type":"')
        peak = max(peak, rss_kib(process.pid))
        tail = octets[-400:].decode("ascii", "replace").split('"next":"')
        if len(tail) < 2:
            break
        path = "public/objects/?limit=1000&next=" + tail[1].split('"')[0]
    say(f"taxii: {pulled:,} objects pulled page by page by one client in {time.monotonic() - begin:.1f} s; the server has {peak / 1024:.0f} MiB, {(peak - before) / 1024:+.0f}")
    bundles = []
    made = taxii_objects(300000)
    for n in range(30):
        bundles.append(('{"objects":[' + ",".join(next(made).replace("-8000-", f"-9000-") for _ in range(10000)) + "]}").encode())
    begin, seconds = time.monotonic(), processor_s(process.pid)
    for body in bundles:
        octets, _, _ = client.ask("public/objects/", body)
        assert b'"failure_count":0' in octets
    took, cost = time.monotonic() - begin, processor_s(process.pid) - seconds
    say(f"taxii: added by bundles of 10,000 ({len(bundles[0]) / 1e6:.1f} MB): {300000 / took:,.0f} objects/s durable and shown; {300000 / cost:,.0f} a processor second")
    ratios, ones = [], []
    for run in range(RUNS):
        sent = []
        for i in range(200):
            octets, _, ms = client.ask("public/objects/", ('{"objects":[' + next(taxii_objects(1)).replace("-8000-000000000000", f"-a000-{run * 1000 + i:012x}") + "]}").encode())
            assert b'"success_count":1' in octets
            sent.append(ms)
        synced = fsync_ms(base, 200)
        sent.sort()
        ones.append(sent[198])
        ratios.append(sent[198] / synced[198])
    say(f"taxii: one object added: p99 {median(ones):.1f} ms, {median(ratios):.1f} times that of 4 KiB and fsync ({min(ratios):.1f}-{max(ratios):.1f})")
    process.terminate()
    process.wait()
    process, ready, seconds = serve(node)
    begin = time.monotonic()
    while True:
        try:
            Taxii(ready["http_port"]).ask("public/manifest/?limit=1")
            break
        except AssertionError:
            time.sleep(0.01)
    say(f"taxii: pages {time.monotonic() - begin:.1f} s after the start of a daemon with {total:,} objects")
    process.terminate()
    process.wait()


def hear(listener, seconds):
    """Acknowledge the NOTIFY messages that come in this time, the first one when it is long; when the last one came."""
    listener.settimeout(seconds)
    now = None
    try:
        while now is None or seconds < 1:
            query, peer = listener.recvfrom(4096)
            now, end = time.time(), query.index(0, 12) + 5
            listener.sendto(bytes([*query[:2], query[2] | 0x80, 0, 0, 1]) + bytes(6) + query[12:end], peer)
    except socket.timeout:
        pass
    return now


def bench_rpz(base):
    """Transfers of policy zones beside a bare sender of the same octets, and the way from a decision to NOTIFY."""
    zone = "rpz.example"
    for names in (200000, 1000000):
        node = fresh(base)
        with open(node / "sipar.conf", "a") as conf:
            conf.write("approvals = 0\nparties = 1\n")
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind(("127.0.0.1", 0))
        process, ready, _ = serve(node)
        empty = rss_kib(process.pid)
        sipar(node, "feed", "add", "isp", "--type", "rpz", "--zone", zone, "--allow", "127.0.0.0/8", "--notify",
              f"127.0.0.1:{listener.getsockname()[1]}")
        out = subprocess.run([SIPAR, "feed", "-d", str(node), "key", "isp", "one"], capture_output=True, text=True).stdout
        key = re.search(r'key "([^"]+)".*secret "([^"]+)"', out).groups()
        values = write_list(base, [f"host{i}.evil{i % 5000}.example" for i in range(names)], "names.txt")
        seconds, _, _ = sipar(node, "block", "--from", values, "--reason", "malware")
        filled = rss_kib(process.pid)
        anonymous = anonymous_kib(process.pid)

        def transfer(*args):
            rows = []
            for _ in range(RUNS):
                before = cpu_seconds(process.pid)
                row = subprocess.run([str(BUILD / "bench" / "rpz_client"), str(ready["rpz_port"]), zone, *args], capture_output=True, text=True, check=True).stdout
                rows.append([*map(float, row.split()), cpu_seconds(process.pid) - before])
            return rows[0][:3] + [median([r[i] for r in rows]) for i in (3, 4, 5)]

        for what, args in (("", ()), (", signed", ("", *key))):
            octets, messages, records, ms, copy, cpu = transfer(*args)
            assert records == 2 * names + 3, records
            say(f"AXFR of {names:,} names{what}: {ms / 1000:.2f} s, {records:,.0f} records, {octets / 1e6:.1f} MB in {messages:.0f} messages; CPU of the server "
                f"{cpu:.2f} s; {ms / copy:.1f} times a bare copy of the octets ({copy:.0f} ms)")
        say(f"  resident {empty / 1024:.0f} MiB empty, {filled / 1024:.0f} MiB with {names:,} names in force (blocked in {seconds:.1f} s), "
            f"{rss_kib(process.pid) / 1024:.0f} MiB after the transfers; of these no mapped file: {anonymous / 1024:.0f} and "
            f"{anonymous_kib(process.pid) / 1024:.0f} MiB")
        soa = subprocess.run(["dig", "@127.0.0.1", "-p", str(ready["rpz_port"]), zone, "SOA", "+short"], capture_output=True, text=True).stdout
        sipar(node, "block", *(f"new{i}.example" for i in range(20)), "--reason", "malware")
        octets, _, records, ms, copy, _ = transfer(soa.split()[2])
        assert records == 44, records
        say(f"  IXFR of 20 names: {ms:.2f} ms, {octets:.0f} octets; {ms / copy:.1f} times a bare copy ({copy:.2f} ms)")
        took = []
        for i in range(200):
            hear(listener, 0.05)
            child = subprocess.Popen([SIPAR, "block", "-d", str(node), f"later{i}.example", "--reason", "malware"], stdout=subprocess.DEVNULL)
            now = hear(listener, 10)
            child.wait()
            last = subprocess.run([SIPAR, "log", "-d", str(node), "--lane", "decisions", "-n", "1", "--json"], capture_output=True, text=True).stdout
            took.append(now - json.loads(last)["time_ms"] / 1000)
        took.sort()
        say(f"  decision to NOTIFY received, from the time in its entry, before it is durable: median {1000 * median(took):.1f} ms, "
            f"p99 {1000 * took[len(took) * 99 // 100]:.1f} ms of {len(took)}")
        process.terminate()
        process.wait()
        listener.close()
        shutil.rmtree(node)


def rcode(at, name, seconds=2):
    """The answer of a resolver to A; None: none."""
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(seconds)
        s.sendto(b"\0\7\1\0\0\1" + bytes(6) + question, at)
        try:
            return s.recv(512)[3] & 15
        except socket.timeout:
            return None


def bench_resolvers(base):
    """From a decision to its effect at real resolvers, and back."""
    sys.path.insert(0, str(ROOT / "tests"))
    from resolvers import Bind, Unbound, Upstream
    node, zone, upstream = fresh(base), "rpz.example", Upstream()
    with open(node / "sipar.conf", "a") as conf:
        conf.write("approvals = 0\nparties = 1\n")
    process, ready, _ = serve(node)
    primary = f"127.0.0.1:{ready['rpz_port']}"
    unbound, bind = Unbound(pathlib.Path(base) / "unbound", zone, primary, upstream), Bind(pathlib.Path(base) / "bind", zone, primary, upstream, ("", ""))
    sipar(node, "feed", "add", "isp", "--type", "rpz", "--zone", zone, "--allow", "127.0.0.0/8", "--notify", f"{unbound.address}:{unbound.port}")
    out = subprocess.run([SIPAR, "feed", "-d", str(node), "key", "isp", "bind", "--notify", f"{bind.address}:{bind.port}"], capture_output=True, text=True).stdout
    bind.key, bind.secret = re.search(r'key "([^"]+)".*secret "([^"]+)"', out).groups()
    sipar(node, "block", "--from", write_list(base, [f"host{i}.example" for i in range(10000)], "names.txt"), "--reason", "malware")
    for r in (unbound, bind):
        r.start()
        r.becomes("host1.example", "NXDOMAIN")
    for r in (unbound, bind):
        for verb, args, wanted in (("block", ("--reason", "malware"), 3), ("unblock", ("--why", "bench"), 0)):
            took = []
            for i in range(40):
                child = subprocess.Popen([SIPAR, verb, "-d", str(node), f"later{i}.example", *args], stdout=subprocess.DEVNULL)
                while rcode((r.address, r.port), f"x{time.monotonic_ns()}.later{i}.example") != wanted:
                    time.sleep(0.001)
                now = time.time()
                child.wait()
                last = subprocess.run([SIPAR, "log", "-d", str(node), "--lane", "decisions", "-n", "1", "--json"], capture_output=True, text=True).stdout
                took.append(now - json.loads(last)["time_ms"] / 1000)
                time.sleep(0.7)  # so that BIND is done with the one before
            took.sort()
            say(f"{verb} of one name to its effect at {r.program}, zone of 10,000 names, from the time in the entry: median {1000 * median(took):.0f} ms, "
                f"p95 {1000 * took[len(took) * 95 // 100]:.0f} ms of {len(took)}")
    for r in (unbound, bind):
        r.stop()
    upstream.close()
    process.terminate()
    process.wait()


def bench_nft(base):
    """Changes in a set of a million addresses of the kernel's nftables, by netlink and by the nft command (as root; else it says why not)."""
    say(subprocess.run([BUILD / "bench" / "nft_bench"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.rstrip())


def dns_has(port, name):
    """Does the DNS face of a node have an answer for it?"""
    question = b"".join(bytes([len(label)]) + label.encode() for label in f"{name}.bl.sipar.test".split(".")) + b"\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.sendto(os.urandom(2) + b"\1\0\0\1\0\0\0\0\0\0" + question + b"\0\1\0\1", ("127.0.0.1", port))
        answer = s.recv(4096)
    return answer[3] & 15 == 0 and answer[6:8] != b"\0\0"


def serve_ready(node):
    process = subprocess.Popen([SIPAR, "serve", "-d", str(node), "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--rpz", "off", "--json"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return process, json.loads(process.stdout.readline())


def lane_of(node, lane):
    return json.loads(subprocess.run([SIPAR, "lane", "-d", str(node), "show", lane, "--json"], capture_output=True, check=False).stdout or '{"entries":0}')["entries"]


def pulled(node):
    row = json.loads(subprocess.run([SIPAR, "peer", "-d", str(node), "status", "--json"], capture_output=True, check=False).stdout.splitlines()[0])
    return row["size"], row["octets"]


def bench_peers(base):
    """A hub and its mirror: from a report that is durable at the hub to the DNS answer of the mirror; a lane from its start; and what ten new entries cost."""
    hub, mirror = fresh(base), fresh(base)
    lines = write_list(base, made_lines(5, 1000000), "peers.txt")
    subprocess.run([SIPAR, "import", "-q", "-d", str(hub), "--source", "big", str(lines)], check=True, capture_output=True)
    for i in range(600):
        subprocess.run([SIPAR, "import", "-q", "-d", str(hub), "--source", f"s{i % 50}", "-"], input=f"192.0.2.{i % 250}\n".encode(), check=True, capture_output=True)
    (at, ports), (here, mine) = serve_ready(hub), serve_ready(mirror)
    try:
        begin = time.monotonic()
        subprocess.run([SIPAR, "peer", "-d", str(mirror), "add", "hub", "--url", f"http://127.0.0.1:{ports['http_port']}/", "--key", str(hub / "node.pub"),
                        "--lanes", "public"], check=True, capture_output=True)
        size = lane_of(hub, "public")
        while pulled(mirror)[0] < size:
            time.sleep(0.02)
        seconds = time.monotonic() - begin
        say(f"peers: {size} entries with a million claims mirrored and folded in {seconds:.2f} s, {pulled(mirror)[1] / 1e6:.1f} MB over the wire")
        before = pulled(mirror)[1]
        took = []
        for i in range(200):
            name = f"bench-{i}.example"
            subprocess.run([SIPAR, "import", "-q", "-d", str(hub), "--source", f"r{i}", "-"], input=f"{name}\n".encode(), check=True, capture_output=True)
            begin = time.monotonic()
            while not dns_has(mine["dns_port"], name):
                time.sleep(0.001)
            took.append(1000 * (time.monotonic() - begin))
        took.sort()
        say(f"peers: durable at the hub to answered by the mirror's DNS, of {len(took)}: median {median(took):.1f} ms, p99 {took[int(0.99 * len(took)) - 1]:.1f} ms, "
            f"most {took[-1]:.1f} ms")
        say(f"peers: {2 * len(took)} new entries, one import at a time: {(pulled(mirror)[1] - before) / len(took) * 5 / 1e3:.1f} kB for ten of them, of {size}")
    finally:
        for process in (at, here):
            process.terminate()
            process.wait()


def bench_snapshot(base):
    """Writing one, and a whole process that answers from it; beside a copy of the same file that is synced."""
    values, _ = real_lines()
    node = fresh(base)
    sipar(node, "import", "-q", "--source", "bench", write_list(base, values))
    pk = pathlib.Path(base) / "pk.sipar"
    write, copy, check = [], [], []
    for _ in range(RUNS):
        seconds, peak, _ = sipar(node, "snapshot", "-o", pk)
        write.append(seconds)
        copy.append(timed(["dd", f"if={pk}", f"of={pk}.copy", "bs=1M", "conv=fsync", "status=none"])[0])
        check.append(timed([SIPAR, "check", "--snapshot", str(pk), "-q", values[0]])[0])
    say(f"snapshot: {len(values)} keys, {pk.stat().st_size / 1e6:.1f} MB: {median(write):.2f} s, {peak >> 10} MiB, "
        f"{median(write) / median(copy):.1f} times a copy with fsync; check --snapshot of one value, whole process: {1000 * median(check):.1f} ms")


def bench_stream(base):
    """From an import to what 1,000 listeners are told of it, a few imports a second, alone and beside 10,000 that are idle; and what those cost in memory."""
    node = fresh(base)
    (node / "sipar.conf").write_text("http_connections = 16000\n")
    sipar(node, "import", "-q", "--source", "first", write_list(base, ["192.0.2.1"], "first.txt"))
    process, ready, _ = serve(node)

    def listen(n, imports):
        client = subprocess.Popen([BUILD / "bench" / "stream_client", str(ready["http_port"]), str(n), str(imports)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        assert client.stdout.readline() == "ready\n"
        return client

    def tell(times, lines):
        for i in range(times):
            values = "".join(f"{i}-{k}.{time.monotonic_ns()}.example\n" for k in range(lines))
            subprocess.run([SIPAR, "import", "-d", str(node), "-q", "--source", "told", "-"], input=values.encode(), check=True, capture_output=True)
            time.sleep(0.2)

    def latency(lines, beside):
        rounds = []
        for _ in range(RUNS):
            client = listen(1000, 25)
            tell(25, lines)
            rounds.append([int(x) for x in client.stdout.readline().split()])
            client.wait()
        n, half, p99, most = (median(r[i] for r in rounds) for i in range(4))
        assert n == 25000
        say(f"stream, 1,000 listeners{beside}, imports of {lines} value{'s' if lines > 1 else ''}, from the time in the entry to the event: median {half:.0f} ms, "
            f"p99 {p99:.0f} ms, longest {most:.0f} ms")

    idle = 10000
    before = anonymous_kib(process.pid)
    client = listen(idle, 0)
    say(f"stream, {idle} idle listeners: {(anonymous_kib(process.pid) - before) * 1024 / idle / 1000:.2f} kB each")
    cpu = cpu_seconds(process.pid)
    time.sleep(32)
    say(f"… kept alive every 15 s: {(cpu_seconds(process.pid) - cpu) / 32 * 100:.1f} % of a processor, and {(anonymous_kib(process.pid) - before) * 1024 / idle / 1000:.2f} kB each")
    latency(1, " beside 10,000 others, who are told, too")
    client.kill()
    client.wait()
    for lines in (1, 100):
        latency(lines, "")
    client = listen(idle, 0)
    process.terminate()
    begin = time.monotonic()
    assert process.wait() == 0
    say(f"stream: stopped with {idle} listeners in {time.monotonic() - begin:.1f} s")
    client.kill()
    client.wait()


def bench_lib(base):
    program("lib_bench")


def bench_finder(base):
    """The finder alone: made lines of the commonest kinds, and the real logs one behind the other."""
    logs = sorted(p for p in (DATA / "logs").rglob("*") if p.is_file() and ".log" in p.name or ".json" in p.name) if DATA.exists() else []
    program("scan_bench", *map(str, logs))


if __name__ == "__main__":
    every = {name[6:]: function for name, function in list(globals().items()) if name.startswith("bench_")}
    wanted = sys.argv[1:] or list(every)
    for name in wanted:
        if name not in every:
            sys.exit(f"bench: there is no \"{name}\"; there are {', '.join(every)}")
    with tempfile.TemporaryDirectory(dir=os.environ.get("SIPAR_BENCH_DIR", "/var/tmp")) as directory:
        for name in wanted:
            every[name](directory)
