"""Approvals on their way: request, journal entry, fold, record; a power cut between any two gives the same versions."""

import asyncio
from dataclasses import replace

import pytest

from domain.approvals import Proposal, studies_of
from domain.entries import ActionKind, PersonAction, Position, RecipeApproved
from domain.recipe_content import canonical, hash_of
from domain.recipes import Recipe
from records.requests import Answer
from service.acting import approval_of, take_requests
from service.judging import NAME
from tests.range_review import review_of
from tests.unit.detectors.approvals import version_of
from tests.unit.detectors.plant import BATCH, RECIPE, STEP, TT, at, batch, rulebook, texts
from tests.unit.service.test_judging import Core, _Crash, as_told

REQUIRED = rulebook(approval="required")


def proposal_of(recipe: Recipe, id_: str = "p7", person: str = "Ada") -> Proposal:
    content = canonical(recipe)
    return Proposal(
        *(id_, at(-200), recipe.product, recipe.version, recipe.change, studies_of(recipe), person, "validated"),
        *(content, hash_of(content)),
    )


def approve(
    id_: str = "a7", proposal: str = "p7", person: str = "Grace", valid_from: int | None = None
) -> PersonAction:
    return PersonAction(id_, at(-100), person, ActionKind.APPROVE_RANGES, proposal, "checked", valid_from)


class Plant(Core):
    """A core that also takes people's requests."""

    def take_requests(self) -> list[RecipeApproved | PersonAction]:
        """Look once for requests, as a process does that has just started; what was journaled."""
        taken: list[RecipeApproved | PersonAction] = []

        class Journal:
            async def append(self, *entries: object) -> Position:
                taken.extend(each for each in entries if isinstance(each, RecipeApproved | PersonAction))
                return Position(0)

            def submit(self, delivery: object) -> None: ...
            async def room(self) -> None: ...

        async def once() -> None:
            task = asyncio.create_task(take_requests(self.records, Journal(), asyncio.Event(), 1e-6))  # type: ignore[arg-type]
            await asyncio.sleep(0.05)
            task.cancel()

        asyncio.run(once())
        self.put(*taken)
        return taken

    def start_batch(self, name: str, seconds: float) -> None:
        self.put(
            texts([(BATCH, seconds, name)]),
            batch([(STEP, seconds, 20)]),
            batch([(TT, seconds + 10, 60.0)]),
            batch([(TT, seconds + 11, 66.0)]),
            batch([(TT, seconds + 12, 60.0)]),
        )


def put_forward(plant: Plant, proposal: Proposal) -> None:
    plant.records.propose(proposal)
    plant.records.sign(review_of(proposal))


def requested() -> Plant:
    plant = Plant()
    put_forward(plant, proposal_of(RECIPE))
    plant.records.request(approve())
    return plant


def versions(plant: Plant) -> list[str]:
    return sorted({f"{each.batch} {each.ranges_version}" for each in plant.said() if each.batch})


def test_an_approval_travels_from_the_request_to_the_verdict():
    plant = requested()
    (entry,) = plant.take_requests()
    plant.start_batch("B-17", 0)
    plant.run(REQUIRED)

    assert (entry.proposer, entry.approver, entry.valid_from_ns, entry.study) == (
        "Ada",
        "Grace",
        at(-100),
        "VR-12, VR-13",
    )
    assert plant.records.approved_versions() == [entry]
    assert plant.records.request_answer("a7") == Answer("done")
    assert versions(plant) == ["B-17 API-1 v7"]


def test_a_power_cut_between_request_and_entry_loses_nothing():
    """The request is durable: the process that starts next journals it."""
    plant = requested()
    plant.run(REQUIRED)
    assert plant.records.waiting_requests() == [approve()]

    plant.take_requests()
    plant.start_batch("B-17", 0)
    plant.run(REQUIRED)

    assert versions(plant) == ["B-17 API-1 v7"]
    assert plant.records.waiting_requests() == []


def test_a_power_cut_between_entry_and_answer_approves_once():
    plant = requested()
    plant.take_requests()
    (again,) = plant.take_requests()  # a new process: it does not know what the one before journaled
    plant.start_batch("B-17", 0)
    plant.run(REQUIRED)

    assert plant.records.approved_versions() == [again]
    assert len(plant.records.list_audit(9)) == 4  # proposed, reviewed, approved, in force
    assert versions(plant) == ["B-17 API-1 v7"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(4))
def test_a_crash_at_any_commit_gives_the_same_versions(when, number):
    def story(plant: Plant) -> Plant:
        plant.take_requests()
        plant.start_batch("B-17", 0)
        put_forward(plant, proposal_of(version_of(8), "p8"))
        plant.records.request(approve("a8", "p8"))
        plant.take_requests()
        plant.start_batch("B-18", 100)
        return plant

    straight, crashed = story(requested()), story(requested())
    straight.run(REQUIRED)

    crashed.records.crash = (when, number)
    with pytest.raises(_Crash):
        crashed.run(REQUIRED)
    crashed.run(REQUIRED)

    assert as_told(crashed) == as_told(straight)
    assert crashed.records.approved_entries() == straight.records.approved_entries()
    assert versions(crashed) == ["B-17 API-1 v7", "B-18 API-1 v8"]


def test_detectors_that_start_afresh_still_know_what_was_approved():
    """The snapshot is damaged and what came before it may be trimmed: the records know the versions."""
    plant = requested()
    plant.take_requests()
    plant.put(batch([(TT, -50, 20.0)]))
    plant.run(REQUIRED)
    position, _ = plant.records.snapshot_of(NAME) or (Position(0), b"")
    with plant.records.unit_of_work() as work:
        work.snapshot(NAME, position, b"damaged")
        work.cursor(NAME, Position(len(plant.written)))

    plant.start_batch("B-17", 0)
    plant.run(REQUIRED)

    assert versions(plant) == ["B-17 API-1 v7"]


def test_a_proposer_who_approves_is_refused_by_the_core_too():
    plant = Plant()
    put_forward(plant, proposal_of(RECIPE))
    plant.records.request(approve(person="ADA"))
    plant.take_requests()
    plant.start_batch("B-17", 0)
    plant.run(REQUIRED)

    assert plant.records.request_answer("a7") == Answer("refused", "ADA proposed it: a second person approves")
    assert plant.records.approved_versions() == []
    assert versions(plant) == []


def test_an_approval_of_no_proposal_is_refused_on_the_spot():
    plant = Plant()
    plant.records.request(approve(proposal="p9"))

    assert plant.take_requests() == []
    assert plant.records.request_answer("a7") == Answer("refused", "there is no proposal 'p9'")


def test_content_that_was_changed_on_its_way_judges_nothing():
    plant = Plant()
    put_forward(plant, replace(proposal_of(RECIPE), content=canonical(version_of(7, dose=RECIPE.phases["charge"]))))
    plant.records.request(approve())
    plant.take_requests()
    plant.run(REQUIRED)

    answer = plant.records.request_answer("a7")
    assert answer == Answer("refused", "its content is not what was approved: the hash differs")


def close(kind: ActionKind, person: str, id_: str = "c7", proposal: str = "p7") -> PersonAction:
    return PersonAction(id_, at(-150), person, kind, proposal, "page 14 says otherwise")


REJECT, WITHDRAW = ActionKind.REJECT_RANGES, ActionKind.WITHDRAW_RANGES


@pytest.mark.parametrize(("kind", "person", "what"), [(REJECT, "Grace", "rejected"), (WITHDRAW, "Ada", "withdrawn")])
def test_what_was_closed_cannot_be_approved_whoever_asked_first(kind, person, what):
    """Both requests wait when the core looks: their order in the journal decides."""
    plant = Plant()
    put_forward(plant, proposal_of(RECIPE))
    plant.records.request(close(kind, person))
    plant.records.request(approve())
    taken = plant.take_requests()
    plant.run(REQUIRED)

    assert [type(each).__name__ for each in taken] == ["PersonAction", "RecipeApproved"]
    assert plant.records.request_answer("c7") == Answer("done")
    assert plant.records.request_answer("a7") == Answer("refused", f"p7 was {what} by {person}")
    assert plant.records.approved_versions() == []
    assert plant.records.closings() == [close(kind, person)]


def test_what_is_approved_cannot_be_closed():
    plant = requested()
    plant.take_requests()
    plant.records.request(close(REJECT, "Grace"))
    plant.take_requests()
    plant.run(REQUIRED)

    assert plant.records.request_answer("c7") == Answer("refused", "p7 is approved already")
    assert plant.records.closings() == []
    assert len(plant.records.approved_versions()) == 1


@pytest.mark.parametrize(
    ("kind", "person", "why"),
    [
        (REJECT, "ADA", "ADA proposed it, and may withdraw it"),
        (WITHDRAW, "Grace", "Ada proposed it: another person rejects it"),
    ],
)
def test_each_deed_is_of_its_person(kind, person, why):
    plant = Plant()
    put_forward(plant, proposal_of(RECIPE))
    plant.records.request(close(kind, person))

    assert plant.take_requests() == []
    assert plant.records.request_answer("c7") == Answer("refused", why)


def test_detectors_that_start_afresh_still_know_what_was_rejected():
    plant = Plant()
    put_forward(plant, proposal_of(RECIPE))
    plant.records.request(close(REJECT, "Grace"))
    plant.take_requests()
    plant.put(batch([(TT, -50, 20.0)]))
    plant.run(REQUIRED)
    position, _ = plant.records.snapshot_of(NAME) or (Position(0), b"")
    with plant.records.unit_of_work() as work:
        work.snapshot(NAME, position, b"damaged")
        work.cursor(NAME, Position(len(plant.written)))

    plant.records.request(approve())
    plant.take_requests()
    plant.run(REQUIRED)

    assert plant.records.request_answer("a7") == Answer("refused", "p7 was rejected by Grace")


def test_what_was_closed_is_in_the_snapshot():
    from detectors.versions import Versions

    versions = Versions(REQUIRED)
    versions.close(close(REJECT, "Grace"))
    again = Versions(REQUIRED)
    again.load(versions.state())
    proposal = proposal_of(RECIPE)

    assert again.take(approval_of(proposal, approve())).error == "p7 was rejected by Grace"
    assert again.close(close(WITHDRAW, "Ada")).error == "p7 was rejected by Grace"
