#!/usr/bin/python3
"""Computes scores again from `sipar why --json` (on standard input, one or more objects), by docs/scoring.md and nothing else.
Prints where an answer differs; exit status 1 when one does.  Integers and decimals only."""
import decimal
import functools
import json
import sys

decimal.getcontext().prec = 50
D = decimal.Decimal


@functools.cache
def point(i, speed_x10):
    return int((1024 * (1 - ((D(i) / 256) ** (D(10) / speed_x10) if i else D(0)))).to_integral_value(decimal.ROUND_HALF_UP))


def decay(age_s, lifetime_d, speed_x10):
    lifetime_s = lifetime_d * 86400
    if age_s >= lifetime_s:
        return 64
    x = age_s * 65536 // lifetime_s
    i, between = divmod(x, 256)
    return max(64, (point(i, speed_x10) * (256 - between) + point(i + 1, speed_x10) * between) // 256)


def score(mdb):
    if mdb <= 0:
        return 0
    exact = 100 / (1 + D(10) ** (-(D(mdb) - 20000) / 10000))
    return max(1, int(exact.to_integral_value(decimal.ROUND_HALF_UP)))


def evaluate(answer):
    """Yields what differs."""
    def same(place, name, told, computed):
        if told != computed:
            yield f"{answer['value']}: {place}{name} is {told!r}, computed {computed!r}"

    met = {}  # key -> when it was met last
    for line in answer["lines"]:
        if line["fate"] == "met":
            met[line["key"].removeprefix("*.")] = max(met.get(line["key"].removeprefix("*."), 0), line["seen"])
    best = {}  # (group, sign) -> the strongest
    counted = []
    for number, line in enumerate(answer["lines"], 1):
        place = f"line {number} ({line['source']}): "
        fresh = met.get(line["key"].removeprefix("*."), 0) if line["stance"] in ("indicator", "sighting", "false-positive") else 0
        yield from same(place, "met", line.get("met", 0), fresh if fresh > line["seen"] else 0)
        age = max(0, answer["now"] - max(line["seen"], fresh))
        fresh = decay(age, line["lifetime_d"], line["speed_x10"])
        sign = -1 if line["stance"] == "false-positive" else 1
        mdb = 0
        if line["fate"] in ("counts", "group"):
            mdb = sign * (line["weight_db"] * 1000 * line["confidence"] * fresh // (100 * 1024))
            side = (line["group"], sign)
            best[side] = max(best.get(side, 0), abs(mdb))
            if line["stance"] not in ("indicator", "sighting", "false-positive"):
                yield f"{answer['value']}: {place}a claim that is {line['stance']} cannot add anything"
            if line["until"] and line["until"] <= answer["now"]:
                yield f"{answer['value']}: {place}it has expired and yet counts"
        if line["fate"] == "counts":
            counted.append(((line["group"], sign), abs(mdb)))
        yield from same(place, "age_s", line["age_s"], age)
        yield from same(place, "decay_1024", line["decay_1024"], fresh)
        yield from same(place, "mdb", line["mdb"], mdb)
        yield from same(place, "counts", line["counts"], line["fate"] == "counts")
        if line["fate"] == "protects" and line["match"] != "host" and "protected_by" not in answer:
            yield f"{answer['value']}: {place}it protects, and the answer does not say so"
    total = sum(sign * mdb for (_, sign), mdb in best.items())
    yield from same("", "lines that count", sorted(counted), sorted(best.items()))
    yield from same("", "prior_mdb", answer["prior_mdb"], 20000)
    yield from same("", "groups", answer["groups"], sum(1 for (_, sign), mdb in best.items() if sign > 0 and mdb > 0))
    yield from same("", "sum_mdb", answer["sum_mdb"], total)
    computed = 0 if "protected_by" in answer else score(total)
    yield from same("", "score", answer["score"], computed)
    yield from same("", "listed", answer["listed"], computed > 0)


def objects(text):
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        value, at = decoder.raw_decode(text, at)
        yield from value if isinstance(value, list) else [value]


checked, differences = 0, []
for one in objects(sys.stdin.read()):
    checked += 1
    differences += evaluate(one)
for difference in differences:
    print(difference)
print(f"{checked} answers, {len(differences)} differences")
sys.exit(1 if differences or not checked else 0)
