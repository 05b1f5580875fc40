"""The first import in the process from which workers fork. It halves the time of the imports that follow."""

from __future__ import annotations

import sys

# Containers often set PYTHONDONTWRITEBYTECODE; with it each run would compile papermill again.
sys.dont_write_bytecode = False

# Papermill imports these to read notebooks from cloud storage, and works without them. They take a third of its import
# time, and no notebook of a run is in cloud storage. Kernels are processes of their own and can import them.
for storage in ("boto3", "azure.identity"):
    sys.modules.setdefault(storage, None)  # type: ignore[arg-type]
