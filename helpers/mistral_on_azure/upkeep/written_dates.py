"""`python -m mistral_on_azure.upkeep.written_dates`: make the evaluation set of dates as people write them.

Each item is a day, written out with its weekday in one of 24 languages, and the same day in ISO 8601. Babel writes it
with the patterns and names of Unicode's CLDR, so the right answer is computed and nobody's opinion.
"""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from mistral_on_azure.azure.files import write_whole
from mistral_on_azure.upkeep import measurements

FILE = measurements.FOLDER / "written_dates.json"
# The languages that Mistral AI names for Mixtral come first. Their calendar is the Gregorian, their digits are ours.
LANGUAGES = (
    "en", "fr", "de", "it", "es", "pt", "nl", "sv", "da", "pl", "cs", "hu", "ro", "fi", "tr", "el", "ru", "id", "vi",
    "sw", "hi", "ja", "ko", "ca",
)  # fmt: skip
_EACH = 10  # items of a language
_FIRST, _YEARS = date(2000, 1, 1), 36
_SEED = 1


def evaluation_set() -> dict[str, Any]:
    """The whole content of the file: its source and licence, and the items in an order that mixes the languages.

    An item has an id such as "fr-03", the language's English name, the date as it is `written` there, and the `date`
    as YYYY-MM-DD.
    """
    from babel import Locale
    from babel.dates import format_date

    chance, english = random.Random(_SEED), Locale("en")
    items, seen = [], set()
    for number in range(1, _EACH + 1):
        for language in LANGUAGES:
            written = ""
            while not written or written in seen:
                day = _FIRST + timedelta(days=chance.randrange(_YEARS * 365))
                written = format_date(day, "full", locale=language)
            seen.add(written)
            name = english.languages[language]
            items.append(
                {"id": f"{language}-{number:02}", "language": name, "written": written, "date": day.isoformat()}
            )
    return {
        "about": "Dates as people write them, and the same dates in ISO 8601",
        "source": f"Unicode CLDR, as Babel {version('babel')} formats dates (format full)",
        "licence": "Unicode-3.0",
        "notice": files("babel").joinpath("locale-data/LICENSE.unicode").read_text(encoding="utf-8"),
        "items": items,
    }


def main() -> None:
    write_whole(FILE, json.dumps(evaluation_set(), indent=1, ensure_ascii=False) + "\n")
    print(f"Wrote {len(LANGUAGES) * _EACH} items to {FILE.name}.")


if __name__ == "__main__":
    main()
