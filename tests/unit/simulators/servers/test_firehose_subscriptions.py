import itertools

import numpy as np
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary

from simulators.servers.firehose_encoding import DOUBLE, EPOCH_TICKS
from simulators.servers.firehose_subscriptions import Plant, Subscription
from simulators.servers.firehose_values import DriftingValues

T0 = EPOCH_TICKS + 1_790_000_000 * 10_000_000
SECOND = 10_000_000
TAGS = 40


def subscribed(
    scans_per_s: float = 10.0, *, queue: int = 1000, most: int = 0, step_s: float = 0.0, keep_alive: int = 5
) -> Subscription:
    """All tags, at a publishing interval of 100 ms."""
    values = DriftingValues(TAGS)
    plant = Plant(values, np.full(TAGS, DOUBLE, np.uint8), scans_per_s, step_s, T0)
    wanted = ua.CreateSubscriptionParameters(
        RequestedPublishingInterval=100,
        RequestedLifetimeCount=30,
        RequestedMaxKeepAliveCount=keep_alive,
        MaxNotificationsPerPublish=most,
        PublishingEnabled=True,
    )
    subscription = Subscription(1, plant, wanted, T0)
    for tag in range(TAGS):
        subscription.add(1000 + tag, tag, queue, reporting=True)
    subscription.items_changed()
    return subscription


def read(parameters: bytes | None) -> ua.PublishResult:
    assert parameters is not None
    return struct_from_binary(ua.PublishResult, Buffer(parameters))


def items(result: ua.PublishResult) -> list[ua.MonitoredItemNotification]:
    return [item for change in result.NotificationMessage.NotificationData or [] for item in change.MonitoredItems]


def told(subscription: Subscription, now: int) -> ua.PublishResult:
    return read(subscription.answer(now, []))


def test_every_interval_brings_the_scans_that_were_due_with_their_times() -> None:
    subscription = subscribed(20.0)
    subscription.tick(T0 + SECOND // 10)
    got = items(told(subscription, T0 + SECOND // 10))
    times = sorted({item.Value.SourceTimestamp.timestamp() for item in got})

    assert [item.ClientHandle for item in got] == 2 * list(range(1000, 1000 + TAGS))
    assert times == [1_790_000_000.05, 1_790_000_000.1]


def test_a_client_that_asks_too_late_is_told_that_values_are_missing() -> None:
    subscription = subscribed(10.0, queue=3)
    for n in range(1, 7):
        subscription.tick(T0 + n * SECOND // 10)
    got = items(told(subscription, T0 + SECOND))

    assert len(got) == 3 * TAGS
    assert [item.Value.StatusCode.value for item in got] == TAGS * [0x480] + 2 * TAGS * [0]


def test_a_queue_of_one_keeps_the_newest_without_a_word() -> None:
    subscription = subscribed(10.0, queue=1)
    for n in range(1, 4):
        subscription.tick(T0 + n * SECOND // 10)
    got = items(told(subscription, T0 + SECOND))

    assert {(item.Value.StatusCode.value, item.Value.SourceTimestamp.timestamp()) for item in got} == {
        (0, 1_790_000_000.3)
    }


def test_no_message_is_larger_than_asked_and_nothing_is_lost_between_them() -> None:
    subscription = subscribed(10.0, most=15)
    subscription.tick(T0 + SECOND // 10)
    results = [told(subscription, T0 + SECOND) for _ in range(3)]

    assert [len(items(result)) for result in results] == [15, 15, 10]
    assert [result.MoreNotifications for result in results] == [True, True, False]
    assert [item.ClientHandle for result in results for item in items(result)] == list(range(1000, 1000 + TAGS))


def test_silence_is_broken_by_keep_alives_that_use_no_sequence_number() -> None:
    subscription = subscribed(0.001, keep_alive=3)
    first = told(subscription, T0)
    answers = []
    for n in range(6):
        subscription.tick(T0 + n)
        answers.append(subscription.answer(T0 + n, []))

    assert [answer is not None for answer in answers] == [False, False, True, False, False, True]
    assert {read(answer).NotificationMessage.SequenceNumber for answer in answers if answer} == {1}
    assert items(first) == []


def test_sent_messages_are_kept_until_they_are_acknowledged_and_only_so_many() -> None:
    subscription = subscribed(0.0)
    for n in range(20):
        told(subscription, T0 + n)

    assert subscription.kept(4) is None
    assert subscription.kept(5) is not None
    assert subscription.acknowledge(5) == 0
    assert subscription.acknowledge(5) == ua.StatusCodes.BadSequenceNumberUnknown
    assert subscription.kept(5) is None


def test_without_a_rate_every_request_gets_the_next_scan_and_times_never_repeat() -> None:
    subscription = subscribed(0.0, step_s=1.0)
    scans = [items(told(subscription, T0)) for _ in range(5)]
    times = [[item.Value.SourceTimestamp.timestamp() for item in scan] for scan in scans]

    assert all(len(scan) == TAGS for scan in scans)
    assert all(
        later > earlier
        for before, after in itertools.pairwise(times)
        for earlier, later in zip(before, after, strict=True)
    )
    assert subscription.sent == 5 * TAGS


def test_a_subscription_that_nobody_asks_ends() -> None:
    subscription = subscribed()
    for n in range(29):
        subscription.tick(T0 + n)
    alive = subscription.expired
    subscription.asked()
    for n in range(30):
        subscription.tick(T0 + n)

    assert (alive, subscription.expired) == (False, True)


def test_values_drift_and_never_jump() -> None:
    values = DriftingValues(1000)
    scans = np.stack([values.scan(n) for n in range(1200)])

    assert np.abs(np.diff(scans, axis=0)).max() < 0.5
    assert np.ptp(scans[:256], axis=0).mean() > 0.1
