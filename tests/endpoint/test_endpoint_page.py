"""The endpoint's own page: its commands do what it says they do."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise


def test_every_command_prints_what_the_page_shows(local, root):
    page = (root / "helpers/mistral_on_azure/endpoint/README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(bash|text)\n(.*?)```", page, re.DOTALL)
    shown = [(command, output) for (kind, command), (other, output) in pairwise(blocks) if other == "text"]
    assert len(shown) == 4
    # One shell for all: later commands use what earlier ones define.
    script = "set -euo pipefail\n" + "\n".join(f"{command}echo ----" for command, _ in shown)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("----\n")[:-1] == [output for _, output in shown]
