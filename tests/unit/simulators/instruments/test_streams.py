import numpy as np
import pytest
from numpy.typing import NDArray

from simulators.instruments.panel import Instrument, Panel
from simulators.instruments.streams import Keys, keys, polar, uniform

Draws = NDArray[np.float64]
KINDS = ("temperature", "ph", "level", "valve", "total")


def run(names: list[str], seed: int = 1, broken: str | None = None, steps: int = 60) -> dict[str, list[float]]:
    """What each of some instruments reports, at rhythms of their own."""
    kinds = [KINDS[int(name[1:]) % len(KINDS)] for name in names]
    panel = Panel(
        [Instrument(name, kind, 1 + int(name[1:]) % 4) for name, kind in zip(names, kinds, strict=True)], seed
    )
    told: dict[str, list[float]] = {name: [] for name in names}
    for second in range(steps):
        if broken is not None and second > 10:
            condition, index = panel.condition, panel.index[broken]
            condition.spike_probability[index] = condition.bad_probability[index] = 0.5
            condition.noise_factor[index], condition.spike_size[index] = 7.0, 3.0
        panel.advance(np.full(len(names), 8.0 + second / 100), 1)
        readings = panel.read(panel.due(second))
        for index, value in zip(readings.instrument, readings.value, strict=True):
            told[names[index]].append(value)
    return told


def test_the_same_seed_gives_the_same_bits() -> None:
    names = [f"t{number}" for number in range(40)]

    assert run(names) == run(names)
    assert run(names) != run(names, seed=2)


def test_other_tags_change_nothing() -> None:
    few = run(["t3", "t11", "t26"])
    many = run([f"t{number}" for number in reversed(range(50))])

    assert all(many[name] == values for name, values in few.items())


def test_a_fault_on_one_tag_leaves_the_others_as_they_are() -> None:
    names = [f"t{number}" for number in range(30)]
    healthy, broken = run(names), run(names, broken="t11")

    assert {name for name in names if healthy[name] != broken[name]} == {"t11"}


def test_reading_twice_at_one_time_gives_the_same() -> None:
    panel = Panel([Instrument("A.T", "ph", 1)], 1)
    panel.advance(np.array([7.0]), 1)
    first = panel.read(np.array([0])).value[0]

    assert panel.read(np.array([0])).value[0] == first


def normals(of: Keys, tick: int, purpose: int) -> tuple[Draws, Draws]:
    radius, angle = (part.astype(np.float64) for part in polar(of, tick, purpose))
    return radius * np.cos(angle), radius * np.sin(angle)


def test_draws_of_names_times_and_purposes_are_independent() -> None:
    of = keys([f"t{number}" for number in range(20_000)], 1)
    columns = np.concatenate([normals(of, tick, purpose) for tick in (1000, 1001, 2000) for purpose in range(5)])

    assert np.abs(np.corrcoef(columns) - np.eye(30)).max() < 0.04
    assert np.abs(np.corrcoef(columns**2) - np.eye(30)).max() < 0.04
    assert abs(np.corrcoef(columns[0][1:], columns[0][:-1])[0, 1]) < 0.03


def test_draws_have_the_moments_that_they_should() -> None:
    of = keys([f"t{number}" for number in range(1000)], 7)
    drawn = np.concatenate([np.concatenate(normals(of, tick, 0)) for tick in range(150)])
    uniforms = np.concatenate([uniform(of, tick, 3) for tick in range(300)])

    assert drawn.mean() == pytest.approx(0.0, abs=0.01)
    assert drawn.var() == pytest.approx(1.0, rel=0.01)
    assert (drawn**4).mean() == pytest.approx(3.0, rel=0.03)
    assert np.histogram(uniforms, 10, (0, 1))[0] == pytest.approx(30_000, rel=0.03)


def test_times_before_the_origin_are_times_too() -> None:
    of = keys(["A.T"], 1)

    assert np.isfinite(normals(of, -5, 0)).all()
    assert normals(of, -5, 0) != normals(of, 5, 0)
