"""The library as others use it: installed elsewhere, found by pkg-config, linked shared and static; its answers are the program's."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import LIMIT, ROOT, SIPAR, Node
from test_snapshot import VALUES, key_of, made, sample_values, sipar

BUILD = pathlib.Path(SIPAR).parent
pytestmark = pytest.mark.skipif("sanitized" in SIPAR, reason="programs outside are built without the sanitizers")
UNICODE = re.compile(r"[^\x00-\x7f]")


def run(*command, **kw):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=LIMIT, **kw)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """An installation, and what pkg-config needs to see it."""
    destination = tmp_path_factory.mktemp("installed")
    run("meson", "install", "-C", BUILD, "--destdir", destination, "--no-rebuild")
    config = next(destination.rglob("libsipar.pc"))
    return destination, dict(os.environ, PKG_CONFIG_LIBDIR=str(config.parent), PKG_CONFIG_SYSROOT_DIR=str(destination))


@pytest.fixture(scope="module")
def programs(prefix, tmp_path_factory):
    """The same program, linked to each form of the library."""
    destination, env = prefix
    out = tmp_path_factory.mktemp("outside")
    flags = run("pkg-config", "--cflags", "--libs", "libsipar", env=env).split()
    archive = next(destination.rglob("libsipar.a"))
    run("cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", ROOT / "tests" / "libsipar_ask.c", *flags, "-pthread", "-o", out / "shared")
    run("cc", "-std=gnu11", "-DCOUNT_ALLOCATIONS", ROOT / "tests" / "libsipar_ask.c", *[f for f in flags if f.startswith("-I")], archive, "-pthread",
        "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc", "-o", out / "static")
    library = next(destination.rglob("libsipar.so.1")).parent
    return {"shared": (out / "shared", dict(os.environ, LD_LIBRARY_PATH=str(library))), "static": (out / "static", dict(os.environ))}


def ask(program, snapshot, values, *args, key="", code=0):
    command, env = program
    done = subprocess.run([command, snapshot, *([key] if key else []), *args], input="".join(v + "\n" for v in values), capture_output=True, text=True,
                          timeout=LIMIT, env=env)
    assert done.returncode == code, (done.returncode, done.stderr[-2000:])
    return [json.loads(line) for line in done.stdout.splitlines()] if code == 0 else done.stderr


def answers_agree(program, snapshot, values, key):
    """Of the library and of the program, between two equal answers of which the library's lies."""
    asked = "".join(v + "\n" for v in values).encode()
    while True:
        before = sipar("check", "--snapshot", snapshot, "--json", stdin=asked)
        mine = ask(program, snapshot, values, key=key)
        if before.out == sipar("check", "--snapshot", snapshot, "--json", stdin=asked).out:
            break
    theirs = [json.loads(line) for line in before.out.splitlines()]
    assert len(mine) == len(theirs) == len(values)
    for value, m, t in zip(values, mine, theirs):
        if "error" in t:
            assert m["status"] == -1, (value, m, t)
            continue
        if UNICODE.search(value):
            assert m["status"] == -1, (value, m, t)
            continue
        assert m["status"] == 0 and m["score"] == t["score"] and (m["score"] > 0) == t["listed"], (value, m, t)
        assert m["categories"] == sorted(m["categories"], key=m["categories"].index) and sorted(m["categories"]) == sorted(t["categories"]), (value, m, t)
        assert m["strongest"] == (t["categories"] or [""])[0], (value, m, t)
        assert min(m["sources"], 16) == len(t["sources"]), (value, m, t)
        assert m["protected_by"] == t.get("protected_by", "") and m["protected"] == ("protected_by" in t), (value, m, t)
    return mine


def test_it_needs_nothing_but_libc(prefix):
    destination, _ = prefix
    library = next(destination.rglob("libsipar.so.1"))
    dynamic = run("readelf", "-d", library)
    assert re.findall(r"NEEDED.*\[(.*)\]", dynamic) == ["libc.so.6"] and "[libsipar.so.1]" in dynamic
    declared = set(re.findall(r"^SIPAR_API [^(]*?\*?(sipar_\w+)\(", (ROOT / "include" / "sipar.h").read_text(), re.M))
    seen = {line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()}
    assert seen == {name + "@@SIPAR_1" for name in declared} | {"SIPAR_1"} and len(declared) == 14
    archive = run("nm", "--defined-only", "--extern-only", next(destination.rglob("libsipar.a")))
    assert {line.split()[2] for line in archive.splitlines() if len(line.split()) == 3} == declared


def test_the_header_is_for_others_too(prefix, tmp_path):
    """Of C99 and, where there is a compiler, of C++."""
    destination, env = prefix
    flags = run("pkg-config", "--cflags", "libsipar", env=env).split()
    (tmp_path / "a.c").write_text("#include <sipar.h>\nint f(void) { struct sipar_result r = { 0 }; return (int)r.size + SIPAR_C2; }\n")
    run("cc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", *flags, "-c", tmp_path / "a.c", "-o", tmp_path / "a.o")
    if shutil.which("c++"):
        run("c++", "-x", "c++", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", *flags, "-c", tmp_path / "a.c", "-o", tmp_path / "a.o")


@pytest.mark.parametrize("form", ["shared", "static"])
def test_it_answers_as_the_program(samples, tmp_path, programs, form):
    pk = tmp_path / "pk.sipar"
    made(samples, pk)
    values = [v for v in VALUES + sample_values() if v]
    answers_agree(programs[form], pk, values, key_of(samples))
    by_value = dict(zip(values, ask(programs[form], pk, values)))
    assert by_value["198.51.100.7"]["match"] == 1 and by_value["198.51.100.7"]["prefix"] == 32
    assert by_value["bücher.example"]["status"] == -1
    assert by_value["10.0.0.1"]["protected"]


def test_what_matched(node, tmp_path, programs):
    node.run("import", "--source", "all", "-", stdin=b"203.0.113.0/24\n2001:db8:1::/48\nevil.example\nhttp://bad.example/x\n")
    pk = tmp_path / "pk.sipar"
    made(node, pk)
    asked = {
        "203.0.113.9": (2, 3, 24, 0), "203.0.113.0/24": (1, 3, 24, 0), "2001:db8:1::7": (2, 4, 48, 0), "evil.example": (1, 5, 0, 0),
        "a.b.evil.example": (3, 5, 0, 2), "http://a.evil.example/q": (4, 5, 0, 1), "http://203.0.113.9/q": (4, 3, 24, 0),
        "https://bad.example/x": (1, 6, 0, 0), "x@mail.evil.example": (4, 5, 0, 1), "good.example": (0, 0, 0, 0), "::ffff:203.0.113.9": (2, 3, 24, 0),
    }
    for form in programs.values():
        for value, answer in zip(asked, ask(form, pk, asked)):
            assert (answer["match"], answer["matched_kind"], answer["prefix"], answer["labels"]) == asked[value], (value, answer)
        assert len(ask(form, pk, asked, "2", key=key_of(node))) == len(asked)  # on small stacks


def test_regular_expressions_of_keys(node, tmp_path, programs):
    """Resolved for the keys; what is below or beside one the library does not try."""
    node.run("import", "--source", "bad", "-", stdin=b"aaa.example\nbbb.example\nhttp://aaa.example/x\nhttp://ccc.example/y\n")
    rules = json.dumps({"name": "expressions", "version": 1, "type": "regex", "description": "", "matching_attributes": ["domain", "hostname", "url"],
                        "list": ["/^a{3}\\.example$/i", "/c{3}/"]}).encode()
    node.run("import", "--source", "rules", "--format", "misp-warninglist", "-", stdin=rules)
    pk = tmp_path / "pk.sipar"
    made(node, pk)
    answers_agree(programs["shared"], pk, ["aaa.example", "www.aaa.example", "bbb.example", "http://aaa.example/x", "https://aaa.example/z",
                                           "http://ccc.example/y", "http://bbb.example/y"], key_of(node))


def test_errors(samples, tmp_path, programs):
    pk = tmp_path / "pk.sipar"
    made(samples, pk)
    octets = pk.read_bytes()
    for name, changed, key, status in [("cut", octets[:-1], "", -4), ("newer", octets[:8] + b"\2" + octets[9:], "", -5), ("key", octets, "00" * 32, -6),
                                       ("forged", octets[:30] + b"\7" + octets[31:], "", -4), ("other", b"x" * 5000, "", -4)]:
        (tmp_path / name).write_bytes(changed)
        assert ask(programs["static"], tmp_path / name, [], key=key, code=2).startswith(f"{status} ")
    assert ask(programs["static"], tmp_path / "nosuch", [], code=2).startswith("-3 ")
    damaged = bytearray(octets)
    damaged[-300] ^= 1
    (tmp_path / "damaged").write_bytes(damaged)
    ask(programs["static"], tmp_path / "damaged", ["198.51.100.7"], code=2)  # it is small: its only chunk is read at once


def test_the_example(samples, tmp_path, prefix):
    destination, env = prefix
    flags = run("pkg-config", "--cflags", "--libs", "libsipar", env=env).split()
    run("cc", ROOT / "lib" / "example.c", *flags, "-o", tmp_path / "example")
    made(samples, tmp_path / "pk.sipar")
    library = next(destination.rglob("libsipar.so.1")).parent
    out = run(tmp_path / "example", tmp_path / "pk.sipar", "198.51.100.7", "10.0.0.1", "192.0.2.200", "not one", env=dict(os.environ, LD_LIBRARY_PATH=str(library)))
    lines = out.splitlines()
    assert re.match(r"198.51.100.7: score \d+ scanner", lines[0]) and "protected, 10.0.0.0/8" in lines[1]
    assert lines[2].endswith("score 0 not listed") and lines[3].startswith("not one: no address")


def test_eight_threads_without_a_race(samples, tmp_path):
    """Everything of the library under ThreadSanitizer: the first lookups verify chunks at the same time."""
    targets = json.loads(run("meson", "introspect", "--targets", BUILD))
    sources = next(t for t in targets if t["name"] == "sipar-parts")["target_sources"][0]["sources"]
    names = [f"{i}.{i * 7919 % 9973}.example" for i in range(3000)]
    samples.run("import", "-q", "--source", "many", "-", stdin="\n".join(names).encode())
    made(samples, tmp_path / "pk.sipar")
    run("cc", "-std=gnu17", "-O1", "-g", "-fsanitize=thread", "-D_GNU_SOURCE", '-DSIPAR_VERSION="0"', f"-I{ROOT}/src", f"-I{ROOT}/include",
        f"-I{ROOT}/lib", *sources, ROOT / "tests" / "libsipar_ask.c", "-pthread", "-o", tmp_path / "ask")
    answers = ask((tmp_path / "ask", dict(os.environ, TSAN_OPTIONS="halt_on_error=1")), tmp_path / "pk.sipar", names + VALUES, "8", key=key_of(samples))
    assert sum(a["score"] > 0 for a in answers) >= 3000


def test_real_feeds(data, tmp_path, programs):
    node = Node(tmp_path / "node")
    node.run("init")
    for source, path in [("drop", "blocklists/spamhaus-drop-2024-02-27/drop.txt"), ("ipsum", "blocklists/ipsum/ipsum.txt.zst"), ("mvt", "intel/mvt"),
                         ("urlhaus", "blocklists/urlhaus-filter-2025-07-19/urlhaus-filter-rpz.conf"), ("warninglists", "intel/misp-warninglists")]:
        node.run("import", "-q", "--source", source, data / path, code=None)
    pk = tmp_path / "pk.sipar"
    made(node, pk)
    text = subprocess.run(["zstdcat", data / "blocklists/ipsum/ipsum.txt.zst"], capture_output=True, check=True).stdout.decode()
    found = set(re.findall(r"\d+\.\d+\.\d+\.\d+", text)[::3])
    for folder in ("intel/mvt", "blocklists/urlhaus-filter-2025-07-19", "intel/misp-warninglists"):
        for path in sorted((data / folder).iterdir()):
            if path.suffix != ".zst" and path.is_file():
                found.update(re.findall(r"[A-Za-z0-9][A-Za-z0-9:/.@_-]{5,80}", path.read_text(errors="replace"))[::11])
    values = sorted(found)[::2]
    for form in ("shared", "static"):
        answers = answers_agree(programs[form], pk, values, key_of(node))
        assert sum(a["score"] > 0 for a in answers) > 1000 and any(a["protected"] for a in answers)
