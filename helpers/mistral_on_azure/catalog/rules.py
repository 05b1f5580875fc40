"""The rules that the notebooks obey, by their kind. A rule yields a line for each place where it is broken."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise

from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.catalog.notebooks import EXERCISES, SET_UP, Kind, Notebook, anchor, load
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.package_index import group_of

Rule = Callable[[Notebook, Mapping[str, Notebook]], Iterable[str]]

PACKAGE = "mistral_on_azure"
ENDING = "What you can do now"
_LONGEST, _USUAL = 20, 8  # the most lines of a code cell, and of the median code cell
_LONGEST_ELSEWHERE = 40  # in other languages, where a cell is a whole program
_MOST_CELLS = 40  # of a recipe, which is read in one sitting
_CREDENTIAL = re.compile(
    r"""(?ix) (api_?key|credential|token|authorization) ["']? \s* [=:] \s* f? ["'] (?!wrong["']) [\w+/.=-]{8,} ["']"""
)
_BEARER = re.compile(r"Bearer [A-Za-z0-9]{8,}")
_MACHINE = re.compile(r"127\.0\.0\.1:\d|localhost:\d|/tmp/|/home/|/root/|\x1b")
_BACKWARDS = re.compile(r"(?i)as you saw|as before|already met|last section|\babove\b|the (?:\w+ )?cell\b")
_HEX = re.compile(r"""["']#[0-9a-fA-F]{3,8}["']""")
_LINK = re.compile(r"\]\(([^)#\s]+)#?([^)\s]*)")


def _model(every: Mapping[str, Notebook]) -> Notebook:
    """The notebook with which others are compared: that of the table's first client."""
    return next(every[key] for key in clients() if key in every)


def headings_are_in_order(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """A notebook has one title, in its first cell, and no heading skips a level."""
    found = (mark for cell in notebook.markdown for mark in re.findall(r"^(#+) ", cell.source, re.MULTILINE))
    levels = [len(mark) for mark in found]
    if levels[:1] != [1] or levels.count(1) != 1:
        yield "there must be one title (#), and it comes first"
    if any(after - before > 1 for before, after in pairwise(levels)):
        yield "a heading skips a level"


def cell_ids_are_unique(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """Each cell has an id of its own, by which editors and reviews follow it."""
    ids = [cell.id for cell in notebook.cells]
    for cell in notebook.cells:
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell.id) or ids.count(cell.id) > 1:
            yield f"cell {cell.number} needs an id of its own, of letters, digits, - and _"


def leads_stand_alone(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """A section's first paragraph opens its page of the gallery, where nothing comes before it."""
    for section in set(notebook.sections) - {SET_UP, EXERCISES, ENDING}:
        if found := _BACKWARDS.search(notebook.lead(section)):
            yield f"the first paragraph of {section!r} refers to what its own page does not have: {found[0]!r}"


def code_is_introduced(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """A notebook begins and ends with Markdown, and has no three code cells in a row."""
    types = [cell.type for cell in notebook.cells]
    if types[:1] != ["markdown"] or types[-1:] != ["markdown"]:
        yield "the first and the last cell must be Markdown"
    if any(types[place : place + 3] == ["code"] * 3 for place in range(len(types))):
        yield "three code cells follow each other without Markdown between them"


def minutes_are_stated(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """The first cell states how long the notebook takes."""
    if not notebook.cells or not re.search(r"\b(?:\d+|five|ten) minutes\b", notebook.cells[0].source):
        yield "the first cell must say how many minutes it takes"


def cells_are_short(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """A code cell has few enough lines to be read at a glance. One that writes a file has the lines of the file."""
    most = _LONGEST_ELSEWHERE if notebook.kind is Kind.OTHER_LANGUAGE else _LONGEST
    lengths = {cell.number: len(cell.source.splitlines()) for cell in notebook.code}
    yield from (
        f"cell {number} has {length} lines, {most} at most" for number, length in lengths.items() if length > most
    )
    usual = sorted(lengths[cell.number] for cell in notebook.code if cell.magic != "%%writefile")
    middle = usual[len(usual) // 2] if usual else 0
    if most == _LONGEST and middle > _USUAL:
        yield f"the usual code cell has {middle} lines, {_USUAL} at most"


def cells_are_few(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """A recipe can be read in one sitting."""
    if len(notebook.cells) > _MOST_CELLS:
        yield f"it has {len(notebook.cells)} cells, {_MOST_CELLS} at most"


def outputs_are_committed(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """Cells are executed in order, most have an output, and none has an unexpected error or text on standard error."""
    code = notebook.code
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        yield "the outputs are not of one run from top to bottom: execute it with --save"
    if sum(bool(cell.outputs) for cell in code) * 2 <= len(code):
        yield "most code cells have no output: execute it with --save"
    for cell in code:
        meant = "raises-exception" in cell.tags
        failed = any(output.get("output_type") == "error" for output in cell.outputs)
        if failed != meant:
            yield f"cell {cell.number} {'raises an error' if failed else 'is to raise an error and does not'}"
        if any(output.get("name") == "stderr" for output in cell.outputs):
            yield f"cell {cell.number} keeps something on stderr"


def no_machine_is_named(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """The outputs contain no address, path or time of the machine that executed the notebook."""
    if not set(notebook.metadata) <= {"kernelspec", "language_info", "tags"}:
        yield f"its metadata must be kernelspec and language_info, not {', '.join(notebook.metadata)}"
    for cell in notebook.cells:
        if not set(cell.metadata) <= {"tags"}:
            yield f"cell {cell.number} has metadata other than tags"
        if found := _MACHINE.search(json.dumps([cell.source, cell.outputs], ensure_ascii=False)):
            yield f"cell {cell.number} names a place of one machine: {found[0]!r}"


def no_credential_is_written(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """Neither code nor outputs contain a credential as a literal."""
    for cell in notebook.code:
        if _CREDENTIAL.search(cell.source) or _BEARER.search(json.dumps([cell.source, cell.outputs])):
            yield f"cell {cell.number} has a credential in it"


def pictures_have_alt_texts(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """Pictures have alternative texts, and tables are also stored as plain text."""
    for cell in notebook.cells:
        if "![](" in cell.source:
            yield f"cell {cell.number} has a picture without an alt text"
        for output in cell.outputs:
            data = output.get("data", {})
            html = "".join(data.get("text/html", ""))
            if any(kind.startswith("image/") for kind in data):
                yield f"cell {cell.number}: show pictures as HTML with an alt text"
            for picture in re.findall(r"<img[^>]*>", html):
                if not re.search(r'alt="[^"]{20,}"', picture) or 'src="data:image/png;' not in picture:
                    yield f"cell {cell.number} has a picture without an alt text of 20 characters, or of another place"
            if html and not "".join(data.get("text/plain", "")).strip():
                yield f"cell {cell.number} has HTML without plain text beside it"


def colours_have_names(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """Plots take their colours from `colours`, so that all pictures have one style and each has a dark version."""
    own = (cell.number for cell in notebook.code if _HEX.search(cell.source))
    yield from (f"cell {number} has a colour of its own; take one of {PACKAGE}.colours" for number in own)


def links_lead_somewhere(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """Links start with https, or lead to files and sections that exist."""
    for cell in notebook.markdown:
        for target, section in _LINK.findall(cell.source):
            path = notebook.path.parent / target
            if not target.startswith("https://") and not path.exists():
                yield f"cell {cell.number} links to {target}, which is not there"
            elif path.suffix == ".ipynb" and section and section not in map(anchor, load(path).sections):
                yield f"cell {cell.number} links to {target}#{section}, which is not there"


def terms_are_linked(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """The first cell links to the terms in Start here."""
    if not notebook.cells or "start-here.ipynb#Look-up-a-term)" not in notebook.cells[0].source:
        yield "the first cell must link to the terms: start-here.ipynb#Look-up-a-term"


def parameters_are_used(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """A notebook has one parameters cell; each parameter has a comment and is used."""
    cells = [cell for cell in notebook.code if "parameters" in cell.tags]
    if len(cells) != 1:
        yield f"there must be one cell with the tag parameters, not {len(cells)}"
        return
    rest = "\n".join(cell.source for cell in notebook.code if cell is not cells[0])
    for name, parameter in notebook.parameters.items():
        if not re.search(rf"\b{re.escape(name)}\b", rest):
            yield f"the parameter {name} is never used"
        if "  # " not in parameter.assignment:
            yield f"the parameter {name} needs a comment, which papermill shows as its help"


def parameters_are_shared(notebook: Notebook, every: Mapping[str, Notebook]) -> Iterator[str]:
    """The parameters cell is the same in all notebooks of clients. A guide has those of its lines that it uses."""
    own, shared = (each.parameters_source.splitlines() for each in (notebook, _model(every)))
    if own != [line for line in shared if notebook.kind is Kind.CLIENT or line in own]:
        yield f"its parameters cell differs from that of {_model(every).id}"


def sections_are_shared(notebook: Notebook, every: Mapping[str, Notebook]) -> Iterator[str]:
    """All clients' notebooks have the same sections in the same order."""
    model = _model(every)
    if missing := [section for section in model.sections if section not in notebook.sections]:
        yield f"it has no section {missing[0]!r}, which {model.id} has"
    elif notebook.sections != model.sections:
        yield f"its sections are not those of {model.id} in that order"


def every_task_can_be_copied(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """Each task's section has a cell with the tag `snippet`."""
    found = {cell.section for cell in notebook.snippets}
    for task in notebook.tasks:
        if task not in found:
            yield f"the section {task!r} has no cell with the tag snippet"


def something_can_be_copied(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """At least one section has a cell with the tag `snippet`."""
    if not notebook.snippets:
        yield "no cell has the tag snippet"


def snippets_do_not_use_the_package(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """A snippet uses the two environment variables, and nothing of this package."""
    yield from (
        f"cell {cell.number} is a snippet and uses {PACKAGE}" for cell in notebook.snippets if PACKAGE in cell.source
    )


def the_ending_comes_last(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """The last section is What you can do now."""
    if notebook.sections[-1:] != (ENDING,):
        yield f"its last section must be {ENDING!r}"


def prompts_have_answers(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """A recipe sends each prompt that its TOML file has word for word."""
    text = "\n".join(cell.source for cell in notebook.code).replace('"\n    "', "")
    for exchange in notebook.sidecar.exchange:
        if exchange.prompt is not None and exchange.prompt not in text:
            yield f"the prompt {exchange.prompt!r} of its TOML file is not in it"


def packages_to_install_are_named(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """The Markdown above the first import of this package says what to install, and which group a recipe needs."""
    first = next((cell.number for cell in notebook.code if PACKAGE in cell.source), 0)
    above = "\n".join(cell.source for cell in notebook.markdown if cell.number < first)
    group = group_of(notebook.sidecar.packages)
    commands = ["pip install ", *([f"make group NAME={group}"] if group else [])]
    yield from (f"its first words must name the command `{each.strip()}`" for each in commands if each not in above)


def sections_are_the_clients_tasks(notebook: Notebook, every: Mapping[str, Notebook]) -> Iterator[str]:
    """Notebooks in other languages have the clients' tasks as sections, in the same order."""
    if notebook.sections != (SET_UP, *_model(every).tasks, ENDING):
        yield "its sections are not those of the clients' notebooks, without the exercises"


def a_missing_package_is_named(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """The first cell that imports this package prints what to install when the import fails."""
    first = next((cell for cell in notebook.code if PACKAGE in cell.source), None)
    if first is None or INSTALL not in first.source:
        yield f"the first cell that imports {PACKAGE} must say what to install: {INSTALL}"


def imports_come_from_the_top(notebook: Notebook, _: Mapping[str, Notebook]) -> Iterator[str]:
    """A notebook imports names from the package itself and never from a module in it."""
    for cell in notebook.code:
        if f"{PACKAGE}." in cell.source:
            yield f"cell {cell.number} imports from below {PACKAGE}"


INSTALL = "First run: %pip install"
_EVERYWHERE: tuple[Rule, ...] = (
    headings_are_in_order, cell_ids_are_unique, code_is_introduced, minutes_are_stated, cells_are_short,
    outputs_are_committed, no_machine_is_named, no_credential_is_written, pictures_have_alt_texts, colours_have_names,
    links_lead_somewhere, imports_come_from_the_top, a_missing_package_is_named,
)  # fmt: skip
RULES: Mapping[Kind, tuple[Rule, ...]] = {
    Kind.GUIDE: (*_EVERYWHERE, parameters_are_used, parameters_are_shared),
    Kind.CLIENT: (
        *_EVERYWHERE, parameters_are_used, parameters_are_shared, sections_are_shared, terms_are_linked,
        every_task_can_be_copied, snippets_do_not_use_the_package, leads_stand_alone, packages_to_install_are_named,
    ),
    Kind.RECIPE: (
        *_EVERYWHERE, cells_are_few, parameters_are_used, the_ending_comes_last, something_can_be_copied,
        snippets_do_not_use_the_package, terms_are_linked, prompts_have_answers, packages_to_install_are_named,
    ),
    Kind.OTHER_LANGUAGE: (*_EVERYWHERE, sections_are_the_clients_tasks, terms_are_linked),
}  # fmt: skip


def broken(notebook: Notebook, every: Mapping[str, Notebook]) -> list[str]:
    """The rules that a notebook breaks, a line for each place, with the notebook's id.

    Args:
        every: all notebooks by id, for the rules that compare notebooks.
    """
    found = []
    for rule in RULES[notebook.kind]:
        try:
            found += [f"{notebook.id}: {line}" for line in rule(notebook, every)]
        except CookbookError as error:
            found.append(f"{notebook.id}: {error}")
    return found
