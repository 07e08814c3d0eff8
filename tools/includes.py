#!/usr/bin/python3
"""Holds the shape of the house: includes point down only, outside libraries are included by one file of src/sys/ (the table's RCU
apart), and modules do not include each other in a circle.  Prints each breach with its place; exit status 1 if there is one."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent / "src"
# A folder may include those of lower rank; folders of one rank do not include each other.
RANK = {"base": 0, "sys": 1, "codec": 2, "ledger": 3, "table": 3, "view": 4, "gate": 5, "scan": 5, "enforce": 5, "face": 6, "peer": 6, "hook": 6, "cli": 7, "app": 8}
PURE = {"sys/idn.h"}  # all that the pure codecs may see of sys/
LIBRARIES = ("zstd", "lzma", "zlib", "bzlib", "sqlite3", "sodium", "openssl/", "idn2", "pcre2", "libpsl", "microhttpd", "curl", "libknot", "gnutls/", "libmnl", "urcu", "archive", "fstrm",
	     "protobuf-c", "dnstap.pb-c")
EXEMPT = {("table", "urcu")}  # the table is the one user of RCU

breaches, graph, owners = [], {}, {}
for path in sorted(ROOT.rglob("*.[ch]")):
    name = path.relative_to(ROOT).as_posix()
    folder = name.split("/")[0]
    graph.setdefault(name, [])
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not match:
            continue
        kind, target = match.groups()
        place = f"src/{name}:{number}"
        if kind == '"':
            other = target.split("/")[0]
            if other not in RANK:
                breaches.append(f'{place}: "{target}" is not named from src/')
                continue
            if not (ROOT / target).exists():
                breaches.append(f'{place}: "{target}" does not exist')
            if other != folder and RANK[other] >= RANK[folder]:
                breaches.append(f'{place}: {folder}/ (rank {RANK[folder]}) includes {other}/ (rank {RANK[other]})')
            if folder == "codec" and other == "sys" and target not in PURE and not name.endswith(("_test.c", "_fuzz.c")):
                breaches.append(f'{place}: codec/ is pure and may include only {", ".join(sorted(PURE))} of sys/')
            if folder == "face" and other == "face" and not name.endswith("_test.c"):
                mine, theirs = (n.split("/")[1].split("_")[0].split(".")[0] for n in (name, target))
                if mine != theirs:
                    breaches.append(f'{place}: no face includes another')
            graph[name].append(target)
        else:
            for library in LIBRARIES:
                if target.startswith(library):
                    if folder != "sys" and (folder, library) not in EXEMPT:
                        breaches.append(f"{place}: <{target}> is included outside sys/")
                    elif not name.endswith("_test.c"):
                        owners.setdefault(library.rstrip("/"), set()).add(name)
for library, names in owners.items():
    if len(names) > 1:
        breaches.append(f'<{library}> is included by more than one file: {", ".join(sorted(names))}')

# Circles among modules.  A module is x.h with x.c and its private parts: x_part.h with x_part.c, where nobody but x and its parts
# includes x_part.h.  Tests stand outside.
graph = {name: targets for name, targets in graph.items() if not name.endswith(("_test.c", "_fuzz.c"))}
includers = {}
for name, targets in graph.items():
    for target in targets:
        includers.setdefault(target, set()).add(re.sub(r"\.[ch]$", "", name))


def module(name):
    stem = re.sub(r"\.[ch]$", "", name)
    folder, base = stem.split("/", 1)
    for i in range(len(base) - 1, 0, -1):
        whole = f"{folder}/{base[:i]}"
        if base[i] == "_" and f"{whole}.h" in graph and all(
                user == whole or user.startswith(whole + "_") for user in includers.get(f"{stem}.h", {"nobody"})):
            return whole
    return stem


edges = {}
for name, targets in graph.items():
    edges.setdefault(module(name), set()).update(module(t) for t in targets if module(t) != module(name))
state = {}


def visit(node, trail):
    state[node] = 1
    for target in sorted(edges.get(node, ())):
        if state.get(target) == 1:
            breaches.append("circle: " + " -> ".join(trail[trail.index(target):] + [target] if target in trail else [node, target]))
        elif target not in state:
            visit(target, trail + [target])
    state[node] = 2


for node in sorted(edges):
    if node not in state:
        visit(node, [node])

for breach in breaches:
    print(breach)
print(f"{len(graph)} files, {len(breaches)} breaches")
sys.exit(bool(breaches))
