"""Hits: counted from the logs of resolvers, told once, without who asked; too many suspend what looks like a mistake."""
import json
import time

from test_decisions import block, decisions


def unbound(at, value, asked, n, action="rpz-nxdomain"):
    return "".join(f"[{at}] unbound[77:0] info: rpz: applied [sipar] {value}. {action} 203.0.113.{i % 200}@51234 {asked}. A IN\n" for i in range(n))


def hits(node, text, *options, **kw):
    return json.loads(node.run("hits", "--json", "--as", "isp/omar", *options, stdin=text.encode(), **kw).out)


def in_force(node, *values, reason="phishing"):
    name = block(node, *values, reason=reason)
    node.run("approve", name, "--as", "isp/omar")
    return name


def test_counted_told_once_and_without_who_asked(node):
    name = in_force(node, "evil.example", "198.51.100.7")
    rare = in_force(node, "rare.example")
    at = (int(time.time()) - 3600) // 300 * 300
    log = unbound(at + 1, "*.evil.example", "mail.evil.example", 40) + unbound(at + 299, "evil.example", "evil.example", 2) + unbound(at + 5, "rare.example", "rare.example", 3) \
        + unbound(at + 300, "evil.example", "evil.example", 7) + unbound(at + 9, "x.example", "x.example", 9, "rpz-passthru") + "[1] unbound[77:0] info: start\n" \
        + f"{time.strftime('%d-%b-%Y %H:%M:%S', time.gmtime(at + 10))}.123 client @0x1 203.0.113.9#5 (y.example): rpz IP NXDOMAIN rewrite y.example/A/IN via 32.7.100.51.198.rpz-ip.z\n" * 6
    assert hits(node, log) == {"lines": 68, "hits": 58, "passed": 9, "not_understood": 0, "reports": 2, "known": 0, "alarms": 0}
    assert hits(node, log)["known"] == 2
    d = decisions(node)
    assert (d[name]["hits"], d[name]["hits_peak"]) == (55, 42) and d[rare]["hits"] == 0
    bodies = node.run("log", "--lane", "decisions").out
    assert '"merged":[1,3]' in bodies and "203.0.113" not in bodies and "mail.evil" not in bodies
    assert "hits" in node.run("decisions").out
    for child in (node.path / "decisions" / "table").iterdir():
        child.unlink()
    assert decisions(node) == d


def test_too_many_are_a_mistake(node):
    with open(node.path / "sipar.conf", "a") as conf:
        conf.write("spike = 100\n")
    shop, c2 = in_force(node, "shop.example"), in_force(node, "c2.example", reason="c2")
    at = int(time.time()) // 300 * 300 - 300
    assert hits(node, unbound(at, "shop.example", "shop.example", 99))["alarms"] == 0
    assert hits(node, unbound(at + 300, "shop.example", "shop.example", 100) + unbound(at + 300, "c2.example", "c2.example", 500))["alarms"] == 2
    d = decisions(node)
    assert d[shop]["state"] == "suspended" and "over-blocking" in d[shop]["voices"][-1]["why"] and d[c2]["state"] == "active"
    assert json.loads(node.run("approve", shop, "--as", "isp/omar", "--json").out)["state"] == "active"


def test_old_and_strange_reports(node):
    in_force(node, "evil.example")
    assert "last seven days" in node.run("hits", stdin=unbound(1000000000, "evil.example", "evil.example", 5).encode(), code=2).err
    done = node.run("hits", "--json", stdin=b"[1] unbound[1:0] info: rpz: applied nothing at all\n")
    assert json.loads(done.out)["not_understood"] == 1 and "not understood" in done.err
    assert "No such file" in node.run("hits", "/nonexistent/log", code=2).err
