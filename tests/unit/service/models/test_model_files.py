import hashlib
import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from detectors.models.watch import ModelWatch
from domain.errors import DamagedFile
from domain.models import ModelKind
from service.config.shape.models import ModelText
from service.models.files import MOST_BYTES, content_hash, installed, library, read_model, write_model
from service.models.runs import PhaseRun
from service.models.training import Training, filled, train
from tests.unit.detectors.small_models import dose

TEXT = {
    "kind": "multivariate",
    "units": ["R101"],
    "phase": "dose",
    "parameters": ["TT", "PT"],
    "every": "2s",
    "lags": 1,
}
WHO = Training("dose", "Ada", 5, 0, 10**18)


def runs(count=12, cells=200):
    return [PhaseRun(f"R101/B-{n}/dose-1", "R101", f"B-{n}", n * 10**12, dose(70 + n, cells)) for n in range(count)]


def trained(**changed):
    return train(ModelText(**{**TEXT, **changed}), runs(24 if changed.get("kind") == "batch" else 12), WHO)


def written(folder, **changed):
    made = trained(**changed)
    file = folder / "dose.npz"
    return file, write_model(file, made.description, made.arrays)


@pytest.mark.parametrize("kind", ModelKind)
def test_a_model_comes_back_as_it_was_written(tmp_path, kind):
    file, hash_ = written(tmp_path, kind=kind.value)

    told = read_model(file)

    assert told.model.hash == hash_
    assert told.description == trained(kind=kind.value).description
    for name, array in trained(kind=kind.value).arrays.items():
        assert np.array_equal(told.model.arrays[name], array)
    ModelWatch(told.model)


def test_training_tells_where_the_model_comes_from():
    told = trained().description

    assert (told.fitted_runs, told.limit_runs, len(told.runs)) == (9, 9, 12)
    assert (told.trainer, told.trained_ns) == ("Ada", 5)
    assert len(told.data_hash) == len(told.code_hash) == 64
    assert told.metrics["runs"] == 3
    assert told.metrics["hours"] == pytest.approx(3 * 200 * 2 / 3600)


def test_other_data_and_other_settings_make_another_hash(tmp_path):
    _, one = written(tmp_path)
    _, same = written(tmp_path)
    _, other = written(tmp_path, on=3)
    moved = runs()
    moved[0].values[5, 0] += 1e-9

    assert one == same != other
    assert train(ModelText(**TEXT), moved, WHO).description.data_hash != trained().description.data_hash


def test_no_byte_can_be_changed_unseen(tmp_path):
    file, hash_ = written(tmp_path)
    whole = file.read_bytes()
    installed_as = tmp_path / f"{hash_}.npz"
    find = library(tmp_path)
    for at in range(0, len(whole), 97):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        installed_as.write_bytes(damaged)

        found = find(hash_)

        assert found is None or found.hash == hash_
        if found is not None:
            find = library(tmp_path)  # a byte of the zip that means nothing


def changed(file, **members):
    """The file with other members; None takes one out."""
    with zipfile.ZipFile(file) as archive:
        there = {each.filename: archive.read(each) for each in archive.infolist()}
    there |= {f"{name}.npy" if "." not in name else name: data for name, data in members.items()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in there.items():
            if data is not None:
                archive.writestr(name, data)
    return file


def packed(array):
    told = io.BytesIO()
    np.save(told, array, allow_pickle=True)
    return told.getvalue()


class Bomb:
    def __reduce__(self):
        return (print, ("unpickled",))


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"mean": packed(np.array([Bomb()], dtype=object))}, "no array of float64"),
        ({"mean": pickle.dumps(Bomb())}, "no array of float64"),
        ({"mean": packed(np.zeros(2)).replace(b"(2,), }" + b" " * 14, b"(1000000000000000,), }")}, "claims the shape"),
        ({"mean": packed(np.zeros(2)) + bytes(8)}, "claims the shape"),
        ({"mean": packed(np.zeros(2))[:-8]}, "claims the shape"),
        ({"mean": b"\x93NUMPY\x01\x00\x06\x00(((((("}, "no array of float64"),
        ({"error_lam": packed(np.array([1.0, 0.3, 1.1]))}, "error_lam is above 1"),
        ({"mean": packed(np.zeros(2, np.float32))}, "no array of float64"),
        ({"mean": packed(np.zeros((2, 1, 1, 1)))}, "no array of float64"),
        ({"mean": packed(np.array([1.0, np.nan]))}, "no number"),
        ({"mean": packed(np.zeros(3))}, "mean has the shape"),
        ({"sigma": packed(np.zeros(2))}, "sigma is not above 0"),
        ({"limits": packed(np.array([1.0, -1.0]))}, "limits is not above 0"),
        ({"more": packed(np.zeros(2))}, "unexpected keyword"),
        ({"mean": None}, "missing"),
        ({"mean": b"no array"}, "no model that can be read"),
        ({"description.json": None}, "has no description.json"),
        ({"description.json": b"{}"}, "Field required"),
        ({"../../evil.npy": packed(np.zeros(2))}, "a member is called"),
    ],
)
def test_what_is_no_model_is_refused_and_says_why(tmp_path, capsys, members, why):
    file, _ = written(tmp_path)

    with pytest.raises(DamagedFile, match=r"dose\.npz") as refused:
        read_model(changed(file, **members))

    assert why in str(refused.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("field", "value"), [("every_ns", 0), ("on", "2"), ("kind", "oracle"), ("format", 2), ("extra", 1)]
)
def test_a_description_that_is_out_of_bounds_is_refused(tmp_path, field, value):
    file, _ = written(tmp_path)
    with zipfile.ZipFile(file) as archive:
        description = json.loads(archive.read("description.json"))

    with pytest.raises(DamagedFile):
        read_model(changed(file, **{"description.json": json.dumps({**description, field: value}).encode()}))


def test_a_file_that_would_unpack_to_too_much_is_not_read(tmp_path):
    file = tmp_path / "bomb.npz"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mean.npy", b"\0" * (MOST_BYTES + 1))

    with pytest.raises(DamagedFile, match="members of"):
        read_model(file)


def test_a_file_that_does_not_tell_its_measures_keeps_the_hash_that_it_had(tmp_path):
    made = trained()
    told = made.description.model_dump()
    del told["measures"]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode())
    for name in sorted(made.arrays):
        array = made.arrays[name]
        digest.update(f"\0{name}\0{array.shape}\0".encode() + array.tobytes())

    file, hash_ = written(tmp_path)

    assert hash_ == digest.hexdigest()
    assert read_model(file).model.measures == ()


def test_what_the_parameters_are_counted_in_belongs_to_the_model(tmp_path):
    made = train(ModelText(**TEXT), runs(), WHO, ["degC", "bar gauge"])
    write_model(tmp_path / "dose.npz", made.description, made.arrays)
    few = made.description.model_copy(update={"measures": ["degC"]})

    assert read_model(tmp_path / "dose.npz").model.measures == ("degC", "bar gauge")
    assert content_hash(made.description, made.arrays) != content_hash(trained().description, made.arrays)
    write_model(tmp_path / "few.npz", few, made.arrays)
    with pytest.raises(DamagedFile, match="1 measures of 2 parameters"):
        read_model(tmp_path / "few.npz")


def test_a_library_gives_what_is_installed_and_nothing_else(tmp_path):
    file, hash_ = written(tmp_path)
    (tmp_path / f"{hash_}.npz").write_bytes(file.read_bytes())
    find = library(tmp_path)

    assert find(hash_).hash == hash_
    assert find("f" * 64) is None
    assert find("../dose") is None
    assert [each.model.hash for each in installed(tmp_path)] == [hash_, hash_]


def test_a_run_with_holes_is_held_and_begins_where_every_tag_was_heard():
    nan = np.nan
    values = np.array([[nan, 1.0], [2.0, nan], [nan, nan], [3.0, 4.0]])

    assert filled(values).tolist() == [[2.0, 1.0], [2.0, 1.0], [3.0, 4.0]]
