"""Secrets that the service makes for itself."""

import threading
from pathlib import Path

import pytest

from domain.errors import Refused
from service.keys import key_in


def test_a_key_is_made_once_and_its_user_alone_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "links"
    key = key_in(file)

    assert len(key) == 32
    assert key_in(file) == key
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["links"]


def test_two_processes_that_start_together_have_one_key(tmp_path: Path) -> None:
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(key_in(tmp_path / "links"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_key_that_others_can_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "links"
    key_in(file)
    file.chmod(0o644)
    with pytest.raises(Refused, match="open to others"):
        key_in(file)

    file.chmod(0o600)
    file.write_bytes(b"")
    with pytest.raises(Refused, match="no key"):
        key_in(file)
