"""Makes the report of a batch from records, journal and record, as of a position: the same one, the same report."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from api.bands import recipe_of
from domain.approvals import studies_of
from domain.audit import AuditEntry
from domain.batch_report import (
    AlarmTold,
    AsOf,
    BatchReport,
    CalibrationTold,
    Deed,
    Disposition,
    EventTold,
    FindingTold,
    GapTold,
    HoldLimit,
    Kin,
    LateTold,
    ParameterHeld,
    PhaseRun,
    Ran,
    Said,
    VersionInForce,
)
from domain.entries import ActionKind, ConfigurationActivated, Gap, PersonAction, Position, RecipeApproved, Rejudge
from domain.errors import Refused
from domain.findings import BatchTold, Finding, PhaseRecord
from domain.health import NOTHING
from domain.ports import Person
from domain.recipe_content import recipe_of as recipe_of_content
from domain.recipes import Recipe
from domain.review import Kept, ReviewRules, given_to, needs_disposition
from domain.review_content import Sealed, signed_content
from domain.signatures import Shown, shown
from domain.tags import TagTable
from historian.journal.reader import ReadOnlyJournal
from historian.view import HistoryView
from records.database import SqlRecords
from service.config.build import Configuration
from service.review.courses import Courses, Judged
from service.review.pictures import pictures_of
from service.version import VERSION

_CALIBRATIONS = {ActionKind.CALIBRATED: "good", ActionKind.CALIBRATION_FAILED: "failed"}
_FILE = "the configuration"


@dataclass(frozen=True, slots=True)
class Reports:
    """Reports of batches. Calls block, for seconds where a batch is long: never on an event loop."""

    configuration: Configuration
    records: SqlRecords
    journal: ReadOnlyJournal
    history: HistoryView

    def report(self, batch: str, position: int | None = None, deeds: int | None = None) -> BatchReport:
        """The report of a batch, as of now or of then. Refused: nothing is known of it, or not as of there."""
        kept = self.records.kept_of(batch, None if position is None else Position(position), deeds)
        if not (kept.phases or kept.told or kept.findings or kept.back or kept.forward):
            raise Refused(f"nothing is known of batch {batch!r}")
        return _Making(self, kept, batch).report()

    @property
    def rules(self) -> ReviewRules:
        """What a disposition may say."""
        return self.configuration.review

    def versions(self, batch: str) -> Mapping[str, int]:
        """The findings of a batch that need a disposition, each with its newest version."""
        found = _newest(self.records.kept_of(batch, None, None).findings)
        return {str(each.id): each.version for each in found if needs_disposition(each)}

    def signatures(self, report: BatchReport, content: Sealed) -> Sequence[Shown]:
        """The signatures that a report knows of, each beside the content as the report has it."""
        given = self.records.review_signatures(report.batch, report.as_of.deeds)
        return shown(given, signed_content(report, content))

    def dispose(self, given: Disposition, origin: str) -> None:
        """Keep what a person said of a finding, with its entry in the audit trail: from which address."""
        self.records.dispose(given, origin)

    def exported(self, id_: str, at_ns: int, person: Person, batch: str, what: str) -> None:
        """Note in the audit trail that somebody took a copy."""
        self.records.audit(
            AuditEntry(id_, at_ns, person.name, "export", f"batch {batch}", what, batch=batch, origin=person.origin)
        )

    def pictures(self, report: BatchReport) -> list[str]:
        """A trend of each critical parameter over the batch, as SVG. Blocks."""
        return pictures_of(report, self.history, TagTable(self.journal.tags()))


class _Making:
    """One report in the making: what was read, and what follows from it."""

    def __init__(self, reports: Reports, kept: Kept, batch: str) -> None:
        self._configuration, self._rulebook = reports.configuration, reports.configuration.rulebook
        self._kept, self._batch = kept, batch
        journal, position = reports.journal, kept.position
        self._gaps = _as_of(each for _, each in journal.lasting(Gap, position))
        self._approved = [each for _, each in journal.lasting(RecipeApproved, position)]
        self._actions = [each for _, each in journal.lasting(PersonAction, position)]
        self._rejudged = journal.lasting(Rejudge, position)
        self._activated = [each for _, each in journal.lasting(ConfigurationActivated, position)]
        self._tags = TagTable(each.tag for _, each in journal.definitions(position))
        self._recipes = self._judging()
        self._clock_ns = journal.beat_before(position)
        judged = Judged(self._rulebook, self._recipe_of, self._tags, list(self._gaps), kept.position, self._clock_ns)
        self._courses = Courses(reports.history, judged)
        starts = [each.start_ns for each in kept.phases] or [each.event.time_ns for each in kept.told]
        ends = [each.end_ns for each in kept.phases]
        self._start_ns = min(starts, default=None)
        self._end_ns = None if not ends or None in ends else max(each for each in ends if each is not None)

    def report(self) -> BatchReport:
        """All of it."""
        kept, newest = self._kept, _newest(self._kept.findings)
        parameters = tuple(self._courses.held(kept.phases, newest))
        return BatchReport(
            self._configuration.site,
            self._batch,
            ", ".join(dict.fromkeys(each.recipe.rpartition(" v")[0] for each in kept.phases if each.recipe)),
            AsOf(int(kept.position), kept.deeds, self._clock_ns),
            VERSION,
            any(each.simulated for each in self._activated),
            self._start_ns,
            self._end_ns,
            tuple(dict.fromkeys(each.unit for each in kept.phases)),
            tuple(self._versions()),
            tuple(
                PhaseRun(each.instance, each.unit, each.phase, each.recipe, each.start_ns, each.end_ns)
                for each in kept.phases
            ),
            tuple(self._kin()),
            tuple(_event(each) for each in kept.told),
            parameters,
            tuple(self._findings(newest)),
            tuple(self._holds(newest)),
            tuple(self._alarms()),
            tuple(self._gaps_told(parameters)),
            tuple(self._late(parameters)),
            tuple(self._calibrations(parameters)),
            tuple(each for each in reversed(kept.dispositions) if each.item.startswith("unobserved/")),
            tuple(kept.audit),
            tuple(self._ran()),
            self._rulebook.hash,
        )

    def _judging(self) -> Sequence[Recipe]:
        if self._rulebook.approval == "off":
            return tuple(self._rulebook.recipes.values())
        return [recipe_of_content(each.content) for each in self._approved]

    def _recipe_of(self, phase: PhaseRecord) -> Recipe | None:
        return recipe_of(self._recipes, phase)

    def _versions(self) -> Iterator[VersionInForce]:
        """Each version that judged a phase, and who stands behind it."""
        for name in dict.fromkeys(each.recipe for each in self._kept.phases):
            approved = next((each for each in self._approved if name == f"{each.product} v{each.version}"), None)
            recipe = next((each for each in self._recipes if name == f"{each.product} v{each.version}"), None)
            study = "" if recipe is None else studies_of(recipe)
            if not name:
                yield VersionInForce("", "phases ran that no recipe judged")
            elif self._rulebook.approval == "off":
                change = "" if recipe is None else recipe.change
                yield VersionInForce(name, "the file judged, which nobody had approved (approval: off)", change, study)
            elif approved is None:
                yield VersionInForce(name, "nobody's approval of it is in the journal", study=study)
            else:
                words = f"approved by {approved.approver}, proposed by {approved.proposer}"
                yield VersionInForce(
                    name,
                    words,
                    approved.change,
                    approved.study or study,
                    approved.proposer,
                    approved.approver,
                    approved.reason,
                    approved.at_ns,
                    approved.valid_from_ns,
                    approved.hash,
                    is_approved=True,
                )

    def _kin(self) -> Iterator[Kin]:
        for back, links in ((True, self._kept.back), (False, self._kept.forward)):
            for depth, link in links:
                yield Kin(back, depth, link.parent, link.child, str(link.kinship), link.time_ns)

    def _findings(self, newest: Sequence[Finding]) -> Iterator[FindingTold]:
        versions: dict[str, list[Finding]] = {}
        for each in self._kept.findings:
            versions.setdefault(each.id, []).append(each)
        given = list(reversed(self._kept.dispositions))
        for finding in newest:
            said = sorted(versions[finding.id], key=lambda each: -each.version)
            yield FindingTold(
                finding.id,
                finding.rule,
                finding.subject,
                finding.unit,
                finding.phase,
                finding.ranges_version,
                needs_disposition(finding),
                tuple(_said(each) for each in said),
                given_to(given, finding.id),
            )

    def _holds(self, newest: Sequence[Finding]) -> Iterator[HoldLimit]:
        """Holds on units of the batch, and those that something was found about; budgets alike."""
        units = {each.unit for each in self._kept.phases}
        about: dict[str, list[str]] = {}
        for each in newest:
            if each.rule.startswith("hold."):
                about.setdefault(each.subject, []).append(str(each.id))
        for name, hold in self._rulebook.holds.items():
            if hold.unit not in units and name not in about:
                continue
            budget = self._rulebook.budgets.get(hold.budget or "")
            found = (*about.get(name, ()), *about.get(hold.budget or "", ()))
            condition = hold.condition
            yield HoldLimit(
                name,
                hold.kind.value,
                hold.mode.value,
                hold.unit,
                hold.limit_ns,
                hold.budget or "",
                None if budget is None else budget.limit_ns,
                "" if condition is None else f"{condition.tag} in [{condition.low}, {condition.high}]",
                hold.study,
                tuple(sorted(found)),
            )

    def _alarms(self) -> Iterator[AlarmTold]:
        changes: dict[str, list[Deed]] = {}
        newest = {each.alarm: each for each in self._kept.transitions}
        for each in self._kept.transitions:
            state = str(each.facts.state)
            deed = Deed(
                each.at_ns, each.what, each.message, each.person, each.comment, state, each.facts.shelved_until_ns
            )
            changes.setdefault(each.alarm, []).append(deed)
        for alarm, last in newest.items():
            yield AlarmTold(
                alarm,
                last.name,
                int(last.priority),
                last.rule,
                last.subject,
                last.unit,
                str(last.facts.state),
                last.facts.acknowledged,
                tuple(changes[alarm]),
            )

    def _gaps_told(self, parameters: Sequence[ParameterHeld]) -> Iterator[GapTold]:
        """The gaps of the parameters' sources that touch the batch's time."""
        tags = [self._tags.named(each) for each in dict.fromkeys(held.tag for held in parameters)]
        ids, sources = {tag.id for tag in tags}, {tag.source for tag in tags}
        for gap in self._gaps:
            is_ours = gap.source in sources if gap.tag is None else gap.tag in ids
            if is_ours and self._touches(gap.start_ns, gap.end_ns):
                name = "" if gap.tag is None else self._tags[gap.tag].name
                yield GapTold(gap.source, name, gap.start_ns, gap.end_ns, str(gap.cause), gap.detail)

    def _touches(self, start_ns: int, end_ns: int | None) -> bool:
        if self._start_ns is None:
            return False
        return (self._end_ns is None or start_ns < self._end_ns) and (end_ns is None or end_ns > self._start_ns)

    def _late(self, parameters: Sequence[ParameterHeld]) -> Iterator[LateTold]:
        ids = {self._tags.named(each.tag).id for each in parameters}
        for position, again in self._rejudged:
            if again.tag in ids and self._touches(again.start_ns, again.end_ns + 1):
                yield LateTold(self._tags[again.tag].name, again.start_ns, again.end_ns, int(position))

    def _calibrations(self, parameters: Sequence[ParameterHeld]) -> Iterator[CalibrationTold]:
        for name in dict.fromkeys(each.tag for each in parameters):
            rules = self._rulebook.tags.get(name)
            health = NOTHING if rules is None else rules.health
            if health.calibrated_ns is not None:
                yield CalibrationTold(name, "good", health.calibrated_ns, None, health.calibration_due_ns, "", _FILE)
            if health.calibration_failed_ns is not None:
                yield CalibrationTold(name, "failed", health.calibration_failed_ns, None, None, "", _FILE)
            for each in self._actions:
                if each.kind in _CALIBRATIONS and each.subject == name:
                    result, made_ns = _CALIBRATIONS[each.kind], each.until_ns
                    yield CalibrationTold(name, result, made_ns, each.at_ns, None, each.person, each.comment)

    def _ran(self) -> Iterator[Ran]:
        """The configurations that were active during the batch, each once where it follows itself."""
        known: list[Ran] = []
        for each in sorted(self._activated, key=lambda one: one.at_ns):
            if self._end_ns is not None and each.at_ns >= self._end_ns:
                break
            ran = Ran(each.at_ns, each.version, each.hash, each.simulated)
            if known and (known[-1].sha256, known[-1].version) == (ran.sha256, ran.version):
                continue
            known.append(ran)
        if self._start_ns is not None:
            before = [each for each in known if each.from_ns <= self._start_ns][-1:]
            known = [*before, *(each for each in known if each.from_ns > self._start_ns)]
        yield from known


def _as_of(gaps: Iterator[Gap]) -> list[Gap]:
    """Each gap as it was written last, in the order of their begins."""
    newest = {gap.id: gap for gap in gaps}
    return sorted(newest.values(), key=lambda gap: (gap.start_ns, gap.id))


def _newest(findings: Sequence[Finding]) -> list[Finding]:
    """The newest version of each finding, by their onsets."""
    newest: dict[str, Finding] = {}
    for each in findings:
        if each.id not in newest or each.version > newest[each.id].version:
            newest[each.id] = each
    return sorted(newest.values(), key=lambda each: (each.onset_ns, each.id))


def _said(finding: Finding) -> Said:
    return Said(
        finding.version,
        str(finding.stage),
        finding.onset_ns,
        finding.end_ns,
        finding.at_ns,
        finding.message,
        finding.rules_hash,
        dict(finding.evidence),
    )


def _event(told: BatchTold) -> EventTold:
    event = told.event
    amount = "" if event.amount is None else f"{event.amount} {event.amount_unit}"
    parts = [event.unit, event.phase, event.material, amount]
    parts += [f"from {event.from_unit}"] if event.from_unit else []
    parts += [f"to {event.to_unit}"] if event.to_unit else []
    parts += [", ".join(event.parents) + " → " + ", ".join(event.children)] if event.children else []
    parts += [f"by {event.recipe}"] if event.recipe else []
    parts += [f"corrects {event.corrects}"] if event.corrects else []
    words = " ".join(part for part in parts if part)
    return EventTold(event.id, str(event.kind), event.time_ns, event.recorded_ns, event.source, event.person, words)
