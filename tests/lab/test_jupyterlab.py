"""`make lab` in a real browser: ready at once, every notebook runs, and its outputs can be read."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import psutil
import pytest
from views import ENGINES, NAMES, SHOWN, VIEWS

from browsing import needs_chromium

pytestmark = [needs_chromium, pytest.mark.timeout(1800)]  # the first of them waits for all notebooks


def test_start_here_is_open_beside_the_list_of_notebooks(first_sight):
    assert first_sight["notebook"] == "notebooks/start-here.ipynb" and first_sight["tabs"] == 1
    files = {f"{name}.ipynb" for name in SHOWN if "/" not in name}
    assert set(first_sight["files"]) == {*files, "beyond-python", "recipes", "coming-from-microsoft.md", "README.md"}


def test_the_kernel_is_this_environments(first_sight):
    """Whatever else is called python3 on the machine."""
    assert first_sight["prefix"] == repr(sys.prefix)


def test_nothing_interrupts(first_sight):
    """No news, no question which kernel to take, no offer to build, nothing that could not be opened."""
    assert first_sight["interruptions"] == []


def test_it_listens_on_loopback_only(lab):
    listening = [c for c in psutil.Process(lab.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}
    assert urlsplit(lab.url).port in {connection.laddr.port for connection in listening}


def test_a_taken_port_is_no_obstacle(lab):
    assert urlsplit(lab.url).port != 8888


def test_the_token_is_asked_for(lab):
    address = urlsplit(lab.url)
    assert address.query.startswith("token=") and len(address.query) > 40
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"http://{address.netloc}/api/contents", timeout=30)


@pytest.mark.parametrize("name", NAMES)
def test_every_cell_runs(executed, name):
    for place, cell in enumerate(executed[name]["cells"]):
        if cell["cell_type"] == "code":
            where = f"{name}, cell {place}: {json.dumps(cell['outputs'])[:2000]}"
            expected = "raises-exception" in cell["metadata"].get("tags", [])
            assert cell["execution_count"], where
            assert expected or all(output["output_type"] != "error" for output in cell["outputs"]), where
            assert all(output.get("name") != "stderr" for output in cell["outputs"]), where


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", NAMES)
def test_outputs_can_be_read(looks, name, view):
    """What is too wide for the window wraps, shrinks or scrolls; text and pictures stand out in both themes."""
    assert looks[name, view] == {"cut off": [], "too faint": [], "see-through": []}


def test_outputs_wrap_between_words(page, looks):
    assert page.ask("wordsCut") == []


def test_what_cannot_be_read_is_found(page, looks):
    page.ask("spoil")
    assert [len(page.ask(complaint)) for complaint in ("cutOff", "tooFaint", "seeThrough")] == [1, 1, 1]


def test_links_lead_out_of_the_folder_of_notebooks(page, looks):
    page.ask("scrollTo", "start-here.ipynb", 0)
    assert page.ask("follow", "small language model") == ENGINES


def test_the_page_raised_no_error_and_asked_no_other_machine(page, looks):
    # These tests end kernels, and JupyterLab may be asking one for its debugger just then.
    assert [each for each in page.complaints if "Could not restore the debugger state" not in each] == []


def test_the_server_had_nothing_to_say_but_its_address(lab, looks):
    assert not [line for line in lab.said if line.startswith(("[E", "[W", "[IPKernelApp]", "Traceback"))]
