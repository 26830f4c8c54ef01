"""Names in a directory's tree, as text (RFC 4514)."""

_SPECIAL = frozenset('"+,;<>\\=')


def escaped(value: str) -> str:
    """A value as it stands in a distinguished name: nothing of it is taken for a part of the name itself."""
    letters = ["\\00" if letter == "\0" else f"\\{letter}" if letter in _SPECIAL else letter for letter in value]
    if value[:1] in ("#", " "):
        letters[0] = f"\\{value[0]}"
    if value[-1:] == " ":
        letters[-1] = "\\ "
    return "".join(letters)


def parts_of(dn: str) -> list[str]:
    """The parts of a name between its commas, the nearest first; a comma that is escaped is none."""
    parts, is_escaped = [""], False
    for letter in dn:
        if letter == "," and not is_escaped:
            parts.append("")
        else:
            parts[-1] += letter
        is_escaped = letter == "\\" and not is_escaped
    return [part.strip() for part in parts]


def is_name(dn: str) -> bool:
    """Whether each part says an attribute and its value."""
    return all(0 < part.find("=") < len(part) - 1 for part in parts_of(dn)) and dn.isprintable()


def tree_of(dn: str) -> str:
    """To which tree a name belongs: its `dc` parts, else its last part; lower-case, so that a person stays the same."""
    parts = [part.casefold() for part in parts_of(dn)]
    domain = [part for part in parts if part.startswith("dc=")]
    return ",".join(domain or parts[-1:])
