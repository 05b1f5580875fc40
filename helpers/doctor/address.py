"""The shape of the address."""

from __future__ import annotations

from helpers.doctor.examination import Examination
from helpers.doctor.findings import Finding, fails, ok
from helpers.urls import Misshapen, check_endpoint


def address(e: Examination) -> Finding:
    """Whether the address is one that clients can use. What is only misspelt is put right, to look on with."""
    url, wrong = e.given, []
    while True:
        try:
            e.url = check_endpoint(url, e.source)
            break
        except Misshapen as error:
            wrong.append(error)
            if not error.instead:
                return fails(error.why, error.remedy)
            url = error.instead
    if any(part in e.url for part in ("your-host-name", "your-azure-region")):
        return fails(f"{e.source} is the example's address.", "Set it to the target URI on your deployment's page.")
    if not wrong:
        return ok(e.url)
    why = " ".join(dict.fromkeys(error.why for error in wrong))
    return fails(why, f"Set it to {e.url} (the checks below use that).", goes_on=True)
