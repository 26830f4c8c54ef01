"""What passes is counted by source, and what a follower lacks has an age."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from domain.entries import Gap, GapCause, Heartbeat, Position
from domain.figures import Reading
from domain.ports import Delivery
from domain.samples import SampleBatch
from service.behind import FollowersLook
from service.machine import Certificates, ClockWatch, Machine, is_synchronised
from service.tally import FollowerTally, Milestones, SourceTally, TalliedIntake
from service.telling.standing import ToldTally
from tests.certificates import make
from tests.checks.records import finding

S = 10**9


def rows(source: str, received_s: float, *times_s: float) -> SampleBatch:
    times = np.array([round(each * S) for each in times_s], np.int64)
    zeros = np.zeros(len(times), np.uint32)
    return SampleBatch(source, round(received_s * S), zeros, times, None, np.zeros(len(times)), zeros)


def delivery(batch: SampleBatch) -> Delivery:
    return Delivery(batch.source, [batch], len(batch), lambda: None)


def values(readings: object, name: str) -> dict[tuple[str, ...], float]:
    return {each.labels: each.value for each in readings if each.name == name}  # type: ignore[attr-defined]


def test_of_late_and_live_rows_between_two_looks_the_live_ones_say_how_late_a_source_is():
    now = [0.0]
    tally = SourceTally(lambda: now[0])
    lag = "thermowell_source_lag_seconds"
    tally.delivered(delivery(rows("floor", 100, 40, 99)))
    tally.delivered(delivery(rows("floor", 101, 20)))
    both = values(tally.figures(), lag)
    tally.delivered(delivery(rows("floor", 200, 50)))
    late_alone = values(tally.figures(), lag)
    now[0] = 61.0

    assert (both, late_alone, values(tally.figures(), lag)) == ({("floor",): 1.0}, {("floor",): 150.0}, {})


def test_a_source_is_told_by_its_newest_heartbeat():
    tally = SourceTally()
    tally.beat(Heartbeat("floor", 90 * S, connected=True, heard_ns=88 * S))
    tally.beat(Heartbeat("floor", 100 * S, connected=False, heard_ns=70 * S, skew_ns=-2 * S))
    tally.beat(Heartbeat("new", 100 * S, connected=False))
    told = [(each.name.removeprefix("thermowell_source_"), each.labels[0], each.value) for each in tally.figures()]

    assert told == [
        ("connected", "floor", 0),
        ("silence_seconds", "floor", 30.0),
        ("clock_skew_seconds", "floor", -2.0),
        ("connected", "new", 0),
    ]


async def test_what_the_journal_refuses_is_not_tallied():
    class Refusing:
        async def room(self) -> None:
            pass

        def submit(self, delivery: Delivery) -> None:
            raise OSError(delivery.source)

        async def append(self, *entries: object) -> Position:
            return Position(len(entries))

    tally = SourceTally()
    intake = TalliedIntake(Refusing(), tally)
    with pytest.raises(OSError, match="floor"):
        intake.submit(delivery(rows("floor", 100, 99)))
    assert await intake.append(Heartbeat("floor", S, connected=True)) == 1

    assert [each.name for each in tally.figures()] == ["thermowell_source_connected"]


def test_a_gap_that_opens_is_told_again_and_closes_is_one():
    tally = FollowerTally("thermowell_samples_stored_total", "thermowell_store_write_seconds")

    def gap(name: str, end_s: int | None) -> Gap:
        return Gap(name, "floor", None, S, None if end_s is None else end_s * S, GapCause.DISCONNECT, "")

    for entry in (
        gap("a", None),
        gap("a", None),
        gap("a", 5),
        gap("b", 9),
        rows("floor", 9, 7, 8),
        rows("floor", 9, 9),
    ):
        tally.took(entry, 0.5)
    told = list(tally.figures())

    assert values(told, "thermowell_gaps_total") == {("floor", str(GapCause.DISCONNECT)): 2}
    assert values(told, "thermowell_samples_stored_total") == {("floor",): 3}
    assert tally.seconds.reading().value.total == 3.0  # type: ignore[union-attr]


def test_the_age_of_what_is_lacking_counts_from_its_commit_also_hours_behind():
    marks = Milestones()
    for second in range(20_000):
        marks.passed(Position(second), float(second), Position(0))

    assert marks.behind_s(Position(19_999), 20_000.0) == 0.0
    assert marks.behind_s(Position(0), 20_000.0) == pytest.approx(19_999, rel=0.01)
    assert marks.behind_s(Position(10_000), 20_000.0) == pytest.approx(9_999, rel=0.02)


def test_a_follower_that_stands_gets_older_and_one_at_the_end_is_not_behind():
    now, last, store = [0.0], [10], [10]
    look = FollowersLook(
        lambda: Position(last[0]),
        {"store": lambda: Position(store[0]), "judge": lambda: Position(10)},
        lambda: Position(store[0]),
        lambda: now[0],
    )
    list(look.figures())
    now[0], last[0], store[0] = 1.0, 15, 15
    list(look.figures())
    now[0] = 41.0
    told = list(look.figures())

    assert values(told, "thermowell_follower_behind_seconds") == {("store",): 0.0, ("judge",): 40.0}
    assert values(told, "thermowell_follower_behind_entries") == {("store",): 0, ("judge",): 5}
    assert values(told, "thermowell_buffer_oldest_seconds") == {("judge",): 40.0, ("store",): 0.0}


def test_a_clock_that_is_set_is_a_jump_and_one_that_is_slewed_is_not():
    watch = ClockWatch()
    for wall_s, monotonic_s in ((100.0, 0.0), (110.5, 10.0), (121.4, 20.0), (200.0, 30.0), (30.0, 40.0), (40.0, 50.0)):
        watch.look(round(wall_s * S), round(monotonic_s * S))

    assert (watch.jumps, watch.last_jump_s) == (2, 40.0)


def test_the_machine_tells_its_disk_its_clock_and_every_certificate_that_can_be_read(tmp_path: Path):
    trusted = tmp_path / "trusted"
    end_s = time.time() + 5 * 86_400
    make(trusted, begin=-1, days=6)
    (trusted / "broken.der").write_bytes(b"no certificate")
    machine = Machine(tmp_path, tmp_path, Certificates([("own", tmp_path / "absent.der"), ("trusted", trusted)]))
    told = list(machine.figures())
    disk = os.statvfs(tmp_path)

    assert values(told, "thermowell_disk_size_bytes") == {(): disk.f_blocks * disk.f_frsize}
    assert 0 < values(told, "thermowell_process_open_fds")["core",] < 10_000
    ends = values(told, "thermowell_certificate_expiry_timestamp_seconds")
    assert ends == {("trusted/plant.pem",): pytest.approx(end_s, abs=60)}
    renewals = values(told, "thermowell_certificate_renewal_timestamp_seconds")
    assert renewals == {("trusted/plant.pem",): pytest.approx(end_s - 2 * 86_400, abs=60)}
    assert [each for each in told if each.name == "thermowell_clock_synchronised"] == (
        [] if is_synchronised() is None else [Reading("thermowell_clock_synchronised", int(bool(is_synchronised())))]
    )


def test_to_look_at_a_count_does_not_change_it():
    tally, told = FollowerTally("thermowell_samples_stored_total", "thermowell_store_write_seconds"), ToldTally(())
    tally.took(rows("floor", 9, 7, 8), 0.5)
    told.take([finding()], [])

    assert list(tally.figures()) == list(tally.figures())
    assert list(told.figures()) == list(told.figures())
    assert values(told.figures(), "thermowell_findings_total") == {(finding().rule.partition(".")[0],): 1}
