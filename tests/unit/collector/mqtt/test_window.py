from collector.mqtt.frames import Publish
from collector.mqtt.window import Window


def messages(*packet_ids: int) -> list[Publish]:
    return [(b"a", b"12345", packet_id, 0x32) for packet_id in packet_ids]


def window(receive_maximum: int = 5) -> Window:
    return Window(receive_maximum, lambda: None)


def test_what_came_back_is_acknowledged_in_order_and_without_messages_of_qos_0():
    opened = window()
    receipts = [opened.receipt(messages(1, 0, 2)), opened.receipt(messages(3))]
    for receipt in receipts:
        receipt()

    assert opened.settle() == [1, 2, 3]
    assert opened.settle() == []


def test_a_delivery_acknowledged_twice_counts_once():
    opened = window()
    opened.took(messages(1))
    receipt = opened.receipt(messages(1))
    receipt()
    receipt()

    assert opened.settle() == [1]
    assert not opened.is_outstanding


def test_an_acknowledgement_is_not_carried_over_to_the_next_connection():
    opened = window()
    old = opened.receipt(messages(1))
    opened.disconnected()
    new = opened.receipt(messages(1))
    old()
    early = opened.settle()
    new()

    assert early == []
    assert opened.settle() == [1]


def test_there_is_room_until_twice_the_window_is_open_and_again_after_acknowledging():
    opened = window(receive_maximum=2)
    opened.took(messages(1, 2, 3))
    before = opened.has_room
    opened.took(messages(4))
    full = opened.has_room
    opened.receipt(messages(1))()
    opened.settle()

    assert before
    assert not full
    assert opened.has_room


def test_large_payloads_and_deliveries_that_nobody_takes_fill_the_window_too():
    by_bytes, by_deliveries = window(60_000), window()
    by_bytes.took([(b"a", bytes(1 << 20), number, 0x32) for number in range(1, 70)])
    by_deliveries.waits(256)

    assert not by_bytes.has_room
    assert not by_deliveries.has_room


def test_taking_a_delivery_from_a_full_window_wakes_the_reader():
    woken = []
    opened = Window(5, lambda: woken.append(True))
    opened.waits(256)
    opened.handed(255)
    opened.handed(254)

    assert woken == [True]
    assert opened.is_outstanding
