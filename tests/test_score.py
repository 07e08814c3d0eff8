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


def test_what_is_said_of_a_public_suffix_is_not_said_of_its_names(node):
    node.counts("list", "--format", "lines", "-", stdin=b"com.pk\ngithub.io\nevil.example\n*.gov.pk\n")
    assert node.listed("com.pk") and node.listed("github.io") and node.listed("www.evil.example")
    assert not any(node.listed(v) for v in ("bank.com.pk", "x.github.io", "cert.gov.pk", "https://bank.com.pk/", "a@bank.com.pk"))


def test_a_folder_covers_what_lies_in_it(node):
    node.counts("list", "--format", "lines", "-", stdin=b"http://shared.example/kit/\nhttp://other.example/\nhttp://php.example/login.php\n")
    assert all(node.listed(v) for v in ("http://shared.example/kit/", "https://shared.example/kit/a/b.php?c=d", "http://php.example/login.php?id=7",
                                        "http://other.example/"))
    assert not any(node.listed(v) for v in ("http://shared.example/", "http://shared.example/kits/", "http://other.example/a", "shared.example",
                                            "http://php.example/login.phpx"))
    assert node.why("http://shared.example/kit/a")["lines"][0]["match"] == "prefix"
