"""A night shift behind the page: a plant with alarms that a test lets come, worsen and return, by lines on its input.

`python -m tests.acceptance.page.shift`, then `burst 200`, `return ALARM`, `worse ALARM`, `first PERSON ALARM` (somebody
acknowledges it elsewhere) or `core off|on`; each line is answered with `done`.
"""

import asyncio
import socket
import sys
from collections.abc import Callable
from dataclasses import replace

from api.app import create_app
from api.dependencies import Dependencies
from api.serve import serve
from domain.alarms import AlarmFacts, Transition
from domain.entries import ActionKind, PersonAction
from domain.ports import Person
from domain.rules import Priority
from domain.time import HOUR_NS, MINUTE_NS, SECOND_NS
from tests.acceptance.page.plant import Plant

DONE_AS = {
    ActionKind.ACKNOWLEDGE: "acknowledged",
    ActionKind.COMMENT: "commented",
    ActionKind.SHELVE: "shelved",
    ActionKind.UNSHELVE: "unshelved",
    ActionKind.OUT_OF_SERVICE: "out_of_service",
    ActionKind.RETURN_TO_SERVICE: "returned_to_service",
    ActionKind.RESET: "reset",
}
GRACE = "token-of-grace"
MATTERS = "R101.TT~high"
STORY = "Cooling water lost"


class NightShift(Plant):
    """Thirty alarms at three in the morning, of which one matters."""

    def __init__(self) -> None:
        super().__init__(speed=1.0)
        self.records.people[GRACE] = Person("Grace", "shift lead")
        self.records.all_transitions.clear()
        self.answers = True
        self.told = 0
        self.burst(29, minutes_ago=4)
        self.say(
            MATTERS, Priority.CRITICAL, 6, unit="R101", message="R101.TT: 71.4 °C is above the validated 65 °C",
            cause=STORY, consequence="The reaction runs away above 80 °C", action="Stop dosing. Open the emergency cooling by hand.",
            respond_within_ns=10 * MINUTE_NS,
        )  # fmt: skip
        shelved = self.say("T201.LT~stale", Priority.LOW, 90, unit="T201", message="T201.LT has not moved for 40 min")
        until_ns = self.clock.now + HOUR_NS
        facts = replace(shelved.facts, shelved_until_ns=until_ns)
        self.change(shelved.alarm, "shelved", facts=facts, person="Grace", comment="Tank is empty")
        out = self.say("R102.AT~stale", Priority.LOW, 400, unit="R102", message="R102.AT tells nothing new")
        facts = replace(out.facts, out_of_service=True)
        self.change(out.alarm, "out_of_service", facts=facts, person="Grace", comment="Electrode is changed, WO 4711")

    def say(self, alarm: str, priority: Priority, minutes_ago: float, **more: object) -> Transition:
        since_ns = self.clock.now - round(minutes_ago * MINUTE_NS)
        subject, name = alarm.split("~")
        made = Transition(
            f"{alarm}:1", alarm, 1, since_ns, "activated", AlarmFacts(active=True, acknowledged=False), priority,
            "excursion.validated.high", subject, name, occurrence=1, since_ns=since_ns, asked_ns=since_ns, announces=True, **more,
        )  # type: ignore[arg-type]  # the rest is text  # fmt: skip
        self.records.all_transitions.append(made)
        return made

    def change(self, alarm: str, what: str, **changes: object) -> None:
        newest = self.records.transitions(alarm, 1)[0]
        number = newest.number + 1
        made = replace(newest, id=f"{alarm}:{number}", number=number, at_ns=self.clock.now, what=what, **changes)  # type: ignore[arg-type]
        self.records.all_transitions.append(made)

    def burst(self, count: int, minutes_ago: float = 0) -> None:
        for at in range(self.told, self.told + count):
            unit = ("R101", "R102", "T201")[at % 3]
            priority = Priority.MEDIUM if at % 4 == 0 else Priority.LOW
            message = f"{unit}.X{at:04d}: {20 + at % 60} °C is above its normal range"
            self.say(
                f"{unit}.X{at:04d}~nor",
                priority,
                minutes_ago + 0.01 * at,
                unit=unit,
                batch="API1-26-041",
                message=message,
            )
        self.told += count

    def core(self, wake: Callable[[], None]) -> None:
        if self.answers:
            super().core(wake)

    def _apply(self, action: PersonAction) -> None:
        facts = self.records.transitions(action.subject, 1)[0].facts
        match action.kind:
            case ActionKind.ACKNOWLEDGE:
                if facts.acknowledged:
                    return
                facts = replace(facts, acknowledged=True)
            case ActionKind.SHELVE | ActionKind.UNSHELVE:
                facts = replace(facts, shelved_until_ns=action.until_ns)
            case ActionKind.OUT_OF_SERVICE:
                facts = replace(facts, out_of_service=True)
            case ActionKind.RETURN_TO_SERVICE:
                facts = replace(facts, out_of_service=False)
        self.change(action.subject, DONE_AS[action.kind], facts=facts, person=action.person, comment=action.comment)
        self.records.all_transitions[-1] = replace(self.records.all_transitions[-1], at_ns=action.at_ns)

    def obey(self, line: str) -> None:
        word, *rest = line.split()
        match word:
            case "burst":
                self.burst(int(rest[0]))
            case "return":
                facts = self.records.transitions(rest[0], 1)[0].facts
                self.change(rest[0], "returned", facts=replace(facts, active=False))
            case "worse":
                facts = AlarmFacts(active=True, acknowledged=False)
                self.change(
                    rest[0], "severity", facts=facts, priority=Priority.CRITICAL, asked_ns=self.clock.now + SECOND_NS
                )
            case "first":
                facts = self.records.transitions(rest[1], 1)[0].facts
                self.change(
                    rest[1],
                    "acknowledged",
                    facts=replace(facts, acknowledged=True),
                    person=rest[0],
                    comment="On my way",
                )
            case "core":
                self.answers = rest[0] == "on"

    async def tick(self, woken: asyncio.Event) -> None:
        while True:
            await asyncio.sleep(1)
            self.clock.now += SECOND_NS
            woken.set()


async def listen(shift: NightShift, deps: Dependencies) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        shift.obey(line.decode())
        deps.feed.woken.set()
        print("done", flush=True)


async def main() -> None:
    shift = NightShift()
    deps = shift.dependencies()
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
    beside = [asyncio.create_task(shift.tick(deps.feed.woken)), asyncio.create_task(listen(shift, deps))]
    try:
        await serve(create_app(deps), "127.0.0.1", 0, sockets=[listening])
    finally:
        for task in beside:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
