"""The README: its table is current, its links lead somewhere, its commands exist."""

from __future__ import annotations

import re

from mistral_on_azure.upkeep.generated import with_table


def test_the_table_is_current(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    assert with_table(text, root / "notebooks") == text


def test_links_lead_somewhere(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        assert target.startswith("https://") or (root / target).exists(), target


def test_make_targets_in_the_readme_exist(root):
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(encoding="utf-8"), re.M))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", (root / "README.md").read_text(encoding="utf-8"), re.M))
    assert {"run", "test", "lab"} <= named <= targets
