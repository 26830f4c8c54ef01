"""A query's answer as InfluxDB writes it: JSON in pieces, whole or in chunks, times in the asked precision."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import orjson

from api.influxql.columns import Times
from api.influxql.evaluation import Evaluation, Outcome
from api.influxql.faults import Unanswered
from api.influxql.selecting import Table
from api.influxql.showing import Listing
from domain.time import HOUR_NS, MINUTE_NS, SECOND_NS

ROWS_PER_DUMP = 4_096
"""More in one `dumps` would hold the interpreter's lock for so long that live streams notice."""

DEFAULT_CHUNK = 10_000
PRECISIONS: Mapping[str, int] = {
    "ns": 1,
    "n": 1,
    "u": 1_000,
    "µ": 1_000,
    "us": 1_000,
    "ms": 1_000_000,
    "s": SECOND_NS,
    "m": MINUTE_NS,
    "h": HOUR_NS,
}


@dataclass(frozen=True, slots=True)
class Form:
    """How the answer is written: `epoch_ns` None is RFC 3339, `chunk` None is all in one."""

    epoch_ns: int | None = None
    chunk: int | None = None


def written(evaluation: Evaluation, form: Form) -> Iterator[bytes]:
    """The answer in pieces; a piece of nothing where there is nothing to write yet."""
    yield from _in_chunks(evaluation, form, form.chunk) if form.chunk is not None else _whole(evaluation, form)


def _whole(evaluation: Evaluation, form: Form) -> Iterator[bytes]:
    yield b'{"results":['
    for number in range(len(evaluation)):
        yield b'%s{"statement_id":%d' % (b"," if number else b"", number)
        has_series = False
        try:
            for outcome in evaluation.outcomes(number):
                if outcome is None:
                    yield b""
                    continue
                yield b"," if has_series else b',"series":['
                has_series = True
                yield from _series(outcome, form)
        except Unanswered as error:
            yield (b"]" if has_series else b"") + b',"error":' + orjson.dumps(str(error)) + b"}"
        else:
            yield b"]}" if has_series else b"}"
    yield b"]}\n"


def _series(outcome: Outcome, form: Form) -> Iterator[bytes]:
    yield _head(outcome)[:-1] + b',"values":['
    for start, part in enumerate(_rows(outcome, form, ROWS_PER_DUMP)):
        yield (b"," if start else b"") + orjson.dumps(part)[1:-1]
    yield b"]}"


def _head(outcome: Outcome) -> bytes:
    told: dict[str, object] = {}
    if outcome.name:
        told["name"] = outcome.name
    if isinstance(outcome, Table) and outcome.tags:
        told["tags"] = outcome.tags
    told["columns"] = list(outcome.names if isinstance(outcome, Table) else outcome.columns)
    return orjson.dumps(told)


def _rows(outcome: Outcome, form: Form, size: int) -> Iterator[Sequence[object]]:
    """The rows in parts of at most `size`."""
    if isinstance(outcome, Listing):
        for start in range(0, len(outcome.values), size):
            yield outcome.values[start : start + size]
        return
    for start in range(0, len(outcome), size):
        part = slice(start, start + size)
        columns = [column.at(part).told() for column in outcome.columns]
        yield list(zip(_times(outcome.time_ns[part], form, outcome.zone), *columns, strict=True))


def _times(times_ns: Times, form: Form, zone: tzinfo | None) -> list[int] | list[str]:
    if form.epoch_ns is None:
        return [rfc3339(time_ns, zone) for time_ns in times_ns.tolist()]
    told: list[int] = (times_ns // form.epoch_ns).tolist()
    return told


def rfc3339(time_ns: int, zone: tzinfo | None) -> str:
    """A moment with as many decimals as it needs; in UTC it ends in Z."""
    whole_s, rest_ns = divmod(time_ns, SECOND_NS)
    moment = datetime.fromtimestamp(whole_s, zone or UTC)
    decimals = f".{rest_ns:09d}".rstrip("0") if rest_ns else ""
    ahead = moment.utcoffset()
    if not ahead:
        return f"{moment:%Y-%m-%dT%H:%M:%S}{decimals}Z"
    minutes = int(ahead.total_seconds()) // 60
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{moment:%Y-%m-%dT%H:%M:%S}{decimals}{sign}{minutes // 60:02d}:{minutes % 60:02d}"


def _in_chunks(evaluation: Evaluation, form: Form, size: int) -> Iterator[bytes]:
    """A line of JSON for each chunk: of one series, at most `size` rows."""
    for number in range(len(evaluation)):
        waiting: bytes | None = None  # the last chunk says that nothing follows, so each waits for the next
        try:
            for outcome in evaluation.outcomes(number):
                if outcome is None:
                    yield b""
                    continue
                head = _head(outcome)[:-1]
                total = len(outcome.values) if isinstance(outcome, Listing) else len(outcome)
                told = 0
                for part in _rows(outcome, form, size):
                    told += len(part)
                    partial = b',"partial":true' if told < total else b""
                    if waiting is not None:
                        yield waiting + b',"partial":true}]}\n'
                    waiting = b'{"results":[{"statement_id":%d,"series":[%s,"values":%s%s}]' % (
                        number,
                        head,
                        orjson.dumps(part),
                        partial,
                    )
        except Unanswered as error:
            if waiting is not None:
                yield waiting + b',"partial":true}]}\n'
            yield b'{"results":[{"statement_id":%d,"error":%s}]}\n' % (number, orjson.dumps(str(error)))
        else:
            yield b'{"results":[{"statement_id":%d}]}\n' % number if waiting is None else waiting + b"}]}\n"


def refusal(error: str) -> bytes:
    """A request that was refused whole."""
    return orjson.dumps({"error": error}) + b"\n"
