"""A job's fingerprint: all that its outcome depends on, so that `--resume` never takes over what may have changed."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from helpers.running.jobs import Job
from helpers.running.reading import read

_CODE = ("*.py", "*.toml", "*.json")


def code(root: Path) -> str:
    """A digest of the helpers, the lock and the Python version."""
    digest = hashlib.sha256(sys.version.encode())
    helpers = [path for pattern in _CODE for path in (root / "helpers").rglob(pattern)]
    for path in (*sorted(helpers), root / "requirements.lock"):
        if path.is_file():
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def fingerprint(job: Job, endpoint: str, code: str) -> str:
    """A digest of the notebook's source, its parameters, the deployment, the endpoint and the code.

    Outputs do not count: keeping them with `--save` changes nothing that runs.
    """
    cells = read(job.notebook)["cells"]
    source = [(cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("tags", [])) for cell in cells]
    known = [source, sorted(job.parameters.items()), job.deployment, endpoint, code]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:32]
