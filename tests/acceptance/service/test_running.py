"""What the tests of the whole service stand on."""

from pathlib import Path

import pytest

from tests.acceptance.service.running import service, until
from tests.ports import free_port


def test_who_waits_for_a_service_that_has_ended_is_told_at_once_what_it_said_last(tmp_path: Path) -> None:
    config = tmp_path / "plant.yaml"
    config.write_text("site: north\nheartbaet: 1s\n")
    with service(config, free_port()) as running:
        running.start()
        with pytest.raises(AssertionError, match=r"ended with 2:\n(.*\n)*.*heartbaet"):
            until(running.ready)
