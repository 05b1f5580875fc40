"""Imported first in the process that workers fork from: what it imports next loads in half the time, in every run."""

from __future__ import annotations

import sys

# Environments like containers often set PYTHONDONTWRITEBYTECODE: papermill would be compiled again in each run.
sys.dont_write_bytecode = False

# Papermill can read notebooks from cloud storage and does without where these are missing. No notebook of ours is
# there, and importing them takes a third of its time. Kernels are processes of their own and have them.
for storage in ("boto3", "azure.identity"):
    sys.modules.setdefault(storage, None)  # type: ignore[arg-type]
