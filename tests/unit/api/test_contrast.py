"""What the pages write and draw can be told from its ground (WCAG 2.2 AA), by day and in a dark room."""

import re

import pytest

from api.render import STATIC

CSS = (STATIC / "style.css").read_text(encoding="utf-8")
GROUNDS = ("page", "panel", "raised")
WORDS, SHAPES = 4.5, 3.0
HEAD = "#2b343a"


def colours(dark: bool) -> dict[str, str]:
    """The page's colours by name."""
    day, night = CSS.split("prefers-color-scheme: dark", 1)
    told = dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", day))
    return told | dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", night)) if dark else told


def luminance(colour: str) -> float:
    """Of `#rrggbb` or `#rgb`, by WCAG."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * each for each in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_words_and_shapes_can_be_told_from_every_ground(dark: bool) -> None:
    named = colours(dark)
    words = [(ink, ground) for ink in ("ink", "ink-soft", "p1-words") for ground in (*GROUNDS, "chosen")]
    words += [(f"on-p{each}", f"p{each}") for each in (1, 2, 3, 4)]
    words += [
        ("on-deed", "deed"),
        ("ink", "paper"),
        ("ink-soft", "plot"),
        ("bad", "panel"),
        ("ink", "run"),
        ("ink", "run-next"),
    ]
    edges = [(f"p{each}-edge", ground) for each in (1, 2, 3, 4) for ground in GROUNDS]
    edges += [("focus", ground) for ground in (*GROUNDS, "chosen")] + [("trace", "plot"), ("trace", "band-nor")]

    pale = {pair: contrast(named[pair[0]], named[pair[1]]) for pair in words}
    faint = {pair: contrast(named[pair[0]], named[pair[1]]) for pair in edges}

    assert {pair: found for pair, found in pale.items() if found < WORDS} == {}
    assert {pair: found for pair, found in faint.items() if found < SHAPES} == {}
    assert contrast("#a9b4ba", HEAD) >= WORDS  # counts of none
