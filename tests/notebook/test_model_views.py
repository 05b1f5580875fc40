"""The table of models and its time line in a notebook and in the gallery: dates, disagreements, and old rows."""

from __future__ import annotations

import io
import re
from base64 import b64decode
from datetime import date, timedelta
from html import unescape
from pathlib import Path

import pytest
from PIL import Image

from mistral_on_azure import plot_models, show_models
from mistral_on_azure.catalog import models as table
from mistral_on_azure.catalog.models import as_of, models, parts
from mistral_on_azure.gallery.pages import models_page
from mistral_on_azure.notebook.model_views import spans
from mistral_on_azure.running.saving import settled
from mistral_on_azure.upkeep.generated import model_list, with_tables

ROOT = Path(__file__).resolve().parents[2]


def test_the_table_has_each_model_and_both_sides_of_a_disagreement():
    shown = show_models()
    for text in (repr(shown), unescape(shown._repr_html_())):
        assert all(name in text for name in models())
        assert "Preview ≠ GA" in text and f"s of {as_of()}" in text
    assert "Mistral-Nemo" not in repr(show_models("sold today"))


def test_a_fact_that_all_rows_share_is_left_out():
    shown = show_models("sold today")
    heads = re.findall(r'<th scope="col"[^>]*>([^<]+)', shown._repr_html_())
    assert {"Tools", "On Azure"} <= set(shown.labels) and not {"Runs on", "Tokens here"} & set(shown.labels)
    assert heads[1:] == shown.labels and "sold per token" not in repr(shown)
    assert {"Runs on", "Tokens here"} <= set(show_models().labels)


def test_the_time_line_is_a_picture_with_its_dates_in_words():
    line = plot_models()
    shown = re.fullmatch(r'<img alt="([^"]+)" width="(\d+)".* src="data:image/png;base64,([^"]+)">', line._repr_html_())
    with Image.open(io.BytesIO(b64decode(shown[3]))) as picture:
        assert picture.width == 2 * int(shown[2])
    assert line.png() == line.png()
    words = unescape(shown[1])
    assert "Nemo: from 2024-07-18, gone from Mistral's own API on 2026-07-31, ended by Azure on 2026-01-30" in words
    assert "azure-ai-inference: from 2024-06-11, ended by Azure on 2026-05-30 or 2026-08-26" in words
    assert {row.name for row in spans()} == {*(name.removeprefix("mistralai-") for name in models()), *parts()}


def test_a_row_that_is_old_is_named_and_no_kept_output_changes_for_the_tests(monkeypatch):
    fresh = show_models()
    kept = {"text/plain": repr(fresh), "text/html": fresh._repr_html_()}
    monkeypatch.setattr(table, "FRESH", timedelta(days=-1))
    old = {"text/plain": repr(fresh), "text/html": fresh._repr_html_()}
    assert "not checked for 90 days: mistralai-Mistral-7B" in old["text/plain"]
    assert old != kept and settled(old) == settled(kept)


@pytest.mark.parametrize(("days", "old"), [(90, 0), (91, len(models()) + len(parts()))])
def test_the_gallery_marks_a_row_that_is_old(tmp_path, days, old):
    page = models_page(tmp_path, as_of() + timedelta(days=days))
    assert page.count("**not checked for 90 days**") == old
    assert {path.name for path in tmp_path.iterdir()} == {"models-light.svg", "models-dark.svg"}
    for row in models().values():
        assert f"`{row.name}`" in page and f"dropdown}} {row.name}, checked on {row.checked}" in page
    assert "no JSON mode <small>(Microsoft Learn" in page


def test_the_readme_is_made_from_the_same_rows(monkeypatch):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_tables(text, ROOT / "notebooks") == text
    assert all(f"`{name}`" in model_list(ROOT) for name, row in models().items() if row.group != "open")
    monkeypatch.setattr(table, "date", type("Later", (date,), {"today": classmethod(lambda _: date(2030, 1, 1))}))
    assert table.stale_names() and with_tables(text, ROOT / "notebooks") == text  # an old row fails no test
