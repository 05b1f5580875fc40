"""The pins of a lock, without their hashes."""

from __future__ import annotations

from pathlib import Path

from packaging.requirements import Requirement


def pins(root: Path, lock: Path = Path("requirements.lock")) -> list[Requirement]:
    """One for each line of the lock that is a package."""
    lines = (root / lock).read_text(encoding="utf-8").splitlines()
    return [Requirement(line.removesuffix("\\")) for line in lines if line[:1].isalnum()]
