"""What names look like: letters of other alphabets and digits that are drawn as Latin ones; signs that print nothing.

A part of Unicode's confusables (UTS 39): the lower-case letters that fonts draw alike.
"""

import unicodedata

_CYRILLIC = (
    "\u0430\u0432\u0441\u0501\u0435\u04bb\u0456\u0458\u043a\u04cf\u043c"
    "\u043d\u043e\u0440\u051b\u0455\u0442\u0443\u051d\u0445\u0475"
)
_GREEK = "\u03b1\u03b3\u03b5\u03b7\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03c9\u03f2"
_ARMENIAN = "\u0585\u057d\u0581\u0570\u0578\u0566"
_PHONETIC = "\u0251\u0261\u0269\u0131\u026a\u028f"
_DRAWN_ALIKE = str.maketrans(
    _CYRILLIC + _GREEK + _ARMENIAN + _PHONETIC + "01",
    "abcdehijklmhopqstywxvayenikvoptuxwcoughnqagiiiyol",
)
_NOTHING = frozenset(
    [
        *map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0)),
        *map(chr, range(0x180B, 0x1810)),
        *map(chr, range(0xFE00, 0xFE10)),
        *map(chr, range(0xE0100, 0xE01F0)),
    ]
)
"""Joiners, fillers and variation selectors."""


def look(name: str) -> str:
    """What a name looks like; of two names with one look nobody can tell which is meant."""
    return unicodedata.normalize("NFKC", name).casefold().translate(_DRAWN_ALIKE)


def has_unseen(name: str) -> bool:
    """Whether something stands in a name that nobody sees."""
    return any(character in _NOTHING for character in name)
