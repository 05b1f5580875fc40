"""What a credential looks like. detect-secrets knows the usual ones; Azure's inference keys are added here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.private_key import PrivateKeyDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.slack import SlackDetector

from mistral_on_azure.azure.addresses import CREDENTIAL, ENGINE_KEY

ALLOWED = "pragma: allowlist secret"  # on a line, says that what it holds is no credential; detect-secrets' own words
_OF_A_RUN = (CREDENTIAL, ENGINE_KEY)
_MIXED = r"(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])"  # both letters and digits: no word, no number


class AzureKeyDetector(RegexBasedDetector):
    """Keys of Azure's endpoints: 32 letters and digits, or 84 with a mark that Microsoft puts into newer ones.

    Ids of answers have 32 characters, too. So such a string counts only after a word for a credential, or alone in its
    line, as `print` leaves it.
    """

    secret_type = "Azure endpoint key"
    denylist = (
        re.compile(
            rf"(?i:key|credential|bearer|secret|token|password)[^A-Za-z0-9]{{1,12}}(?:is\s+)?({_MIXED}[A-Za-z0-9]{{32}})(?!\w)"
        ),
        re.compile(rf"^\W{{0,4}}({_MIXED}[A-Za-z0-9]{{32}})\W{{0,4}}$"),
        re.compile(r"(?<!\w)[A-Za-z0-9]{48,60}JQQJ9[A-Za-z0-9]{15,35}(?!\w)"),
    )


class ThisOneDetector(RegexBasedDetector):
    """The credentials of this run itself, whatever they look like, as they are and as they stand in an address."""

    secret_type = "the credential of this environment"
    denylist: tuple[re.Pattern[str], ...] = ()

    def __init__(self) -> None:
        values = [os.environ.get(name, "") for name in _OF_A_RUN]
        known = {spelled for value in values if len(value) >= 6 for spelled in (value, quote(value, safe=""))}
        self.denylist = tuple(re.compile(re.escape(each)) for each in sorted(known))


_KINDS = (
    ThisOneDetector,
    AzureKeyDetector,
    JwtTokenDetector,
    PrivateKeyDetector,
    BasicAuthDetector,
    AzureStorageKeyDetector,
    OpenAIDetector,
    GitHubTokenDetector,
    GitLabTokenDetector,
    AWSKeyDetector,
    NpmDetector,
    PypiTokenDetector,
    SlackDetector,
)


def detector() -> Callable[[str], Iterator[str]]:
    """A function that names the kinds of credentials in a line."""
    detectors = [kind() for kind in _KINDS]

    def detect(line: str) -> Iterator[str]:
        if ALLOWED in line:
            return
        for each in detectors:
            if any(True for _ in each.analyze_string(line)):
                yield each.secret_type

    return detect
