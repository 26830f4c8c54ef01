from collector.mqtt.continuity import Continuity
from domain.entries import GapCause


def heard_at(heard_ns: int | None, queue: int = 10) -> Continuity:
    return Continuity("floor", queue, heard_ns)


def test_the_very_first_connection_is_no_gap():
    continuity = heard_at(None)

    assert continuity.lost(5) == []
    assert continuity.subscribed(6) == []


def test_a_lost_session_is_a_gap_from_the_last_sign_to_the_subscription():
    continuity = heard_at(100)
    (opened,) = continuity.lost(500)
    (closed,) = continuity.subscribed(520)

    assert (opened.start_ns, opened.end_ns, opened.cause) == (100, None, GapCause.STOPPED)
    assert (closed.id, closed.start_ns, closed.end_ns) == (opened.id, 100, 520)


def test_a_session_lost_while_we_ran_is_a_disconnect():
    continuity = heard_at(None)
    continuity.kept(10, broker_was_down=False)
    continuity.heard(20)
    continuity.disconnected()
    continuity.heard(30)  # nothing is heard while there is no connection
    (gap,) = continuity.lost(40)

    assert (gap.start_ns, gap.cause) == (20, GapCause.DISCONNECT)


def test_a_gap_stays_open_until_a_subscription_stands():
    continuity = heard_at(100)
    (first,) = continuity.lost(500)
    continuity.disconnected()
    (second,) = continuity.lost(600)
    (closed,) = continuity.subscribed(620)

    assert first == second
    assert (closed.id, closed.start_ns, closed.end_ns) == (first.id, 100, 620)


def test_fewer_waiting_messages_than_the_broker_keeps_are_no_gap():
    continuity = heard_at(100)
    gaps = continuity.kept(500, broker_was_down=False) + continuity.took(9)
    continuity.caught_up()

    assert gaps + continuity.took(100) == []


def test_as_many_waiting_messages_as_the_broker_keeps_are_a_possible_gap():
    continuity = heard_at(100)
    continuity.kept(500, broker_was_down=False)
    (gap,) = continuity.took(4) + continuity.took(6)

    assert (gap.start_ns, gap.end_ns, gap.cause) == (100, 500, GapCause.POSSIBLE)
    assert continuity.took(50) == []


def test_absences_in_quick_succession_are_judged_together():
    continuity = heard_at(100)
    continuity.kept(500, broker_was_down=False)
    continuity.took(6)
    continuity.heard(600)
    continuity.disconnected()
    continuity.kept(700, broker_was_down=False)

    assert [(gap.start_ns, gap.end_ns) for gap in continuity.took(6)] == [(100, 500), (600, 700)]


def test_the_list_of_absences_is_bounded():
    continuity = heard_at(0)
    for number in range(100):
        continuity.heard(10 * number)
        continuity.disconnected()
        continuity.kept(10 * number + 5, broker_was_down=False)

    assert len(continuity.absences) <= 16
    assert continuity.absences[0][0] == 0


def test_a_broker_that_was_down_may_have_lost_what_it_kept():
    (gap,) = heard_at(100).kept(500, broker_was_down=True)

    assert gap.cause == GapCause.POSSIBLE


def test_messages_without_guarantee_are_not_kept_for_the_absent():
    continuity = heard_at(100)
    continuity.qos0 = True
    (gap,) = continuity.kept(500, broker_was_down=False)

    assert gap.cause == GapCause.POSSIBLE


def test_a_backlog_that_was_never_counted_is_told_when_the_session_is_lost():
    continuity = heard_at(100)
    continuity.kept(500, broker_was_down=False)
    continuity.heard(550)
    continuity.disconnected()

    assert [(gap.start_ns, gap.end_ns, gap.cause) for gap in continuity.lost(600)] == [
        (100, 500, GapCause.POSSIBLE),
        (550, None, GapCause.DISCONNECT),
    ]


def test_a_clock_that_was_set_back_makes_no_gap_that_ends_before_it_starts():
    (gap,) = heard_at(900).kept(500, broker_was_down=True)

    assert gap.start_ns <= 500
