"""SHOW: what there is, from the tags that have rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from api.influxql.conditions import Span, holds, looked_for, split_time
from api.influxql.faults import Unanswered
from api.influxql.frames import Record
from api.influxql.matching import matches
from api.influxql.schema import POLICY, Measurement, Series
from api.influxql.tree import Cut, KeyFilter, Regex, Show, Source


@dataclass(frozen=True, slots=True)
class Listing:
    """One table of a SHOW; a name of nothing is left out of the answer."""

    name: str
    columns: Sequence[str]
    values: Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True)
class Showing:
    """Answers SHOW statements about some measurements."""

    databases: Sequence[str]
    measurements: Sequence[Measurement]
    record: Record
    now_ns: int

    def listings(self, show: Show) -> Iterator[Listing]:
        """The tables of one statement; those without a row are left out."""
        made = {
            "databases": self._databases,
            "policies": self._policies,
            "measurements": self._names,
            "tag_keys": self._tag_keys,
            "tag_values": self._tag_values,
            "field_keys": self._field_keys,
            "series": self._series,
        }[show.what](show)
        always = show.what in {"databases", "policies"}
        yield from (listing for listing in made if listing.values or always)

    def _databases(self, _: Show) -> list[Listing]:
        return [Listing("databases", ["name"], [[name] for name in self.databases])]

    def _policies(self, _: Show) -> list[Listing]:
        columns = ["name", "duration", "shardGroupDuration", "replicaN", "default"]
        return [Listing("", columns, [[POLICY, "0s", "168h0m0s", 1, True]])]

    def _names(self, show: Show) -> list[Listing]:
        names = [one.name for one in self._chosen(show) if self._held(show, one)]
        return [Listing("measurements", ["name"], cut_rows([[name] for name in names], show.cut))]

    def _tag_keys(self, show: Show) -> list[Listing]:
        listings = []
        for one in self._chosen(show):
            keys = sorted({key for series in self._held(show, one) for key in series.tags})
            told = [[key] for key in (keys if show.with_key is None else _keys(show.with_key, keys))]
            listings.append(Listing(one.name, ["tagKey"], cut_rows(told, show.cut)))
        return listings

    def _tag_values(self, show: Show) -> list[Listing]:
        assert show.with_key is not None
        listings = []
        for one in self._chosen(show):
            found = {pair for series in self._held(show, one) for pair in series.tags.items()}
            keys = set(_keys(show.with_key, one.tag_keys))
            told = [[key, value] for key, value in sorted(found) if key in keys]
            listings.append(Listing(one.name, ["key", "value"], cut_rows(told, show.cut)))
        return listings

    def _field_keys(self, show: Show) -> list[Listing]:
        return [
            Listing(
                one.name,
                ["fieldKey", "fieldType"],
                cut_rows([[name, str(kind)] for name, kind in sorted(one.fields.items())], show.cut),
            )
            for one in self._chosen(show)
        ]

    def _series(self, show: Show) -> list[Listing]:
        keys = [
            ",".join([_escaped(one.name), *(f"{_escaped(key)}={_escaped(value)}" for key, value in series.key)])
            for one in self._chosen(show)
            for series in self._held(show, one)
        ]
        return [Listing("", ["key"], cut_rows([[key] for key in keys], show.cut))]

    def _chosen(self, show: Show) -> list[Measurement]:
        sources = [show.with_measurement] if show.with_measurement is not None else list(show.sources)
        return chosen(self.measurements, sources) if sources else list(self.measurements)

    def _held(self, show: Show, measurement: Measurement) -> list[Series]:
        """The series that meet the condition, and that have a row in its time, where it names one."""
        span, where = split_time(show.where, self.now_ns, None)
        where = looked_for(where, measurement.series, self.record.budget.look)
        held = [one for one in measurement.series if holds(where, one, {}, {}) is not False]
        if span == Span():
            return held
        return [one for one in held if self.record.first_time(one, span) is not None]


def chosen(measurements: Sequence[Measurement], sources: Sequence[Source]) -> list[Measurement]:
    """The measurements that are named, each once. Unanswered if another retention policy is."""
    held = set(chosen_names([one.name for one in measurements], sources))
    return [one for one in measurements if one.name in held]


def chosen_names(names: Sequence[str], sources: Sequence[Source]) -> list[str]:
    """Of some names those that are named."""
    held: set[str] = set()
    for source in sources:
        if source.policy not in {None, POLICY}:
            raise Unanswered(f"retention policy not found: {source.policy}")
        if isinstance(source.name, Regex):
            found = matches(source.name.pattern, names)
            held |= {name for name, is_met in zip(names, found, strict=True) if is_met}
        else:
            held.add(source.name)
    return [name for name in names if name in held]


def cut_rows(rows: list[list[object]] | list[list[str]], cut: Cut) -> list[list[object]]:
    """The rows that limit and offset leave."""
    kept: list[list[object]] = [list(row) for row in rows[cut.offset :]]
    return kept if cut.limit is None else kept[: cut.limit]


def _keys(wanted: KeyFilter, keys: Sequence[str]) -> list[str]:
    """Of some keys those that are wanted."""
    if wanted.op in {"=~", "!~"}:
        found = matches(wanted.pattern, keys)
        return [key for key, is_met in zip(keys, found, strict=True) if is_met == (wanted.op == "=~")]
    return [key for key in keys if (key in wanted.keys) == (wanted.op != "!=")]


def _escaped(text: str) -> str:
    return text.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")
