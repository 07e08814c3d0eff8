"""What the scenarios share: the program, a data directory, a running daemon, and the real data where it is there."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIPAR = str(pathlib.Path(os.environ.get("SIPAR", ROOT / "build" / "sipar")).absolute())  # tests change directories
SAMPLES = ROOT / "samples"
DATA = pathlib.Path(os.environ.get("SIPAR_DATA", ROOT.parent / "shared" / "data"))
LIMIT = 300  # seconds that anything may take on a busy machine


def wait_for(condition, what):
    """Poll until `condition()` is true; its value."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    pytest.fail(f"{what} did not come in {LIMIT} s")


class Node:
    """A data directory and the commands on it; `within` is a command that runs others, elsewhere."""

    def __init__(self, path, within=()):
        self.path, self.within = pathlib.Path(path), list(within)

    def run(self, verb, *args, code=0, stdin=None, cwd=None):
        """Run a verb; asserts its exit code (None: any)."""
        command = [*self.within, SIPAR, verb, "-d", str(self.path), *map(str, args)]
        done = subprocess.run(command, capture_output=True, input=stdin, timeout=LIMIT, cwd=cwd)
        done.out, done.err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        assert done.returncode >= 0, f"{verb} was killed by signal {-done.returncode}: {done.err}"
        assert "AddressSanitizer" not in done.err and "runtime error" not in done.err, done.err
        if code is not None:
            assert done.returncode == code, f"{verb} {args}: exit {done.returncode}\n{done.out}\n{done.err}"
        return done

    def counts(self, source, *args, code=0, stdin=None, **kw):
        """Import; the counts that it prints."""
        done = self.run("import", "--json", "--source", source, *args, code=code, stdin=stdin, **kw)
        counts = json.loads(done.out.splitlines()[-1])
        assert counts["read"] == sum(counts[k] for k in ("accepted", "duplicate", "skipped", "rejected")), counts
        counts["stderr"] = done.err
        return counts

    def check(self, *values):
        """One object per value."""
        done = self.run("check", "--json", "--", *values, code=None)
        assert done.returncode in (0, 1, 2), done.err
        return [json.loads(line) for line in done.out.splitlines()]

    def listed(self, value):
        return self.check(value)[0]["listed"]

    def score(self, value):
        return self.check(value)[0]["score"]

    def why(self, value):
        return json.loads(self.run("why", "--json", "--", value, code=None).out)


class Daemon:
    """`sipar serve` on chosen ports."""

    def __init__(self, node, *options):
        self.node = node
        self.log = open(node.path / "serve.log", "ab")
        self.process = subprocess.Popen(
            [*node.within, SIPAR, "serve", "-d", str(node.path), "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--rpz", "127.0.0.1:0", "--json",
             *options],
            stdout=subprocess.PIPE, stderr=self.log)
        line = self.process.stdout.readline()
        assert line, pathlib.Path(self.log.name).read_text()
        ready = json.loads(line)
        self.http_port, self.https_port, self.dns_port, self.rpz_port, self.rpz_tls_port = (ready[f"{face}_port"] for face in ("http", "https", "dns", "rpz", "rpz_tls"))

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def request(self, method, path, body=None, headers=None):
        """(status, headers, text)"""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", data=body, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return answer.status, answer.headers, answer.read().decode(errors="backslashreplace")
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    def lookup(self, value):
        status, _, text = self.get("/v1/lookup/" + urllib.parse.quote(value, safe=""))
        assert status == 200, text
        return json.loads(text)

    def dig(self, *args):
        """(status, answer lines)"""
        done = subprocess.run(["dig", "@127.0.0.1", "-p", str(self.dns_port), "+tries=5", "+time=10", "+noauthority", "+noadditional", *args], capture_output=True,
                              text=True, timeout=LIMIT)
        assert done.returncode == 0, done.stdout
        status = done.stdout.split("status: ")[1].split(",")[0]
        answers = [line.split(None, 4)[-1] for line in done.stdout.splitlines() if line and not line.startswith(";")]
        return status, answers

    def udp(self, packet, wait=1.0):
        """The answer to raw octets, or None."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(wait)
            s.sendto(packet, ("127.0.0.1", self.dns_port))
            try:
                return s.recv(65535)
            except socket.timeout:
                return None

    def memory_kb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])

    def stop(self, how=signal.SIGTERM):
        """Exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(timeout=LIMIT)
        self.process.stdout.close()
        self.log.close()
        text = pathlib.Path(self.log.name).read_text(errors="replace")
        assert "Sanitizer" not in text and "runtime error" not in text, text[-5000:]
        if code:
            print(f"serve ended with {code}; the end of its log:\n{text[-5000:]}")
        return code


@pytest.fixture
def node(tmp_path):
    n = Node(tmp_path / "node")
    n.run("init")
    return n


@pytest.fixture
def samples(node):
    """A node with all samples."""
    subprocess.run([str(ROOT / "tools" / "import-samples"), str(node.path)], env=dict(os.environ, SIPAR=SIPAR), check=True,
                   capture_output=True, timeout=LIMIT)
    return node


@pytest.fixture
def serve():
    """serve(node, option...) -> Daemon; stopped at the end."""
    daemons = []

    def start(node, *options):
        daemons.append(Daemon(node, *options))
        return daemons[-1]

    yield start
    for d in daemons:
        if d.process.poll() is None:
            assert d.stop() == 0


class Lan:
    """A network of its own, with loopback alone; `within` is a command that runs others there."""

    def __init__(self):
        root = os.geteuid() == 0
        if not shutil.which("unshare") or not shutil.which("ip"):
            pytest.skip("there is no unshare(1) or no ip(8)")
        self.holder = subprocess.Popen(["unshare", "-n" if root else "-rn", "sh", "-c", "ip link set lo up && echo up && exec sleep 100000"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "up\n":
            pytest.skip(f"no network namespace can be made: {self.holder.stderr.read().strip()}")
        self.within = ["nsenter", "-t", str(self.holder.pid), *([] if root else ["-U", "--preserve-credentials"]), "-n"]

    def run(self, *command, stdin=None, code=0):
        """Its standard output."""
        done = subprocess.run([*self.within, *map(str, command)], capture_output=True, text=True, input=stdin, timeout=LIMIT)
        assert code is None or done.returncode == code, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def python(self, text, *args):
        return self.run("/usr/bin/python3", "-c", text, *args)

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
        self.holder.stderr.close()


@pytest.fixture
def lan():
    made = Lan()
    yield made
    made.close()


@pytest.fixture
def decider(node):
    """A node where a proposal is a decision at once."""
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write("approvals = 0\nparties = 1\n")
    return node


@pytest.fixture
def data():
    if not DATA.exists():
        pytest.skip("the real data is not here (SIPAR_DATA)")
    return DATA
