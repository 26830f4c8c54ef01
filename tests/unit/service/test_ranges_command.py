"""`thermowell ranges`: the commands of the tutorial, as it writes them, and what they refuse."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from domain.approvals import CLOSING
from domain.checks import Expectation
from domain.entries import Position
from domain.recipes import Limits, Operation, Parallel, ParameterRanges, RangeKind, UnitProcedure
from records.database import SqlRecords
from service.acting import approval_of
from service.cli import main
from service.ranges.difference import difference
from tests.unit.detectors.approvals import version_of
from tests.unit.detectors.plant import RECIPE, SECOND, ranges
from tests.unit.service.test_configuration import GOOD

DOCS = Path(__file__).parents[3] / "docs" / "approval.md"
REQUIRED = "approval: required\n" + GOOD.replace("validated: [4, 6]}", "validated: [4, 6], study: VR-13}")


class Site:
    """A folder with a configuration, and a shell in it."""

    def __init__(self, folder: Path, capsys, monkeypatch) -> None:
        self.folder, self.capsys = folder, capsys
        self.write(REQUIRED)
        monkeypatch.chdir(folder)
        monkeypatch.setattr("service.cli.acting._ANSWER_WITHIN_S", 0.0)

    def write(self, text: str) -> None:
        (self.folder / "thermowell.yaml").write_text(text, encoding="utf-8")

    def run(self, line: str) -> str:
        """One line of shell; what it printed. AssertionError where it fails."""
        line, _, output = line.partition(" > ")
        _, *arguments = shlex.split(line)
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        told = self.capsys.readouterr()
        assert ended.value.code == 0, told.err
        if output:
            (self.folder / output).write_text(told.out, encoding="utf-8")
        return told.out

    def refused(self, line: str) -> str:
        with pytest.raises(AssertionError) as caught:
            self.run(line)
        return str(caught.value)

    def core(self) -> None:
        """What the core makes of waiting requests, without one."""
        with SqlRecords.open(self.folder / "data" / "records.db") as records:
            from detectors.versions import Versions
            from domain.rules import Rulebook

            versions = Versions(Rulebook(approval="required"))
            for _, entry in records.approved_entries():
                versions.take(entry)
            for action in records.waiting_requests():
                if action.kind in CLOSING:
                    with records.unit_of_work() as work:
                        work.audit(action, str(action.kind))
                        work.request_done(action.id, versions.close(action).error or None)
                    continue
                proposal = records.proposal(action.subject)
                assert proposal is not None
                with records.unit_of_work() as work:
                    work.decided(versions.take(approval_of(proposal, action)), Position(1))

    def people(self) -> None:
        self.run('thermowell token add Ada --role "process engineer" > ada.token')
        self.run("thermowell token add Grace --role QA > grace.token")
        self.run("thermowell token add Ruth --role QA > ruth.token")
        self.run("thermowell token add Otto --role operator > otto.token")

    def propose(self) -> str:
        told = self.run('thermowell ranges --token-file ada.token propose API-1 --reason "as validated"')
        return told.partition(":")[0]

    def reviewed(self) -> str:
        proposal = self.propose()
        self.run(f"thermowell ranges --token-file ruth.token review {proposal} --reason read")
        return proposal


@pytest.fixture
def site(tmp_path, capsys, monkeypatch) -> Site:
    return Site(tmp_path, capsys, monkeypatch)


def test_the_tutorials_commands_do_what_it_says(site):
    """Every line of its blocks, in order; the journal that `impact` reads is not there before the service ran."""
    blocks = re.findall(r"```sh\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    told = {}
    for line in "".join(blocks).splitlines():
        if " impact " in line:
            continue
        if "propose" in line:
            told[line] = site.run(line)
            proposal = told[line].partition(":")[0]
        elif "approve" in line or " review " in line:
            told[line] = site.run(line.replace("API-1.v7.PROPOSAL", proposal))
            if "approve" in line:
                site.core()
        else:
            told.setdefault(line, "")
            told[line] += site.run(line)

    listed = told["thermowell ranges list"].splitlines()
    assert listed[0] == "API-1: NOTHING JUDGES: no version is approved and in force"
    assert listed[1].startswith("API-1: v7 waits for a second person: API-1.v7.")
    assert listed[2].startswith("API-1: v7 proposed by Ada at ")
    assert listed[3] == "API-1: the file's v7: waits for approval"
    assert re.match(r"API-1: v7 in force since \S+Z, approved by Grace, change CR-1234", listed[4])
    assert listed[5] == "API-1: the file's v7: in force"
    assert "nothing in force -> v7" in told["thermowell ranges diff API-1"]


def test_the_proposer_does_not_approve(site):
    site.people()
    proposal = site.propose()

    told = site.refused(f"thermowell ranges --token-file ada.token approve {proposal} --reason checked")

    assert "Ada proposed it: a second person approves" in told


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("--token-file otto.token propose API-1 --reason x", "Otto has the role 'operator'"),
        ("--token-file ada.token propose API-2 --reason x", "no recipe is named 'API-2'"),
        ("--token-file ada.token propose API-1 --reason ' '", "a reason is needed"),
        ("propose API-1 --reason x", "nobody has this token"),
        ("--token-file none propose API-1 --reason x", "the token cannot be read"),
        ("--token-file grace.token approve API-1.v7 --reason x", "there is no proposal 'API-1.v7'"),
        ("diff API-9", "no recipe is named 'API-9'"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(site, monkeypatch, line, why):
    monkeypatch.delenv("THERMOWELL_TOKEN", raising=False)
    site.people()

    assert why in site.refused(f"thermowell ranges {line}")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("--token-file otto.token approve {} --reason x", "Otto has the role 'operator'"),
        ("--token-file grace.token approve {} --reason ' '", "a reason is needed"),
        ("--token-file grace.token approve {} --reason x --valid-from 2020-01-01", "is in the past"),
        ("--token-file grace.token approve {} --reason x --valid-from 2999-01-01", "later than times can be kept"),
        ("--token-file grace.token approve {} --reason x --valid-from soon", "neither ISO 8601"),
        ("--token-file grace.token propose API-1 --reason x", "Ada proposed API-1 v7 as it is already"),
    ],
)
def test_an_approval_is_refused_with_the_reason(site, more, why):
    site.people()
    proposal = site.propose()

    assert why in site.refused("thermowell ranges " + more.format(proposal))


@pytest.mark.parametrize(
    ("who", "verb", "why"),
    [
        ("ada", "review", "Ada did it"),
        ("otto", "review", "Otto has the role 'operator'"),
        ("grace", "approve", "nobody has reviewed it"),
    ],
)
def test_a_proposal_is_reviewed_by_another_person_before_it_is_approved(site, who, verb, why):
    site.people()
    proposal = site.propose()

    assert why in site.refused(f"thermowell ranges --token-file {who}.token {verb} {proposal} --reason x")


def test_who_reviewed_does_not_approve(site):
    site.people()
    proposal = site.reviewed()

    told = site.refused(f"thermowell ranges --token-file ruth.token approve {proposal} --reason x")
    assert "Ruth reviewed it: another person approves" in told


def test_a_changed_file_does_not_judge_and_needs_a_new_version(site):
    site.people()
    proposal = site.reviewed()
    site.run(f"thermowell ranges --token-file grace.token approve {proposal} --reason checked")
    site.core()
    site.write(REQUIRED.replace("[331.15, 335.15]", "[331.15, 334.15]"))

    assert "API-1: the file's v7: not proposed" in site.run("thermowell ranges list")
    told = site.refused("thermowell ranges --token-file ada.token propose API-1 --reason again")
    assert "API-1 v7 was approved with another content: raise the version" in told
    assert "dose.TT.nor: [58.0, 62.0] -> [58.0, 61.0]" in site.run("thermowell ranges diff API-1")


def test_a_version_that_is_valid_later_is_told(site):
    site.people()
    proposal = site.reviewed()
    line = f"thermowell ranges --token-file grace.token approve {proposal} --reason checked --valid-from 2099-01-01"
    assert "once the service runs" in site.run(line)
    site.core()

    told = site.run("thermowell ranges list")
    assert "API-1: v7 from 2099-01-01T00:00:00Z, by Grace" in told
    assert "NOTHING JUDGES" in told
    assert "the file's v7: valid later" in told


def test_the_deeds_are_in_the_audit_trail(site):
    site.people()
    proposal = site.reviewed()
    site.run(f"thermowell ranges --token-file grace.token approve {proposal} --reason checked")
    site.core()

    with SqlRecords.open(site.folder / "data" / "records.db") as records:
        trail = [(each.entry.person, each.entry.kind, each.role) for each in records.list_audit(6)]
    assert trail == [
        ("Ada", "change_ranges", "process engineer"),
        ("Grace", "approve_ranges", "QA"),
        ("Grace", "sign", "QA"),
        ("Ruth", "sign", "QA"),
        ("Ada", "propose_ranges", "process engineer"),
        ("Ada", "sign", "process engineer"),
    ]


def test_a_draft_does_not_change_what_judges(site, tmp_path):
    """The hash of the rules: an edited draft is no reason to judge anew, another product is."""
    from service.config.build import load

    hashes = []
    for text in (REQUIRED, REQUIRED.replace("[331.15,", "[331.25,"), REQUIRED.replace("API-1:", "API-2:")):
        site.write(text)
        hashes.append(load(tmp_path / "thermowell.yaml").rulebook.hash)

    assert hashes[0] == hashes[1] != hashes[2]


def test_a_difference_names_each_range_and_tells_durations_in_words():
    after = version_of(8, charge=RECIPE.phases["charge"])
    tighter = version_of(8, charge=type(RECIPE.phases["charge"])("charge", {"TT": ranges((19.0, 25.0), (15.0, 30.0))}))

    assert difference(RECIPE, after) == ["~ version: 7 -> 8"]
    assert difference(RECIPE, tighter) == [
        "~ phases.charge.TT.nor: [18.0, 25.0] -> [19.0, 25.0]",
        "~ version: 7 -> 8",
    ]
    assert "+ phases.dose.duration: [4 h 00 min, 6 h 00 min]" in difference(None, RECIPE)
    assert "+ phases.cool.TT.after_ns: 10 min" in difference(None, RECIPE)


def test_a_difference_tells_expectations_open_ends_and_the_procedure_in_words():
    dose = replace(
        RECIPE.phases["dose"],
        expects=(Expectation("FT", above=90.0, after_ns=180 * SECOND, for_ns=120 * SECOND),),
        duration_ranges={RangeKind.NOR: Limits(None, 5 * 3600 * SECOND, high_open=True)},
        parameters={"TT": ParameterRanges("TT", "degC", "", {RangeKind.NOR: Limits(58.0, 62.0, low_open=True)})},
    )
    steps = (
        Parallel(
            (
                (UnitProcedure("reaction", (Operation("react", ("charge", "dose")),), ("R101", "R102")),),
                (UnitProcedure("dissolution", (Operation("dissolve", ("charge",)),)),),
            )
        ),
        UnitProcedure("work-up", (Operation("cool", ("cool",)), Operation("rest", ("cool",)))),
    )

    lines = difference(RECIPE, replace(version_of(8, dose=dose), procedure=steps))

    assert "+ phases.dose.expects.FT: above 90, after 3 min, for 2 min" in lines
    assert "+ phases.dose.duration_ranges.nor: [none, 5 h 00 min)" in lines
    assert "~ phases.dose.TT.nor: [58.0, 62.0] -> (58.0, 62.0]" in lines
    assert "+ procedure.1|1.1: reaction on R101 or R102: react (charge, dose)" in lines
    assert "+ procedure.1|2.1: dissolution: dissolve (charge)" in lines
    assert "+ procedure.2: work-up: cool (cool); rest (cool)" in lines
    assert not any("{" in line for line in lines)


def test_a_rejected_proposal_is_told_with_who_when_and_why_and_is_not_approved(site):
    site.people()
    proposal = site.propose()
    told = site.run(f"thermowell ranges --token-file grace.token reject {proposal} --reason 'page 14 says otherwise'")
    site.core()
    listed = site.run("thermowell ranges list")

    assert told == f"{proposal}: rejected, once the service runs\n"
    assert re.search(r"API-1: v7 rejected by Grace at \S+Z: page 14 says otherwise", listed)
    assert "waits for a second person" not in listed
    assert "API-1: the file's v7: rejected" in listed
    why = site.refused(f"thermowell ranges --token-file grace.token approve {proposal} --reason x")
    assert f"{proposal} was rejected by Grace: page 14 says otherwise" in why
    assert "was rejected by" in site.refused(f"thermowell ranges --token-file ada.token withdraw {proposal} --reason x")


def test_what_was_withdrawn_can_be_proposed_again(site):
    site.people()
    first = site.propose()
    assert "may withdraw it" in site.refused(f"thermowell ranges --token-file ada.token reject {first} --reason x")
    assert "another person" in site.refused(f"thermowell ranges --token-file grace.token withdraw {first} --reason x")
    site.run(f"thermowell ranges --token-file ada.token withdraw {first} --reason 'too early'")
    site.core()
    second = site.reviewed()

    assert second == f"{first}-2"
    site.run(f"thermowell ranges --token-file grace.token approve {second} --reason checked")
    site.core()
    assert "v7 in force" in site.run("thermowell ranges list")
