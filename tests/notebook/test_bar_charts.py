"""Bars with parts: the picture is reproducible, its text has every figure, and bad rows are refused in words."""

from __future__ import annotations

import re
import struct

import pytest

from mistral_on_azure import show_bars

ROWS = {"told": {"right": 2, "false": 1}, "shown": {"right": 1230, "false": 0}}


def test_the_same_rows_make_the_same_picture():
    chart = show_bars(ROWS, "Bookings\n(made up)", "bookings")
    assert chart.png == show_bars(ROWS, "Bookings\n(made up)", "bookings").png
    width, _ = struct.unpack(">II", chart.png[16:24])
    assert width == 2 * chart.width == 1320


def test_its_text_says_what_the_picture_shows():
    intervals = {"told": (0.5, 2.75)}
    chart = show_bars(ROWS, "Bookings\n(made up)", "bookings", {"told": "9 tokens"}, intervals)
    assert repr(chart).splitlines() == [
        "Bookings (made up)",
        "told: right 2, false 1; 0.5 to 2.75 (9 tokens)",
        "shown: right 1,230",
    ]
    assert re.search(r'<img alt="Bookings \(made up\)[^"]+1,230" width="660"', chart._repr_html_())


def test_few_things_are_counted_in_whole_numbers_and_none_is_nought(monkeypatch):
    from matplotlib.axes import Axes

    ticks = []
    set_ticks = Axes.set_xticks
    monkeypatch.setattr(Axes, "set_xticks", lambda axes, places: ticks.append([*places]) or set_ticks(axes, places))
    chart = show_bars({"one": {"sent": 3}, "two": {"sent": 0}}, "Requests\n(made up)", "requests")
    assert ticks == [[0, 1, 2, 3]] and repr(chart).splitlines()[1:] == ["one: sent 3", "two: 0"]


def test_its_text_says_no_figure_twice():
    labels = {"told": "2 (both late)", "shown": "1,230"}
    chart = show_bars({"told": {"right": 2}, "shown": {"right": 1230}}, "Bookings\n(made up)", "bookings", labels)
    assert repr(chart).splitlines()[1:] == ["told: right 2 (both late)", "shown: right 1,230"]


def test_the_whiskers_are_named_in_the_key():
    intervals = {"told": (0.5, 2.75)}
    named, other = (
        show_bars(ROWS, "Bookings\n(made up)", "bookings", {}, intervals, key) for key in ("right", "false")
    )
    assert named.png != other.png and repr(named) == repr(other)


def test_where_all_bars_are_equally_long_the_axis_limitswith_them(monkeypatch):
    """Labels stand beside it, so no tick is drawn for more than there is."""
    from matplotlib.axes import Axes

    ends, set_xlim = [], Axes.set_xlim
    monkeypatch.setattr(Axes, "set_xlim", lambda axes, *limits, **more: ends.append(set_xlim(axes, *limits, **more)[1]))
    show_bars({"told": {"right": 2, "false": 6}, "shown": {"right": 8}}, "Bookings\n(made up)", "bookings")
    show_bars(ROWS, "Bookings\n(made up)", "bookings")
    assert 8 in ends and ends[-1] > 1230


@pytest.mark.parametrize("rows", [{}, {"one": {}}, {"one": dict.fromkeys("abcdef", 1)}])
def test_no_rows_and_too_many_parts_are_refused(rows):
    with pytest.raises(ValueError, match="1 to 5 kinds of parts"):
        show_bars(rows, "A title that is long enough", "pieces")
