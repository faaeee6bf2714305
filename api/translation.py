"""What an error says, in Chinese.

Errors are raised with their English text, which names what is wrong, where, and what to do. Their Chinese texts stand
in `messages_zh/`, one file a package, under the same text with {1}, {2} for what is filled in: a raise needs no second
text beside it, an error that comes from a worker or out of the list of jobs is told like any other, and all texts are
read and corrected in one place. A test reads every raise of the sources and fails where its Chinese text is missing.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

_DEEPEST = 3
# What stands where a list is empty.
_EMPTY = {"none": "无", "(none)": "（无）", "nothing": "无", "(nothing)": "（无）"}
_LONGEST = 20_000


@dataclass(frozen=True)
class _Pattern:
    """An English text cut at its holes, and the Chinese one."""

    pieces: tuple[str, ...]
    chinese: str

    @property
    def weight(self) -> int:
        """How much of the text is fixed: of two that fit, the one that says more is meant."""
        return sum(map(len, self.pieces))

    def match(self, text: str) -> tuple[str, ...] | None:
        """Return what fills the holes, None where the text is another one; takes time in proportion to the text."""
        first, *middle, last = self.pieces if len(self.pieces) > 1 else (*self.pieces, "")
        if len(self.pieces) == 1:
            return () if text == first else None
        end = len(text) - len(last)
        if not text.startswith(first) or not text.endswith(last) or end < len(first):
            return None
        found, at = [], len(first)
        for piece in middle:
            where = text.find(piece, at, end)
            if where < 0:
                return None
            found.append(text[at:where])
            at = where + len(piece)
        return (*found, text[at:end])


def chinese(text: str) -> str | None:
    """Return the Chinese text of an error, None where there is none.

    What fills the holes stays as it is, except where it is a phrase of ours itself.
    """
    return _chinese(" ".join(text.split())[:_LONGEST], 0)


def told(text: str, language: str | None, zh: str = "") -> str:
    """Return an error's text in a language: Chinese where it is asked for and there is one, else English."""
    english = " ".join(text.split())
    return (zh or chinese(english) or english) if language == "zh" else english


def catalogue() -> dict[str, str]:
    """Return all texts, English to Chinese."""
    found: dict[str, str] = {}
    for file in sorted(resources.files("api").joinpath("messages_zh").iterdir(), key=lambda one: one.name):
        if file.name.endswith(".toml"):
            found |= tomllib.loads(file.read_text("utf-8"))
    return found


def _chinese(text: str, depth: int) -> str | None:
    for pattern in _patterns():
        holes = pattern.match(text)
        if holes is not None:
            return _filled(pattern.chinese, [_phrase(hole, depth + 1) for hole in holes])
    # A place in front of a text of ours, such as the option or the file that it is about.
    where, colon, rest = text.partition(": ")
    inner = _chinese(rest, depth + 1) if colon and depth < _DEEPEST else None
    return None if inner is None else f"{where}：{inner}"


def _filled(chinese_text: str, holes: list[str]) -> str:
    return re.sub(r"\{(\d+)\}", lambda number: holes[int(number[1]) - 1], chinese_text)


def _phrase(text: str, depth: int) -> str:
    if text in _EMPTY:
        return _EMPTY[text]
    worth = depth <= _DEEPEST and " " in text
    return (_chinese(text, depth) if worth else None) or text


@cache
def _patterns() -> tuple[_Pattern, ...]:
    patterns = [_Pattern(tuple(re.split(r"\{\d+\}", english)), zh) for english, zh in catalogue().items()]
    return tuple(sorted(patterns, key=lambda pattern: -pattern.weight))
