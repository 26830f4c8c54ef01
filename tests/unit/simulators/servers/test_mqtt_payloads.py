import json
import math

import pytest

from domain.time import SECOND_NS
from simulators.outlets import Update
from simulators.servers.mqtt_payloads import (
    FORMS,
    HUGE_BYTES,
    JsonFormat,
    Message,
    Place,
    PublishedTag,
    UnsFormat,
    malformed,
)

T_NS = 1_790_000_000 * SECOND_NS
TT = PublishedTag("R101.TT", unit="degC")


def told(form: JsonFormat | UnsFormat, *arguments: object) -> object:
    return json.loads(form.message(Update("R101.TT", *arguments)).payload)


@pytest.mark.parametrize("value", [61.5, 20, True, "101-0017"])
def test_json_has_a_value_of_any_kind_and_its_time(value: object) -> None:
    assert told(JsonFormat([TT]), value, T_NS) == {"v": value, "t": "2026-09-21T14:13:20Z"}


def test_json_tells_a_status_only_where_it_is_not_good() -> None:
    bad = 0x808C_0000

    assert told(JsonFormat([TT]), math.nan, T_NS, bad) == {"v": None, "t": "2026-09-21T14:13:20Z", "s": bad}


def test_a_source_without_a_clock_sends_no_time() -> None:
    assert told(JsonFormat([TT]), 61.5, None) == {"v": 61.5}
    assert "timestamp" not in told(UnsFormat([TT]), 61.5, None)


def test_a_topic_is_the_tags_own_or_made_of_its_name() -> None:
    form = JsonFormat([TT, PublishedTag("T201.LT", topic="plant/t201/level")])

    assert dict(form.topics) == {"R101.TT": "plant/r101/tt", "T201.LT": "plant/t201/level"}


def test_the_unified_namespace_has_the_plants_levels_and_a_full_payload() -> None:
    form = UnsFormat([TT], Place("acme", "basel", "api", {"R101": "line-a"}))
    message = form.message(Update("R101.TT", 61.5, T_NS, 0x4000_0000))

    assert message.topic == "acme/basel/api/line-a/R101/TT"
    assert json.loads(message.payload) == {
        "value": 61.5,
        "unit": "degC",
        "timestamp": "2026-09-21T14:13:20Z",
        "quality": "Uncertain",
    }


def test_a_tag_that_is_not_published_is_refused() -> None:
    with pytest.raises(KeyError, match=r"X\.TT"):
        JsonFormat([TT]).message(Update("X.TT", 1.0, T_NS))


@pytest.mark.parametrize("form", FORMS)
def test_no_malformed_payload_has_a_value_that_could_be_taken_for_a_good_one(form: str) -> None:
    good = JsonFormat([TT]).message(Update("R101.TT", 61.5, T_NS))
    payload = malformed(good, form).payload
    try:
        document = json.loads(payload)
    except ValueError:  # of UnicodeDecodeError too
        document = None

    readable = isinstance(document, dict) and isinstance(document.get("v"), float) and math.isfinite(document["v"])
    assert not readable or len(payload) > HUGE_BYTES


def test_what_is_no_json_is_cut_short_and_an_unknown_form_is_refused() -> None:
    assert malformed(Message("t", b"\x08\x01\x12\x04"), "nan").payload == b"\x08\x01"
    with pytest.raises(ValueError, match=r"'odd'.*truncated"):
        malformed(Message("t", b"{}"), "odd")
