"""Samples as InfluxDB's line protocol: one line a row, the site as measurement, ns since 1970."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain import status
from domain.samples import SampleBatch
from domain.tags import Tag, TagTable

_CONTROLS = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})
_IN_MEASUREMENT = str.maketrans({",": "\\,", " ": "\\ "})
_IN_TAG = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})


@dataclass(frozen=True, slots=True)
class Lines:
    """A batch's lines in its order, and the rows that InfluxDB cannot hold."""

    lines: list[str]
    not_finite: int
    before_1970: int


class LineProtocol:
    """Renders batches; a tag's line begins alike each time, so it is made once.

    `measurement` is the site, `unit_of` names a tag's unit of equipment where it has one. A simulated plant's points
    carry `simulated=yes`. Field `value` is a float, `status` the OPC UA StatusCode as an integer: one type each for
    good, because InfluxDB refuses a point whose field has another type than before.
    """

    def __init__(
        self,
        measurement: str,
        tags: Iterable[Tag],
        unit_of: Mapping[str, str],
        *,
        simulated: bool = False,
    ) -> None:
        self._measurement = _escaped(measurement, _IN_MEASUREMENT)
        self._unit_of = unit_of
        self._simulated = simulated
        self._tags = TagTable(tags)
        self._heads: NDArray[np.object_] | None = None

    def define(self, tag: Tag) -> None:
        """Take a new tag, or a new version of one."""
        self._tags.put(tag)
        self._heads = None

    def render(self, batch: SampleBatch) -> Lines:
        """A line for each row that is finite and not before 1970; UnknownTag if a tag was not defined."""
        finite = np.isfinite(batch.value)
        since_1970 = batch.time_ns >= 0
        chosen = np.flatnonzero(finite & since_1970)
        columns = zip(
            self._heads_of(batch.tag[chosen]),
            batch.value[chosen].tolist(),
            status.raw(batch.status[chosen]).tolist(),
            batch.time_ns[chosen].tolist(),
            strict=True,
        )
        return Lines(
            [f"{head} value={value!r},status={code}i {time_ns}" for head, value, code, time_ns in columns],
            int(np.count_nonzero(~finite)),
            int(np.count_nonzero(finite & ~since_1970)),
        )

    def _heads_of(self, tags: NDArray[np.uint32]) -> list[str]:
        if self._heads is None or (len(tags) and int(tags.max()) >= len(self._heads)):
            self._heads = self._make_heads()
        for missing in np.unique(tags[tags >= len(self._heads)]):
            assert self._tags[int(missing)]  # raises UnknownTag
        heads: list[str] = self._heads[tags].tolist()
        return heads

    def _make_heads(self) -> NDArray[np.object_]:
        heads = np.full(len(self._tags), None, dtype=np.object_)
        for tag in self._tags:
            heads[tag.id] = self._head(tag)
        return heads

    def _head(self, tag: Tag) -> str:
        """Measurement and tag set; the keys in alphabetical order, as InfluxDB takes them fastest."""
        keys = [f"tag={_escaped(tag.name, _IN_TAG)}"]
        if self._simulated:
            keys.insert(0, "simulated=yes")
        if tag.name in self._unit_of:
            keys.append(f"unit={_escaped(self._unit_of[tag.name], _IN_TAG)}")
        return ",".join([self._measurement, *keys])


def _escaped(text: str, special: dict[int, str]) -> str:
    """A name as the protocol writes it. A backslash at the end would escape what follows, so it goes before a blank."""
    escaped = text.translate(_CONTROLS).translate(special)
    return f"{escaped}\\ " if escaped.endswith("\\") else escaped
