"""The environment that tests start from: without the variables of a CI system."""

from __future__ import annotations

import os
import re

# GitHub Actions, Azure Pipelines, GitLab and Jenkins. The runner writes its pages where they say, and more.
_OF_CI = re.compile(r"CI|TF_BUILD|(GITHUB|RUNNER|ACTIONS|AGENT|BUILD|SYSTEM|PIPELINE|CI|GITLAB|JENKINS)_\w+")


def clear() -> None:
    """Remove them from this process and all that it starts: tests know no variable of the CI they run in."""
    for name in list(os.environ):
        if _OF_CI.fullmatch(name):
            del os.environ[name]
