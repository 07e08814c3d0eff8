#!/usr/bin/python3
"""Runs everything: the shape of the house, unit tests and replayed fuzz corpora under ASan and UBSan, and the scenario tests with
real peers against both builds.  Ends with one line of counts."""
import json
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.chdir(ROOT)
passed = failed = skipped = 0


def check(name, *command):
    """One check that is a command: passes when it exits 0."""
    global passed, failed
    done = subprocess.run(command, capture_output=True, text=True)
    print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {name}: {done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ''}")
    if done.returncode:
        print(done.stdout[-5000:], done.stderr[-5000:], sep="\n")
        failed += 1
    else:
        passed += 1


def meson(build):
    """Unit tests and corpora.  A cmocka program counts each of its tests; any other program counts one."""
    global passed, failed, skipped
    log = pathlib.Path(build, "meson-logs", "testlog.json")
    log.unlink(missing_ok=True)
    env = dict(os.environ, ASAN_OPTIONS="abort_on_error=0:detect_leaks=1", UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
    subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--timeout-multiplier", "10"], capture_output=True, env=env)
    for line in log.read_text().splitlines():
        test = json.loads(line)
        output = test.get("stdout", "") + test.get("stderr", "")
        count = lambda word: sum(int(n) for n in re.findall(r"\[\s+" + word + r"\s+\] (\d+) test", output))
        good, bad, left = count("PASSED"), count("FAILED"), count("SKIPPED")
        if test["result"] == "SKIP":
            skipped += 1
        elif test["result"] != "OK":
            failed += max(bad, 1)
            passed += good
            print(f"FAIL {test['name']} ({build})\n{output[-6000:]}")
        else:
            passed += good or 1
            skipped += left
        print(f"{'ok  ' if test['result'] in ('OK', 'SKIP') else 'FAIL'} {test['name']}: {good or 1}")


def scenarios(build, long):
    global passed, failed, skipped
    report = pathlib.Path(build, "scenarios.xml")
    report.unlink(missing_ok=True)
    env = dict(os.environ, SIPAR=str(ROOT / build / "sipar"), ASAN_OPTIONS="detect_leaks=1", SIPAR_LONG="1" if long else "",
               GOCACHE=str(ROOT / "build" / "go-cache"))  # the tests of Go programs share what they compile
    command = ["/usr/bin/python3", "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", f"--junitxml={report}", "tests"]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode not in (0, 5):
        print(done.stdout[-12000:], done.stderr[-2000:], sep="\n")
    if not report.exists():
        failed += 1
        return
    for suite in xml.parse(report).getroot().iter("testsuite"):
        total, bad, left = int(suite.get("tests")), int(suite.get("failures")) + int(suite.get("errors")), int(suite.get("skipped"))
        passed, failed, skipped = passed + total - bad - left, failed + bad, skipped + left
        print(f"{'FAIL' if bad else 'ok  '} scenarios with {build}/sipar: {total - bad - left} passed, {bad} failed, {left} skipped")


long = "--long" in sys.argv[1:]
check("includes", "tools/includes.py")
check("headers", "tools/headers.sh")
check("manual", "sh", "-c", "mandoc -T lint -W error docs/sipar.1 docs/sipar.3 && echo docs/sipar.1 and docs/sipar.3 are well-formed")
meson("build-sanitized")
scenarios("build", long)
scenarios("build-sanitized", long)
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(bool(failed))
