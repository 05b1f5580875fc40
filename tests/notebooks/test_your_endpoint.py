"""What Your own endpoint says of its tables is what they show; the tables themselves are answers of local endpoints."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from mistral_on_azure.catalog.notebooks import load

GUIDE = load(Path(__file__).resolve().parents[2] / "notebooks" / "your-endpoint.ipynb")
WORDS = " ".join(" ".join(cell.source.split()) for cell in GUIDE.markdown)


def shown(cell: str) -> str:
    """What a cell shows where there is no HTML."""
    outputs = next(each.outputs for each in GUIDE.code if each.id == cell)
    return "".join("".join(each.get("text") or each["data"]["text/plain"]) for each in outputs)


def rows(cell: str) -> dict[str, list[str]]:
    """The rows of a cell's table by their names; the first one, without a name, has the heads."""
    _, *lines = shown(cell).splitlines()
    head = lines[0]
    places = [place for place in range(len(head)) if head[place] != " " and head[place - 1] == " "] + [None]
    return {line[: places[0]].strip(): [line[one:after].strip() for one, after in pairwise(places)] for line in lines}


def test_two_requests_tell_the_kinds_apart_and_a_wrong_key_does_not():
    table = rows("tell-the-kinds-apart-4")
    heads, path, info = (table[name] for name in ("", "a path that is not there, /v2", "/info"))
    assert heads == ["serverless", "managed", "foundry"]
    assert path == ["404", "424 (404)", "404"] and info == ["200", "200", "404"]
    assert len({*zip(path, info, strict=True)}) == 3 and "Two requests are enough" in WORDS
    assert [name for name, texts in table.items() if len({*texts}) == 1] == ["a wrong key"]


def test_mistral_7b_v01_is_the_odd_one():
    table = rows("know-what-managed-compute-refuses-2")
    _, odd, *others = zip(*table.values(), strict=True)
    assert odd[0] == "Mistral-7B-v01" and len({each[1:] for each in others}) == 1 and odd[1:] != others[0][1:]
    assert "Mistral-7B v01 is the odd one" in WORDS
    dropped = next(texts for name, texts in table.items() if name == "n = 2 at /v1/chat/completions")
    assert dropped == ["2 answered"] + 4 * ["1 answered"] and "you get one, with a 200" in WORDS
    assert set(table["json_schema"][1:]) == {"424 (422)"} and set(table["tools"][1:]) == {"424 (400)"}


def test_two_of_five_get_in_and_only_the_stream_comes_through():
    first, refused, whole, stream = shown("know-what-managed-compute-refuses-4").splitlines()
    assert first == "Five at once: 200 200 429 429 429" and "two of the five got in" in WORDS
    assert [line.split()[1] for line in (refused, whole, stream)] == ["429", "408", "200"]
    assert all("Retry-After: None, body: empty" in line for line in (refused, whole))


def test_no_path_leads_to_a_chat_on_all_three_kinds():
    _, *paths = rows("choose-the-base-url-1").values()
    assert len(paths) == 4 and "200,200,200" not in [",".join(each) for each in paths]
    assert "No path works on all three" in WORDS
