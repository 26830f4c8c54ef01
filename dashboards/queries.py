"""InfluxQL of the panels, and the data sources that answer it.

Samples are asked of the data source that the variable `store` names: the record, or a mirror of it in InfluxDB.
What was decided is asked of the record alone: a mirror does not have it.
"""

from typing import Self

from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef

from domain import status

RECORD = "thermowell-record"
MIRROR = "thermowell-mirror"
METRICS = "thermowell-prometheus"
"""The uids of Grafana's data sources."""

STORE = "${store}"
SITE = '"${site}"'
LOOK_BACK = "30d"
"""How long before the shown time a phase may have begun to be shown."""

UNIT = '"unit" =~ /^${unit:regex}$/'
TAG = '"tag" =~ /^${tag:regex}$/'
BATCH = '"batch" =~ /^${batch:regex}$/'
PRIORITY = '"priority" =~ /^${priority:regex}$/'
NOT_BAD = f'"status" < {status.BAD}'
BAD = f'"status" >= {status.BAD}'
EVERY = "GROUP BY time($__interval)"

Json = dict[str, object]


class InfluxQuery(Dataquery):
    """A query in InfluxQL, as Grafana's InfluxDB data source keeps it: the SDK has no type for it."""

    def __init__(self, query: str, uid: str, *, table: bool = False, alias: str = "", more: Json | None = None) -> None:
        self.query, self.uid, self.table, self.alias = query, uid, table, alias
        self.more = more or {}
        self.ref_id = "A"

    def to_json(self) -> Json:
        """As it stands in a dashboard."""
        alias = {"alias": self.alias} if self.alias else {}
        return {
            "refId": self.ref_id,
            "datasource": source("influxdb", self.uid).to_json(),
            "query": self.query,
            "rawQuery": True,
            "resultFormat": "table" if self.table else "time_series",
            **alias,
            **self.more,
        }

    def named(self, ref_id: str) -> Self:
        """The same under the letter that it has in its panel."""
        self.ref_id = ref_id
        return self


def source(kind: str, uid: str) -> DataSourceRef:
    """A reference to a data source."""
    return DataSourceRef(type_val=kind, uid=uid)


def of_samples(query: str, *, table: bool = False, alias: str = "") -> InfluxQuery:
    """A query of samples: the record or a mirror answers it."""
    return InfluxQuery(query, STORE, table=table, alias=alias)


def of_record(query: str, *, table: bool = False, alias: str = "") -> InfluxQuery:
    """A query of what was decided: the record answers it."""
    return InfluxQuery(query, RECORD, table=table, alias=alias)


def decided(what: str) -> str:
    """The measurement of alarms, phases or holds."""
    return f'"${{site}}_{what}"'


def extremes(condition: str, field: str = "value") -> str:
    """The least and the greatest value that is not Bad of each interval: no excursion is averaged away."""
    return (
        f'SELECT min("{field}") AS "min", max("{field}") AS "max" FROM {SITE} '
        f"WHERE {condition} AND {NOT_BAD} AND $timeFilter {EVERY} fill(none)"
    )


def phases(columns: str, condition: str) -> str:
    """Phase runs that overlap the shown time."""
    return (
        f"SELECT {columns} FROM {decided('phases')} "
        f'WHERE {condition} AND "end_ms" >= ${{__from}} AND time >= ${{__from}}ms - {LOOK_BACK} AND time <= ${{__to}}ms'
    )


def identifier(name: str) -> str:
    """What may stand between double quotes."""
    return name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def text(value: str) -> str:
    """A literal in single quotes."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"
