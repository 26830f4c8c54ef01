"""Gives every configured tag its identity for life: known tags keep theirs, changed ones get a new version."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace

from domain.entries import TagDefined
from domain.tags import Tag, TagId, TagTable


def new_uuid() -> str:
    """An identity that nothing else has."""
    return str(uuid.uuid4())


def define(
    known: TagTable, drafts: Iterable[Tag], now_ns: int, identity: Callable[[], str] = new_uuid
) -> list[TagDefined]:
    """The definitions that bring the table up to the drafts; the table is brought up too.

    A tag is known again by its name, else by its source and address (then it was renamed). A new one gets an
    `identity`.
    """
    drafts = tuple(drafts)
    taken = {draft.name for draft in drafts}
    by_address = {(tag.source, tag.configured or tag.address): tag for tag in known if tag.name not in taken}
    definitions = []
    for draft in drafts:
        before = known.find(draft.name) or by_address.get((draft.source, draft.address))
        if before is None:
            tag = replace(draft, id=TagId(len(known)), uuid=identity(), version=1)
        else:
            tag = _next_version(before, draft)
        if before is None or not tag.says_the_same(before):
            known.put(tag)
            definitions.append(TagDefined(tag, now_ns))
    return definitions


def _next_version(before: Tag, draft: Tag) -> Tag:
    pinned = draft
    if before.configured and before.configured == draft.address and before.source == draft.source:
        pinned = replace(draft, address=before.address, configured=before.configured)
    return replace(pinned, id=before.id, uuid=before.uuid, version=before.version + 1)
