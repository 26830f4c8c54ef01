"""Runs the checks beside each other, each within its time; one that fails or hangs stops no other."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from domain.errors import ThermowellError
from service.config.build import Configuration
from service.doctor.row import Row, not_checked, wrong

WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Check:
    """A name, and what looks; it blocks, and returns a row for each thing that it has looked at."""

    name: str
    look: Callable[[Configuration], Iterable[Row]]


def examine(configuration: Configuration, checks: Sequence[Check], within_s: float = WITHIN_S) -> list[Row]:
    """Every row, in the order of the checks."""
    answers: dict[str, queue.SimpleQueue[list[Row]]] = {check.name: queue.SimpleQueue() for check in checks}
    for check in checks:
        # A thread that hangs in a system call must not keep the program from ending.
        run = threading.Thread(target=_answer, args=(check, configuration, answers[check.name]), daemon=True)
        run.start()
    until_s = time.monotonic() + within_s
    rows: list[Row] = []
    for check in checks:
        try:
            rows += answers[check.name].get(timeout=max(0.0, until_s - time.monotonic()))
        except queue.Empty:
            rows.append(not_checked(check.name, f"no answer within {within_s:g} s", "Look at it by hand."))
    return rows


def _answer(check: Check, configuration: Configuration, answer: "queue.SimpleQueue[list[Row]]") -> None:
    rows: list[Row] = []
    try:
        rows += check.look(configuration)
    except ThermowellError as error:
        rows.append(wrong(check.name, str(error), "It says itself what hinders it."))
    except Exception as error:  # noqa: BLE001  the root of a check: the others go on
        rows.append(not_checked(check.name, f"{type(error).__name__}: {error}", "Look at it by hand."))
    answer.put(rows)
