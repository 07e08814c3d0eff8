"""Resolvers and secondaries that take policy zones, each on loopback addresses of its own, and a server of everything that they ask upstream."""
import itertools
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import threading

import pytest

from conftest import LIMIT, wait_for

PORT = 5353
_numbers = itertools.count(1)


def address():
    """A loopback address that no other test has: the process number, and a count."""
    n = os.getpid() * 16 + next(_numbers)
    return f"127.{64 + (n >> 16) % 64}.{n >> 8 & 255}.{1 + n % 254}"


def free_port():
    """A port of 127.0.0.1 that nobody had a moment ago: for BIND, which listens on addresses of interfaces only."""
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        return tcp.getsockname()[1]


def need(program):
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        pytest.skip(f"{program} is not here")
    return path


def dig(server, *args, port=PORT, key=None):
    """(status, records as lists of words)"""
    command = ["dig", f"@{server}", "-p", str(port), "+noidnout", "+tries=3", "+time=10", "+noedns", *(["-y", key] if key else []), *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    status = done.stdout.split("status: ")[1].split(",")[0] if "status: " in done.stdout else None
    return status, [line.split() for line in done.stdout.splitlines() if line and not line.startswith(";")]


class Upstream:
    """Answers every question for A: 192.0.2.80, or what `special` says for a name."""

    def __init__(self, special=None):
        self.address, self.special = address(), special or {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.address, PORT))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            at, labels = 12, []
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
                at += 1 + query[at]
            question, kind = query[12:at + 5], struct.unpack(">H", query[at + 1:at + 3])[0]
            a = socket.inet_aton(self.special.get(".".join(labels), "192.0.2.80"))
            answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) + a if kind == 1 else b""
            head = query[:2] + struct.pack(">HHHHH", 0x8580, 1, 1 if answer else 0, 0, 0)
            self.socket.sendto(head + question + answer, peer)

    def close(self):
        self.socket.close()


class Server:
    """A daemon of others in a directory of its own."""

    program, arguments, name = "", [], ""

    def __init__(self, folder, upstream=None):
        self.folder, self.upstream, self.address, self.port = pathlib.Path(folder), upstream, address(), PORT
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path, self.process = need(self.program), None
        self.log = self.folder / "log"

    def start(self):
        (self.folder / "conf").write_text(self.config())
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.path, *self.arguments, str(self.folder / "conf")], stdout=log, stderr=log, cwd=self.folder)
        wait_for(self.is_up, f"{self.program} at {self.address}: {self.log.read_text(errors='replace')[-2000:]}")
        return self

    def is_up(self):
        assert self.process.poll() is None, self.log.read_text(errors="replace")
        return self.ask("up.example") is not None

    def ask(self, name):
        """"NXDOMAIN", ... or the addresses of a name."""
        status, records = dig(self.address, name, "A", port=self.port)
        return " ".join(r[-1] for r in records if r[3] == "A") or status if status else None

    def becomes(self, name, what):
        """Until it answers so."""
        wait_for(lambda: self.ask(name) == what, f"{what} for {name} at {self.program}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=LIMIT)


class Unbound(Server):
    """Without a key, as it has none; without a file of the zone."""

    program, arguments = "unbound", ["-d", "-c"]

    def __init__(self, folder, zone, primary, upstream):
        super().__init__(folder, upstream)
        self.zone, self.primary, self.more = zone, primary, ""

    def config(self):
        return f"""
server:
    {self.more}
    directory: "{self.folder}"
    chroot: ""
    username: ""
    pidfile: "{self.folder}/pid"
    interface: {self.address}@{PORT}
    num-threads: 1
    do-not-query-localhost: no
    module-config: "respip iterator"
    use-syslog: no
    verbosity: 2
    access-control: 127.0.0.0/8 allow
remote-control:
    control-enable: no
rpz:
    name: "{self.zone}"
    primary: {self.primary.replace(":", "@")}
    allow-notify: 127.0.0.0/8
forward-zone:
    name: "."
    forward-addr: {self.upstream.address}@{PORT}
"""


class Bind(Server):
    """With a key: "NAME SECRET"."""

    program, arguments = "named", ["-g", "-c"]

    def __init__(self, folder, zone, primary, upstream, key):
        super().__init__(folder, upstream)
        self.zone, self.primary, (self.key, self.secret) = zone, primary, key
        self.address, self.port = "127.0.0.1", free_port()
        self.tls = ""  # what stands in tls { }: then the zone comes over TLS

    def config(self):
        host, port = self.primary.split(":")
        tls = f'tls "sipar" {{ {self.tls} }};' if self.tls else ""
        by_tls = 'tls "sipar"' if self.tls else ""
        return f"""
{tls}
key "{self.key}" {{ algorithm hmac-sha256; secret "{self.secret}"; }};
options {{
  directory "{self.folder}"; pid-file none; session-keyfile "{self.folder}/session.key";
  listen-on port {self.port} {{ {self.address}; }}; listen-on-v6 {{ none; }};
  recursion yes; allow-recursion {{ 127.0.0.0/8; }}; dnssec-validation no; forward only; forwarders {{ {self.upstream.address} port {PORT}; }};
  notify no; empty-zones-enable no; max-cache-size 8M; minimal-responses yes;
  response-policy {{ zone "{self.zone}" min-update-interval 0; }} qname-wait-recurse no nsip-wait-recurse no;
}};
controls {{ }};
zone "{self.zone}" {{ type secondary; file "zone.db"; masterfile-format raw; primaries {{ {host} port {port} key "{self.key}" {by_tls}; }};
  allow-notify {{ key "{self.key}"; }}; allow-query {{ localhost; }}; min-refresh-time 1; min-retry-time 1; max-retry-time 1; }};
"""


class Knot(Server):
    """A secondary that serves the zone as it is."""

    program, arguments = "knotd", ["-c"]

    def __init__(self, folder, zone, primary, key):
        super().__init__(folder)
        self.zone, self.primary, (self.key, self.secret) = zone, primary, key

    def config(self):
        return f"""
server:
    rundir: {self.folder}
    listen: {self.address}@{PORT}
database:
    storage: {self.folder}
    journal-db-max-size: 512M
log:
  - target: stderr
    any: info
key:
  - id: {self.key}
    algorithm: hmac-sha256
    secret: {self.secret}
remote:
  - id: sipar
    address: {self.primary.replace(":", "@")}
    key: {self.key}
acl:
  - id: notify
    key: {self.key}
    action: notify
  - id: all
    address: 127.0.0.0/8
    action: transfer
zone:
  - domain: {self.zone}
    storage: {self.folder}
    master: sipar
    acl: [ notify, all ]
    zonefile-load: none
    zonefile-sync: -1
    journal-content: all
    journal-max-usage: 256M
"""

    def is_up(self):
        assert self.process.poll() is None, self.log.read_text(errors="replace")
        return dig(self.address, self.zone, "SOA")[0] is not None

    def serial(self):
        _, records = dig(self.address, self.zone, "SOA")
        return int(records[0][6]) if records and records[0][3] == "SOA" else None

    def records(self):
        """Owners and targets of all rules."""
        _, records = dig(self.address, self.zone, "AXFR")
        return {r[0]: r[4] for r in records if r[3] == "CNAME"}


class Recursor(Server):
    """PowerDNS Recursor, with the line that Sipar prints for it."""

    program, arguments, line = "pdns_recursor", [], ""

    def config(self):
        (self.folder / "zones.lua").write_text(self.line)
        return ""

    def start(self):
        self.config()
        options = {"local-address": f"{self.address}:{PORT}", "allow-from": "127.0.0.0/8", "forward-zones-recurse": f".={self.upstream.address}:{PORT}",
                   "dnssec": "off", "threads": "1", "setuid": "", "setgid": "", "socket-dir": self.folder, "config-dir": self.folder,
                   "lua-config-file": self.folder / "zones.lua", "daemon": "no", "disable-syslog": "yes", "dont-query": "", "packetcache-ttl": "1",
                   "query-local-address": "127.0.0.1", "write-pid": "no", "security-poll-suffix": ""}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.path, *(f"--{k}={v}" for k, v in options.items())], stdout=log, stderr=log, cwd=self.folder)
        wait_for(self.is_up, f"{self.program} at {self.address}")
        return self


class Kresd(Server):
    """Knot Resolver, with the line that Sipar prints for it; the zone is a file in its folder."""

    program, line = "kresd", ""

    def config(self):
        return f"""
net.listen('{self.address}', {PORT}, {{ kind = 'dns' }})
modules.load('policy')
cache.open(10 * MB, 'lmdb://{self.folder}/cache')
trust_anchors.remove('.')
{self.line}
policy.add(policy.all(policy.STUB('{self.upstream.address}@{PORT}')))
"""

    def start(self):
        self.arguments = ["-n", "-c"]
        return super().start()
