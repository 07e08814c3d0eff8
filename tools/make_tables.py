#!/usr/bin/python3
"""Writes src/view/decay_table.h and src/view/score_table.h from the formulas of docs/scoring.md, in decimal arithmetic of 60
digits, so that the tables are the same wherever they are made.  With --check: exits 1 when the files differ."""
import decimal
import pathlib
import sys

decimal.getcontext().prec = 60
D = decimal.Decimal
VIEW = pathlib.Path(__file__).resolve().parent.parent / "src" / "view"
SPEEDS = (3, 5, 10, 15, 20, 30)


def half_up(x):
    return int(x.to_integral_value(decimal.ROUND_HALF_UP))


def decay(i, speed_x10):
    part = (D(i) / 256) ** (D(10) / speed_x10) if i else D(0)
    return half_up(1024 * (1 - part))


def threshold(score):
    """The least sum that gives `score`: 100 / (1 + 10^(-(mdb - 20000) / 10000)) >= score - 1/2; one is given to every sum above 0."""
    odds = 100 / (D(score) - D("0.5")) - 1
    return 1 if score == 1 else int((20000 - 10000 * odds.log10()).to_integral_value(decimal.ROUND_CEILING))


def rows(values):
    for i in range(0, len(values), 16):
        yield "\t" + " ".join(f"{v}," for v in values[i:i + 16])


def decay_table():
    yield "/* Made by tools/make_tables.py: do not edit.  decay_table[s][i] = 1024 * (1 - (i / 256)^(10 / decay_speeds[s])), half up. */"
    yield from ("#ifndef VIEW_DECAY_TABLE_H", "#define VIEW_DECAY_TABLE_H", "", "#include <stdint.h>", "")
    yield f"static const uint8_t decay_speeds[{len(SPEEDS)}] = {{ {', '.join(map(str, SPEEDS))} }};"
    yield f"static const uint16_t decay_table[{len(SPEEDS)}][257] = {{"
    for s in SPEEDS:
        yield "\t{"
        yield from rows([decay(i, s) for i in range(257)])
        yield "\t},"
    yield from ("};", "", "#endif")


CELL = 128 # less than there is between two thresholds


def score_table():
    thresholds = [threshold(s) for s in range(1, 101)]
    assert min(b - a for a, b in zip(thresholds, thresholds[1:])) >= CELL
    yield "/* Made by tools/make_tables.py: do not edit.  score_table[s - 1]: the least sum in millidecibans that scores s; score_cells[i]: what"
    yield f" * a sum of i * {CELL} scores; no sum of {CELL} more scores two more. */"
    yield from ("#ifndef VIEW_SCORE_TABLE_H", "#define VIEW_SCORE_TABLE_H", "", "#include <stdint.h>", "")
    yield "static const int32_t score_table[100] = {"
    yield from rows(thresholds)
    cells = range(thresholds[-1] // CELL + 1)
    yield from ("};", "", f"enum {{ SCORE_CELL = {CELL}, SCORE_CELLS = {len(cells)} }};", "", "static const uint8_t score_cells[SCORE_CELLS] = {")
    yield from rows([sum(t <= i * CELL for t in thresholds) for i in cells])
    yield from ("};", "", "#endif")


stale = False
for name, lines in (("decay_table.h", decay_table()), ("score_table.h", score_table())):
    text = "\n".join(lines) + "\n"
    path = VIEW / name
    if "--check" in sys.argv:
        if not path.exists() or path.read_text() != text:
            print(f"{path} is not what tools/make_tables.py makes")
            stale = True
    else:
        path.write_text(text)
sys.exit(stale)
