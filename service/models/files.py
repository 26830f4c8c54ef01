"""Model files: one zip of arrays and a JSON description, verified by its hash. Nothing in it is ever unpickled.

`description.json` says what the model is and where it comes from; every other member is `NAME.npy`, float64. The hash
is SHA-256 over the description (without the hash, keys sorted) and, in the order of their names, over each array's
name, shape and bytes; so it does not depend on how the zip was written.
"""

import hashlib
import io
import json
import logging
import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detectors.models.multivariate import Multivariate
from detectors.models.watch import fitted
from domain.errors import DamagedFile
from domain.models import Library, Model, ModelKind

log = logging.getLogger(__name__)

MOST_BYTES = 64_000_000
"""Of all members unpacked; a file that claims more is not read."""

_MOST_MEMBERS = 32
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(?P<length>..)"
    rb"\{'descr': '<f8', 'fortran_order': False, 'shape': \((?P<shape>(?:\d{1,18}(?:,|, |(?=\)))){0,3})\), \} *\n",
    re.DOTALL,
)
"""Of an array by rows, version 1.0 of numpy's format."""
_DESCRIPTION = "description.json"
_WHEN = (1980, 1, 1, 0, 0, 0)  # the same in every file: what was written alike is alike


class Description(BaseModel):
    """What stands in a model file beside the arrays; durations and times in ns."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: int = Field(ge=1, le=1)
    name: str = Field(min_length=1, max_length=100)
    kind: str
    trainer: str = Field(min_length=1)
    trained_ns: int
    units: list[str] = Field(min_length=1, max_length=1000)
    product: str
    phase: str
    parameters: list[str] = Field(min_length=1, max_length=500)
    every_ns: int = Field(ge=100_000_000)
    after_ns: int = Field(ge=0)
    stale_ns: int = Field(ge=1)
    most_missing: float = Field(ge=0, lt=1)
    on: int = Field(ge=1, le=1000)
    off: int = Field(ge=1, le=1000)
    back: float = Field(gt=0, le=1)
    least_references: int = Field(ge=0, le=1000)
    most_references: int = Field(ge=1, le=1000)
    warped: bool
    from_ns: int
    to_ns: int
    runs: list[str]  # in order: those that it was fitted to and its limits are of, then those that it was measured on
    fitted_runs: int
    limit_runs: int
    data_hash: str
    code_hash: str
    metrics: dict[str, float | None]
    measures: list[str] | None = Field(default=None, max_length=500)  # of the parameters; older files do not tell


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model and what is told of its making."""

    model: Model
    description: Description


def content_hash(description: Description, arrays: Mapping[str, NDArray[np.float64]]) -> str:
    """The hash that names a model."""
    digest = hashlib.sha256(_text(description))
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], dtype="<f8")
        digest.update(f"\0{name}\0{array.shape}\0".encode() + array.tobytes())
    return digest.hexdigest()


def _text(description: Description) -> bytes:
    told = description.model_dump()
    if told["measures"] is None:
        del told["measures"]  # a file from before keeps its hash, and so its approval
    return json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def write_model(file: Path, description: Description, arrays: Mapping[str, NDArray[np.float64]]) -> str:
    """Write a model file beside and put it in place; return its hash."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(_DESCRIPTION, _WHEN), _text(description))
        for name in sorted(arrays):
            column = io.BytesIO()
            np.save(column, np.ascontiguousarray(arrays[name], dtype="<f8"), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _WHEN), column.getvalue(), zipfile.ZIP_DEFLATED)
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(file.name + ".part")
    beside.write_bytes(packed.getvalue())
    beside.replace(file)
    return content_hash(description, arrays)


def read_model(file: Path) -> ModelFile:
    """Read and check a model file. DamagedFile says what is wrong with it."""
    try:
        members = _members(file)
        description = Description.model_validate_json(members.pop(_DESCRIPTION))
        arrays = {name.removesuffix(".npy"): _array(name, data) for name, data in members.items()}
        model = _model(description, arrays)
        _check_shapes(model)
    except KeyError as error:
        raise DamagedFile(f"{file}: it has no {_DESCRIPTION}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DamagedFile(f"{file}: {_DESCRIPTION}: {place}: {first['msg']}") from error
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise DamagedFile(f"{file}: this is no model that can be read: {error}") from error
    return ModelFile(model, description)


def _members(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        listed = archive.infolist()
        names = {each.filename for each in listed}
        size = sum(each.file_size for each in listed)
        if len(listed) > _MOST_MEMBERS or len(names) < len(listed) or size > MOST_BYTES:
            raise ValueError(f"{len(listed)} members of {size} bytes")
        for name in names - {_DESCRIPTION}:
            if not name.removesuffix(".npy").isidentifier() or not name.endswith(".npy"):
                raise ValueError(f"a member is called {name!r}")
        return {each.filename: _bounded(archive, each) for each in listed}


def _bounded(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's bytes, no more than it claims to have."""
    with archive.open(member) as stream:
        data = stream.read(member.file_size + 1)
    if len(data) > member.file_size:
        raise ValueError(f"{member.filename} is longer than it says")
    return data


def _array(name: str, data: bytes) -> NDArray[np.float64]:
    """The array of a member: its header is compared, never evaluated, and nothing is made of a shape without bytes."""
    header = _HEADER.match(data)
    if header is None:
        raise ValueError(f"{name} is no array of float64 of up to three dimensions, as numpy writes it")
    shape = tuple(int(length) for length in header["shape"].split(b",") if length.strip())
    size = len(data) - header.end()
    if header.end() != 10 + int.from_bytes(header["length"], "little") or 8 * math.prod(shape) != size:
        raise ValueError(f"{name} claims the shape {shape}, which {size} bytes are not")
    array = np.frombuffer(data, dtype="<f8", offset=header.end()).reshape(shape)
    if not bool(np.isfinite(array).all()):
        raise ValueError(f"{name} has a value that is no number")
    return array


def _model(description: Description, arrays: Mapping[str, NDArray[np.float64]]) -> Model:
    return Model(
        name=description.name,
        kind=ModelKind(description.kind),
        hash=content_hash(description, arrays),
        trainer=description.trainer,
        units=tuple(description.units),
        product=description.product,
        phase=description.phase,
        parameters=tuple(description.parameters),
        every_ns=description.every_ns,
        after_ns=description.after_ns,
        stale_ns=description.stale_ns,
        most_missing=description.most_missing,
        on=description.on,
        off=description.off,
        back=description.back,
        least_references=description.least_references,
        most_references=description.most_references,
        warped=description.warped,
        arrays=arrays,
        measures=tuple(description.measures or ()),
    )


def _check_shapes(model: Model) -> None:
    """ValueError where the arrays do not fit together."""
    if model.measures and len(model.measures) != len(model.parameters):
        raise ValueError(f"{len(model.measures)} measures of {len(model.parameters)} parameters")
    d, inner = len(model.parameters), fitted(model)
    shapes = {name: array.shape for name, array in model.arrays.items()}
    if model.kind is ModelKind.MULTIVARIATE:
        s, r = (inner.error_lam.size, inner.state_lam.size) if isinstance(inner, Multivariate) else (0, 0)
        lags = model.arrays["weights"].size // d // d
        wanted: dict[str, tuple[int, ...]] = {
            "mean": (d,),
            "sigma": (d,),
            "weights": (lags * d, d),
            "limits": (2,),
            "error_lam": (s,),
            "error_whiten": (s, d, d),
            "error_level": (s,),
            "state_lam": (r,),
            "state_whiten": (r, d, d),
            "state_level": (r,),
        }
        positive: tuple[str, ...] = ("sigma", "error_lam", "error_level", "state_lam", "state_level", "limits")
    else:
        cells = model.arrays["course"].size // d
        wanted = {
            "resolution": (d,),
            "course": (cells, d),
            "spread": (cells, d),
            "limits": (2,),
            "feature_mean": (2 * d,),
            "feature_scale": (2 * d,),
        }
        positive = ("spread", "feature_scale", "limits")
    for name, shape in wanted.items():
        if shapes[name] != shape or 0 in shape:
            raise ValueError(f"{name} has the shape {shapes[name]}, not {shape}")
    for name in positive:
        if not bool((getattr(inner, name) > 0).all()):
            raise ValueError(f"{name} is not above 0")
    for name in ("error_lam", "state_lam"):
        if model.kind is ModelKind.MULTIVARIATE and not bool((getattr(inner, name) <= 1).all()):
            raise ValueError(f"{name} is above 1")


def library(folder: Path) -> Library:
    """The models that are installed in a folder, by their hash; each is read once."""
    known: dict[str, Model] = {}

    def find(hash_: str) -> Model | None:
        if hash_ not in known:
            file = folder / f"{hash_}.npz"
            if len(hash_) != 64 or not hash_.isalnum() or not file.is_file():
                return None
            try:
                model = read_model(file).model
            except DamagedFile as error:
                # A damaged model must not stop the rules; the detectors say that it is missing.
                log.error("%s", error)  # noqa: TRY400  the message says all
                return None
            if model.hash != hash_:
                log.error("%s: its content has the hash %s", file, model.hash)
                return None
            known[hash_] = model
        return known[hash_]

    return find


def installed(folder: Path) -> list[ModelFile]:
    """Every model in a folder, by name and time of training."""
    found = [read_model(file) for file in sorted(folder.glob("*.npz"))] if folder.is_dir() else []
    return sorted(found, key=lambda each: (each.model.name, each.description.trained_ns))
