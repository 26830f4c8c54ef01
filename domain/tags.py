"""Tags: what is measured, under an identity that outlives its name, its node and its unit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NewType

from domain.errors import UnknownTag

TagId = NewType("TagId", int)
"""The dense id (from 0) that the journal's tag table gives a tag."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One measured quantity. `uuid` is for life; another name, address or unit is a new `version` of the same tag."""

    id: TagId
    uuid: str
    version: int
    name: str
    source: str
    address: str  # OPC UA: `nsu=URI;s=…`; MQTT: `topic#/value/pointer`
    configured: str = ""  # the address as the configuration writes it (`ns=2;s=…`), where it was pinned to another
    unit: str = ""  # plant unit, as written in the configuration: degC, bar, pH has none
    reference: str = ""  # gauge | absolute, for pressures
    kind: str = "number"  # number | boolean | text
    sensor_low: float | None = None
    sensor_high: float | None = None
    sampling_interval_ns: int = 0
    description: str = ""

    @property
    def measure(self) -> str:
        """What its numbers are counted in: `degC`, `bar gauge`; empty where nobody said."""
        return f"{self.unit} {self.reference}".strip()

    def says_the_same(self, other: "Tag") -> bool:
        """Tell whether both define the tag alike, apart from id, uuid and version."""
        return replace(self, id=other.id, uuid=other.uuid, version=other.version) == other


class TagTable:
    """All tags by dense id and by name: the newest version of each."""

    def __init__(self, tags: Iterable[Tag] = ()) -> None:
        self._by_id: dict[int, Tag] = {}
        self._by_name: dict[str, Tag] = {}
        for tag in tags:
            self.put(tag)

    def put(self, tag: Tag) -> None:
        """Take a definition as the newest of its tag; the name it had before stops naming it."""
        before = self._by_id.get(tag.id)
        if before is not None and self._by_name.get(before.name) == before:
            del self._by_name[before.name]
        self._by_id[tag.id] = tag
        self._by_name[tag.name] = tag

    def __getitem__(self, id_: int) -> Tag:
        """The tag with a dense id; UnknownTag if there is none."""
        try:
            return self._by_id[id_]
        except KeyError:
            message = f"no tag has id {id_}"
            raise UnknownTag(message) from None

    def named(self, name: str) -> Tag:
        """The tag of that name; UnknownTag if there is none."""
        try:
            return self._by_name[name]
        except KeyError:
            message = f"no tag is named {name!r}"
            raise UnknownTag(message) from None

    def find(self, name: str) -> Tag | None:
        """The tag of that name, if there is one."""
        return self._by_name.get(name)

    def __iter__(self) -> Iterator[Tag]:
        """Tags in the order of their ids."""
        return (self._by_id[id_] for id_ in sorted(self._by_id))

    def __len__(self) -> int:
        """One more than the largest id: the length of an array indexed by dense id."""
        return max(self._by_id, default=-1) + 1

    def of_source(self, source: str) -> list[Tag]:
        """The tags that a source delivers."""
        return [tag for tag in self if tag.source == source]
