import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from domain.errors import DamagedFile
from historian.chunks.integers import pack_integers, unpack_integers
from historian.chunks.places import ROW_BITS, PlaceGrid, pack_grid, pack_places, unpack_places
from historian.chunks.statuses import pack_statuses, unpack_statuses
from historian.chunks.sums import exact_mean, exact_sum, exact_sums
from historian.chunks.times import pack_times, unpack_times
from historian.chunks.values import pack_values, unpack_values
from historian.memory import exact_mean as plain_mean

SOME = settings(max_examples=30, deadline=None)
lengths = st.integers(1, 200)
integers = arrays.arrays(np.int64, lengths)
near = arrays.arrays(np.int64, lengths, elements=st.integers(-300, 300))
floats = arrays.arrays(np.float64, lengths)
decimals = arrays.arrays(np.int64, lengths, elements=st.integers(-10_000, 10_000)).map(lambda whole: whole / 100)
bits = integers.map(lambda numbers: numbers.view(np.float64))
finite = arrays.arrays(
    np.float64, lengths, elements=st.floats(allow_nan=False, allow_infinity=False, min_value=-1e200, max_value=1e200)
)


@SOME
@given(st.one_of(integers, near, near.map(np.cumsum)), st.booleans())
def test_integers_come_back(numbers: np.ndarray, steady: bool) -> None:
    assert unpack_integers(pack_integers(numbers, steady=steady)).tolist() == numbers.tolist()


@SOME
@given(st.one_of(integers, near.map(lambda n: np.cumsum(np.abs(n)) * 1_000_000)))
def test_times_come_back(time_ns: np.ndarray) -> None:
    assert unpack_times(pack_times(time_ns)).tolist() == time_ns.tolist()


@SOME
@given(st.one_of(floats, decimals, bits), st.one_of(st.none(), st.integers(0, 6)))
def test_values_come_back_to_the_bit(value: np.ndarray, likely: int | None) -> None:
    back = unpack_values(pack_values(value, likely)[0])

    assert back.view(np.int64).tolist() == value.view(np.int64).tolist()


@SOME
@given(decimals, floats)
def test_odd_values_among_decimals_come_back(value: np.ndarray, odd: np.ndarray) -> None:
    value = np.tile(value, 40)
    value[: len(odd) // 8] = odd[: len(odd) // 8]

    assert unpack_values(pack_values(value)[0]).view(np.int64).tolist() == value.view(np.int64).tolist()


@SOME
@given(arrays.arrays(np.uint32, lengths, elements=st.sampled_from([0, 0x480, 0x8000_0000, 0xFFFF_FFFF])))
def test_status_codes_come_back(status: np.ndarray) -> None:
    assert unpack_statuses(pack_statuses(status), len(status)).tolist() == status.tolist()


@SOME
@given(arrays.arrays(np.int64, lengths, elements=st.integers(0, 2**62)), st.booleans())
def test_places_come_back(place: np.ndarray, of_one_tag: bool) -> None:
    assert unpack_places(pack_places(place, of_one_tag=of_one_tag)).tolist() == place.tolist()


@SOME
@given(st.data())
def test_a_grid_of_places_comes_back_but_for_what_is_missing(data: st.DataObject) -> None:
    tags, count = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 40))
    scans = np.arange(count) // 5 << ROW_BITS
    place = (scans + np.arange(count) % 5 * 100)[None] + np.arange(tags)[:, None]
    for _ in range(data.draw(st.integers(0, 12))):
        slot, at = data.draw(st.integers(0, tags - 1)), data.draw(st.integers(0, count - 1))
        place[slot:, at] += data.draw(st.integers(-3, 2**30))
    lacking = {
        slot: np.array(sorted(data.draw(st.sets(st.integers(0, count - 1), max_size=count))), np.int64)
        for slot in range(tags)
        if data.draw(st.booleans())
    }
    given_places = place.copy()
    for slot, missing in lacking.items():
        given_places[slot, missing] = 0
    grid = PlaceGrid(pack_grid(given_places, lacking))

    for slot in range(tags):
        there = np.ones(count, bool)
        there[lacking.get(slot, [])] = False
        assert grid.column(slot)[there].tolist() == place[slot][there].tolist()


@SOME
@given(st.one_of(finite, decimals), st.integers(1, 9))
def test_sums_are_exact_or_say_that_they_are_not(value: np.ndarray, cells: int) -> None:
    starts = np.unique(np.linspace(0, len(value) - 1, cells).astype(np.intp))
    sums = exact_sums(value, starts)

    for cell, part in enumerate(np.split(value, starts[1:])):
        if sums.exact[cell]:
            both = [float(sums.high[cell]), float(sums.low[cell])]
            peak = float(np.abs(part).max())
            assert exact_mean(both, len(part), peak) == plain_mean(part.tolist())
            assert exact_sum(part) == (*both, True)


def test_sums_of_plain_measurements_are_exact() -> None:
    value = np.round(np.random.default_rng(1).normal(70, 20, 3600), 2)

    assert exact_sums(value, np.array([0])).exact.all()


@pytest.mark.parametrize("unpack", [unpack_integers, unpack_times, unpack_values, unpack_places])
@pytest.mark.parametrize("packed", [b"", b"\1", b"\xff" * 40, b"\0" * 9])
def test_damaged_columns_are_called_so(unpack: object, packed: bytes) -> None:
    with pytest.raises((DamagedFile, ValueError)):
        unpack(packed)  # type: ignore[operator]
