"""The first start after a restore: what was taken since the backup is gone, and is told as a gap of every source.

Servers and brokers were told that these samples are safe, so they will not send them again, and a source that finds its
old session would believe that nothing is missing.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import orjson

from domain.entries import Gap, GapCause, Heartbeat
from domain.errors import DamagedFile, Refused
from domain.time import format_time
from service.files import Files

log = logging.getLogger(__name__)


def write_mark(path: Path, backup: str, moment_ns: int) -> None:
    """Note from which backup, and of which moment of the wall's clock, a folder was restored."""
    path.write_bytes(orjson.dumps({"backup": backup, "moment_ns": moment_ns}))


def demand_whole(files: Files) -> None:
    """Refused on a folder that a restore has not finished."""
    if files.restoring.exists():
        raise Refused(f"{files.data}: a restore was broken off here; empty the folder and restore again")


def gaps_since(files: Files, beats: Sequence[Heartbeat], now_ns: int) -> list[Gap]:
    """A gap of each source from when it was last heard, as the journal has it, until now; none if nothing was restored.

    Told twice after a crash between, it is one gap with a later end: its id says where it began.
    """
    try:
        told = orjson.loads(files.restored.read_bytes())
        backup, moment_ns = str(told["backup"]), int(told["moment_ns"])
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFile(f"{files.restored} cannot be read: {error}") from error
    detail = (
        f"restored from the backup of {format_time(moment_ns)} ({backup}); what came later until this start is lost"
    )
    return [_gap(beat, now_ns, detail) for beat in beats]


def told(files: Files) -> None:
    """The gaps are durable."""
    files.restored.unlink(missing_ok=True)


def _gap(beat: Heartbeat, now_ns: int, detail: str) -> Gap:
    start_ns = beat.now_ns if beat.heard_ns is None else min(beat.heard_ns, beat.now_ns)
    id_ = f"{beat.source}:{GapCause.RESTORED}:{start_ns}"
    return Gap(id_, beat.source, None, start_ns, max(now_ns, start_ns + 1), GapCause.RESTORED, detail)
