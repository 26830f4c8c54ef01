"""What waited at the broker is counted by what came, not by what the broker says it had tried to send."""

from collector.mqtt.frames import DUP
from collector.mqtt.intake import Intake
from collector.mqtt.payloads import PayloadReader
from collector.mqtt.routes import Route
from collector.mqtt.settings import MqttSettings
from collector.mqtt.state import SavedState
from domain.entries import Gap, GapCause
from domain.ports import Delivery
from domain.time import SECOND_NS

SETTINGS = MqttSettings("floor", "127.0.0.1", "us", ("plant/#",), broker_queue=3)
SECOND = 0x32


class Clock:
    simulated = False
    speed = 1.0
    now_s = 100.0

    def now_ns(self) -> int:
        return round(self.now_s * SECOND_NS)

    async def sleep_until(self, when_ns: int) -> None:
        raise NotImplementedError


class Floor:
    """An intake in a time that the test sets, and what it delivered."""

    def __init__(self, saved: SavedState) -> None:
        self.clock = Clock()
        self.delivered: list[Delivery] = []
        reader = PayloadReader("floor", [Route(0, "plant/x", "/v", None)], [])
        self.intake = Intake(SETTINGS, reader, self.clock, saved, self._emit, lambda: None, lambda: self.clock.now_s)

    def _emit(self, delivery: Delivery) -> int:
        self.delivered.append(delivery)
        return 0

    def pass_s(self, seconds: float) -> None:
        self.clock.now_s += seconds
        self.intake.work()

    @property
    def gaps(self) -> list[Gap]:
        return [entry for delivery in self.delivered for entry in delivery.entries if isinstance(entry, Gap)]

    @property
    def rows(self) -> int:
        return sum(delivery.received - delivery.redelivered for delivery in self.delivered)


def messages(*values: int, flags: int = SECOND) -> list[tuple[bytes, bytes, int, int]]:
    return [(b"plant/x", b'{"v": %d}' % value, value, flags) for value in values]


def test_a_backlog_that_was_sent_to_nobody_before_still_fills_the_brokers_queue():
    floor = Floor(SavedState("us", ["plant/#"], marked=True, heard_ns=10 * SECOND_NS))
    floor.intake.connected(session_present=True, broker_was_down=False)
    floor.intake.took(messages(1, 2, 3, flags=SECOND | DUP))
    floor.pass_s(1)

    assert [gap.cause for gap in floor.gaps] == [GapCause.POSSIBLE]


def test_what_we_took_ourselves_and_get_again_is_no_backlog():
    floor = Floor(SavedState("us", ["plant/#"], marked=True, heard_ns=10 * SECOND_NS))
    floor.intake.connected(session_present=True, broker_was_down=False)
    floor.intake.subscribed(["plant/#"], [], marked=True)
    floor.pass_s(2)
    floor.intake.took(messages(1, 2, 3))
    floor.intake.disconnected("a cable")
    floor.pass_s(1)
    floor.intake.connected(session_present=True, broker_was_down=False)
    floor.intake.took(messages(1, 2, 3, flags=SECOND | DUP))
    floor.pass_s(1)

    assert floor.gaps == []
    assert floor.rows == 3


def test_messages_without_time_are_known_again_though_the_mark_of_the_session_is_gone():
    """We had taken the mark away to see whose session it is, and ended before we set it again."""
    before = Floor(SavedState("us", ["plant/#"], marked=True, heard_ns=10 * SECOND_NS))
    before.intake.connected(session_present=True, broker_was_down=False)
    before.intake.took(messages(1, 2))
    before.pass_s(1)
    state = next(entry.state for entry in reversed(before.delivered[-1].entries) if hasattr(entry, "state"))
    floor = Floor(SavedState.of_text(state, "floor"))
    floor.intake.connected(session_present=False, broker_was_down=False)
    floor.intake.took(messages(1, 2, flags=SECOND | DUP))
    floor.pass_s(1)

    assert floor.rows == 0
