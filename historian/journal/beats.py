"""Heartbeats that were trimmed, kept for replays: runs of about a thousand, column by column.

Detectors judge silence, holds and durations by heartbeats, so a replay without them would say less. Times are kept as
differences; a run is one zstd frame of JSON. The newest run is written anew until it is full.
"""

import json
from collections.abc import Sequence
from itertools import accumulate, pairwise

import zstandard

from domain.entries import Heartbeat, Position
from domain.errors import DamagedFile
from historian.journal.codec import Decoder, Kind
from historian.journal.layouts import KnownLayouts
from historian.journal.reading import blob, whole
from historian.journal.schema import Connection

RUN_BEATS = 1024

Beats = Sequence[tuple[Position, Heartbeat]]

_PASSING = "SELECT position, body FROM passing WHERE position <= ? AND kind = ? ORDER BY position"


def keep_beats(connection: Connection, through: Position) -> None:
    """Keep the heartbeats among the passing entries up to a position; part of the caller's transaction."""
    found = connection.execute(_PASSING, (through, int(Kind.HEARTBEAT))).fetchall()
    if not found:
        return
    decoder = Decoder(KnownLayouts(lambda _: None))
    beats = [beat for at, body in found for beat in _beat(decoder, Position(whole(at)), blob(body))]
    if not beats:
        return
    newest = connection.execute("SELECT last, beats, body FROM beat_run ORDER BY last DESC LIMIT 1").fetchone()
    if newest is not None and whole(newest[1]) < RUN_BEATS:
        connection.execute("DELETE FROM beat_run WHERE last = ?", (newest[0],))
        beats = [*unpack_beats(blob(newest[2])), *beats]
    for start in range(0, len(beats), RUN_BEATS):
        run = beats[start : start + RUN_BEATS]
        connection.execute("INSERT INTO beat_run VALUES (?, ?, ?)", (run[-1][0], len(run), pack_beats(run)))


def kept_beats(connection: Connection, after: Position, through: Position) -> list[tuple[Position, Heartbeat]]:
    """The kept heartbeats after a position, up to another one; one run more may be read on either side."""
    runs = connection.execute(
        """SELECT body FROM beat_run WHERE last > ?1 AND last <=
        ifnull((SELECT min(last) FROM beat_run WHERE last >= ?2), ?2) ORDER BY last""",
        (after, through),
    ).fetchall()
    return [beat for (body,) in runs for beat in unpack_beats(blob(body)) if after < beat[0] <= through]


def _beat(decoder: Decoder, at: Position, body: bytes) -> list[tuple[Position, Heartbeat]]:
    try:
        beat = decoder.open(body)
    except DamagedFile:
        return []  # a gap tells of it
    return [(at, beat)] if isinstance(beat, Heartbeat) else []


def pack_beats(beats: Beats) -> bytes:
    """Heartbeats as bytes."""
    sources = sorted({beat.source for _, beat in beats})
    columns = {
        "sources": sources,
        "position": _steps([at for at, _ in beats]),
        "source": [sources.index(beat.source) for _, beat in beats],
        "now_ns": _steps([beat.now_ns for _, beat in beats]),
        "connected": [int(beat.connected) for _, beat in beats],
        "heard": [None if beat.heard_ns is None else beat.now_ns - beat.heard_ns for _, beat in beats],
        "skew_ns": [beat.skew_ns for _, beat in beats],
        "detail": [beat.detail for _, beat in beats],
    }
    text = json.dumps(columns, separators=(",", ":"), ensure_ascii=True).encode()
    return zstandard.ZstdCompressor(level=6, write_checksum=True).compress(text)


def unpack_beats(packed: bytes) -> list[tuple[Position, Heartbeat]]:
    """Undo `pack_beats`; DamagedFile where a byte was changed."""
    try:
        columns = json.loads(zstandard.ZstdDecompressor().decompress(packed))
        rows = zip(
            accumulate(columns["position"]),
            columns["source"],
            accumulate(columns["now_ns"]),
            columns["connected"],
            columns["heard"],
            columns["skew_ns"],
            columns["detail"],
            strict=True,
        )
        sources = columns["sources"]
        return [
            (
                Position(at),
                Heartbeat(
                    sources[source],
                    now_ns,
                    bool(connected),
                    None if heard is None else now_ns - heard,
                    skew_ns,
                    detail,
                ),
            )
            for at, source, now_ns, connected, heard, skew_ns, detail in rows
        ]
    except (zstandard.ZstdError, ValueError, KeyError, IndexError) as error:
        raise DamagedFile(f"kept heartbeats are not as they were written ({error})") from error


def _steps(numbers: list[int]) -> list[int]:
    return [numbers[0], *(after - before for before, after in pairwise(numbers))] if numbers else []
