"""The alarm report of each week, put into the outbox when it falls due: once, whatever stops and starts.

Its notice has the week in its id, and the outbox takes each id once. Who was away when it fell due tells it later; of
weeks before the newest due one nothing is told any more. Weeks are those of the plant's clock.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from domain.alarms import Notice
from domain.rules import Priority
from records.database import SqlRecords
from service.absence import Absence
from service.config.reports import ReportPlan
from service.measuring import Measuring
from service.reporting import headline_of, text_of
from service.weeks import Week, newest_due

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 20.0


@dataclass(slots=True)
class WeeklyReport:
    """Writes the report of the week that is over."""

    plan: ReportPlan
    site: str
    page_url: str
    records: SqlRecords
    measuring: Measuring
    now_ns: Callable[[], int]  # of the plant
    told: Callable[[], None]  # something new waits in the outbox
    _done: str = ""

    async def run(self) -> None:
        """Look for ever; the records may be away meanwhile."""
        absence = Absence(log, "the alarm report waits")
        while True:
            with absence.outlasted():
                await asyncio.to_thread(self.look)
            await asyncio.sleep(_LOOK_EVERY_S)

    def look(self) -> None:
        """Write the report of the newest week that is due, unless it is there; blocks."""
        due_ns, week = newest_due(self.now_ns(), self.plan.at, self.measuring.zone)
        id_ = f"report-{week.name}@{self.plan.to}"
        if id_ == self._done:
            return
        # Before the first alarm there was nothing to measure: a service that is new tells no empty weeks.
        if not self.records.has_notice(id_) and self.records.has_said_before(week.end_ns):
            self._write(id_, week, due_ns)
        self._done = id_

    def _write(self, id_: str, week: Week, due_ns: int) -> None:
        measured = self.measuring.performance(week.start_ns, week.end_ns, None)
        text = text_of(measured, self.site, week.name, week.zone.key)
        if self.page_url:
            text += f"\n{self.page_url.rstrip('/')}/performance?week={quote(week.name)}"
        notice = Notice(
            id=id_,
            channel=self.plan.to,
            title=f"{self.site}: alarms of week {week.name}: {headline_of(measured)}",
            text=text,
            transition=f"report-{week.name}",
            at_ns=due_ns,
            priority=Priority.LOW,
        )
        with self.records.unit_of_work() as work:
            work.notices([notice])
        log.info("the alarm report of week %s waits for %s", week.name, self.plan.to)
        self.told()
