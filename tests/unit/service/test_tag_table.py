"""A tag keeps its identity over renaming, another node and another unit."""

from dataclasses import replace

from domain.tags import Tag, TagId, TagTable
from service.tag_table import define

TEMPERATURE = Tag(TagId(0), "", 0, "R101.TT", "train1", "nsu=urn:x;s=TT", unit="degC")
PRESSURE = replace(TEMPERATURE, name="R101.PT", address="nsu=urn:x;s=PT", unit="bar")


def defined(*drafts):
    table = TagTable()
    define(table, drafts, 1)
    return table


def test_new_tags_get_dense_ids_in_order():
    table = defined(TEMPERATURE, PRESSURE)

    assert [(tag.id, tag.name, tag.version) for tag in table] == [(0, "R101.TT", 1), (1, "R101.PT", 1)]


def test_an_unchanged_configuration_defines_nothing():
    table = defined(TEMPERATURE, PRESSURE)

    assert define(table, [TEMPERATURE, PRESSURE], 2) == []


def test_another_unit_is_a_new_version_of_the_same_tag():
    table = defined(TEMPERATURE)
    before = table.named("R101.TT")
    (definition,) = define(table, [replace(TEMPERATURE, unit="K")], 2)

    assert (definition.tag.uuid, definition.tag.id, definition.tag.version) == (before.uuid, before.id, 2)


def test_a_renamed_tag_is_known_again_by_its_address():
    table = defined(TEMPERATURE)
    before = table.named("R101.TT")
    (definition,) = define(table, [replace(TEMPERATURE, name="R101.TI")], 2)

    assert (definition.tag.uuid, table.find("R101.TT")) == (before.uuid, None)


def test_a_removed_tag_does_not_give_its_id_away():
    table = defined(TEMPERATURE)
    define(table, [PRESSURE], 2)

    assert table.named("R101.PT").id == 1


def test_an_address_that_was_pinned_to_its_namespace_stays_pinned():
    draft = replace(TEMPERATURE, address="ns=2;s=TT")
    table = defined(draft)
    pinned = replace(table.named("R101.TT"), address="nsu=urn:x;s=TT", configured="ns=2;s=TT", version=2)
    table.put(pinned)

    assert define(table, [draft], 3) == []
