"""The statements of one request over one view of the record."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from api.influxql.conditions import Span, pinned, split_time
from api.influxql.decided import Decided
from api.influxql.faults import Unanswered
from api.influxql.frames import Record
from api.influxql.plan import plan
from api.influxql.schema import POLICY, Measurement
from api.influxql.selecting import Selecting, Table
from api.influxql.showing import Listing, Showing, chosen, chosen_names
from api.influxql.tree import Select, Show, Source, Statement

Outcome: TypeAlias = Table | Listing


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Answers statements one after the other, as they are asked for; reading blocks."""

    statements: Sequence[Statement]
    databases: Sequence[str]
    database: str | None
    policy: str | None
    measurements: Sequence[Measurement]
    decided: Decided
    record: Record
    now_ns: int

    def __len__(self) -> int:
        return len(self.statements)

    def outcomes(self, number: int) -> Iterator[Outcome | None]:
        """The series of one statement's answer; None where one was looked for in vain. Unanswered tells why not."""
        statement = self.statements[number]
        self._check_database(statement)
        if isinstance(statement, Show):
            known = self._known_by(statement)
            yield from Showing(self.databases, known, self.record, self.now_ns).listings(statement)
            return
        if self.policy not in {None, "", POLICY}:
            raise Unanswered(f"retention policy not found: {self.policy}")
        # Dates are of a zone that only the plan knows: then nothing is left out by time here.
        span = Span() if statement.zone else split_time(statement.where, self.now_ns, None)[0]
        of_batch = replace(self.decided, batch=pinned(statement.where, "batch"))
        known = [*self.measurements, *self._decided(statement.sources, span, of=of_batch)]
        found = chosen(known, statement.sources)
        for measurement in found:
            yield from Selecting(plan(statement, measurement, self.now_ns), measurement, self.record).tables()

    def _known_by(self, show: Show) -> list[Measurement]:
        """What a SHOW is about; one point of what was decided tells that it is there, and the newest which tags."""
        if show.what in {"databases", "policies"}:
            return []
        sources = [show.with_measurement] if show.with_measurement is not None else show.sources
        span, _ = split_time(show.where, self.now_ns, None)
        most = 1 if show.what in {"measurements", "field_keys"} and show.where is None else None
        return [*self.measurements, *self._decided(sources, span, most, whole=False)]

    def _decided(
        self,
        sources: Sequence[Source],
        span: Span,
        most: int | None = None,
        *,
        whole: bool = True,
        of: Decided | None = None,
    ) -> Iterator[Measurement]:
        decided = of or self.decided
        names = decided.names()
        for name in chosen_names(names, sources) if sources else names:
            made = decided.read(name, span, most, whole=whole)
            if made is not None:
                yield made

    def _check_database(self, statement: Statement) -> None:
        if isinstance(statement, Show):
            if statement.what == "databases":
                return
            named = [statement.database or self.database]
            named += [source.database for source in statement.sources if source.database]
        else:
            named = [source.database or self.database for source in statement.sources]
        for name in named:
            if not name:
                raise Unanswered("database name required")
            if name not in self.databases:
                raise Unanswered(f"database not found: {name}")


def is_cheap(statements: Sequence[Statement]) -> bool:
    """Whether nothing but names is asked for."""
    return not any(isinstance(statement, Select) for statement in statements)
