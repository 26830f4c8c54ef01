"""What the source must know after a crash, as the JSON text of its `SourceState`."""

import json
from dataclasses import dataclass, field
from typing import cast

from domain.entries import Gap, GapCause
from domain.errors import DamagedFile, NewerFormat

_VERSION = 1


@dataclass(slots=True)
class SavedState:
    """The session's name and filters, when the broker was last heard, and everything counted but not yet told."""

    client_id: str = ""
    topics: list[str] = field(default_factory=list)
    marked: bool = False  # the broker granted the subscription that marks the session as ours
    heard_ns: int | None = None
    qos0: bool = False
    absences: list[tuple[int, int]] = field(default_factory=list)
    waited: int = 0
    open_gap: Gap | None = None
    identities: list[str] = field(default_factory=lambda: ["", ""])
    waiting: list[list[str | int]] = field(default_factory=list)

    def to_text(self) -> str:
        """Compact JSON; what is empty is left out, because this is written several times a second."""
        document: dict[str, object] = {"v": _VERSION, "client": self.client_id, "topics": self.topics}
        if self.marked:
            document["marked"] = True
        if self.heard_ns is not None:
            document["heard"] = self.heard_ns
        if self.qos0:
            document["qos0"] = True
        if self.absences:
            document["absences"], document["waited"] = self.absences, self.waited
        if self.open_gap is not None:
            gap = self.open_gap
            document["open"] = [gap.id, gap.start_ns, gap.cause.value, gap.detail]
        if self.identities[0]:
            document["ids"] = self.identities
        if self.waiting:
            document["waiting"] = self.waiting
        return json.dumps(document, separators=(",", ":"))

    @classmethod
    def of_text(cls, text: str | None, source: str) -> "SavedState":
        """Read it back; DamagedFile or NewerFormat names the source."""
        if text is None:
            return cls()
        try:
            document = json.loads(text)
            version = int(document["v"])
            if version > _VERSION:
                raise NewerFormat(f"source {source!r}: its state has format {version}, this program reads {_VERSION}")
            state = cls(str(document["client"]), [str(topic) for topic in document["topics"]])
            state.marked, state.qos0 = bool(document.get("marked")), bool(document.get("qos0"))
            state.heard_ns = None if document.get("heard") is None else int(document["heard"])
            state.absences = [(int(start), int(end)) for start, end in document.get("absences", [])]
            state.waited = int(document.get("waited", 0))
            if "open" in document:
                id_, start_ns, cause, detail = document["open"]
                state.open_gap = Gap(id_, source, None, int(start_ns), None, GapCause(cause), detail)
            state.identities = cast("list[str]", document.get("ids", ["", ""]))
            state.waiting = cast("list[list[str | int]]", document.get("waiting", []))
        except (ValueError, KeyError, TypeError) as problem:
            raise DamagedFile(f"source {source!r}: its state cannot be read: {problem}") from problem
        return state
