"""What an InfluxDB says of its own points: counts and sums per tag and hour, by InfluxQL; and taking points away."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from influxdb_client.rest import ApiException

from domain.errors import Refused, RetryLater
from domain.time import HOUR_NS, format_time
from historian.influx import InfluxBucket, connect, not_asked, to_be_repeated
from historian.line_protocol import stored_name

_TIMEOUT_MS = 60_000
_WHOLE = 2**64
_EPSILON = 2.0**-52
_INIT = "; `thermowell influx init` makes bucket and mapping"
_NO_ORGANIZATION = re.compile(r"organization .* not found", re.DOTALL)
_QUESTION = (
    'SELECT count("status"), sum("status"), count("value"), sum("value"), count("boolean"), '
    'count("integer"), sum("integer"), count("unsigned"), count("text") '
    'FROM {measurement} WHERE time >= {start} AND time < {end}{tag} GROUP BY time(1h), "tag" fill(none)'
)


@dataclass(slots=True)
class Figures:
    """Of the rows of a tag in an hour. `absolute` is the sum of the values without their signs: it bounds rounding."""

    rows: int = 0
    codes: int = 0  # the sum of the status codes
    values: int = 0
    total: float = 0.0
    absolute: float = 0.0
    booleans: int = 0
    integers: int = 0
    whole: int = 0  # the sum of the integers, modulo 2^64
    unsigned: int = 0
    texts: int = 0

    def agrees(self, other: "Figures") -> bool:
        """Whether the mirror's figures are those of the same rows; a sum may differ by what adding rounds."""
        counted = (self.rows, self.codes, self.values, self.booleans, self.integers, self.whole, self.unsigned)
        others = (other.rows, other.codes, other.values, other.booleans, other.integers, other.whole, other.unsigned)
        rounding = 4 * (self.values + 1) * _EPSILON * self.absolute
        return counted == others and self.texts == other.texts and abs(self.total - other.total) <= rounding


ORGANIZATION = "`org` has to name it as InfluxDB does (`influx org list`)"
"""What to do where there is no such organization."""

NOTHING = Figures()

Hours = Mapping[tuple[str, int], Figures]
"""By a tag's name as InfluxDB has it, and the start of the hour in ns."""


class InfluxSums:
    """Asks one bucket as an InfluxQL database. Calls block, each for a minute at most."""

    def __init__(self, target: InfluxBucket) -> None:
        self._target = target
        self._client = connect(target, timeout_ms=_TIMEOUT_MS)

    def of(self, measurement: str, start_ns: int, end_ns: int, tag: str | None = None) -> Hours:
        """The figures of every tag and hour with points in [start, end), or of one tag.

        Refused if InfluxDB does not let us ask, RetryLater if it cannot answer now.
        """
        only = "" if tag is None else f' AND "tag" = {_quoted(stored_name(tag), chr(39))}'
        question = _QUESTION.format(
            measurement=_quoted(stored_name(measurement), '"'), start=start_ns, end=end_ns, tag=only
        )
        return {
            (series["tags"]["tag"], int(row[0]) // HOUR_NS * HOUR_NS): _figures(row[1:])
            for series in self._series(question)
            for row in series["values"]
        }

    def remove(self, measurement: str, tag: str, start_ns: int, end_ns: int) -> None:
        """Take away every point of a tag in [start, end)."""
        place = (_quoted(stored_name(measurement), '"'), _quoted(stored_name(tag), '"'))
        predicate = '_measurement={} AND "tag"={}'.format(*place)  # `tag` is a keyword of InfluxQL
        body = {"start": format_time(start_ns), "stop": format_time(end_ns - 1), "predicate": predicate}
        self._ask("/api/v2/delete", "POST", [("org", self._target.org), ("bucket", self._target.bucket)], body)

    def _series(self, question: str) -> Iterator[dict]:  # type: ignore[type-arg]  # JSON
        asked = [("db", self._target.bucket), ("epoch", "ns"), ("q", question)]
        answer = json.loads(self._ask("/query", "GET", asked))
        for result in answer["results"]:
            if "error" in result:
                hint = f"{_INIT}, or the token may not read it" if "database not found" in result["error"] else ""
                raise Refused(f"InfluxDB at {self._target.url} answers: {result['error']}{hint}")
            yield from result.get("series", ())

    def _ask(self, path: str, method: str, query: list[tuple[str, str]], body: object = None) -> bytes:
        try:
            response = self._client.api_client.call_api(  # type: ignore[no-untyped-call]  # the library has no types
                path,
                method,
                query_params=query,
                header_params={"Content-Type": "application/json", "Accept": "application/json"},
                body=body,
                auth_settings=[],
                _preload_content=False,
                _return_http_data_only=True,
            )
            answered: bytes = response.data
        except ApiException as error:
            raise cannot(self._target, error) from error
        except Exception as error:  # urllib3's errors, which are not this package's to import
            raise not_asked(self._target.url, error) from error
        return answered

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()  # type: ignore[no-untyped-call]  # the library has no types


def is_of_the_organization(told: str) -> bool:
    """Whether InfluxDB says that it has no organization of that name."""
    return _NO_ORGANIZATION.search(told) is not None


def cannot(target: InfluxBucket, error: ApiException) -> Refused | RetryLater:
    """What an answer to a question means to a person who asked it."""
    if error.status is None or error.status >= 500 or error.status == 429:
        return to_be_repeated(target.url, error)
    hint = "; the token may not do this" if error.status in (401, 403) else ""
    if error.status == 404:
        hint = f"; {ORGANIZATION}" if is_of_the_organization(str(error.message)) else _INIT
    return Refused(f"InfluxDB at {target.url} answers {error.status} {error.message}{hint}")


def _figures(row: list[float | int | None]) -> Figures:
    rows, codes, values, total, booleans, integers, whole, unsigned, texts = (each or 0 for each in row)
    return Figures(
        int(rows), int(codes), int(values), float(total), 0.0, int(booleans), int(integers), int(whole) % _WHOLE,
        int(unsigned), int(texts),
    )  # fmt: skip


def _quoted(text: str, mark: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(mark, f"\\{mark}")
    return f"{mark}{escaped}{mark}"
