"""The format of scripts: what its reader says of mistakes in a file, its JSON schema, and bounds of its patterns."""

from __future__ import annotations

import json

import msgspec
import pytest
from jsonschema import Draft202012Validator

from mistral_on_azure.catalog.script_format import MOST_REPEATED, Exchange, compiled, written_out
from mistral_on_azure.endpoint.models.script_files import ScriptFiles, script_schema
from mistral_on_azure.errors import CookbookError

ONE = '[[exchange]]\nprompt = "a"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '# Mine.\nunknown_prompt = """\n[[exchange]]\n"""\n\n[[exchange]]\nprompt = "a"\nanswers = [\n  "b",\n  3]',
            "line 10: exchange 1, answers 2: expected `str`, got `int`.",
        ),
        (f'{ONE}answers = ["b"]\ndelay = -1', "line 4: exchange 1, delay: expected `float` >= 0.0."),
        (f'{ONE}answers = ["b"]\nanswer = "b"', "line 4: exchange 1, answer: there is no such key."),
        (f'{ONE}answers = ["b"]\npattern = "b"', "line 4: exchange 1, pattern: an exchange has a prompt or a pattern"),
        (f"{ONE}\nanswers = []", "line 4: exchange 1, answers: expected `array` of length >= 1."),
        (f'{ONE}delay = 1\nreply = [{{answer = "b"}}]', "line 3: exchange 1, delay: where there are tables of reply"),
        (f'{ONE}answers = ["b"]\n[[exchange.reply]]', "line 4: exchange 1, reply 1: a reply answers with one of"),
        (f'{ONE}[[exchange.reply]]\nanswer = "b"\nfault = "status=1"', "line 5: exchange 1, reply 1, fault: A fault's"),
        (f"{ONE}[exchange.fault]\nstatus = 429\ncuont = 1", "line 5: exchange 1, fault, cuont: A fault has no field"),
        (f'{ONE}answers = ["x y"]\n\nlogprobs = [-1]', "line 5: exchange 1, logprobs: there are 1 log probabilities"),
        ('[[exchange]]\nanswers = ["b"]\npattern = "("', "line 3: exchange 1, pattern: the pattern '(' is no regular"),
        ('[[exchange]]\nanswers = ["b"]\nlast = "("', "line 3: exchange 1, last: the pattern '(' is no regular"),
        (
            f'{ONE}last = "b"\n[[exchange.reply]]\nanswer = "c"\n[[exchange.reply]]\nanswer = "${{town}}"',
            "line 7: exchange 1, reply 2, answer: ${town} is no group of the pattern, which has 0;",
        ),
        (
            f'{ONE}last = "b"\ncalls = [{{name = "f"}},\n  {{name = "g", arguments = {{a = ["${{town}}"]}}}}]',
            "line 5: exchange 1, calls 2, arguments: ${town} is no group of the pattern",
        ),
        (
            'exchange = [\n  {prompt = "a", answers = ["b"]},\n  {prompt = "c", answers = 4},\n]',
            "line 3: exchange 2, answers: expected `array`, got `int`.",
        ),
        (f'{ONE}answers = ["b"]\n[[exchange]]\nanswers = ["b"]', "line 4: exchange 2: an exchange has one of the keys"),
    ],
)
def test_an_error_in_a_file_names_line_and_key(tmp_path, text, says):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(CookbookError) as raised:
        ScriptFiles([file])
    assert str(raised.value).startswith(f"{file}, {says}")


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('[[exchange]]\nprompt = "a"\nanswers = ["b"\n[[exchange]]')
    with pytest.raises(CookbookError, match=r"mine.toml cannot be used: .*line 4"):
        ScriptFiles([file])
    file.write_text('[[exchange]]\nprompt = "Grüße"', encoding="latin-1")
    with pytest.raises(CookbookError, match=r"mine.toml cannot be used: its line 2 is not UTF-8 \(byte 0xfc\)."):
        ScriptFiles([file])
    with pytest.raises(CookbookError, match="There is no file"):
        ScriptFiles([tmp_path / "missing.toml"])


def test_a_file_may_be_of_an_editor_on_windows(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('[[exchange]]\r\nprompt = "a"\r\nanswers = ["b"]\r\n', encoding="utf-8-sig", newline="")
    answers = ScriptFiles([file], strict=True).answers(None)
    assert [entry.where for entry in answers.layers[0].entries] == [f"{file}, line 1"]


SCHEMA = script_schema()


@pytest.mark.parametrize(
    "exchange",
    [
        {"answers": ["b"]},
        {"prompt": None, "answers": ["b"]},
        {"prompt": "a"},
        {"prompt": "a", "answers": []},
        {"prompt": "a", "pattern": "a", "answers": ["b"]},
        {"prompt": "a", "answers": ["b"], "calls": [{"name": "f"}]},
        {"prompt": "a", "answers": ["b"], "reply": [{"answer": "c"}]},
        {"prompt": "a", "reply": []},
        {"prompt": "a", "reply": [{}]},
        {"prompt": "a", "reply": [{"answer": "b", "calls": [{"name": "f"}]}]},
        *({"prompt": "a", "reply": [{"answer": "b"}], name: value} for name, value in (("delay", 2), ("logprobs", -1))),
        {"prompt": "a", "reply": [{"answer": "b"}], "fault": "status=429"},
        {"prompt": "a", "reply": [{"answers": ["b"]}]},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(exchange):
    assert not Draft202012Validator(SCHEMA).is_valid({"exchange": [exchange]})
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(exchange, Exchange)


@pytest.mark.parametrize(
    "exchange",
    [
        {"system": "a", "answers": ["b", "c"], "delay": 2, "fault": "status=429; count=1"},
        {"prompt": "a", "fault": {"status": 429}, "delay": 1},
        {"prompt": "a", "pattern": None, "calls": [{"name": "f", "arguments": "{"}], "finish_reason": None},
        {"tools": False, "reply": [{"answer": ""}, {"calls": [{"name": "f"}], "fault": "reset=within"}, {"fault": ""}]},
    ],
)
def test_the_schema_takes_what_the_reader_takes(exchange):
    Draft202012Validator(SCHEMA).validate({"exchange": [exchange], "content_filter": {"prompts": ["x"]}})
    msgspec.convert(exchange, Exchange)


def test_each_key_of_the_schema_is_described():
    keys = [(kind, name) for kind, part in SCHEMA["$defs"].items() for name in part["properties"]]
    assert ("TokenLogprob", "top") in keys and ("ScriptFile", "unknown_prompt") in keys
    for kind, name in keys:
        asked = SCHEMA["$defs"][kind]["properties"][name]
        assert any(form.get("description") for form in (asked, *asked.get("anyOf", ()))), f"{kind}, {name}"


def test_exchanges_are_written_as_they_were_read():
    given = {"pattern": "x(y)?", "tools": True, "reply": [{"answer": "${1}"}, {"fault": {"status": 500}}]}
    assert json.loads(msgspec.json.encode(msgspec.convert(given, Exchange))) == given


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        (r"\d{4}-\d{2}-\d{2}T(?:\d\d:?){3}", 29),
        (r"(?P<name>\w{1,64})@(?:\w{1,63}\.){1,8}\w{2,63}", 664),
        (r"[{5000}]{2}\{5000}\(a", 10),  # in a set and after a backslash, braces repeat nothing
        (r"(?:(?:(?:(?:a|b){9}){9}){9}){9}", 34_443),
    ],
)
def test_a_pattern_that_repeats_a_little_is_compiled(pattern, size):
    assert written_out(pattern) == size
    assert compiled(pattern)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        (r"(a{5000}){5000}", 25_000_000),  # `regex` takes 20 s to compile it
        (r"((a{300}){300}){30}", 2_700_000),
        (r"(?:(?:(?:a|b?){3,99}){99,}){99}", 5_841_594),
        (r"(" * 300 + "a" + "){2}" * 300, 2**300),
    ],
)
def test_a_pattern_that_repeats_too_much_is_refused(pattern, size):
    with pytest.raises(ValueError, match=f"with its repetitions written out, where {MOST_REPEATED:,} are allowed"):
        compiled(pattern)
    assert written_out(pattern) == size


@pytest.mark.parametrize("pattern", ["(", "a{2}{3}", "[", "(?P<x>a", "a)", "{3}", ")" * 500, "\\"])
def test_what_is_no_pattern_is_told(pattern):
    with pytest.raises(ValueError, match="is no regular expression"):
        compiled(pattern)
