"""The pictures of what all clients share: what they show is what was sent, measured, or stands in the tables."""

from __future__ import annotations

import json
import math
import re
import struct
from importlib.util import find_spec
from xml.etree import ElementTree

import pytest

from mistral_on_azure import kept, plot_base_urls, plot_rounds, plot_sampling
from mistral_on_azure.azure import http
from mistral_on_azure.azure.children import stop
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.azure.deployments import DEPLOYMENT_KINDS, EITHER, FOUNDRY
from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.catalog.notebooks import START, load
from mistral_on_azure.endpoint.models import embedded
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.notebook.figures import THEMES
from mistral_on_azure.notebook.round_views import Rounds, steps
from mistral_on_azure.notebook.service_views import PROBE, PROBED, base_path
from mistral_on_azure.notebook.streams import Arrivals
from mistral_on_azure.notebook.token_probabilities import shares
from mistral_on_azure.running.saving import settled
from mistral_on_azure.upkeep import embedded_measurements
from mistral_on_azure.upkeep.faults import calls

CALL = {"id": "a", "function": {"name": "look_up", "arguments": '{"word": "tea"}'}}
TALK = (
    {"role": "user", "content": "What is tea?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "a", "content": "a drink"},
    {"role": "assistant", "content": "Tea is a drink."},
)
ARRIVALS = Arrivals(1.1, (0.2, 0.5, 1.1))
MEASURED = kept("next token")
DRAWINGS = {
    "arrivals": ARRIVALS,
    "rounds": Rounds(tuple(steps(TALK, [(20, 9), (40, 6)]))),
    "sampling": plot_sampling(MEASURED, (0.5, 1.5), 0.5),
    "base URLs": plot_base_urls(),
}


@pytest.mark.parametrize("drawing", DRAWINGS.values(), ids=list(DRAWINGS))
def test_a_drawing_is_a_picture_of_twice_its_size_with_words_for_it(drawing):
    width, height = drawing.size
    assert struct.unpack(">II", drawing.png()[16:24]) == (2 * width, 2 * height)
    assert drawing.png() == drawing.png()
    assert re.search(rf'<img alt="[^"]{{100,}}" width="{width}"', drawing._repr_html_())
    assert repr(drawing).strip() and width <= 520  # on a phone, words are then two thirds of their size


@pytest.mark.parametrize("drawing", DRAWINGS.values(), ids=list(DRAWINGS))
def test_each_theme_has_its_own_colours_and_no_ground(drawing):
    drawn = {theme: drawing.svg(theme) for theme in THEMES}
    assert drawn["light"] != drawn["dark"] and drawn["dark"] == drawing.svg("dark")
    words = {theme: re.findall(r"<text[^>]*>([^<]*)", svg.decode()) for theme, svg in drawn.items()}
    assert words["light"] == words["dark"] and ElementTree.fromstring(drawn["dark"])
    for theme, colours in THEMES.items():
        assert colours.ink.encode() in drawn[theme] and colours.strong.encode() in drawn[theme]


def test_times_are_no_news_and_another_number_of_chunks_is():
    later, more = Arrivals(1.3, (0.3, 0.6, 1.3)), Arrivals(1.1, (0.2, 0.5, 0.8, 1.1))
    outputs = [{"text/plain": repr(each), "text/html": each._repr_html_()} for each in (ARRIVALS, later, more)]
    before, after, other = map(settled, outputs)
    assert outputs[0] != outputs[1] and before == after != other


def test_rounds_are_the_messages_with_their_tokens():
    shown = [(step.sender, step.receiver, " ".join(step.words), step.note) for step in DRAWINGS["rounds"].steps]
    program, function, model = "your program", "your function", "the model"
    assert shown == [
        (program, model, "Round 1: tools, 1 message: user: What is tea?", "20 tokens"),
        (model, program, 'assistant, 1 call: look_up {"word": "tea"}', "9 tokens"),
        (program, function, "tea", ""),
        (function, program, "a drink", ""),
        (program, model, "Round 2: tools, 3 messages, the last 1: tool: a drink", "40 tokens"),
        (model, program, "assistant: Tea is a drink.", "6 tokens"),
    ]


def test_arguments_that_are_no_json_are_shown_as_they_are():
    call = {**CALL, "function": {"name": "look_up", "arguments": '{"word'}}
    talk = (TALK[0], {**TALK[1], "tool_calls": [call]}, *TALK[2:])
    assert steps(talk, [(20, 9), (40, 6)])[2].words == ('{"word',)


def test_what_is_long_is_cut_and_a_dollar_is_no_formula():
    talk = ({"role": "user", "content": "tea " * 200}, {"role": "assistant", "content": "It costs $5, or $6_{5}^."})
    drawing = Rounds(tuple(steps(talk, [(200, 12)])))
    assert drawing.steps[0].words[-1] == "…" and len(drawing.steps[0].words) == 7
    assert "$6_{5}^." in drawing.svg("light").decode()


def test_where_tools_are_refused_there_is_no_picture(capsys):
    assert plot_rounds(TALK[:1], []) is None and "no picture" in capsys.readouterr().out


def test_the_kept_probabilities_are_those_of_all_tokens():
    named = sum(probability for _, probability in MEASURED["likeliest"])
    others = sum(count * math.exp(logprob) for logprob, count in MEASURED["others"])
    assert named + others == pytest.approx(1, abs=1e-3) and MEASURED["model"] == embedded.LABEL
    assert len(MEASURED["likeliest"]) + sum(count for _, count in MEASURED["others"]) == 49_152


def test_a_temperature_and_top_p_do_what_their_definition_says():
    """On probabilities that are listed one by one, beside a picture that knows some only by their number."""
    tokens = [(f"t{place}", -0.6 * place) for place in range(40)]
    whole = sum(math.exp(logprob) for _, logprob in tokens)
    tokens = [(name, logprob - math.log(whole)) for name, logprob in tokens]
    measured = embedded_measurements.summed_up(tokens)
    for temperature in (0.5, 1.0, 2.0):
        weights = [math.exp(logprob / temperature) for _, logprob in tokens]
        right = [weight / sum(weights) for weight in weights]
        found = shares(measured, temperature, 0.8)
        assert [share.kept + share.cut for share in found[:-1]] == pytest.approx(right[: len(found) - 1], abs=1e-3)
        assert found[-1].kept + found[-1].cut == pytest.approx(sum(right[len(found) - 1 :]), abs=1e-2)
        needed = next(place for place in range(1, 41) if sum(right[:place]) >= 0.8)
        assert [share.cut == 0 for share in found[:-1]] == [place < needed for place in range(len(found) - 1)]


@pytest.mark.parametrize(("temperatures", "top_p"), [((), 0.5), ((0.0, 1.0), 0.5), ((1.0,), 0.0), ((1.0,), 1.5)])
def test_values_out_of_range_are_refused(temperatures, top_p):
    with pytest.raises(ValueError, match="above 0"):
        plot_sampling(MEASURED, temperatures, top_p)


def test_start_here_says_what_its_picture_of_sampling_shows(root):
    text = " ".join(" ".join(cell.source.split()) for cell in load(root / f"notebooks/{START}.ipynb").markdown)
    hot = shares(MEASURED, 1.5, 0.5)
    assert "it is drawn only one time in eleven" in text and round(1 / hot[0].kept) == 11
    assert f"one of {hot[-1].name}" in text
    assert 200 < tokens_kept(MEASURED, 1.5, 0.5) < 300 and "more than 200 tokens" in text


def tokens_kept(measured, temperature: float, top_p: float) -> int:
    """How many tokens `top_p` keeps."""
    rows = [(1, probability ** (1 / temperature)) for _, probability in measured["likeliest"]]
    rows += [(count, math.exp(logprob / temperature)) for logprob, count in measured["others"]]
    left, number = top_p * sum(count * weight for count, weight in rows), 0
    for count, weight in rows:
        taken = max(0, min(count, math.ceil(left / weight)))
        left, number = left - taken * weight, number + taken
    return number


@pytest.mark.skipif(find_spec("xllamacpp") is None, reason="the embedded engine is not installed (make engine)")
def test_the_embedded_model_still_says_what_is_kept():
    key = new_key()
    process, url = embedded.start(key)
    try:
        again = embedded_measurements.summed_up(embedded_measurements.measure(url, key))
    finally:
        stop(process)
    assert [token for token, _ in again["likeliest"][:3]] == [token for token, _ in MEASURED["likeliest"][:3]]
    assert again["likeliest"][0][1] == pytest.approx(MEASURED["likeliest"][0][1], abs=0.02)


@pytest.fixture(scope="module", params=list(DEPLOYMENT_KINDS))
def served(request):
    """An endpoint of each kind."""
    with start(kind=request.param) as endpoint:
        yield DEPLOYMENT_KINDS[request.param], endpoint


def test_the_tree_has_every_ending_and_every_client():
    words = plot_base_urls().alt
    endings = [suffix for kind in DEPLOYMENT_KINDS.values() for suffix in kind.suffixes[:1]]
    assert all(each in words for each in (*endings, *EITHER, *(client.name for client in clients().values())))


def test_a_path_that_cannot_exist_is_answered_as_the_tree_says(served):
    kind, endpoint = served
    answer = http.request("POST", f"{endpoint.url}{kind.azure_path}{PROBE}", endpoint.keys[0], {})
    assert answer.status == PROBED.get(kind.name, 404)


@pytest.mark.parametrize("key", list(clients()))
def test_a_client_reaches_each_kind_by_the_base_url_of_the_tree(served, key):
    """Its own call, with the base URL that the picture tells, arrives at the route of chat completions."""
    kind, endpoint = served
    path = base_path(clients()[key], kind)
    added = "/v1" if "/v1" in path else ""  # by the call itself, to the base URL
    request = {**calls.REQUEST, **({"model": "Mistral-Large-3"} if kind is FOUNDRY else {})}
    call = calls.Call(endpoint.url + path.removesuffix(added), endpoint.keys[0], request=request)
    calls.CALLS[key](call)
    assert "".join(call.pieces)
    last = json.loads(http.request("GET", f"{endpoint.url}/local/exchanges?last=1", endpoint.keys[0]).text)[0]
    assert last["path"] == path + clients()[key].appends
