"""`thermowell notify test`, with a real mail server, a real web hook and the real page behind the way back."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.telling.on_duty import heard, write_calendar, write_plant
from tests.acceptance.telling.servers import Mailbox, Webhook, mail_server, web_server
from tests.patience import LIMIT_S
from tests.ports import free_port


def notify_test(file: Path, *names: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "service.cli", "notify", "test", *names, "--config", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_every_way_is_tried_and_what_fails_makes_the_exit_code(tmp_path: Path) -> None:
    box, hook, mail, web = Mailbox(), Webhook(), free_port(), free_port()
    file = write_plant(tmp_path, mail, web, "")
    with mail_server(box, mail), web_server(hook, web):
        tried = notify_test(file)
    rows = tried.stdout.splitlines()

    # Every channel, every person, and whoever is on duty; the page does not run, so the way back fails.
    assert sorted(heard(box)) == sorted(["ada", "grace", "deputy", "manager"] * 2 + ["ada"])
    assert len(hook.bodies) == 1
    assert all(str(one["Subject"]) == "TEST from demo" for one in box.mails)
    assert all("This is a test of" in text and "/ack/" in text for text in box.texts)
    assert any(row.startswith("leads") and "on duty: Ada" in row and " ok " in row for row in rows)
    assert any(row.startswith("the way back") and "FAILED" in row for row in rows)
    assert (tried.returncode, tried.stderr) == (1, "")


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_channel_that_is_away_fails_by_name_and_a_rota_without_anybody_names_its_fallback(tmp_path: Path) -> None:
    file = write_plant(tmp_path, free_port(), free_port(), "")
    write_calendar(tmp_path, ("Ada", 1, 2))
    tried = notify_test(file, "leads")

    assert tried.returncode == 1
    assert "nobody is on duty; fallback: Manager" in tried.stdout
    assert any("Manager by Manager_mail" in row and "FAILED" in row for row in tried.stdout.splitlines())


def test_a_name_that_is_not_configured_is_refused(tmp_path: Path) -> None:
    file = write_plant(tmp_path, free_port(), free_port(), "")
    tried = notify_test(file, "leeds")

    assert tried.returncode == 2
    assert "did you mean 'leads'?" in tried.stderr
