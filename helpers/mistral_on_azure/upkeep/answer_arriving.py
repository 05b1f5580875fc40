"""`make picture`: draws the README's picture of an arriving answer, from the chunks that `cookbook ask` receives.

The chunks come from the local endpoint, in a real stream. They appear at the pace that deployments.toml gives, so that
the picture is the same each time. A viewer who prefers reduced motion sees the whole answer at once.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from mistral_on_azure.azure.deployments import default_name, imitated_paces
from mistral_on_azure.azure.files import write_whole
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.notebook.one_question import QUESTION, EventStream, answers

FILE = Path(__file__).parent / "pictures" / "answer-arriving.svg"
_WIDTH, _COLUMNS, _LINE, _CHARACTER = 860, 88, 22, 9.03  # pixels, characters, pixels, pixels of a monospaced character
_TOP, _LEFT = 62, 32
_PAUSE, _AGAIN = 0.4, 5.0  # seconds from the answer to its usage, and to the next beginning
_STYLE = """
  .page { fill: #ffffff; stroke: #d0d7de } .dot { fill: #d0d7de } text { fill: #1f2328 } .quiet { fill: #59636e }
  text { font: 15px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; stroke: #3d444d } .dot { fill: #3d444d } text { fill: #f0f6fc } .quiet { fill: #9198a1 }
  }
  @media (prefers-reduced-motion: no-preference) { .later { animation: SECONDS step-end infinite } }"""


def main() -> None:
    write_whole(FILE, picture(*ask()))


def ask() -> tuple[list[str], str]:
    """The chunks of an answer of the local endpoint, and its tokens as they are printed."""
    stream = EventStream()
    with start() as endpoint, answers(f"{endpoint.url}/v1", endpoint.keys[0], QUESTION, default_name(), None) as answer:
        chunks = [text for text in stream.read(answer.lines()) if text]
    return chunks, f"{stream.usage}. The answer ended with {stream.finish_reason!r}."


def picture(chunks: list[str], usage: str) -> str:
    """The picture as SVG.

    Args:
        chunks: the texts of the chunks, in order.
        usage: the line below the answer.
    """
    pace = imitated_paces()[default_name()]
    shown: list[str] = []
    moments: list[float] = []
    column, row, at = 0, 2, 0.0
    for number, chunk in enumerate(chunks):
        at = pace["first_token"] + number / pace["tokens_per_second"]
        if column + len(chunk.rstrip()) > _COLUMNS and chunk.startswith(" "):
            row, column, chunk = row + 1, 0, chunk.lstrip()
        shown.append(_text(chunk, row, column, f"k{number}"))
        moments.append(at)
        column += len(chunk)
    shown.append(_text(usage, row + 2, 0, f"k{len(chunks)}", "quiet"))
    moments.append(at + _PAUSE)
    whole, height = at + _AGAIN, _TOP + (row + 3) * _LINE
    frames = [
        f"@keyframes k{n} {{ 0% {{ opacity: 0 }} {m / whole:.2%} {{ opacity: 1 }} }}" for n, m in enumerate(moments)
    ]
    command = f'$ cookbook ask "{QUESTION}"'
    title = f"A terminal: cookbook ask is given the question “{QUESTION}”, and the answer arrives chunk by chunk."
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="title">',
        f'<title id="title">{escape(title)}</title>',
        f"<style>{_STYLE.replace('SECONDS', f'{whole:.1f}s')}",
        *frames,
        "</style>",
        f'<rect class="page" x="1" y="1" width="{_WIDTH - 2}" height="{height - 2}" rx="10"/>',
        *(f'<circle class="dot" cx="{x}" cy="22" r="6"/>' for x in (24, 44, 64)),
        f'<text class="quiet" x="{_LEFT}" y="{_TOP}">{escape(command)}</text>',
        *shown,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _text(text: str, row: int, column: int, frames: str, style: str = "") -> str:
    x, y = _LEFT + column * _CHARACTER, _TOP + row * _LINE
    classes = f"later {style}".strip()
    return f'<text class="{classes}" style="animation-name: {frames}" x="{x:.1f}" y="{y}">{escape(text)}</text>'


if __name__ == "__main__":
    main()
