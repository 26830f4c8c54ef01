"""What there is to ask for: the mirror's schema, over the tags of the record; what was decided stands in `decided`.

This is the one place here that names measurements, tag keys and fields; a test holds it against the lines that the
mirror writes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from api.influxql.columns import Frame, Kind
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
    """One tag of the record, or points of what was decided, with the tag set that the points carry."""

    tag: Tag | None
    tags: Mapping[str, str]
    points: Frame | None = None

    @property
    def read_by(self) -> Tag | None:
        """The tag whose rows the history has; None: texts, and what was decided, come whole."""
        return None if self.tag is None or self.tag.kind == "text" else self.tag

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
        tags = list(tags)
        if not tags:
            return []
        series = [Series(tag, self._tags_of(tag)) for tag in tags]
        known = {name for tag in tags for name in _FIELDS_OF[tag.kind]}
        fields = {name: kind for name, kind in _FIELDS.items() if name in known}
        return [Measurement(self.site, fields, tuple(sorted(series, key=lambda one: one.key)))]

    def _tags_of(self, tag: Tag) -> dict[str, str]:
        tags = {SIMULATED: "yes"} if self.simulated else {}
        tags[TAG] = tag.name
        if tag.name in self.unit_of:
            tags[UNIT] = self.unit_of[tag.name]
        return tags
