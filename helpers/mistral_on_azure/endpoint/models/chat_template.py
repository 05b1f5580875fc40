"""The chat template with which managed compute renders a prompt, and the number of the prompt's tokens.

The template is the one in these models' files until September 2024, in which user and assistant alternate. With the
tokenizer v1, `[INST]` is text that takes four tokens; v3 has a control token for it. `<s>` begins the prompt, and
`</s>` ends each assistant message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mistral_on_azure.endpoint.bounds import BoundedCache
from mistral_on_azure.endpoint.models.tokens import ids_of, size_of

VOCABULARY = {"v1": 32_000, "v3": 32_768}  # number of token ids
_SPECIAL = re.compile("</?s>|<unk>")  # also in the text of a message, as the template does not escape it
LONGEST_TOKEN = {"v1": 16, "v3": 18}  # characters: no prompt has more than this many for each of its tokens

Turn = tuple[str, str]  # role, which is user or assistant, and text


def render(turns: Sequence[Turn]) -> str:
    """The prompt as text, with the special tokens as text, too."""
    return "<s>" + "".join(f"[INST] {text} [/INST]" if role == "user" else f"{text}</s>" for role, text in turns)


def count(turns: Sequence[Turn], tokenizer: str) -> int:
    """The number of tokens of a rendered conversation.

    Args:
        tokenizer: v1 or v3.
    """
    if tokenizer == "v3":  # its markers are control tokens, which no text contains
        return 1 + sum(_tokens(text, "v3") + (2 if role == "user" else 1) for role, text in turns)
    parts = _SPECIAL.split(render(turns))
    return len(parts) - 1 + sum(_tokens(part, tokenizer) for part in parts)


_counts: BoundedCache[tuple[str, str], int] = BoundedCache(4_000_000)


def _tokens(text: str, tokenizer: str) -> int:
    if not text:
        return 0
    known = _counts.get((text, tokenizer))
    if known is None:
        known = _counts.keep((text, tokenizer), len(ids_of(text, tokenizer)), size_of(text, 0))
    return known
