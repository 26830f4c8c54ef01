"""`thermowell notify test`, with a real mail server, a real web hook and the real page behind the way back."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.cli import notify
from tests.acceptance.telling.on_duty import heard, write_calendar, write_plant
from tests.acceptance.telling.servers import Mailbox, Webhook, mail_server, web_server
from tests.ports import free_port

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:apprise.*"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]


def notify_test(file: Path, *names: str) -> int:
    parser = argparse.ArgumentParser()
    notify.add_arguments(parser)
    return notify.run(parser.parse_args(["test", *names, "--config", str(file)]))


def test_every_way_is_tried_and_what_fails_makes_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box, hook, mail, web = Mailbox(), Webhook(), free_port(), free_port()
    file = write_plant(tmp_path, mail, web, "", datetime.now(UTC))
    with mail_server(box, mail), web_server(hook, web):
        code = notify_test(file)
    rows = capsys.readouterr().out.splitlines()

    # Every channel, every person, and whoever is on duty; the page does not run, so the way back fails.
    assert sorted(heard(box)) == sorted(["ada", "grace", "deputy", "manager"] * 2 + ["ada"])
    assert len(hook.bodies) == 1
    assert all(str(one["Subject"]) == "TEST from demo" for one in box.mails)
    assert all("This is a test of" in text and "/ack/" in text for text in box.texts)
    assert any(row.startswith("leads") and "on duty: Ada" in row and " ok " in row for row in rows)
    assert any(row.startswith("the way back") and "FAILED" in row for row in rows)
    assert code == 1


def test_a_channel_that_is_away_fails_by_name_and_a_rota_without_anybody_names_its_fallback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_plant(tmp_path, free_port(), free_port(), "")
    write_calendar(tmp_path, datetime.now(UTC), ("Ada", 1, 2))

    assert notify_test(file, "leads") == 1
    told = capsys.readouterr().out
    assert "nobody is on duty; fallback: Manager" in told
    assert any("Manager by Manager_mail" in row and "FAILED" in row for row in told.splitlines())


def test_a_name_that_is_not_configured_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_plant(tmp_path, free_port(), free_port(), "")

    assert notify_test(file, "leeds") == 2
    assert "did you mean 'leads'?" in capsys.readouterr().err
