import json
from dataclasses import fields

import numpy as np
import pytest
import zstandard

from domain.entries import Entry, TagDefined, TextBatch
from domain.errors import DamagedFile, UnknownEntry
from domain.samples import SampleBatch
from domain.tags import Tag
from historian.journal.codec import Decoder, Encoder, event_payload, sample_payload
from historian.journal.layouts import INLINE, KnownLayouts, LearntLayouts, Piece
from tests.checks.journal import (
    ACTION,
    APPROVED,
    CONFIGURATION,
    EVENT,
    GAP,
    HEARTBEAT,
    LASTING,
    PASSING,
    QUARANTINED,
    STATE,
    T0_NS,
    TEXTS,
    same,
    samples,
)

NO_LAYOUTS = KnownLayouts(lambda _: None)


def mixed_batch() -> SampleBatch:
    """Two scans of three tags: runs, offsets, a server time, one Bad row, NaN and -0.0."""
    return SampleBatch(
        "train1",
        T0_NS,
        np.array([0, 1, 70_000] * 2, np.uint32),
        T0_NS + np.array([0, 0, 0, 250_000_000, 250_000_000, 10_000_000_000], np.int64),
        T0_NS + np.array([1, 2, 3, 4, 5, 6], np.int64),
        np.array([1.5, -0.0, np.nan, np.inf, 5e-324, 75.25]),
        np.array([0, 0, 0x8031_0000, 0, 0x480, 0x480], np.uint32),
    )


GOLDEN_SAMPLES = (
    "01" "06747261696e31" "00a08bf609c76c18" "06000000"  # samples; the source; received; rows
    "0200" "ffffffff03000000" "0000000003000000"  # two pieces of three rows: in the entry, layout 0
    "04" "00000000" "01000000" "6f110100"  # tags of 4 bytes, as steps
    "02" "64000000" "00a08bf609c76c18" "000000000000000000000000a0252600a025260000e1f505"  # offsets in 100 ns
    "02" "02" "01000000" "01a08bf609c76c18" "000000000100000002000000030000000400000005000000"  # server time in ns
    "01" "03" "000000000000000000003180000000008004000080040000"  # status as it is
    "000000000000f83f" "0000000000000080" "000000000000f87f" "000000000000f07f" "0100000000000000" "0000000000d05240"
)  # fmt: skip
GOLDEN_STATE = "0128b52ffd2434a10100067b22736f75726365223a22747261696e31222c227374617465223a227b5c22737562736372697074696f6e5c223a20377d227d5e9bbc67"
GOLDEN_EVENTS = {
    GAP: b'\x03{"id":"g1","source":"train1","tag":null,"start_ns":1760000400000000000,"end_ns":null,'
    b'"cause":"disconnect","detail":"the server closed the channel"}',
    LASTING[1]: b'\x05{"at_ns":1760000400000000000,"id":3,"uuid":"5f0c","version":1,"name":"R101.TT",'
    b'"source":"train1","address":"nsu=urn:plant;s=R101.TT","configured":"ns=2;s=R101.TT","unit":"degC",'
    b'"reference":"","kind":"number","sensor_low":-50.0,"sensor_high":null,"sampling_interval_ns":0,"description":""}',
    CONFIGURATION: b'\x07{"at_ns":1760000400000000000,"hash":"ab12","text":"site: demo\\n","version":"0.1.0",'
    b'"simulated":true}',
    QUARANTINED: b'\x08{"source":"floor","received_ns":1760000400000000000,"address":"plant/t7",'
    b'"reason":"no number at /v","payload":"{\\"v\\": \\"\\\\udcff\\"}","count":2}',
    ACTION: b'\t{"id":"r1","at_ns":1760000400000000000,"person":"Ada","kind":"shelve","subject":"R101.TT.high",'
    b'"comment":"valve is being repaired","until_ns":1760000400000000009}',
    EVENT: b'\n{"id":"e1","source":"floor","kind":"charge","time_ns":1760000399999999995,'
    b'"recorded_ns":1760000400000000000,"unit":"R101","batch":"B-17","phase":"dose","material":"SM-1",'
    b'"amount":"12.50","amount_unit":"kg","from_unit":"","to_unit":"","parents":[],"children":[],"person":""}',
    APPROVED: b'\x0b{"id":"a1","at_ns":1760000400000000000,"product":"API-1","version":7,"change":"CR-1234",'
    b'"study":"VR-12","valid_from_ns":1760000400000000001,"proposal":"p1","proposer":"Ada","approver":"Grace",'
    b'"reason":"as validated","content":"{\\"format\\":1}","hash":"ab12"}',
    TEXTS: b'\x02{"source":"train1","received_ns":1760000400000000000,"tag":[3,4],'
    b'"time_ns":[1760000400000000000,1760000400000000001],"server_ns":null,"value":["B-17",null],"status":[0,2150694912]}',
    HEARTBEAT: b'\x04{"source":"train1","now_ns":1760000400000000000,"connected":true,'
    b'"heard_ns":1760000399999999995,"skew_ns":-3,"detail":""}',
    STATE: b'\x06{"source":"train1","state":"{\\"subscription\\": 7}"}',
}


def stored(payload: bytes) -> bytes:
    return Encoder().seal(payload)


def test_the_bytes_of_samples_have_not_changed():
    payload = sample_payload(mixed_batch(), [Piece(INLINE, 3), Piece(0, 3)])

    assert payload.hex() == GOLDEN_SAMPLES


def test_samples_written_by_an_earlier_version_are_read():
    layout = mixed_batch().tag[3:].astype("<u4").tobytes()
    found = Decoder(KnownLayouts({0: layout}.get)).open(stored(bytes.fromhex(GOLDEN_SAMPLES)))

    assert same(found, mixed_batch())


@pytest.mark.parametrize("entry", GOLDEN_EVENTS, ids=lambda entry: type(entry).__name__)
def test_the_bytes_of_events_have_not_changed(entry: Entry):
    assert event_payload(entry) == GOLDEN_EVENTS[entry]


@pytest.mark.parametrize("entry", GOLDEN_EVENTS, ids=lambda entry: type(entry).__name__)
def test_events_written_by_an_earlier_version_are_read(entry: Entry):
    assert same(Decoder(NO_LAYOUTS).open(stored(GOLDEN_EVENTS[entry])), entry)


def test_a_stored_entry_is_a_format_byte_and_a_zstd_frame_with_its_checksum():
    assert same(Decoder(NO_LAYOUTS).open(bytes.fromhex(GOLDEN_STATE)), STATE)
    assert zstandard.get_frame_parameters(stored(event_payload(STATE))[1:]).has_checksum


@pytest.mark.parametrize("entry", [*LASTING, *PASSING], ids=lambda entry: type(entry).__name__)
def test_no_field_of_an_entry_is_left_out_of_the_file(entry: Entry):
    written = set(json.loads(event_payload(entry)[1:]))
    names = {field.name for field in fields(entry)}
    if isinstance(entry, TagDefined):
        names = {"at_ns"} | {field.name for field in fields(Tag)}
    if entry is EVENT:
        names -= {"recipe", "corrects"}  # of a later program; they stand only where something is told

    assert written == names


def test_text_that_is_no_unicode_and_integers_beyond_64_bits_come_back():
    entry = TextBatch("s", T0_NS, (1, 2), (2**70, -(2**70)), None, ("\ud800 lone", "\x00"), (0, 0))

    assert Decoder(NO_LAYOUTS).open(stored(event_payload(entry))) == entry


def test_a_sensor_without_an_end_comes_back():
    tag = Tag(LASTING[1].tag.id, "u", 1, "T", "s", "a", sensor_low=float("-inf"), sensor_high=float("inf"))
    entry = TagDefined(tag, 5)

    assert Decoder(NO_LAYOUTS).open(stored(event_payload(entry))) == entry


def test_any_flipped_bit_of_a_stored_entry_is_noticed():
    whole = stored(sample_payload(mixed_batch(), [Piece(INLINE, 6)]))
    decoder = Decoder(NO_LAYOUTS)
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            found = decoder.open(bytes(damaged))
        except DamagedFile:
            continue
        assert same(found, mixed_batch()), f"bit {bit}"  # a bit of the frame's header that means nothing


@pytest.mark.parametrize("length", [0, 1, 5, 20, 40, 60])
def test_a_cut_entry_is_damage(length: int):
    with pytest.raises(DamagedFile):
        Decoder(NO_LAYOUTS).open(stored(sample_payload(mixed_batch(), [Piece(INLINE, 6)]))[:length])


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b"\x03[]", "no object"),
        (b"\x03{", "no JSON"),
        (b"\x06{}", "no field 'source'"),
        (b'\x06{"source":7,"state":""}', "'source' is int"),
        (b'\x02{"source":"s","received_ns":1,"tag":["a"]}', "'tag' is list"),
        (event_payload(GAP).replace(b"disconnect", b"weather"), "weather"),
        (event_payload(ACTION).replace(b"shelve", b"delete"), "delete"),
        (bytes.fromhex(GOLDEN_SAMPLES)[:-1], "too few"),
        (bytes.fromhex(GOLDEN_SAMPLES) + b"\x00", "too many"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_payload_that_makes_no_sense_says_why(payload: bytes, reason: str):
    layout = mixed_batch().tag[3:].astype("<u4").tobytes()

    with pytest.raises(DamagedFile, match=reason):
        Decoder(KnownLayouts({0: layout}.get)).open(stored(payload))


def test_an_entry_of_an_unknown_kind_is_no_damage_but_of_a_newer_program():
    with pytest.raises(UnknownEntry, match="kind 99 of entries is not known here; it is whole, so a newer program"):
        Decoder(NO_LAYOUTS).open(stored(b"\x63{}"))


def test_an_entry_of_an_unknown_format_is_left_alone():
    with pytest.raises(DamagedFile, match="entry format 02"):
        Decoder(NO_LAYOUTS).open(b"\x02" + stored(event_payload(STATE))[1:])


def test_a_layout_that_the_file_does_not_have_is_damage():
    payload = sample_payload(mixed_batch(), [Piece(9, 6)])

    with pytest.raises(DamagedFile, match="no tag layout 9"):
        Decoder(NO_LAYOUTS).open(stored(payload))


def test_a_thousand_values_of_twenty_tags_that_share_a_time_take_less_than_four_bytes_each():
    layouts, encoder, size = LearntLayouts(), Encoder(), 0
    batches = [scan_of_fifty_devices(second) for second in range(20)]
    for batch in batches:
        size += len(encoder.seal(sample_payload(batch, layouts.pieces([batch.tag]))))

    assert size / 20_000 < 4.0


def test_a_layout_is_learnt_when_it_comes_again_and_then_costs_nothing():
    layouts, batch = LearntLayouts(), samples(list(range(100)))
    first, second = layouts.pieces([batch.tag]), layouts.pieces([batch.tag])

    assert first == [Piece(INLINE, 100)]
    assert second == [Piece(0, 100)]
    assert layouts.take_unwritten() == [(0, batch.tag.tobytes())]
    assert layouts.take_unwritten() == []


def test_messages_that_were_joined_keep_their_own_layouts():
    layouts = LearntLayouts([(4, np.arange(20, dtype="<u4").tobytes())])
    known, short = np.arange(20, dtype=np.uint32), np.arange(3, dtype=np.uint32)

    assert layouts.pieces([short, known, short, short, known]) == [
        Piece(INLINE, 3),
        Piece(4, 20),
        Piece(INLINE, 6),
        Piece(4, 20),
    ]


def test_layouts_that_never_come_again_are_not_kept():
    layouts, chance = LearntLayouts(), np.random.default_rng(1)
    for _ in range(3000):
        layouts.pieces([chance.integers(0, 1000, 50).astype(np.uint32)])

    assert layouts.take_unwritten() == []


def scan_of_fifty_devices(second: int) -> SampleBatch:
    """A second of 1,000 tags: each device's 20 share a time of µs, values are rounded to what the sensor resolves."""
    chance = np.random.default_rng(second)
    time_ns = T0_NS + second * 1_000_000_000 + chance.integers(0, 3000, 50) * 1000
    return SampleBatch(
        "train1",
        T0_NS,
        np.arange(1000, dtype=np.uint32),
        np.repeat(time_ns, 20),
        None,
        np.round(chance.normal(75, 0.5, 1000), 2),
        np.zeros(1000, np.uint32),
    )


@pytest.mark.parametrize("amount", ['"twelve"', '"NaN"', "12.5"], ids=["a word", "no number", "a binary float"])
def test_an_amount_that_is_no_decimal_number_is_damage(amount: str):
    payload = GOLDEN_EVENTS[EVENT].replace(b'"12.50"', amount.encode())

    with pytest.raises(DamagedFile, match="field 'amount' is"):
        Decoder(NO_LAYOUTS).open(stored(payload))


def test_a_null_among_names_is_damage():
    payload = GOLDEN_EVENTS[EVENT].replace(b'"parents":[]', b'"parents":[null]')

    with pytest.raises(DamagedFile, match="field 'parents' has a null, not a name"):
        Decoder(NO_LAYOUTS).open(stored(payload))


@pytest.mark.parametrize(
    ("entry", "known", "field"), [(GAP, "disconnect", "cause"), (ACTION, "shelve", "kind"), (EVENT, "charge", "kind")]
)
def test_a_word_that_is_not_known_is_no_damage_but_of_a_newer_program(entry: Entry, known: str, field: str):
    payload = GOLDEN_EVENTS[entry].replace(f'"{known}"'.encode(), b'"explode"', 1)

    with pytest.raises(UnknownEntry, match=f"{field} 'explode' of entries is not known here; it is whole, so a newer"):
        Decoder(NO_LAYOUTS).open(stored(payload))
