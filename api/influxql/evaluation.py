"""The statements of one request over one view of the record."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from api.influxql.faults import Unanswered
from api.influxql.frames import Record
from api.influxql.plan import plan
from api.influxql.schema import POLICY, Measurement
from api.influxql.selecting import Selecting, Table
from api.influxql.showing import Listing, Showing, chosen
from api.influxql.tree import Select, Show, Statement

Outcome: TypeAlias = Table | Listing


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Answers statements one after the other, as they are asked for; reading blocks."""

    statements: Sequence[Statement]
    databases: Sequence[str]
    database: str | None
    policy: str | None
    measurements: Sequence[Measurement]
    record: Record
    now_ns: int

    def __len__(self) -> int:
        return len(self.statements)

    def outcomes(self, number: int) -> Iterator[Outcome | None]:
        """The series of one statement's answer; None where one was looked for in vain. Unanswered tells why not."""
        statement = self.statements[number]
        self._check_database(statement)
        if isinstance(statement, Show):
            yield from Showing(self.databases, self.measurements, self.record, self.now_ns).listings(statement)
            return
        if self.policy not in {None, "", POLICY}:
            raise Unanswered(f"retention policy not found: {self.policy}")
        found = chosen(self.measurements, statement.sources)
        if not found:
            return
        for measurement in found:
            yield from Selecting(plan(statement, measurement, self.now_ns), measurement, self.record).tables()

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
