"""Gives every configured tag its identity for life: known tags keep theirs, changed ones get a new version."""

import uuid
from collections.abc import Iterable
from dataclasses import replace

from domain.entries import TagDefined
from domain.tags import Tag, TagId, TagTable


def define(known: TagTable, drafts: Iterable[Tag], now_ns: int) -> list[TagDefined]:
    """The definitions that bring the table up to the drafts; the table is brought up too.

    A tag is known again by its name, else by its source and address (then it was renamed).
    """
    drafts = tuple(drafts)
    taken = {draft.name for draft in drafts}
    by_address = {(tag.source, tag.configured or tag.address): tag for tag in known if tag.name not in taken}
    definitions = []
    for draft in drafts:
        before = known.find(draft.name) or by_address.get((draft.source, draft.address))
        tag = _next_version(before, draft, len(known))
        if before is None or not tag.says_the_same(before):
            known.put(tag)
            definitions.append(TagDefined(tag, now_ns))
    return definitions


def _next_version(before: Tag | None, draft: Tag, next_id: int) -> Tag:
    if before is None:
        return replace(draft, id=TagId(next_id), uuid=str(uuid.uuid4()), version=1)
    pinned = draft
    if before.configured and before.configured == draft.address and before.source == draft.source:
        pinned = replace(draft, address=before.address, configured=before.configured)
    return replace(pinned, id=before.id, uuid=before.uuid, version=before.version + 1)
