"""What every `HistoryReader` and every `Store` must do.

Inherit `HistoryChecks` (and `StoreChecks`) and give them a fixture `rig`. A rig writes to whatever stands behind the
history, and `settle` lets rows move on (to a sealed file, say), which must change no answer.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pytest

from domain.entries import START, Position
from domain.ports import Buckets, HistoryReader, Rows, Store
from domain.samples import SampleBatch
from domain.status import BAD, BAD_NO_COMMUNICATION, OVERFLOW, TIME_FROM_SERVER, UNCERTAIN

T0_NS = 1_760_000_400_000_000_000
S = 1_000_000_000
NAN, INF = float("nan"), float("inf")

Sample = tuple[int, float, float] | tuple[int, float, float, int]
"""Tag, seconds after T0, value, and status (Good if left out)."""


def batch(*samples: Sample, received_s: float = 0.0) -> SampleBatch:
    """One entry's rows."""
    filled = [(*sample, 0)[:4] for sample in samples]
    return SampleBatch(
        "plant",
        T0_NS + int(received_s * S),
        np.array([sample[0] for sample in filled], np.uint32),
        np.array([T0_NS + round(sample[1] * S) for sample in filled], np.int64),
        None,
        np.array([sample[2] for sample in filled], np.float64),
        np.array([sample[3] for sample in filled], np.uint32),
    )


class Rig(Protocol):
    """A history under test."""

    @property
    def history(self) -> HistoryReader: ...

    def write(self, at: int, batch: SampleBatch) -> None: ...

    def settle(self) -> None: ...


class StoreRig(Rig, Protocol):
    """A store under test."""

    @property
    def store(self) -> Store: ...


def written(rig: Rig, *entries: Sequence[Sample]) -> HistoryReader:
    """Write entries from 1 on, settling after each."""
    for at, samples in enumerate(entries, 1):
        rig.write(at, batch(*samples))
        rig.settle()
    return rig.history


def all_of(history: HistoryReader, tag: int, **how: object) -> Rows:
    """Every row of a tag around T0."""
    return history.read(tag, T0_NS - 86_400 * S, T0_NS + 86_400 * S, **how)  # type: ignore[arg-type]


def shown(rows: Rows) -> list[tuple[float, float, int]]:
    """Seconds, value and status of rows; NaN as None, to compare."""
    return [
        ((time_ns - T0_NS) / S, None if value != value else value, status)  # type: ignore[misc]
        for time_ns, value, status in zip(rows.time_ns.tolist(), rows.value.tolist(), rows.status.tolist(), strict=True)
    ]


def places(rows: Rows) -> list[tuple[int, int]]:
    """Entry and row of rows."""
    return list(zip(rows.entry.tolist(), rows.row.tolist(), strict=True))


def figures(buckets: Buckets, number: int = 0) -> tuple[float, ...]:
    """First, minimum, maximum, last, mean, count and bad of one bucket."""
    return tuple(
        getattr(buckets, name)[number].item()
        for name in ("first", "minimum", "maximum", "last", "mean", "count", "bad")
    )


class HistoryChecks:
    """What may be asked of any history, and the answers."""

    def test_nothing_is_known_of_a_tag_without_rows(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 1.0)])

        assert len(all_of(history, 2)) == 0
        assert len(history.at_time(2, T0_NS)) == 0
        assert len(history.aggregate(2, T0_NS, T0_NS + S, 3).start_ns) == 0
        assert history.latest([2]).tag.tolist() == []

    def test_rows_come_back_in_the_order_of_time(self, rig: Rig) -> None:
        history = written(rig, [(1, 2, 20.0), (2, 0, 5.0), (1, 1, 10.0)], [(1, 3, 30.0)])

        assert shown(all_of(history, 1)) == [(1, 10.0, 0), (2, 20.0, 0), (3, 30.0, 0)]

    def test_every_row_keeps_its_place_in_the_journal(self, rig: Rig) -> None:
        history = written(rig, [(1, 2, 20.0), (2, 0, 5.0), (1, 1, 10.0)], [(2, 4, 1.0), (1, 3, 30.0)])

        assert places(all_of(history, 1)) == [(1, 2), (1, 0), (2, 1)]

    def test_start_belongs_to_the_answer_and_end_does_not(self, rig: Rig) -> None:
        history = written(rig, [(1, second, float(second)) for second in range(5)])

        assert shown(history.read(1, T0_NS + S, T0_NS + 3 * S)) == [(1, 1.0, 0), (2, 2.0, 0)]

    def test_values_and_status_codes_keep_every_bit(self, rig: Rig) -> None:
        odd_nan = np.array([0x7FF0_0000_0000_0123], np.int64).view(np.float64)[0]
        values = [-0.0, 0.0, NAN, INF, -INF, 5e-324, 0.1 + 0.2, 2.0**53, odd_nan, 1e300]
        codes = [0, OVERFLOW, UNCERTAIN | 0x0090_0000, BAD_NO_COMMUNICATION, 0xFFFF_FFFF, TIME_FROM_SERVER]
        samples = [(1, float(at), value, codes[at % len(codes)]) for at, value in enumerate(values)]

        rows = all_of(written(rig, samples), 1)

        assert rows.value.view(np.int64).tolist() == np.array(values).view(np.int64).tolist()
        assert rows.status.tolist() == [sample[3] for sample in samples]

    def test_a_row_that_comes_again_is_there_once_at_its_first_place(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 1.0), (1, 1, 2.0), (1, 1, 2.0)], [(1, 0, 1.0)], [(1, 0, 1.0), (1, 1, 2.0)])

        assert shown(all_of(history, 1, versions=True)) == [(0, 1.0, 0), (1, 2.0, 0)]
        assert places(all_of(history, 1, versions=True)) == [(1, 0), (1, 1)]

    def test_minus_zero_and_zero_are_two_versions(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 0.0)], [(1, 0, -0.0)])

        assert len(all_of(history, 1, versions=True)) == 2

    def test_nan_that_comes_again_is_a_duplicate(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, NAN)], [(1, 0, NAN)])

        assert len(all_of(history, 1, versions=True)) == 1

    def test_a_correction_is_the_newest_version_and_the_older_one_stays(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 1.0), (1, 1, 2.0)], [(1, 0, 1.5)])

        assert shown(all_of(history, 1)) == [(0, 1.5, 0), (1, 2.0, 0)]
        assert shown(all_of(history, 1, versions=True)) == [(0, 1.0, 0), (0, 1.5, 0), (1, 2.0, 0)]

    def test_two_versions_in_one_entry_are_ordered_by_row(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 1.0), (1, 0, 3.0), (1, 0, 2.0)])

        assert shown(all_of(history, 1)) == [(0, 2.0, 0)]
        assert [value for _, value, _ in shown(all_of(history, 1, versions=True))] == [1.0, 3.0, 2.0]

    def test_an_older_version_that_comes_again_does_not_win(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 1.0)], [(1, 0, 2.0)], [(1, 0, 1.0)])

        assert shown(all_of(history, 1)) == [(0, 2.0, 0)]
        assert history.latest([1]).value.tolist() == [2.0]

    def test_a_bad_sent_again_with_an_old_time_hides_no_good_value(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 7.0)], [(1, 0, 7.0, BAD_NO_COMMUNICATION)])

        assert shown(all_of(history, 1)) == [(0, 7.0, 0)]
        assert len(all_of(history, 1, versions=True)) == 2
        assert history.latest([1]).status.tolist() == [0]
        assert shown(history.at_time(1, T0_NS + S)) == [(0, 7.0, 0)]
        assert figures(history.aggregate(1, T0_NS, T0_NS + S, 1)) == (7.0, 7.0, 7.0, 7.0, 7.0, 1, 0)

    def test_of_bad_versions_alone_the_newest_stands(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 7.0, BAD)], [(1, 0, 7.0, BAD_NO_COMMUNICATION)])

        assert shown(all_of(history, 1)) == [(0, 7.0, BAD_NO_COMMUNICATION)]

    def test_an_uncertain_correction_does_replace_a_good_value(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 7.0)], [(1, 0, 8.0, UNCERTAIN)])

        assert shown(all_of(history, 1)) == [(0, 8.0, UNCERTAIN)]

    def test_late_rows_take_their_place_in_time(self, rig: Rig) -> None:
        history = written(
            rig, [(1, 1, 1.0), (1, 5, 5.0)], [(1, 3, 3.0)], [(1, 0, 0.0), (1, 9, 9.0)], [(1, 7, 7.0), (1, 4, 4.0)]
        )

        assert [second for second, _, _ in shown(all_of(history, 1))] == [0, 1, 3, 4, 5, 7, 9]

    def test_history_can_be_asked_as_it_was_known(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 1.0)], [(1, 0, 2.0), (1, 1, 1.0)], [(1, 0, 3.0, BAD)], [(1, 0, 4.0)])

        answers = [shown(all_of(history, 1, as_of=Position(at)))[:1] for at in range(5)]

        assert answers == [[], [(0, 1.0, 0)], [(0, 2.0, 0)], [(0, 2.0, 0)], [(0, 4.0, 0)]]
        assert len(all_of(history, 1, as_of=Position(3), versions=True)) == 4
        assert len(all_of(history, 1, as_of=Position(99), versions=True)) == 5

    def test_aggregates_and_values_at_a_time_can_be_asked_as_known(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 1.0)], [(1, 1, 5.0)], [(1, 0, 3.0)])

        assert figures(history.aggregate(1, T0_NS, T0_NS + 2 * S, 1, as_of=Position(2)))[4] == 3.0
        assert figures(history.aggregate(1, T0_NS, T0_NS + 2 * S, 1))[4] == 4.0
        assert shown(history.at_time(1, T0_NS + 9 * S, as_of=Position(1))) == [(0, 1.0, 0)]
        assert len(history.at_time(1, T0_NS + 9 * S, as_of=START)) == 0

    def test_a_limit_says_where_it_cut(self, rig: Rig) -> None:
        history = written(rig, [(1, second, 0.0) for second in range(5)], [(1, second, 1.0) for second in range(5, 9)])

        cut = history.read(1, T0_NS, T0_NS + 99 * S, limit=6)
        whole = history.read(1, T0_NS, T0_NS + 99 * S, limit=9)

        assert (len(cut), cut.cut) == (6, T0_NS + 6 * S)
        assert (len(whole), whole.cut) == (9, None)

    def test_a_limit_never_cuts_between_versions(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 0.0), (1, 1, 0.0)], [(1, 1, 1.0), (1, 1, 2.0)])

        cut = history.read(1, T0_NS, T0_NS + 9 * S, versions=True, limit=3)
        within = history.read(1, T0_NS + S, T0_NS + 9 * S, versions=True, limit=2)

        assert (len(cut), cut.cut) == (1, T0_NS + S)
        assert (len(within), within.cut) == (2, T0_NS + S)  # else no row at all

    def test_a_limit_below_one_is_refused(self, rig: Rig) -> None:
        with pytest.raises(ValueError, match="limit"):
            rig.history.read(1, T0_NS, T0_NS + S, limit=0)

    def test_buckets_have_whole_nanoseconds_and_no_more_than_asked(self, rig: Rig) -> None:
        history = written(rig, [(1, second, float(second)) for second in range(10)])

        buckets = history.aggregate(1, T0_NS, T0_NS + 10 * S, 3)

        width_ns = -(-10 * S // 3)
        assert buckets.start_ns.tolist() == [T0_NS, T0_NS + width_ns, T0_NS + 2 * width_ns]
        assert buckets.count.tolist() == [4, 3, 3]
        assert figures(buckets, 1) == (4.0, 4.0, 6.0, 6.0, 5.0, 3, 0)

    def test_buckets_without_rows_are_left_out(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 1.0), (1, 9, 2.0)])

        assert history.aggregate(1, T0_NS, T0_NS + 10 * S, 10).start_ns.tolist() == [T0_NS, T0_NS + 9 * S]

    def test_bad_and_infinite_rows_are_counted_apart(self, rig: Rig) -> None:
        samples = [(1, 0, NAN), (1, 1, 4.0), (1, 2, 9.0, BAD), (1, 3, 2.0, UNCERTAIN), (1, 4, INF), (1, 5, -INF)]

        buckets = written(rig, samples).aggregate(1, T0_NS, T0_NS + 6 * S, 1)

        assert figures(buckets) == (4.0, 2.0, 4.0, 2.0, 3.0, 2, 4)

    def test_a_bucket_of_bad_rows_alone_has_no_figures(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, NAN), (1, 1, 4.0, BAD)])

        first, minimum, maximum, last, mean, count, bad = figures(history.aggregate(1, T0_NS, T0_NS + 2 * S, 1))

        assert all(np.isnan([first, minimum, maximum, last, mean]))
        assert (count, bad) == (0, 2)

    def test_means_are_exact(self, rig: Rig) -> None:
        values = [1e16, 1.0, -1e16, 3.0, 1e-9] * 40
        history = written(rig, [(1, at, value) for at, value in enumerate(values)])

        assert figures(history.aggregate(1, T0_NS, T0_NS + 200 * S, 1))[4] == 160.00000004 / 200

    def test_a_mean_of_huge_values_does_not_overflow(self, rig: Rig) -> None:
        history = written(rig, [(1, at, 1.7e308) for at in range(9)])

        assert figures(history.aggregate(1, T0_NS, T0_NS + 9 * S, 1))[4] == 1.7e308

    def test_no_bucket_is_refused(self, rig: Rig) -> None:
        with pytest.raises(ValueError, match="buckets"):
            rig.history.aggregate(1, T0_NS, T0_NS + S, 0)

    def test_an_empty_stretch_has_no_buckets(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 1.0)])

        assert len(history.aggregate(1, T0_NS, T0_NS, 5).start_ns) == 0
        assert len(history.read(1, T0_NS, T0_NS)) == 0

    def test_latest_is_the_newest_by_time_whatever_came_last(self, rig: Rig) -> None:
        history = written(rig, [(1, 5, 50.0), (3, 1, 1.0)], [(1, 2, 20.0)], [(3, 1, 2.0)])

        latest = history.latest()

        assert latest.tag.tolist() == [1, 3]
        assert latest.value.tolist() == [50.0, 2.0]
        assert latest.time_ns.tolist() == [T0_NS + 5 * S, T0_NS + S]

    def test_latest_answers_in_the_order_asked_and_leaves_unknown_tags_out(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 1.0), (2, 0, 2.0), (3, 0, 3.0)])

        assert history.latest([3, 99, 1]).value.tolist() == [3.0, 1.0]

    def test_the_row_in_force_is_the_newest_at_or_before(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 1.0), (1, 10, 2.0)], [(1, 5, 1.5)])

        assert shown(history.at_time(1, T0_NS + 5 * S)) == [(5, 1.5, 0)]
        assert shown(history.at_time(1, T0_NS + 9 * S)) == [(5, 1.5, 0)]
        assert shown(history.at_time(1, T0_NS + 99 * S)) == [(10, 2.0, 0)]
        assert len(history.at_time(1, T0_NS - 1)) == 0

    def test_rows_from_many_months_are_one_history(self, rig: Rig) -> None:
        month_s = 31 * 86_400
        history = written(rig, [(1, month_s * number, float(number)) for number in (0, 1, 2, -1, -600)], [(1, 5, 0.5)])

        rows = history.read(1, 0, 2 * T0_NS)

        assert rows.value.tolist() == [-600.0, -1.0, 0.0, 0.5, 1.0, 2.0]
        assert shown(history.at_time(1, T0_NS - 1)) == [(-month_s, -1.0, 0)]
        assert history.aggregate(1, 0, 2 * T0_NS, 1).count.tolist() == [6]

    def test_an_empty_entry_changes_nothing(self, rig: Rig) -> None:
        history = written(rig, [(1, 0, 1.0)], [], [(1, 1, 2.0)])

        assert places(all_of(history, 1)) == [(1, 0), (3, 0)]


class StoreChecks(HistoryChecks):
    """What a store does besides."""

    def test_the_same_entry_twice_counts_once(self, rig: StoreRig) -> None:
        written(rig, [(1, 0, 1.0)], [(1, 1, 2.0)])
        rig.write(1, batch((1, 0, 99.0)))
        rig.write(2, batch((1, 1, 2.0)))

        assert shown(all_of(rig.history, 1, versions=True)) == [(0, 1.0, 0), (1, 2.0, 0)]
        assert sum(rig.store.counts().values()) == 2

    def test_counts_add_up_to_what_was_written(self, rig: StoreRig) -> None:
        written(rig, [(1, 0, 1.0), (1, 0, 1.0), (2, 0, 1.0)], [(1, 0, 2.0)], [(1, 0, 1.0)])

        counts = rig.store.counts()

        assert sum(counts.values()) == 5
        assert set(counts) == {"stored", "duplicates", "waiting"}
        assert counts["stored"] + counts["waiting"] >= 3

    def test_everything_is_durable_after_a_flush_of_everything(self, rig: StoreRig) -> None:
        rig.write(4, batch((1, 0, 1.0)))
        rig.write(7, batch((1, 1, 1.0)))

        assert rig.store.flush(everything=True) == 7
        assert rig.store.cursor() == 7

    def test_a_new_store_has_seen_nothing(self, rig: StoreRig) -> None:
        assert rig.store.cursor() == START
        assert rig.store.flush() == START

    def test_the_batch_is_not_written_to(self, rig: StoreRig) -> None:
        given = batch((1, 3, 1.0), (1, 1, 2.0))
        for column in (given.tag, given.time_ns, given.value, given.status):
            column.flags.writeable = False

        rig.write(1, given)
        rig.settle()

        assert given.value.tolist() == [1.0, 2.0]
