"""What there is to ask for: the mirror's schema, over the tags of the record.

This is the one place here that names measurements, tag keys and fields; a test holds it against the lines that the
mirror writes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from api.influxql.columns import Kind
from domain.tags import Tag

VALUE, BOOLEAN, TEXT, STATUS = "value", "boolean", "text", "status"
TAG, UNIT, SIMULATED = "tag", "unit", "simulated"
POLICY = "autogen"
"""The one retention policy, by the name that InfluxDB 2 gives to a bucket's."""

_FIELDS: Mapping[str, Kind] = {
    BOOLEAN: Kind.BOOLEAN,
    STATUS: Kind.INTEGER,
    TEXT: Kind.STRING,
    VALUE: Kind.FLOAT,
}
_FIELDS_OF = {"number": {VALUE, STATUS}, "boolean": {BOOLEAN, STATUS}, "text": {TEXT, STATUS}}
"""The fields that make themselves known by a tag of each kind."""


@dataclass(frozen=True, slots=True)
class Series:
    """One tag of the record with the tag set that its points carry."""

    tag: Tag
    tags: Mapping[str, str]

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """What series are sorted by."""
        return tuple(sorted(self.tags.items()))


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measurement, its fields by name, and its series in their order."""

    name: str
    fields: Mapping[str, Kind]
    series: tuple[Series, ...]

    @property
    def tag_keys(self) -> list[str]:
        """Every key that a series has, in order."""
        return sorted({key for series in self.series for key in series.tags})


@dataclass(frozen=True, slots=True)
class Naming:
    """How the record's tags are called: as the mirror calls them."""

    site: str
    unit_of: Mapping[str, str]
    simulated: bool

    def measurements(self, tags: Iterable[Tag]) -> list[Measurement]:
        """What can be asked for of these tags."""
        series = [Series(tag, self._tags_of(tag)) for tag in tags]
        if not series:
            return []
        known = {name for one in series for name in _FIELDS_OF[one.tag.kind]}
        fields = {name: kind for name, kind in _FIELDS.items() if name in known}
        return [Measurement(self.site, fields, tuple(sorted(series, key=lambda one: one.key)))]

    def _tags_of(self, tag: Tag) -> dict[str, str]:
        tags = {SIMULATED: "yes"} if self.simulated else {}
        tags[TAG] = tag.name
        if tag.name in self.unit_of:
            tags[UNIT] = self.unit_of[tag.name]
        return tags
