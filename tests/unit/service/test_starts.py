"""A process that ends again and again is noticed, whoever starts it again; one that is stopped in order is not."""

from pathlib import Path

import pytest

from service.starts import failure_figures, noted


def told(run: Path, now_s: float) -> dict[str, float]:
    return {each.labels[0]: each.value for each in failure_figures(run, now_s)}  # type: ignore[misc]


def fails(run: Path, at_s: float, *roles: str) -> None:
    with pytest.raises(OSError, match="taken"), noted(run, roles or ("web",), lambda: at_s):
        raise OSError("the address is taken")


def test_the_first_start_is_no_failure_and_each_after_an_error_is_one_for_ten_minutes(tmp_path: Path):
    fails(tmp_path, 1000)
    fails(tmp_path, 1001)
    fails(tmp_path, 1003)
    fails(tmp_path, 1003, "core", "mirror")

    assert told(tmp_path, 1010) == {"core": 0, "web": 2}
    assert told(tmp_path, 1602) == {"core": 0, "web": 1}
    assert told(tmp_path, 1700) == {"core": 0, "web": 0}


def test_who_is_stopped_in_order_begins_anew(tmp_path: Path):
    fails(tmp_path, 1000)
    with noted(tmp_path, ["web"], lambda: 1001):
        running = told(tmp_path, 1001)

    assert (running, told(tmp_path, 1001)) == ({"web": 1}, {})


def test_a_note_that_was_torn_stops_no_start(tmp_path: Path):
    (tmp_path / "web.starts").write_bytes(b'[1000.0, "')
    with noted(tmp_path, ["web"], lambda: 1001):
        assert told(tmp_path, 1002) == {"web": 1}
