"""Imported first in the process that workers fork from: what it imports next is compiled once, not in every run.

Environments like containers often set PYTHONDONTWRITEBYTECODE, and importing papermill then takes two seconds more.
"""

from __future__ import annotations

import sys

sys.dont_write_bytecode = False
