"""`cookbook run` against an endpoint that is not ours: nothing of it gets into a notebook or a report."""

from __future__ import annotations

import hashlib

import nbformat
import pytest
from upstream import KEY, USAGE, Upstream

from commanding import Cookbook

CALL = """
import json, os, urllib.request
def call(**more):
    body = json.dumps({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20, **more}).encode()
    key = os.environ["AZURE_INFERENCE_CREDENTIAL"]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    url = os.environ["AZURE_INFERENCE_ENDPOINT"] + "/v1/chat/completions"
    return json.load(urllib.request.urlopen(urllib.request.Request(url, body, headers)))["usage"]
"""
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()
LOOK = f"""
import hashlib
print(os.environ["AZURE_INFERENCE_ENDPOINT"])
assert not any(hashlib.sha256(value.encode()).hexdigest() == {DIGEST!r} for value in os.environ.values())
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run that was recorded, on an endpoint that is gone afterwards."""
    cookbook = Cookbook(tmp_path_factory.mktemp("doors"))
    cookbook.write("openai-sdk", CALL, LOOK, "call()", "call()")
    tape = cookbook.reports.with_name("tape.jsonl")
    with Upstream() as upstream:
        real = {"AZURE_INFERENCE_ENDPOINT": upstream.url, "AZURE_INFERENCE_CREDENTIAL": KEY}
        done = cookbook.run("--record", str(tape), "--price-in", "1000000", "--price-out", "1000000", **real)
        spent = cookbook.run("--max-tokens-total", "40", "--reports", str(tape.with_name("spent")), **real)
        calls = len([seen for seen in upstream.seen if seen[0] == "POST"])
    return cookbook, done, tape, upstream.url, (spent, calls)


def test_the_run_is_counted_and_recorded(recorded):
    cookbook, done, tape, _, _ = recorded
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Recorded 2 exchanges in" in done.stdout and tape.exists()
    job = cookbook.jobs["openai-sdk"]
    assert (job["calls"], job["total_tokens"], job["counted_exactly"]) == (2, 2 * USAGE["total_tokens"], True)
    assert "Cost of this run: 24.0000." in done.stdout


def test_neither_address_nor_key_is_in_a_notebook_or_a_report(recorded):
    cookbook, done, tape, url, _ = recorded
    files = [path for path in cookbook.reports.rglob("*") if path.is_file()]
    assert len(files) >= 5
    for text in (done.stdout, done.stderr, tape.read_text(), *(path.read_text() for path in files)):
        assert KEY not in text and url not in text and url.removeprefix("http://") not in text


def test_a_recording_is_replayed_without_the_endpoint(recorded):
    cookbook, _, tape, _, _ = recorded
    again = Cookbook(tape.parent / "replayed")
    again.reports.parent.mkdir()
    again.notebooks.symlink_to(cookbook.notebooks)
    done = again.run("--replay", str(tape))
    assert done.returncode == 0 and "Against: recording of endpoint" in (again.reports / "summary.md").read_text()
    assert again.jobs["openai-sdk"]["total_tokens"] == 2 * USAGE["total_tokens"]


def test_a_budget_stops_the_run(recorded):
    *_, (spent, calls) = recorded
    assert spent.returncode == 1
    assert "The budget of 40 tokens does not allow the next call: " in spent.stdout
    assert "1 interrupted" in spent.stdout or "1 failed" in spent.stdout
    assert calls == 2 + 1  # the second one might take 32 on top of the 12 that are used


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--direct", "--max-tokens-total", "5"], "With --direct, calls are neither counted nor recorded"),
        (["--record", "a", "--replay", "b"], "Give --record or --replay, not both."),
        (["--record", "a", "--resume"], "leave out --resume"),
        (["--replay", "nothing-there"], "cannot be read"),
        (["-p", "endpoint", "http://x"], "Set AZURE_INFERENCE_ENDPOINT instead"),
    ],
)
def test_mistakes_get_one_line(recorded, arguments, said):
    done = recorded[0].run(*arguments)
    assert done.returncode == 1
    assert said in done.stderr and len(done.stderr.strip().splitlines()) == 1


_TYPED = """
model: str = "x"
stop: list[str] = []
seed: int | None = None
untyped = 1
system = (
    "one "
    "two"
)
"""


def test_parameters_of_every_kind_come_back_from_a_recording(tmp_path):
    """Typed, without a type, and written over several lines."""
    cookbook, tape = Cookbook(tmp_path), str(tmp_path / "tape.jsonl")
    path = cookbook.write("a", CALL, "call()", "print([stop, seed, untyped, system])")
    document = nbformat.read(path, 4)
    document.cells[0].source = _TYPED
    nbformat.write(document, path)
    chosen = [("stop", '["a", "b"]'), ("seed", "7"), ("untyped", "2"), ("system", "first\nsecond")]
    with Upstream() as upstream:
        real = {"AZURE_INFERENCE_ENDPOINT": upstream.url, "AZURE_INFERENCE_CREDENTIAL": KEY}
        options = [word for name, value in chosen for word in ("-p", name, value)]
        done = cookbook.run("--record", tape, *options, **real)
    assert done.returncode == 0, done
    before = cookbook.jobs["a"]["parameters"]
    assert {name: before[name] for name, _ in chosen} == {
        "stop": ["a", "b"],
        "seed": 7,
        "untyped": 2,
        "system": "first\nsecond",
    }
    done = cookbook.run("--replay", tape)
    assert done.returncode == 0, done
    assert cookbook.jobs["a"]["parameters"] == before
    printed = nbformat.read(next(cookbook.reports.rglob("a.ipynb")), 4).cells[-1].outputs[0]["text"]
    assert printed == "[['a', 'b'], 7, 2, 'first\\nsecond']\n"
