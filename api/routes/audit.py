"""The audit trail: searched page by page, and exported with schema and hash. To export is a deed of its own in it."""

from collections.abc import Sequence
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.auth import Somebody
from api.context import Context, Here, answer
from api.document import comes_as
from api.times import parse_moment
from domain.audit import AuditEntry, AuditQuestion, AuditRecord, as_csv, as_json, row_of

router = APIRouter(prefix="/v1/audit", tags=["audit"])

EXPORTED_AT_MOST = 100_000
Some = Annotated[str, Query(max_length=500)]


def _span(
    here: Here,
    start: Annotated[str, Query(description="first moment; empty: from the first record on")] = "",
    end: Annotated[str, Query(description="first moment left out; empty: up to the newest record")] = "",
) -> tuple[int | None, int | None]:
    now_ns = here.now_ns()
    return (
        parse_moment("start", start, now_ns) if start else None,
        parse_moment("end", end, now_ns) if end else None,
    )


def _question(
    span: Annotated[tuple[int | None, int | None], Depends(_span)],
    person: Some = "",
    role: Some = "",
    kind: Some = "",
    subject: Some = "",
    batch: Some = "",
    text: Some = "",
) -> AuditQuestion:
    """What is asked for: exact words for all but `text`, which is looked for in what was said and changed."""
    return AuditQuestion(person, role, kind, subject, batch, *span, text)


Asked = Annotated[AuditQuestion, Depends(_question)]
Before = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="the `next` of the page before")]


@router.get("")
async def listed(
    here: Here, asked: Asked, limit: Annotated[int, Query(ge=1, le=1_000)] = 100, before: Before = None
) -> Response:
    """The newest records that answer the question, newest first; `next` is the token of the page after."""
    found = await _found(here, asked, limit + 1, before)
    rows = [row_of(record) for record in found[:limit]]
    following = found[limit - 1].sequence if len(found) > limit else None
    return answer({"records": rows, "next": following})


@router.get("/export", response_class=Response, responses=comes_as("application/json", "text/csv"))
async def exported(
    here: Here,
    asked: Asked,
    person: Somebody,
    form: Annotated[Literal["csv", "json"], Query(alias="format")] = "json",
    before: Before = None,
) -> Response:
    """At most 100,000 records with schema and SHA-256; cells of CSV that a spreadsheet would run begin with `'`.

    Where there are more, `Thermowell-Next` is the `before` of what follows.
    """
    found = await _found(here, asked, EXPORTED_AT_MOST + 1, before)
    records, now_ns = found[:EXPORTED_AT_MOST], here.now_ns()
    body = as_csv(records) if form == "csv" else as_json(records, asked, now_ns)
    digest = sha256(body).hexdigest()
    what = f"{len(records)} audit records as {form}"
    comment = ", ".join(f"{name}: {value}" for name, value in asked.told().items())
    entry = AuditEntry(
        f"export {here.deps.new_id()}",
        now_ns,
        person.name,
        "export",
        "audit trail",
        what,
        comment,
        new=digest,
        origin=person.origin,
        role=person.role,
    )
    await here.lanes.light.run(lambda: here.deps.records.audit(entry))
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="audit.{form}"',
        "Thermowell-SHA256": digest,
    }
    if len(found) > EXPORTED_AT_MOST:
        headers["Thermowell-Next"] = str(records[-1].sequence)
    media = "text/csv; charset=utf-8; header=present" if form == "csv" else "application/json"
    return Response(body, HTTPStatus.OK, headers, media)


async def _found(here: Context, asked: AuditQuestion, limit: int, before: int | None) -> Sequence[AuditRecord]:
    return await here.lanes.light.run(lambda: here.deps.records.find_audit(asked, limit, before))
