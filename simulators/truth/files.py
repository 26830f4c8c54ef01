"""Truth on disk: `truth.parquet` and `truth.json` say the same, `true_values.parquet` is what was really so.

`truth.json` is an object with `header` and `labels`; in `truth.parquet` labels are rows and the header is the file's
metadata under `thermowell.truth`. Times are UTC ns of the plant.
"""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from domain.errors import DamagedFile, NewerFormat
from simulators.truth.labels import Label, LabelKind
from simulators.truth.told import Json, flag, mapping, moment, number, rows, text, texts, whole
from simulators.truth.truth import FORMAT, NO_VALUES, Header, PhaseSpan, Place, RangeRow, Truth, Values

TRUTH_PARQUET: Final = "truth.parquet"
TRUTH_JSON: Final = "truth.json"
TRUE_VALUES: Final = "true_values.parquet"
_HEADER_KEY: Final = b"thermowell.truth"

_LABELS: Final = pa.schema(
    [
        ("kind", pa.string()),
        ("id", pa.string()),
        ("what", pa.string()),
        ("subject", pa.string()),
        ("unit", pa.string()),
        ("onset_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("batch", pa.string()),
        ("phase", pa.string()),
        ("visible_ns", pa.int64()),
        ("seen_on", pa.list_(pa.string())),
        ("hidden", pa.bool_()),
        ("effect_end_ns", pa.int64()),
        ("because", pa.string()),
    ]
)
_VALUES: Final = pa.schema(
    [("time_ns", pa.int64()), ("tag", pa.dictionary(pa.int32(), pa.string())), ("value", pa.float64())]
)


def write_truth(truth: Truth, folder: Path) -> None:
    """Write the three files into a folder that exists."""
    labels = [_row(label) for label in truth.labels]
    header = asdict(truth.header)
    told = json.dumps({"header": header, "labels": labels}, indent=1, ensure_ascii=False)
    (folder / TRUTH_JSON).write_text(told + "\n", encoding="utf-8")
    metadata = {_HEADER_KEY: json.dumps(header, ensure_ascii=False).encode()}
    table = pa.Table.from_pylist(labels, _LABELS.with_metadata(metadata))
    pq.write_table(table, folder / TRUTH_PARQUET)
    values = truth.values
    tags = pa.DictionaryArray.from_arrays(pa.array(values.tag, pa.int32()), pa.array(truth.tags, pa.string()))
    columns = [pa.array(values.time_ns), tags, pa.array(values.value)]
    pq.write_table(pa.Table.from_arrays(columns, schema=_VALUES), folder / TRUE_VALUES, compression="zstd")


def read_truth(path: Path) -> Truth:
    """Read labels and header from `truth.parquet` or `truth.json`, and the true values where they lie beside it.

    A folder means the file in it. DamagedFile names a file that cannot be read, or says what is wrong in it.
    """
    file = path / TRUTH_PARQUET if path.is_dir() else path
    try:
        header, labels = _told_by_parquet(file) if file.suffix == ".parquet" else _told_by_json(file)
        if whole(header, "format") > FORMAT:
            raise NewerFormat(f"{file}: its format is {header['format']}, this program knows {FORMAT}")
        tags, values = _read_values(file.with_name(TRUE_VALUES))
        return Truth(_header(header), tuple(_label(row) for row in labels), tags, values)
    except FileNotFoundError as error:
        raise DamagedFile(f"{file}: there is no such file") from error
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise DamagedFile(f"{file}: this is no truth that can be read: {error}") from error


def _row(label: Label) -> dict[str, object]:
    return {**asdict(label), "kind": label.kind.value, "seen_on": list(label.seen_on)}


def _told_by_parquet(file: Path) -> tuple[Json, list[Json]]:
    table = pq.read_table(file)
    metadata = table.schema.metadata or {}
    if _HEADER_KEY not in metadata:
        raise ValueError("it has no header of ours")
    return json.loads(metadata[_HEADER_KEY]), table.to_pylist()


def _told_by_json(file: Path) -> tuple[Json, list[Json]]:
    told = json.loads(file.read_text(encoding="utf-8"))
    return told["header"], told["labels"]


def _read_values(file: Path) -> tuple[tuple[str, ...], Values]:
    if not file.exists():
        return (), NO_VALUES
    table = pq.read_table(file, schema=_VALUES).combine_chunks()
    tags = table["tag"].combine_chunks() if table.num_rows else pa.array([], _VALUES.field("tag").type)
    values = Values(
        table["time_ns"].to_numpy().astype(np.int64),
        tags.indices.to_numpy().astype(np.int32),
        table["value"].to_numpy().astype(np.float64),
    )
    return tuple(tags.dictionary.to_pylist()), values


def _header(told: Json) -> Header:
    place = [Place(text(each, "unit"), texts(each, "tags"), texts(each, "neighbours")) for each in rows(told, "places")]
    ranges = [
        RangeRow(
            text(each, "phase"),
            text(each, "role"),
            text(each, "kind"),
            number(each, "low"),
            number(each, "high"),
            whole(each, "after_s"),
        )
        for each in rows(told, "ranges")
    ]
    phases = [
        PhaseSpan(
            text(each, "unit"),
            text(each, "batch"),
            text(each, "phase"),
            whole(each, "start_ns"),
            moment(each, "end_ns"),
        )
        for each in rows(told, "phases")
    ]
    served, twins = mapping(told, "served"), mapping(told, "twins")
    return Header(
        scenario=text(told, "scenario"),
        seed=whole(told, "seed"),
        start_ns=whole(told, "start_ns"),
        lasts_s=whole(told, "lasts_s"),
        version=text(told, "version"),
        batches=whole(told, "batches"),
        places=tuple(place),
        served={server: texts(served, server) for server in served},
        ranges=tuple(ranges),
        phases=tuple(phases),
        twins={quantity: texts(twins, quantity) for quantity in twins},
        format=whole(told, "format"),
    )


def _label(row: Json) -> Label:
    unknown = row.keys() - {each.name for each in fields(Label)}
    if unknown:
        raise ValueError(f"label {row.get('id')!r} has an unknown field {min(unknown)!r}")
    return Label(
        kind=LabelKind(text(row, "kind")),
        id=text(row, "id"),
        what=text(row, "what"),
        subject=text(row, "subject"),
        unit=text(row, "unit"),
        onset_ns=whole(row, "onset_ns"),
        end_ns=moment(row, "end_ns"),
        batch=text(row, "batch"),
        phase=text(row, "phase"),
        visible_ns=moment(row, "visible_ns"),
        seen_on=texts(row, "seen_on"),
        hidden=flag(row, "hidden"),
        effect_end_ns=moment(row, "effect_end_ns"),
        because=text(row, "because"),
    )
