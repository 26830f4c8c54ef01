"""How often a process began after one that had not ended in order: a file of each in the run folder tells the core.

It is told by the process that begins, so it counts the same under our own supervisor, systemd or a container.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import orjson

from domain.figures import Reading
from domain.troubles import LATELY_S

_SUFFIX = ".starts"
_MOST = 100


@contextlib.contextmanager
def noted(run: Path, roles: Sequence[str], now_s: Callable[[], float] = time.time) -> Iterator[None]:
    """Note that a process of some roles begins, and whether it ends in order: an error, or a kill, leaves the note."""
    run.mkdir(parents=True, exist_ok=True, mode=0o750)
    file = run / f"{roles[0]}{_SUFFIX}"
    known = _times(file)
    file.write_bytes(orjson.dumps([] if known is None else [*known, now_s()][-_MOST:]))
    yield
    file.unlink(missing_ok=True)


def failure_figures(run: Path, now_s: float) -> list[Reading]:
    """Of each process that ever began: how often it had to begin again lately. `now_s` is since 1970."""
    return [
        Reading(
            "thermowell_process_failures_lately",
            sum(0 <= now_s - at_s < LATELY_S for at_s in _times(file) or ()),
            (file.stem,),
        )
        for file in sorted(run.glob(f"*{_SUFFIX}"))
    ]


def _times(file: Path) -> list[float] | None:
    """When it began again; None if the last one ended in order. A torn file tells that there was one."""
    try:
        times = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, orjson.JSONDecodeError):
        return []
    return [float(at_s) for at_s in times] if isinstance(times, list) else []
