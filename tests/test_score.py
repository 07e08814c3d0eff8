"""The score is what docs/scoring.md says: an independent evaluator comes to the same numbers."""
import subprocess

from conftest import ROOT


def evaluate(text):
    return subprocess.run(["/usr/bin/python3", str(ROOT / "tests" / "score_eval.py")], input=text, capture_output=True, text=True)


def test_the_evaluator_agrees_on_the_samples(samples):
    samples.run("source", "add", "analyst", "--weight", 7, "--type", "event")
    samples.counts("analyst", "--as", "false-positive", "-", stdin=b"198.51.100.7\n192.0.2.45\n203.0.113.77\n")
    values = ["198.51.100.7", "203.0.113.77", "203.0.113.80", "login.bank-verify.example", "0f343b0931126a20f133d67c2b018a3b",
              "http://login.bank-verify.example/secure/index.php", "192.0.2.45", "10.0.0.1", "good.example", "192.0.2.44",
              "billing@mail-campaign.example", "www.portal.gov.example"]
    text = samples.run("why", "--json", *values, code=0).out
    assert len(text.splitlines()) == len(values)
    done = evaluate(text)
    assert done.returncode == 0, done.stdout + done.stderr
    assert any('"listed":true' in line for line in text.splitlines())
    wrong = text.replace('"weight_db":20', '"weight_db":21', 1)
    assert wrong != text and evaluate(wrong).returncode == 1
