"""The prompt as the chat template of managed compute renders it, and its tokens.

The template is the one that these models' files had until September 2024: user and assistant in turn. Where the
tokenizer is v1, `[INST]` is text of four tokens; v3 has a token of its own for it. `<s>` opens the prompt, and `</s>`
ends what the assistant has said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mistral_on_azure.endpoint.bounds import BoundedCache
from mistral_on_azure.endpoint.models.tokens import ids_of, size_of

VOCABULARY = {"v1": 32_000, "v3": 32_768}  # token ids
_SPECIAL = re.compile("</?s>|<unk>")  # also where a message spells them: the template does not guard
LONGEST_TOKEN = {"v1": 16, "v3": 18}  # characters: what the engine multiplies to refuse a prompt without splitting it

Turn = tuple[str, str]  # role, which is user or assistant, and text


def render(turns: Sequence[Turn]) -> str:
    """The prompt as text, with the special tokens spelled out."""
    return "<s>" + "".join(f"[INST] {text} [/INST]" if role == "user" else f"{text}</s>" for role, text in turns)


def count(turns: Sequence[Turn], tokenizer: str) -> int:
    """Tokens of a rendered conversation.

    Args:
        tokenizer: v1 or v3.
    """
    if tokenizer == "v3":  # its markers are tokens, and never in a text
        return 1 + sum(_tokens(text, "v3") + (2 if role == "user" else 1) for role, text in turns)
    parts = _SPECIAL.split(render(turns))
    return len(parts) - 1 + sum(_tokens(part, tokenizer) for part in parts)


def count_text(text: str, tokenizer: str) -> int:
    """Tokens of a text that stands alone."""
    return _tokens(text, tokenizer)


_counts: BoundedCache[tuple[str, str], int] = BoundedCache(4_000_000)


def _tokens(text: str, tokenizer: str) -> int:
    if not text:
        return 0
    known = _counts.get((text, tokenizer))
    if known is None:
        known = _counts.keep((text, tokenizer), len(ids_of(text, tokenizer)), size_of(text, 0))
    return known
