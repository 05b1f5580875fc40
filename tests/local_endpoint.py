"""A virtual endpoint of a test's own, as the fixture `local` gives it."""

from __future__ import annotations

from dataclasses import dataclass

from helpers import http


@dataclass(frozen=True, slots=True)
class Local:
    """One virtual endpoint: its address and key, and what was sent to it."""

    url: str
    key: str

    def exchanges(self, last: int = 1) -> list[dict]:
        return http.request("GET", f"{self.url}/local/exchanges?last={last}", self.key).json()

    def fail(self, **fault: object) -> None:
        assert http.request("POST", f"{self.url}/local/faults", self.key, fault).status == 200

    def session(self) -> dict[str, str]:
        return http.request("POST", f"{self.url}/local/session", self.key, {}).json()
