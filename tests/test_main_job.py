"""The main job: feeds in, reputation out over the command line, HTTP and DNS."""
import json
import subprocess

from conftest import SAMPLES, SIPAR

VERBS = ["init", "serve", "rebuild", "import", "check", "match", "why", "source", "lane", "log", "object", "erase", "receipt", "verify",
         "witness", "key", "backup", "restore", "formats", "openapi"]


def test_every_verb_explains_itself():
    top = subprocess.run([SIPAR, "--help"], capture_output=True, text=True)
    assert top.returncode == 0
    for verb in VERBS:
        assert f"  {verb} " in top.stdout
        done = subprocess.run([SIPAR, verb, "--help"], capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.startswith(f"Usage: sipar {verb}"), done.stdout
    assert subprocess.run([SIPAR, "--version"], capture_output=True, text=True).stdout.startswith("sipar 0.")
    assert subprocess.run([SIPAR, "no-such-verb"], capture_output=True).returncode == 64
    assert subprocess.run([SIPAR, "check", "--no-such-option"], capture_output=True).returncode in (2, 64)


def test_manual_names_every_verb_and_option():
    manual = (SAMPLES.parent / "docs" / "sipar.1").read_text()
    for verb in VERBS:
        assert f".Cm {verb}" in manual, verb
        for line in subprocess.run([SIPAR, verb, "--help"], capture_output=True, text=True).stdout.splitlines():
            if line.strip().startswith("-") and "--" in line:
                option = line.split("--")[1].split()[0]
                if option not in ("help", "dir"):
                    assert f"Fl -{option}" in manual or f", -{option}" in manual, f"{verb} --{option}"


def test_the_command_line_is_looked_at_first(tmp_path):
    for command in (["import", "--no-such", "x"], ["import", "-"], ["why"], ["source", "add"], ["check", "--no-such"]):
        done = subprocess.run([SIPAR, command[0], "-d", str(tmp_path / "none"), *command[1:]], capture_output=True, text=True)
        assert done.returncode == 64, (command, done.stderr)


def test_lost_output_is_an_error(samples):
    for verb in (["check", "198.51.100.7"], ["source", "list"], ["why", "198.51.100.7"]):
        done = subprocess.run(f"{SIPAR} {verb[0]} -d {samples.path} {verb[1]} > /dev/full", shell=True, capture_output=True, text=True)
        assert done.returncode == 2 and "cannot be written" in done.stderr


def test_init_leaves_what_is_there(node):
    before = (node.path / "node.pub").read_bytes()
    done = node.run("init", code=2)
    assert "ledger" in done.err
    assert (node.path / "node.pub").read_bytes() == before
    assert (node.path / "node.key").stat().st_mode & 0o777 == 0o600
    config = (node.path / "sipar.conf").read_text()
    assert "#http = 127.0.0.1:8300" in config and "#dns = 127.0.0.1:5300" in config


def test_samples_answer(samples):
    expected = {
        "198.51.100.7": ("ipv4", True, "sample-scanners"),
        "203.0.113.80": ("ipv4", True, "sample-drop"),
        "2001:db8:bad:1::1": ("ipv6", True, "sample-drop"),
        "192.0.2.150": ("ipv4", True, "sample-drop"),
        "login.bank-verify.example": ("domain", True, "sample-phishing"),
        "hxxp://login[.]bank-verify[.]example/secure/index.php": ("url", True, "sample-phishing"),
        "www.tracker.bad.example": ("domain", True, "sample-hosts"),
        "e9c0f8b575cbfcb42ab3b78ecc87efa3b011d9a5d10b09fa4e96f240bf6a82f5": ("sha256", True, "sample-intel"),
        "0f343b0931126a20f133d67c2b018a3b": ("md5", True, "sample-intel"),
        "192.0.2.44": ("ipv4", True, "sample-intel"),
        "192.0.2.45": ("ipv4", True, "sample-intel"),
        "billing@mail-campaign.example": ("email", True, "sample-intel"),
        "198.51.100.8": ("ipv4", False, None),
        "good.example": ("domain", False, None),
        "203.0.113.64/26": ("cidr", True, "sample-drop"),
    }
    answers = samples.check(*expected)
    for (value, (kind, listed, source)), answer in zip(expected.items(), answers):
        assert answer["kind"] == kind and answer["listed"] is listed, answer
        assert (source in answer["sources"]) if source else answer["sources"] == [], answer
        assert (answer["score"] >= 1) is listed and 0 <= answer["score"] <= 100, answer
    assert samples.check("198.51.100.7")[0]["categories"] == ["scanner"]
    assert samples.run("check", "198.51.100.8", code=0)
    assert samples.run("check", "198.51.100.7", "198.51.100.8", code=1)
    done = samples.run("check", "198.51.100.7", "not an observable", code=2)
    assert "198.51.100.7: listed" in done.out and "not an observable" in done.err
    piped = samples.run("check", "--json", stdin=b"# heading\n198.51.100.7\r\n\n2001:db8::1\n", code=1).out.splitlines()
    assert [json.loads(line)["value"] for line in piped] == ["198.51.100.7", "2001:db8::1"]


def test_same_answers_through_the_daemon(samples, serve):
    values = ["198.51.100.7", "203.0.113.80", "login.bank-verify.example", "good.example", "0f343b0931126a20f133d67c2b018a3b"]
    alone = samples.check(*values)
    daemon = serve(samples)
    strip = lambda answers: [{k: a[k] for k in ("value", "kind", "listed", "categories", "sources")} for a in answers]
    assert strip(samples.check(*values)) == strip(alone)
    assert strip([daemon.lookup(v) for v in values]) == strip(alone)
    body = "\n".join(values).encode() + b"\nnot an observable\n"
    status, headers, text = daemon.request("POST", "/v1/lookup", body, {"Content-Type": "text/plain"})
    lines = [json.loads(line) for line in text.splitlines()]
    assert status == 200 and strip(lines[:-1]) == strip(alone) and "error" in lines[-1]
    status, headers, text = daemon.get("/v1/why/198.51.100.7")
    assert status == 200 and json.loads(text)["lines"][0]["source"] == "sample-scanners"
    status, headers, text = daemon.get("/v1/lookup/not%20an%20observable")
    assert status == 400 and headers["Content-Type"].startswith("application/problem+json") and json.loads(text)["status"] == 400
    assert daemon.get("/healthz")[0] == 200
    assert "sipar_ledger_entries{lane=\"public\"}" in daemon.get("/metrics")[2] and "sipar_dns_queries_total" in daemon.get("/metrics")[2]
    openapi = json.loads(daemon.get("/openapi.json")[2])
    assert "/v1/lookup/{value}" in openapi["paths"]
    assert openapi == json.loads(subprocess.run([SIPAR, "openapi"], capture_output=True).stdout)


def test_dns(samples, serve):
    with open(samples.path / "sipar.conf", "a") as config:
        config.write("name_server = ns1.sipar.test\n")
    daemon = serve(samples)
    zone = "bl.sipar.test"
    assert daemon.dig(f"7.100.51.198.{zone}")[0] == "NOERROR"
    assert daemon.dig(f"7.100.51.198.{zone}")[1][0].startswith("127.0.0.")
    status, text = daemon.dig(f"7.100.51.198.{zone}", "TXT")
    assert status == "NOERROR" and "sample-scanners" in text[0]
    assert daemon.dig(f"7.100.51.198.{zone}", "+tcp")[1] == daemon.dig(f"7.100.51.198.{zone}")[1]
    assert daemon.dig(f"8.100.51.198.{zone}")[0] == "NXDOMAIN"
    assert daemon.dig(f"100.51.198.{zone}")[0] == "NOERROR" and daemon.dig(f"100.51.198.{zone}")[1] == []
    nibbles = ".".join(reversed("20010db80bad00010000000000000001"))
    assert daemon.dig(f"{nibbles}.{zone}")[1][0].startswith("127.0.0.")
    assert daemon.dig(f"login.bank-verify.example.{zone}")[1][0].startswith("127.0.0.")
    assert daemon.dig(f"LOGIN.Bank-Verify.example.{zone}")[1][0].startswith("127.0.0.")
    assert daemon.dig(f"good.example.{zone}")[1] == []
    assert daemon.dig(f"2.0.0.127.{zone}")[1] == ["127.0.0.2"]
    assert daemon.dig(f"1.0.0.127.{zone}")[1] == []
    assert daemon.dig(f"TEST.{zone}")[1] and not daemon.dig(f"INVALID.{zone}")[1]
    test6 = ".".join(reversed("00000000000000000000ffff7f000002"))
    assert daemon.dig(f"{test6}.{zone}")[1] == ["127.0.0.2"]
    assert daemon.dig(f"{zone}", "SOA")[1] and daemon.dig(f"{zone}", "NS")[1]
    assert daemon.dig("www.example.com")[0] == "REFUSED"


def test_import_into_a_running_daemon_takes_effect_at_once(node, serve, tmp_path):
    daemon = serve(node)
    assert not daemon.lookup("192.0.2.200")["listed"]
    feed = tmp_path / "feed.txt"
    feed.write_text("192.0.2.200\n")
    counts = node.counts("late", "feed.txt", cwd=tmp_path)
    assert counts["accepted"] == 1 and counts["entries"] >= 1
    assert daemon.lookup("192.0.2.200")["listed"]
    assert daemon.dig("200.2.0.192.bl.sipar.test")[1]
    assert node.counts("piped", "-", stdin=b"192.0.2.201\n")["accepted"] == 1
    assert daemon.lookup("192.0.2.201")["listed"]
    node.run("source", "set", "late", "--weight", "0")
    assert not daemon.lookup("192.0.2.200")["listed"]
    assert daemon.stop() == 0
    assert not node.listed("192.0.2.200") and node.listed("192.0.2.201")


def test_one_directory_one_process(node, serve):
    serve(node)
    done = node.run("serve", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--rpz", "off", code=2)
    assert "in use" in done.err


def test_not_a_data_directory(tmp_path):
    done = subprocess.run([SIPAR, "check", "-d", str(tmp_path / "none"), "192.0.2.1"], capture_output=True, text=True)
    assert done.returncode == 2 and "sipar init" in done.stderr
