"""A copy taken while the node works is a node: it verifies, goes on with the same lanes, and a failed one leaves nothing behind."""
import json
import subprocess
import threading

from conftest import SIPAR, Node

LANES = "/lanes/public"


def checkpoint(daemon):
    status, _, text = daemon.get(f"{LANES}/checkpoint")
    assert status == 200, text
    return text


def test_a_backup_of_a_working_node_goes_on_with_its_lanes(node, serve, tmp_path):
    daemon = serve(node)
    node.counts("list", "-", stdin=b"192.0.2.1\nevil.example\n")
    (tmp_path / "old").write_text(checkpoint(daemon))
    stop = threading.Event()
    sent = []

    def submit():
        while not stop.is_set():
            n = len(sent)
            node.counts("more", "--format", "lines", "-", stdin=f"h{n}.example\n".encode())
            sent.append(n)

    worker = threading.Thread(target=submit)
    worker.start()
    try:
        said = json.loads(node.run("backup", "--json", tmp_path / "copy").out)
    finally:
        stop.set()
        worker.join()
    assert said["octets"] == (tmp_path / "copy" / "ledger.db").stat().st_size
    assert (tmp_path / "copy" / "node.key").stat().st_mode & 0o777 == 0o600
    assert "already" in node.run("backup", tmp_path / "copy", code=2).err
    assert daemon.stop() == 0

    other = Node(tmp_path / "restored")
    assert json.loads(other.run("restore", "--json", tmp_path / "copy").out)["lanes"]["public"] > 1
    assert other.listed("192.0.2.1") and other.listed("evil.example")
    daemon = serve(other)
    other.counts("later", "-", stdin=b"192.0.2.99\n")
    url = f"http://127.0.0.1:{daemon.http_port}{LANES}"
    done = subprocess.run([SIPAR, "verify", "--url", url, "--key", node.path / "node.pub", "--since", tmp_path / "old"], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert "all holds" in other.run("verify").out and json.loads(other.run("rebuild", "--json").out)["differed"] is False


def test_what_cannot_be_restored_leaves_nothing(node, tmp_path):
    node.counts("list", "-", stdin=b"192.0.2.1\nevil.example\n")
    node.run("backup", tmp_path / "copy")
    database = tmp_path / "copy" / "ledger.db"
    octets = bytearray(database.read_bytes())
    at = octets.index(b"192.0.2.1\nevil.example")
    octets[at] = ord("2")
    database.write_bytes(octets)
    other = Node(tmp_path / "other")
    assert "does not verify" in other.run("restore", tmp_path / "copy", code=2).err
    assert list(other.path.iterdir()) == []
    octets[at] = ord("1")
    database.write_bytes(octets)
    other.run("restore", tmp_path / "copy")
    assert other.listed("192.0.2.1")
    assert "already" in other.run("restore", tmp_path / "copy", code=2).err and other.listed("192.0.2.1")
    Node(tmp_path / "none").run("restore", tmp_path / "nowhere", code=2)


def test_a_running_daemon_sees_a_new_lane(node, serve):
    daemon = serve(node)
    assert daemon.get("/lanes/sector/checkpoint")[0] == 404
    node.run("lane", "create", "sector", "--audience", "tlp:clear")
    node.counts("list", "--lane", "sector", "-", stdin=b"192.0.2.77\n")
    assert daemon.get("/lanes/sector/checkpoint")[0] == 200 and daemon.lookup("192.0.2.77")["listed"]
    node.run("lane", "create", "secret", "--audience", "tlp:amber", "--members", "bank-a")
    node.counts("list2", "--lane", "secret", "-", stdin=b"192.0.2.78\n")
    assert daemon.get("/lanes/secret/checkpoint")[0] == 404 and not daemon.lookup("192.0.2.78")["listed"]
    assert node.listed("192.0.2.78")
    names = [lane["name"] for lane in map(json.loads, node.run("lane", "list", "--json").out.splitlines())]
    assert "sector" in names and "secret" in names
