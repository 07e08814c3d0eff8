"""The configurations of docs/edge.md, with the real nginx and the real Postfix, on loopback."""
import http.client
import os
import pathlib
import re
import shutil
import smtplib
import socket
import subprocess
import tempfile

import pytest

from conftest import LIMIT, ROOT, SIPAR, wait_for
from test_snapshot import made

BUILD = pathlib.Path(SIPAR).parent


def block(name):
    """The configuration that the page shows."""
    return re.search(r"```" + re.escape(name) + r"\n(.*?)```", (ROOT / "docs" / "edge.md").read_text(), re.S).group(1)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_nginx(node, serve, tmp_path):
    """All of 127.0.0.0/8 is loopback and protected, so the client's address comes in a header, as behind a proxy."""
    node.run("source", "add", "bad", "--weight", "40", "--category", "scanner")
    node.run("import", "--source", "bad", "-", stdin=b"198.51.100.7\n203.0.113.0/24\n")
    daemon = serve(node)
    port = free_port()
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("welcome")
    server = block("nginx").replace("127.0.0.1:8080", f"127.0.0.1:{port}").replace("127.0.0.1:8300", f"127.0.0.1:{daemon.http_port}")
    server = server.replace("/var/www/html", str(tmp_path / "www")).replace("200ms", f"{LIMIT}s")
    server = server.replace("server {", "server {\nset_real_ip_from 127.0.0.0/8;\nreal_ip_header X-Real-IP;", 1)
    user = "user root;\n" if os.geteuid() == 0 else ""
    temp = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (tmp_path / "nginx.conf").write_text(f"{user}daemon off;\nworker_processes 1;\npid {tmp_path}/pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\n"
                                         f"http {{\naccess_log off;\n{temp}{server}}}\n")
    nginx = subprocess.Popen(["nginx", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)], stderr=subprocess.PIPE)
    try:
        wait_for(lambda: listening(port) or nginx.poll() is not None, "nginx")
        assert nginx.poll() is None, nginx.stderr.read()

        def ask(client):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
            connection.request("GET", "/", headers={"X-Real-IP": client})
            answer = connection.getresponse()
            text = answer.read().decode()
            connection.close()
            return answer.status, answer.headers.get("X-Reputation"), text

        assert ask("192.0.2.9")[::2] == (200, "welcome")
        status, reputation, text = ask("198.51.100.7")
        assert status == 403 and int(reputation) >= 50 and "welcome" not in text
        assert ask("203.0.113.77")[0] == 403
        assert ask("2001:db8::1")[0] == 200
        node.run("import", "--source", "bad", "-", stdin=b"192.0.2.9\n")  # takes effect at once
        assert ask("192.0.2.9")[0] == 403 and ask("198.51.100.7")[0] == 200
        assert daemon.stop() == 0  # without the daemon, clients are let in
        assert ask("192.0.2.9")[::2] == (200, "welcome")
    finally:
        nginx.terminate()
        nginx.wait(LIMIT)
        nginx.stderr.close()


MASTER = """127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
anvil unix - - n - 1 anvil
discard unix - - n - - discard
"""
MAIN = """compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example
mydestination = mail.example
mynetworks = 127.0.0.2/32
local_recipient_maps =
local_transport = discard
default_transport = discard
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_peername_lookup = no
maillog_file = {dir}/queue/log
maillog_file_prefixes = {dir}
"""


@pytest.mark.skipif(not shutil.which("postfix") or os.geteuid() != 0, reason="Postfix is not installed, or not to be started by this user")
@pytest.mark.skipif("sanitized" in SIPAR, reason="the program on the library is built without the sanitizers")
def test_postfix(node, tmp_path):
    node.run("source", "add", "bad", "--weight", "40", "--category", "spam")
    node.run("import", "--source", "bad", "-", stdin=b"198.51.100.7\nspammer.example\n")
    place = pathlib.Path(tempfile.mkdtemp(prefix="sipar-postfix-"))
    place.chmod(0o755)
    port = free_port()
    try:
        pk = place / "pk.sipar"
        made(node, pk)
        program = place / "postfix_policy"
        subprocess.run(["cc", f"-I{ROOT}/include", ROOT / "lib" / "postfix_policy.c", BUILD / "lib" / "libsipar.a", "-o", program], check=True)
        config = place / "etc"
        for directory in (config, place / "queue", place / "data"):
            directory.mkdir()
        shutil.chown(place / "data", "postfix")
        key = (node.path / "node.pub").read_text().strip()
        service = block("master.cf").replace("/usr/local/bin/postfix_policy", str(program)).replace("/var/lib/postfix/pk.sipar 50", f"{pk} 50 {key}")
        (config / "master.cf").write_text(MASTER.format(port=port) + "postlog unix-dgram n - n - 1 postlogd\n" + service)
        (config / "main.cf").write_text(MAIN.format(dir=place) + block("main.cf").replace("timeout=2s", f"timeout={LIMIT}s"))
        run = lambda *command: subprocess.run(["postfix", "-c", config, *command], capture_output=True, text=True, timeout=LIMIT)
        started = run("start")
        log = lambda: (place / "queue" / "log").read_text() if (place / "queue" / "log").exists() else ""
        assert started.returncode == 0, started.stderr + log()
        try:
            wait_for(lambda: listening(port), "Postfix")

            def ask(client, sender):
                """The answer to a recipient."""
                with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=LIMIT) as smtp:
                    smtp.ehlo()
                    assert smtp.docmd("XCLIENT", f"ADDR={client} NAME=[UNAVAILABLE]")[0] == 220, log()
                    smtp.ehlo()
                    smtp.mail(sender)
                    code, text = smtp.rcpt("anybody@mail.example")
                    return code, text.decode()

            assert ask("192.0.2.9", "friend@good.example")[0] == 250, log()
            code, text = ask("198.51.100.7", "friend@good.example")
            assert code == 550 and "Listed: spam, score" in text, (code, text, log())
            assert ask("192.0.2.9", "x@mail.spammer.example")[0] == 550
            assert ask("192.0.2.9", "")[0] == 250
            node.run("import", "--source", "bad", "-", stdin=b"192.0.2.9\n")
            made(node, pk)  # renamed into place: the service sees it
            assert ask("192.0.2.9", "friend@good.example")[0] == 550
            assert ask("198.51.100.7", "friend@good.example")[0] == 250
            (place / "bad").write_bytes(b"rubbish")
            (place / "bad").rename(pk)  # the old one goes on answering
            assert ask("192.0.2.9", "friend@good.example")[0] == 550
        finally:
            run("abort")
            wait_for(lambda: not listening(port), "the end of Postfix")
    finally:
        shutil.rmtree(place)
