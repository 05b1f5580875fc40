"""What cells show: legible as plain text, without style attributes, and in both themes."""

from __future__ import annotations

import io
import json
import math
import re
from base64 import b64decode
from html.parser import HTMLParser

import pytest
from PIL import Image

from mistral_on_azure import show_figure, show_table
from mistral_on_azure.notebook.kept_measurements import ClientFaults
from mistral_on_azure.notebook.model_views import plot_deployments, show_deployments, show_models
from mistral_on_azure.notebook.streams import Stream, print_stream, show_usage
from mistral_on_azure.notebook.token_probabilities import show_logprobs
from mistral_on_azure.notebook.wire import Wire

TOKENS = [("As", -0.05), (" of", -1.0), ("<b>\n", -2.0), ("$x", -0.4), ("now", -0.7)] * 3
EXCHANGE = {
    "method": "POST",
    "path": "/v1/chat/completions",
    "query": "",
    "headers": {"content-type": "application/json"},
    "body": '{"a": "<script>"}',
    "status": 200,
    "answer_headers": {},
    "note": "",
    "answer": '{"b": 1}',
}
SHOWN = {
    "logprobs": show_logprobs(TOKENS),
    "usage": show_usage({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}),
    "stream": Stream("ab", (0.25, 0.5)),
    "wire": Wire((EXCHANGE,)),
    "deployments": show_deployments(),
    "models": show_models(),
    "table": show_table("Statuses <1>", {"<one>": {"/v2": "404"}, "two": {"/v2": "424 (404)", "/info": "200"}}),
}
ALLOWED = {
    *("table", "caption", "thead", "tbody", "tr", "th", "td"),
    *("details", "summary", "pre", "code", "p", "span", "b", "small", "br"),
}


class Words(HTMLParser):
    """The text of HTML, as it is where all attributes are gone."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags = "", set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", SHOWN)
def test_there_is_plain_text_and_html_that_a_sanitiser_leaves_alone(name):
    words = Words(SHOWN[name]._repr_html_())
    assert repr(SHOWN[name]).strip() and words.text.strip()
    assert words.tags <= ALLOWED


@pytest.mark.parametrize("name", SHOWN)
def test_all_numbers_of_the_html_are_in_the_plain_text(name):
    shown = re.sub(r", \d+ bytes", "", Words(SHOWN[name]._repr_html_()).text)
    numbers = re.findall(r"\d+(?:\.\d+)?%?", shown)
    assert numbers and set(numbers) <= set(re.findall(r"\d+(?:\.\d+)?%?", repr(SHOWN[name])))


def test_a_probability_is_read_without_its_colour():
    words = Words(show_logprobs(TOKENS)._repr_html_()).text
    for token, logprob in TOKENS:
        assert token.replace(" ", "␣").replace("\n", "⏎") in words and f"{math.exp(logprob):.0%}" in words


def test_every_shade_has_contrast():
    sure_to_unsure = [(f"t{tenth}", math.log(tenth / 10)) for tenth in range(10, 0, -1)]
    html = show_logprobs(sure_to_unsure)._repr_html_()
    shades = re.findall(r"background-color: (#\w{6}); color: (#\w{6});", html)
    assert len(shades) == len(sure_to_unsure) and len(set(shades)) == 5
    assert all(contrast(*shade) >= 4.5 for shade in shades)  # WCAG 2.2, level AA
    darkness = [luminance(background) for background, _ in shades]
    assert darkness == sorted(darkness, reverse=True)


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_stream_is_printed_and_timed_from_the_request_on(capsys):
    stream = print_stream(iter(["a", None, "", "b"]), mark="|")
    assert capsys.readouterr().out == "a|b|\n"
    assert stream.text == "ab" and len(stream.arrivals) == 2


@pytest.mark.parametrize(
    ("arrivals", "said"),
    [
        ((), "chunks: 0"),
        ((0.25,), "chunks: 1; time to the first: 0.25 s"),
        ((0.25, 0.25), "chunks: 2; time to the first: 0.25 s"),
        ((0.2, 0.3, 0.4), "chunks: 3; time to the first: 0.20 s; further chunks: 10.0 a second"),
    ],
)
def test_the_pace_of_a_stream(arrivals, said):
    assert str(Stream("", arrivals)) == said


def test_the_wire_escapes_what_was_sent():
    assert "<script>" not in Wire((EXCHANGE,))._repr_html_() and "<script>" in repr(Wire((EXCHANGE,)))


def test_what_was_sent_is_folded_and_says_what_it_is():
    html = Wire((EXCHANGE,))._repr_html_()
    assert re.findall(r"<details><summary><b>(\w+)</b> <code>([^<]+)</code>, (\d+) bytes", html) == [
        ("Request", "POST /v1/chat/completions", "17"),
        ("Answer", "200", "8"),
    ]


def test_json_on_the_wire_is_compact_and_still_the_same():
    sent = {"messages": [{"role": "user", "content": "a" * 40}, {"role": "user", "content": "b" * 90}], "n": [1, {}]}
    shown = repr(Wire(({**EXCHANGE, "body": json.dumps(sent)},)))
    body = shown.partition("\n\n")[2].partition("\n\n")[0]
    assert json.loads(body) == sent and len(body.splitlines()) == 10


def test_a_table_has_a_row_for_each_name_in_any_of_its_columns():
    assert SHOWN["table"].rows == {"/v2": ("404", "424 (404)"), "/info": ("", "200")}
    assert repr(SHOWN["table"]).splitlines() == [
        "Statuses <1>",
        "       <one>  two",
        "/v2    404    424 (404)",
        "/info         200",
    ]
    assert "<one>" not in SHOWN["table"]._repr_html_() and "<1>" not in SHOWN["table"]._repr_html_()


def test_the_plot_is_a_picture_on_a_ground_of_its_own_with_words_for_it():
    plot = plot_deployments()
    shown = re.fullmatch(r'<img alt="([^"]+)" width="(\d+)".* src="data:image/png;base64,([^"]+)">', plot._repr_html_())
    with Image.open(io.BytesIO(b64decode(shown[3]))) as picture:
        assert picture.width == 2 * int(shown[2])
        assert picture.convert("RGBA").getpixel((0, 0))[3] == 255
    for deployment in plot.deployments:
        short = deployment.name.removeprefix("mistralai-")
        assert short in shown[1] and short in repr(plot)
    assert plot.png() == plot.png()


def test_a_figure_is_a_picture_of_twice_its_size_with_words_for_it():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([1, 2])
    shown = show_figure(figure, "A line from 1 to 2, & nothing <else>.")
    assert 'alt="A line from 1 to 2, &amp; nothing &lt;else&gt;." width="300"' in shown._repr_html_()
    assert repr(shown) == "A line from 1 to 2, & nothing <else>."
    with Image.open(io.BytesIO(shown.png)) as picture:
        assert picture.size == (600, 400)
    assert shown == show_figure(figure, shown.alt)


def test_a_figure_needs_more_than_a_word():
    from matplotlib.figure import Figure

    with pytest.raises(ValueError, match="at least 20 characters"):
        show_figure(Figure(), "A plot.")


def test_the_picture_of_faults_has_room_for_any_number_of_tries():
    entry = {"tries": 2, "waits": [[1.0, 1.0]], "raised": "x.Error", "kept": "none"}
    for tries in (2, 12):
        shown = ClientFaults({"503": {"litellm": {**entry, "tries": tries}}}, "Measured now.", ("503",), ("litellm",))
        assert f"LiteLLM: {tries} tries" in shown.alt
