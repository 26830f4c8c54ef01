"""One event is one line, whatever a name or a message holds; no secret is in it."""

import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest

from domain.alarms import AlarmFacts, Transition
from domain.errors import Refused
from domain.rules import Priority
from service.cli import check, main
from service.logs import FIELDS, JsonLines, TextLines, set_up
from service.telling.standing import log_changes

EVIL = 'T7\n2026-01-01 ERROR forged: "x"\r\u2028\x1b[31m\ud800'

RAISED = Transition(
    "T7.LT~high:1", "T7.LT~high", 1, 1, "activated", AlarmFacts(active=True, acknowledged=False), Priority.HIGH,
    "excursion.fixed.high", "T7.LT", "high", "T7.LT is high", unit="T7", batch="B1",
)  # fmt: skip


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("service.x", logging.WARNING, "f.py", 1, message, arguments, None)
    made.__dict__.update(extra)
    return made


def test_a_json_line_has_its_time_in_utc_and_what_it_is_about():
    told = json.loads(JsonLines().format(record("tag %s is late", "T7.LT", source="floor", tag="T7.LT")))

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["time"])
    assert (told["level"], told["logger"], told["message"]) == ("warning", "service.x", "tag T7.LT is late")
    assert (told["source"], told["tag"], "unit" in told) == ("floor", "T7.LT", False)


@pytest.mark.parametrize("form", [JsonLines(), TextLines()])
def test_a_name_from_outside_cannot_begin_a_line(form: logging.Formatter):
    line = form.format(record("tag %s is late", EVIL, tag=EVIL))

    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


def test_an_exception_is_one_field():
    error = ValueError(EVIL)
    made = record("failed")
    made.exc_info = (ValueError, error, None)
    line = JsonLines().format(made)

    assert len(line.splitlines()) == 1
    assert "ValueError: T7\n2026" in json.loads(line)["exception"]


@pytest.mark.parametrize("form", [JsonLines(), TextLines()])
def test_passwords_in_addresses_and_tokens_are_not_told(form: logging.Formatter):
    line = form.format(record("mqtt://ada:sesame@broker:1883 Authorization: Bearer abcdef.123456"))

    assert "mqtt://***@broker:1883" in line
    assert not re.search("sesame|abcdef", line)


def test_each_change_of_an_alarm_is_a_line_with_what_it_is_about(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        log_changes([RAISED, replace(RAISED, alarm="dirty/breach", subject="dirty", batch="")], {"T7.LT": "floor"}.get)
    told = [json.loads(JsonLines().format(each)) for each in caplog.records]

    assert [{name: line[name] for name in FIELDS if name in line} for line in told] == [
        {"source": "floor", "tag": "T7.LT", "unit": "T7", "batch": "B1", "alarm": "T7.LT~high"},
        {"unit": "T7", "alarm": "dirty/breach"},
    ]
    assert told[0]["message"] == "activated: T7.LT is high"


def test_what_ends_the_program_is_an_object_where_the_log_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def refuses(_: object) -> int:
        set_up("json")
        raise Refused("somebody else has mqtt://ada:sesame@broker")

    monkeypatch.setattr(check, "run", refuses)
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        with pytest.raises(SystemExit, match="2"):
            main(["check", str(tmp_path)])
    finally:
        logging.getLogger().handlers, logging.getLogger().level = handlers, level
    told = json.loads(capsys.readouterr().err)

    assert (told["level"], told["message"]) == ("critical", "somebody else has mqtt://***@broker")
