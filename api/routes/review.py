"""The review of a batch: what is open, dispositions of findings, the signature, and the report as a file."""

import hashlib
import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.auth import Somebody, no_proof
from api.context import Context, Here, answer
from api.dependencies import Reviews
from api.document import comes_as
from api.problems import Problem, bad, missing
from api.report_file import MEDIA, Form, report_file
from api.reviewing import state_of
from api.shapes import Shape
from api.words import Words
from domain.batch_report import Disposition
from domain.errors import Refused
from domain.ports import Person
from domain.review import SIGNED, actors_of, fault_of_disposition, items_of, open_points
from domain.review_content import sealed, signed_content
from domain.signatures import Meaning
from domain.words import counted

router = APIRouter(prefix="/v1/batches", tags=["review"])

_AS_OF = re.compile(r"(\d{1,18})(?:/(\d{1,18}))?")


def reviews_of(here: Context) -> Reviews:
    """What reviews stand on; Problem 404 where there is nothing of it."""
    if here.deps.reviews is None:
        raise missing("batch", "this service keeps no reviews")
    return here.deps.reviews


@router.get("/{batch:path}/review")
async def review(here: Here, batch: str) -> Response:
    """What is open before a batch can be reviewed, what people said of it, and which signatures are of this content."""
    return answer(await told(here, batch))


async def told(here: Context, batch: str) -> Shape:
    """The state of a review; Problem 404 where nothing is known of the batch."""
    reviews = reviews_of(here)
    try:
        return await here.lanes.reports.run(lambda: state_of(reviews, reviews.report(batch)))
    except Refused as error:
        raise missing("batch", str(error)) from None


@router.get("/{batch:path}/report.{form}", response_class=Response, responses=comes_as(*MEDIA.values()))
async def report(
    here: Here,
    batch: str,
    form: Form,
    person: Somebody,
    as_of: Annotated[
        str | None, Query(max_length=40, description="a position, or POSITION/DEED as a report tells it")
    ] = None,
) -> Response:
    """The report of a batch as a file; the same position and deed give the same bytes. It is noted as an export."""
    reviews, lane = reviews_of(here), here.lanes.reports
    position, deeds = _as_of(as_of)
    try:
        made = await lane.run(lambda: reviews.report(batch, position, deeds))
        file = await lane.run(lambda: report_file(reviews, made, form))
    except Refused as error:
        raise missing("batch", str(error)) from None
    what = f"report as {form} as of {made.as_of}, file {hashlib.sha256(file).hexdigest()}"
    now_ns, id_ = here.now_ns(), here.deps.new_id()
    await lane.run(lambda: reviews.exported(id_, now_ns, person, batch, what))
    name = re.sub(r"[^A-Za-z0-9._-]", "_", batch)[:100]
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"', "Cache-Control": "no-store"}
    return Response(file, media_type=MEDIA[form], headers=headers)


def _as_of(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    match = _AS_OF.fullmatch(text)
    if match is None:
        raise bad("as_of", f"{text!r} is no position (such as 4711, or 4711/12)")
    return int(match[1]), None if match[2] is None else int(match[2])


class Item(BaseModel):
    """What a disposition is of: a finding or an unobserved time, in the version that the person saw."""

    model_config = ConfigDict(extra="forbid")

    item: str = Field(max_length=500)
    version: int = Field(ge=0)


class Given(BaseModel):
    """A disposition of one or several items."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    items: list[Item] = Field(min_length=1, max_length=200)
    kind: str = Field(alias="class", max_length=100)
    comment: Words = Field(min_length=1)
    number: str = Field(default="", max_length=100)


@router.post("/{batch:path}/dispositions")
async def dispose(here: Here, batch: str, given: Given, person: Somebody) -> Response:
    """Say what findings mean: a class, a comment, a number of the quality system. It closes none of them.

    409 where an item has another version by now than the person saw: nothing of it is kept then.
    """
    reviews = reviews_of(here)
    wrong = fault_of_disposition(_disposition(here, batch, given, given.items[0], person), reviews.rules)
    if wrong:
        raise bad("comment" if "comment" in wrong else "class" if "class" in wrong else "number", wrong)
    known = await here.lanes.reports.run(lambda: _known(reviews, batch, given))
    for each in given.items:
        if each.item not in known:
            raise missing("items", f"batch {batch!r} has nothing that needs a disposition by the id {each.item!r}")
        if known[each.item] != each.version:
            detail = f"{each.item!r} has version {known[each.item]} by now, not {each.version}: look at it again"
            raise Problem(HTTPStatus.CONFLICT, detail, parameter="items")
    kept = [_disposition(here, batch, given, each, person) for each in given.items]
    for one in kept:
        await here.lanes.light.run(lambda one=one: reviews.dispose(one, person.origin))  # type: ignore[misc]  # binds the loop's one
    return answer({"dispositions": [{"id": one.id, "item": one.item, "version": one.version} for one in kept]}, 201)


def _known(reviews: Reviews, batch: str, given: Given) -> dict[str, int]:
    """The newest versions of what may be disposed of; the record is read only where its time is in question."""
    known = dict(reviews.versions(batch))
    if any(each.item not in known for each in given.items):
        try:
            known |= items_of(reviews.report(batch))
        except Refused:
            return known
    return known


def _disposition(here: Context, batch: str, given: Given, item: Item, person: Person) -> Disposition:
    return Disposition(
        here.deps.new_id(),
        batch,
        item.item,
        item.version,
        given.kind,
        given.comment.strip(),
        given.number.strip(),
        person.name,
        person.role,
        here.now_ns(),
    )


class Signing(BaseModel):
    """A reviewer's signature: of which content, with the password or token once more, and why."""

    model_config = ConfigDict(extra="forbid")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    secret: str = Field(max_length=1_000)
    reason: Words = Field(min_length=1)


@router.post("/{batch:path}/review")
async def sign(here: Here, batch: str, said: Signing, person: Somebody) -> Response:
    """Sign the review of a batch: that this content was reviewed. It releases nothing.

    409 where the content is another one by now, where something needs a disposition first, or where the person acted on
    the batch; 401 where the password is wrong.
    """
    reviews, lane = reviews_of(here), here.lanes.reports
    await lane.run(lambda: _signed(here, reviews, batch, said, person))
    return answer(await told(here, batch), 201)


def _signed(here: Context, reviews: Reviews, batch: str, said: Signing, person: Person) -> None:
    signing = here.deps.signing
    if signing is None:
        raise Problem(HTTPStatus.NOT_FOUND, "this service takes no signatures")
    try:
        made = reviews.report(batch)
    except Refused as error:
        raise missing("batch", str(error)) from None
    content = sealed(made)
    if content.sha256 != said.sha256:
        detail = "the content is another one by now than the one that was shown: look at it again"
        raise Problem(HTTPStatus.CONFLICT, detail, parameter="sha256")
    waiting = [each for each in open_points(made) if each.needs_disposition or each.kind == "phase runs"]
    if waiting:
        detail = f"{counted(len(waiting), 'point')} to be settled first; the first: {waiting[0].words}"
        raise Problem(HTTPStatus.CONFLICT, detail, parameter="batch")
    told = signed_content(made, content)
    try:
        signing.sign(SIGNED, batch, told, Meaning.REVIEWED, person, said.secret, said.reason, actors_of(made))
    except Refused as error:
        raise no_proof(error) from None
