from collector.mqtt.payloads import Refusal
from collector.mqtt.quarantine import QuarantineBook


def refusal(topic: str = "plant/a", samples: int = 1) -> Refusal:
    return Refusal(topic, "sample", f"topic {topic!r}: no number", b"x\xff", samples)


def test_the_first_ones_are_told_at_once_with_their_payload():
    entry = QuarantineBook("floor").take(refusal(), 5, 0.0)

    assert entry is not None
    assert (entry.address, entry.payload, entry.count, entry.received_ns) == ("plant/a", "x\\xff", 1, 5)


def test_a_flood_is_told_once_a_minute_as_a_count():
    book = QuarantineBook("floor", burst=2)
    told = [book.take(refusal(), 0, 0.0) for _ in range(10)]
    early, late = book.due(0, 59.0), book.due(0, 60.0)
    after = book.take(refusal(), 0, 61.0)

    assert sum(entry is not None for entry in told) == 2
    assert early == []
    assert [entry.count for entry in late] == [8]
    assert after is None
    assert book.waiting == 1


def test_a_quiet_minute_ends_the_flood():
    book = QuarantineBook("floor", burst=1)
    book.take(refusal(), 0, 0.0)
    book.due(0, 61.0)

    assert book.take(refusal(), 0, 62.0) is not None


def test_counts_that_wait_survive_a_crash():
    book, later = QuarantineBook("floor", burst=1), QuarantineBook("floor")
    for _ in range(4):
        book.take(refusal(samples=3), 0, 0.0)
    later.load(book.dump(), 0.0)

    assert later.waiting == book.waiting == 9
    assert [entry.count for entry in later.due(0, 60.0)] == [9]


def test_any_number_of_topics_needs_bounded_memory_and_all_are_counted():
    book = QuarantineBook("floor")
    told = [book.take(refusal(f"plant/{number}"), 0, 0.0, burst=1) for number in range(2000)]
    counted = sum(entry.count for entry in told if entry) + sum(entry.count for entry in book.due(0, 60.0))

    assert counted == 2000
    assert len(book._groups) <= 501
