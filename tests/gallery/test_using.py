"""The gallery in a reader's hands: choosing, copying, searching, in the dark, without a mouse, on paper."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from axe_playwright_python.sync_playwright import Axe
from visiting import NARROW, Visitor, visitor

from browsing import needs_chromium
from mistral_on_azure.catalog.clients import names
from mistral_on_azure.catalog.selection import slug
from mistral_on_azure.gallery.measured_pages import symptoms_of
from mistral_on_azure.gallery.pages import FAULTS_PAGE
from mistral_on_azure.upkeep.beyond_python import PROGRAMS

CLIENTS = names()

FAULTS = f"{FAULTS_PAGE}.html"
STREAM, CHAT, NOTEBOOK = "tasks/stream-the-answer.html", "tasks/complete-a-chat.html", "notebooks/openai-sdk.html"
PROGRAM = ".highlight-python:visible"

pytestmark = needs_chromium
Open = Callable[..., Visitor]
# The dark theme has other colours and nothing else: there only the rules about colours may say something new.
RULES = {"light": {}, "dark": {"runOnly": ["color-contrast", "link-in-text-block"]}}
# Code has the same few colours in all cells of a notebook: axe takes long over each word, and some cells will do.
MORE_CODE = {"exclude": [["section:nth-of-type(n+4) .cell_input pre"]]}


@pytest.fixture
def window(site, browser) -> Iterator[Open]:
    """Opens windows, each with a memory of its own; trouble in any of them fails the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(visitor(browser, site, **options))


@pytest.fixture(scope="module")
def windows(site, browser) -> Iterator[dict[str, Visitor]]:
    with ExitStack() as stack:
        yield {scheme: stack.enter_context(visitor(browser, site, color_scheme=scheme)) for scheme in RULES}


@pytest.fixture
def shared(windows) -> Iterator[dict[str, Visitor]]:
    """A window in each theme, for tests that do not mind what others did there: Chromium takes long to open one."""
    yield windows
    assert [trouble for visiting in windows.values() for trouble in visiting.troubles] == []


def choose(page, title: str) -> None:
    page.locator("label.sd-tab-label:visible", has_text=title).first.click()


CHOSEN = """wanted => {
  const labels = [...document.querySelectorAll("input:checked + label[data-sync-group=client]")];
  return JSON.stringify(labels.map(label => label.dataset.syncId)) === wanted;
}"""


def chosen(page, *clients: str) -> bool:
    """Whether the tabs of these clients are open, or will be within the time limit."""
    page.wait_for_function(CHOSEN, arg=json.dumps(clients, separators=(",", ":")))
    return True


@pytest.mark.parametrize("client", CLIENTS)
def test_the_copy_button_copies_the_program(shared, programs, client):
    page = shared["light"].open(f"{STREAM}?client={client}")
    page.locator(f"{PROGRAM} button.copybtn").click()
    page.locator(f"{PROGRAM} button.copybtn.success").wait_for()
    # The last line break is left out, so that a paste into a terminal waits for Enter.
    assert page.evaluate("navigator.clipboard.readText()") == programs[client]["Stream the answer"].removesuffix("\n")


def test_a_choice_is_followed_by_every_page_and_remembered(window):
    reader = window()
    page = reader.open("index.html")
    assert chosen(page, "openai-sdk")
    choose(page, "LangChain")
    for name in (STREAM, CHAT):
        assert chosen(reader.open(name), "langchain")
    page.reload()
    assert chosen(page, "langchain")
    choose(page, "MistralAI")
    choose(page, "On the wire")
    assert page.locator("details:visible").count() == 2 and not page.locator(PROGRAM).count()
    page.go_back()
    page.reload()
    assert chosen(page, "mistralai") and page.locator("details:visible").count() == 1
    assert chosen(reader.open("index.html"), "mistralai")


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("penalties", "Shape the answer with parameters"),
        *((status, "Handle errors and retries") for status in ("401", "404", "429")),
    ],
)
def test_search_finds_a_word_and_leads_to_it(window, typed, title):
    page = window().open("index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type(typed)
    page.keyboard.press("Enter")
    found = page.locator("#search-results a", has_text=title)
    found.first.click()
    page.wait_for_url(f"**/{slug(title)}.html*")


@pytest.mark.parametrize(
    ("typed", "section"),
    [
        ("424", "failed-dependency"),
        ("RateLimitError", "too-many-requests"),
        ("HttpResponseError", "bad-request"),
        ("ContextWindowExceededError", "the-conversation-is-too-long-for-the-model"),
        ("too_many_pending_request", "too-many-requests"),
        ("ServiceRequestError", "no-token-from-microsoft-entra-id"),
        ("UnsupportedParamsError", "the-client-refuses-the-call-before-it-sends-anything"),
        ("Conversation roles must alternate", "conversation-roles-must-alternate"),
    ],
)
def test_the_first_that_search_finds_is_the_section_that_explains_an_error(window, typed, section):
    page = window().open("index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type(typed)
    page.keyboard.press("Enter")
    first = page.locator("#search-results ul.search a").first
    assert first.text_content().startswith("What went wrong? > ")
    first.click()
    page.wait_for_url("**/what-went-wrong.html*#*")
    assert page.evaluate("document.getElementById(location.hash.slice(1)).closest('section').id") == section


@pytest.mark.parametrize("width", [1280, 1920])
@pytest.mark.parametrize(
    "name", ["comparison.html", FAULTS, "models.html", "notebooks/start-here.html", "notebooks/your-endpoint.html"]
)
def test_every_column_of_a_table_is_in_sight(window, name, width):
    page = window(width=width).open(name)
    tables = page.eval_on_selector_all(
        "table", "all => all.map(table => [table.scrollWidth, table.parentElement.clientWidth])"
    )
    assert len(tables) >= 4 and all(table <= box for table, box in tables), tables


BROKEN_WORDS = """() => [...document.querySelectorAll("table:not(.cell_output table) :is(th, td)")].flatMap(cell => {
  const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), broken = [];
  while (texts.nextNode()) {
    for (const word of texts.currentNode.data.matchAll(/[\\p{L}\\p{N}]+/gu)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, word.index);
      range.setEnd(texts.currentNode, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1) broken.push(word[0]);
    }
  }
  return broken;
})"""


@pytest.mark.parametrize("width", [NARROW, 1280])
@pytest.mark.parametrize("name", ["comparison.html", FAULTS, "models.html", "notebooks/README.html"])
def test_no_word_of_a_table_is_broken(window, name, width):
    assert window(width=width).open(name).evaluate(BROKEN_WORDS) == []


@pytest.mark.parametrize("width", [1280, 1920])
def test_no_line_of_a_notebooks_code_is_cut_off(window, width):
    page = window(width=width).open(NOTEBOOK)
    cut = "all => all.filter(each => each.scrollWidth > each.clientWidth).map(each => each.textContent)"
    assert page.eval_on_selector_all(".cell_input pre", cut) == []


def test_no_line_of_a_program_in_another_language_is_cut_off(window):
    page = window(width=1280).open("beyond-python.html")
    cut = "all => all.filter(each => each.scrollWidth > each.clientWidth).map(each => each.textContent)"
    tabs = page.locator("label.sd-tab-label").all()[: len(PROGRAMS)]
    assert len(tabs) == len(PROGRAMS) > 4
    for tab in tabs:
        tab.click()
        assert page.locator(".gallery-long pre:visible").count() > 10
        assert page.eval_on_selector_all(".gallery-long pre", cut) == []


def test_the_contents_of_a_notebook_open_where_they_would_take_its_room(window):
    page = window().open(NOTEBOOK)
    page.locator("button.secondary-toggle").click()
    page.locator("dialog a", has_text="Call tools").click()
    page.wait_for_url("**/openai-sdk.html#call-tools")


def test_beside_what_went_wrong_stands_a_list_of_all_symptoms(window):
    page = window(width=1280).open("what-went-wrong.html")
    listed = page.locator("#pst-page-toc-nav a:visible").all_text_contents()
    assert [each.strip() for each in listed] == [each["title"].replace("`", "") for each in symptoms_of()]


def test_on_a_phone_what_each_client_raises_stands_one_below_the_other(window):
    page = window(width=NARROW).open("what-went-wrong.html")
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    widths = page.eval_on_selector_all("table", "all => all.map(table => table.getBoundingClientRect().right)")
    assert len(widths) > 5 and max(widths) <= NARROW, widths


@pytest.mark.parametrize("name", ["comparison.html", FAULTS])
def test_a_table_that_is_too_wide_scrolls_beside_its_first_column(window, name):
    page = window(width=NARROW).open(name)
    cell = page.locator("tbody tr:first-child td:last-child").first
    cell.scroll_into_view_if_needed()
    first = page.locator("tbody tr:first-child td:first-child").first.bounding_box()
    assert 0 <= first["x"] < first["x"] + first["width"] <= NARROW / 2
    box = cell.bounding_box()
    assert first["x"] + first["width"] < box["x"] + box["width"] <= NARROW


@pytest.mark.parametrize("scheme", RULES)
@pytest.mark.parametrize("name", ["index.html", STREAM, NOTEBOOK, "comparison.html"])
def test_axe_has_nothing_to_say(shared, name, scheme):
    page = shared[scheme].open(name)
    page.wait_for_function(
        "!document.querySelector('.highlight-python, .cell_input') || document.querySelector('.copybtn')"
    )
    found = Axe().run(page, MORE_CODE, {"preload": False, **RULES[scheme]}).response["violations"]
    assert [f"{each['id']}: {[node['html'][:200] for node in each['nodes']][:3]}" for each in found] == []


def test_the_theme_can_be_switched_and_stays(window):
    reader = window(color_scheme="light")
    page = reader.open(STREAM)
    theme, ground = "document.documentElement.dataset.theme", "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.locator(".theme-switch-button").click()
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(theme) == "dark" and page.evaluate(ground) != light
    assert reader.open(NOTEBOOK).evaluate(theme) == "dark"


def test_tabs_and_copy_buttons_work_without_a_mouse(window, programs):
    page = window().open(f"{STREAM}?client=openai-sdk")
    focused = "document.activeElement.matches(arguments)".replace("arguments", "{!r}")
    reach(page, focused.format(".sd-tab-set > input"))
    page.keyboard.press("ArrowRight")
    assert chosen(page, "langchain")
    label = page.locator("input:focus + label")
    assert label.evaluate("label => getComputedStyle(label).outlineStyle") == "solid"
    reach(page, focused.format(".copybtn"))
    page.keyboard.press("Enter")
    page.locator(f"{PROGRAM} button.copybtn.success").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == programs["langchain"]["Stream the answer"].removesuffix("\n")


def reach(page, condition: str) -> None:
    """Press Tab until the focus is there."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(condition):
            return
    pytest.fail(f"80 times Tab do not reach {condition}")


def test_paper_shows_the_chosen_client_with_all_views(window):
    page = window().open(f"{STREAM}?client=azure-sdk")
    page.emulate_media(media="print")
    assert page.locator(PROGRAM).count() == 1 and page.locator(".highlight-wire:visible").count() == 1
    assert page.locator("label[data-sync-group=client]:visible").all_inner_texts() == ["Azure SDK"]
    assert not page.locator(".copybtn:visible").count() and not page.locator(".bd-sidebar-primary:visible").count()
    cut = "blocks => blocks.filter(block => block.scrollWidth > block.clientWidth + 1).length"
    assert page.eval_on_selector_all("article pre", cut) == 0
