"""One event is one line, whatever a name or a message holds; no secret is in it."""

import json
import logging
import re

import pytest

from service.logs import JsonLines, TextLines

EVIL = 'T7\n2026-01-01 ERROR forged: "x"\r\u2028\x1b[31m\ud800'


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
