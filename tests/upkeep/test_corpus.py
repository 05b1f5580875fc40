"""How much of a corpus made for it the scan finds, and how often it is wrong. `found.md` has the numbers."""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from corpus import Maker, Sample, harmless, planted

from commanding import COOKBOOK
from mistral_on_azure.upkeep.secrets.credential_rules import rules
from mistral_on_azure.upkeep.secrets.detecting import detect
from mistral_on_azure.upkeep.secrets.scan import findings

TABLE = Path(__file__).with_name("found.md")


def alarms(sample: Sample, folder: Path) -> list[str]:
    file = folder / sample.file
    file.write_bytes(sample.content)
    try:
        return list(findings([file]))
    finally:
        file.unlink()


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> dict[str, dict[str, list[Sample]]]:
    folder = tmp_path_factory.mktemp("corpus")
    right, wrong = {"found": [], "missed": []}, {"passed": [], "false alarms": []}
    for sample in planted():
        right["found" if alarms(sample, folder) else "missed"].append(sample)
    for sample in harmless():
        wrong["false alarms" if alarms(sample, folder) else "passed"].append(sample)
    return {"planted": right, "harmless": wrong}


def test_the_table_has_the_numbers(outcome):
    """`COOKBOOK_WRITE=1` writes them."""
    import os

    table = _table(outcome)
    if os.environ.get("COOKBOOK_WRITE"):
        TABLE.write_text(table, encoding="utf-8")
    assert TABLE.read_text(encoding="utf-8") == table


def _table(outcome: dict[str, dict[str, list[Sample]]]) -> str:
    found, missed = (Counter(each.family for each in outcome["planted"][name]) for name in ("found", "missed"))
    passed, alarmed = (
        Counter(each.family for each in outcome["harmless"][name]) for name in ("passed", "false alarms")
    )
    lines = ["| planted | found | missed |", "| --- | ---: | ---: |"]
    lines += [f"| {name} | {found[name]} | {missed[name]} |" for name in dict.fromkeys([*found, *missed])]
    lines += [f"| **all** | {found.total()} | {missed.total()} |", ""]
    lines += ["| harmless | passed | false alarms |", "| --- | ---: | ---: |"]
    lines += [f"| {name} | {passed[name]} | {alarmed[name]} |" for name in dict.fromkeys([*passed, *alarmed])]
    return "\n".join([*lines, f"| **all** | {passed.total()} | {alarmed.total()} |"]) + "\n"


def test_nearly_all_of_it_is_found_and_nothing_else(outcome):
    missed = [f"{each.family}: {each.name}" for each in outcome["planted"]["missed"]]
    assert 100 * len(missed) <= 3 * len(outcome["planted"]["found"]), missed
    assert [f"{each.family}: {each.name}" for each in outcome["harmless"]["false alarms"]] == []


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: f"{rule.name} {rule.prefixes[0].decode()}")
def test_a_rule_finds_its_own_example_with_each_prefix_known(rule):
    example = Maker().of(rule.example).encode()
    assert [each.kind for each in rule.find(b" " + example + b" ")] == [rule.name]
    assert re.search(rule.regex, example)


def test_a_repository_in_the_repository_is_looked_at(tmp_path):
    secret = f"api_key = '{Maker().key()}'"
    for folder in (tmp_path / "outer", tmp_path / "outer" / "nested"):
        folder.mkdir(exist_ok=True)
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (tmp_path / "outer" / "nested" / "a.py").write_text(secret)
    from mistral_on_azure.upkeep.secrets.scan import _of_git

    found = list(findings(_of_git(tmp_path / "outer")))
    assert found == [f"{tmp_path}/outer/nested/a.py: line 1: Azure endpoint key"]
    done = subprocess.run([COOKBOOK, "secrets", str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stdout.splitlines()[0] == found[0]


LARGE = {
    "a log": b"2026-11-27T14:20:01Z INFO worker-3 served POST /v1/chat/completions 200 in 0.412 s, 57 tokens\n",
    "hashes": b"0f9c1b7d2e8a4653a1b2c3d4e5f60718  notebook.ipynb\n",  # pragma: allowlist secret
    "JSON": b'{"id": "chatcmpl-7f", "choices": [{"delta": {"content": "key"}}], "tokens": 12, "n\\n": "a%20b"}\n',
    "one long line": b"abcdefg key=1 ",
    "one long word": b"aB3dE6gH",
    "quotation marks and colons": b"password:'key=\"://",
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_file_takes_its_length_in_time(tmp_path, name):
    """Ten times as much takes about ten times as long; a quadratic search would take a hundred times."""
    seconds = []
    for size in (100_000, 1_000_000):
        file = tmp_path / f"{size}.txt"
        file.write_bytes(LARGE[name] * (size // len(LARGE[name])))
        began = time.process_time()
        assert not list(findings([file]))
        seconds.append(time.process_time() - began)
    assert seconds[1] < 40 * seconds[0] + 0.2


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: f"{rule.name} {rule.prefixes[0].decode()}")
def test_beginnings_of_credentials_take_their_length_in_time(rule):
    """Four times as many take about four times as long; a pattern that looks ahead without a bound, sixteen times."""
    for prefix in rule.prefixes:
        for unit in (prefix, prefix + b"-", b"1a8" + prefix):
            short, long = (_seconds(unit * (size // len(unit))) for size in (20_000, 80_000))
            assert long < 8 * short + 0.2, unit


def _seconds(text: bytes) -> float:
    began = time.process_time()
    list(detect(text))
    return time.process_time() - began
