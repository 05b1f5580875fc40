"""Each page of the gallery, opened from disk on a small screen: what is on it, and where its links lead."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from visiting import NARROW, visitor

from browsing import needs_chromium
from mistral_on_azure.catalog.clients import names
from mistral_on_azure.catalog.notebooks import Kind, notebooks, tasks
from mistral_on_azure.catalog.selection import slug
from mistral_on_azure.gallery import measured_pages
from mistral_on_azure.gallery.build import first_pictures
from mistral_on_azure.gallery.pages import SUMMARIES, page_name, task_pictures
from mistral_on_azure.notebook.figures import THEMES
from mistral_on_azure.notebook.kept_measurements import kept
from mistral_on_azure.upkeep.beyond_python import PROGRAMS

CLIENTS = names()

ROOT = Path(__file__).resolve().parents[2]
TASKS = tasks(ROOT / "notebooks")
MADE = {"index.html", "comparison.html", "models.html", "what-went-wrong.html", "beyond-python.html", "search.html"}
MADE |= {"README.html"}
MADE |= {f"{page_name(task)}.html" for task in TASKS} | {
    f"notebooks/{name}.html" for name in ("start-here", "your-endpoint", *CLIENTS)
}
_LOOK = """() => {
  const all = (chosen, take) => [...document.querySelectorAll(chosen)].map(take);
  const text = (within, chosen) => [...within.querySelectorAll(chosen)].map(found => found.textContent);
  return {
    ids: all("[id]", found => found.id),
    links: all("a[href]", found => [found.getAttribute("href"), found.href, found.textContent.trim()]),
    images: all("img", found => [found.src, found.alt]),
    headings: [...document.querySelectorAll(":is(h1, h2, h3, h4, h5, h6)")]
      .filter(found => found.checkVisibility()).map(found => Number(found.tagName[1])),
    width: document.documentElement.scrollWidth,
    text: document.querySelector("main").textContent,
    wires: text(document, ".highlight-wire"),
    outputs: document.querySelectorAll(".cell_output").length,
    tabs: Object.fromEntries(all("label[data-sync-group=client]", label => {
      const tab = document.getElementById(label.getAttribute("aria-controls"));
      return [label.dataset.syncId, {
        title: label.textContent.trim(),
        programs: text(tab, ".highlight-python pre"),
        printed: text(tab, ".gallery-output pre"),
        exchanges: text(tab, ".highlight-wire pre"),
        links: [...tab.querySelectorAll("a")].map(found => found.getAttribute("href")),
      }];
    })),
  };
}"""

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def pages(site, browser) -> Iterator[dict[str, dict[str, Any]]]:
    """What is on each page, by its path in the site."""
    names = [path.relative_to(site).as_posix() for path in sorted(site.rglob("*.html"))]
    with visitor(browser, site, NARROW) as visiting:
        yield {name: visiting.open(name).evaluate(_LOOK) for name in names if not name.startswith("_")}


def test_all_pages_are_there(pages):
    assert pages.keys() >= MADE


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_every_client(pages, programs, kept_runs, task):
    page = pages[f"{page_name(task)}.html"]
    assert SUMMARIES[task] in page["text"]
    assert {client: tab["title"] for client, tab in page["tabs"].items()} == CLIENTS
    for client, tab in page["tabs"].items():
        run = kept_runs[client][task]
        assert tab["programs"] == [programs[client][task]]
        assert [text.strip() for text in tab["printed"]] == [run.printed.strip()]
        assert len(tab["exchanges"]) == len(run.exchanges)
        assert f"../notebooks/{client}.html#{slug(task)}" in tab["links"]


def test_the_front_page_leads_to_everything(pages):
    links = {address for address, _, _ in pages["index.html"]["links"]}
    assert {page for page in MADE if page not in ("index.html", "search.html")} <= links


def test_the_front_page_says_where_to_begin_and_shows_a_picture_of_each_recipe(pages, tmp_path):
    page = pages["index.html"]
    assert [text for address, _, text in page["links"] if address == "notebooks/start-here.html"][-1] == "Start here"
    names = first_pictures(notebooks(ROOT / "notebooks", Kind.RECIPE).values(), tmp_path)
    assert len(names) > 10 and {path.name for path in tmp_path.iterdir()} == {
        f"{each['name']}-{theme}.svg" for each in names.values() for theme in THEMES
    }
    alts = {alt for _, alt in page["images"]}
    assert {each["alt"] for each in names.values()} <= alts and min(map(len, alts)) > 20
    shown = {unquote(urlsplit(source).path).rpartition("/")[2] for source, _ in page["images"]}
    assert {path.name for path in tmp_path.iterdir()} <= shown
    assert all(path.read_text(encoding="utf-8").startswith("<?xml") for path in tmp_path.iterdir())


def test_the_tasks_in_other_languages(pages):
    page = pages["beyond-python.html"]
    assert {slug(task).lower() for task in TASKS} <= {name.lower() for name in page["ids"]}
    assert {*PROGRAMS} == {*page["tabs"]}
    for program in PROGRAMS.values():
        for part in program.parts().values():
            assert " ".join(part.split()) in " ".join(page["text"].split())


def test_notebooks_are_pages_with_their_outputs(pages):
    for client in CLIENTS:
        page = pages[f"notebooks/{client}.html"]
        assert {slug(task) for task in TASKS} <= set(page["ids"]) and page["outputs"] > 10


def test_every_link_leads_somewhere(site, pages):
    broken = []
    for name, page in pages.items():
        for _, address, _ in page["links"]:
            parts = urlsplit(address)
            path, fragment = Path(unquote(parts.path)), unquote(parts.fragment)
            if parts.scheme != "file":
                continue
            inside = path.relative_to(site).as_posix() if path.is_relative_to(site) else ""
            if not path.is_file() or (fragment and fragment not in pages.get(inside, {"ids": ()})["ids"]):
                broken.append(f"{name}: {address}")
    assert broken == []


def test_links_say_where_they_lead(pages):
    for name, page in pages.items():
        texts = [text for _, _, text in page["links"]]
        assert not {"here", "link", "this", "click here"} & {text.lower() for text in texts}, name


def test_headings_are_in_order_and_pictures_have_words(pages):
    for name, page in pages.items():
        assert page["headings"].count(1) == 1, name
        assert all(after <= before + 1 for before, after in pairwise(page["headings"])), name
        assert all(words for source, words in page["images"] if source), name


def test_tasks_have_their_pictures_in_both_themes_with_words(pages, kept_runs, tmp_path):
    for task, picture in task_pictures(kept_runs["openai-sdk"], tmp_path).items():
        images = pages[f"{page_name(task)}.html"]["images"]
        shown = {unquote(urlsplit(source).path).rpartition("/")[2]: words for source, words in images}
        assert [shown.get(f"{picture['name']}-{theme}.svg") for theme in THEMES] == [picture["alt"]] * len(THEMES)


def test_no_page_is_wider_than_a_small_screen(pages):
    assert {name: page["width"] for name, page in pages.items() if page["width"] > NARROW} == {}


def test_no_secret_and_nothing_of_this_machine(pages):
    for name, page in pages.items():
        wires = " ".join(page["wires"])
        assert set(re.findall(r"(?:authorization: Bearer|api-key:) (\S+)", wires)) <= {"***"}, name
        assert not re.search(r"\b[0-9a-f]{32}\b", wires), name
        assert not re.search(r"127\.0\.0\.1:\d{5}|/home/|/root/", page["text"]), name
        assert str(ROOT) not in page["text"], name


def test_the_comparison_says_what_is_kept(pages):
    text = pages["comparison.html"]["text"]
    costs = kept("clients")
    for measure, about in costs["measures"].items():
        for client in CLIENTS:
            assert f"{statistics.median(costs['values'][client][measure]):,.{about['digits']}f}" in text
    for client in CLIENTS:
        for fault in measured_pages.quiet_losses(kept("faults"), client):
            assert fault.removesuffix(" (streamed)") in text


@pytest.mark.parametrize(
    ("client", "minded"),
    [
        ("openai-sdk", "it repeats a 408"),
        ("azure-sdk", "after managed compute's 429, which has no `Retry-After`"),
        ("litellm", "it does not try again when the quota is used up"),
    ],
)
def test_every_client_has_what_to_mind_of_it(client, minded):
    """From what was measured, so that no client looks as if it had no weakness."""
    _, *rows = measured_pages._choices(kept("clients"), kept("faults"))
    said = dict(zip(CLIENTS, (row[-1] for row in rows), strict=True))
    assert minded in said[client] and "–" not in said.values()
