"""`cookbook run`: plan, run, tell."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from helpers.running import report, runner
from helpers.running.jobs import plan
from helpers.running.saving import save


def execute(
    root: Path,
    names: Sequence[str],
    deployments: Sequence[str],
    parameters: dict[str, Any],
    limits: runner.Limits,
    keep_outputs: bool,
) -> bool:
    """Run notebooks and tell how it went.

    Args:
        keep_outputs: write the outputs into the notebooks themselves.

    Returns:
        Whether all passed.

    Raises:
        CookbookError: for a mistake in what was asked.
    """
    build = root / "build"
    jobs = plan(root / "notebooks", names, deployments, parameters, build / "run")
    console, began = Console(stderr=False), time.monotonic()
    with report.Progress(console, len(jobs)) as progress:
        results = runner.run(jobs, limits, build / "durations.json", progress.show)
    report.tell(console, results, time.monotonic() - began)
    if keep_outputs:
        for result in results:
            if result.passed:
                save(result.job.output, result.job.notebook)
    return all(result.passed for result in results)
