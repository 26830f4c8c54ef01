"""What people and systems write in words: any character that a file, a database and a screen hold alike."""

import unicodedata

_KEPT = "\t\n\r"
_TURNS = frozenset(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
"""Signs that turn what follows the other way round, also what others wrote; no language needs them to be read."""
_NEVER = frozenset({"Cc", "Cs"})  # control characters, NUL among them; halves of a pair that is one character


def odd_character(text: str) -> str:
    """What stands in a text that is no word, with its place, as the end of a sentence; empty where all is well."""
    for at, character in enumerate(text, start=1):
        is_odd = character in _TURNS or unicodedata.category(character) in _NEVER
        if is_odd and character not in _KEPT:
            return f"has U+{ord(character):04X}, which no text may have, at character {at}"
    return ""


def counted(count: int, thing: str) -> str:
    """How many there are of a thing: `1 alarm`, `2 alarms`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
