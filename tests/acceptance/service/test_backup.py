"""A backup while samples stream, killed in its middle once, then finished; restored, and gone on from."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.entries import GapCause
from domain.errors import DamagedFile, Refused
from service.backup.holding import Trimming
from service.backup.manifest import read_manifest
from service.backup.restoring import check_backup, restore
from service.config.build import load
from tests.acceptance.service.running import MOSQUITTO, ROOT, broker, python_process, until
from tests.acceptance.service.test_nothing_is_lost import LONGEST_NS, Evidence, configuration
from tests.patience import LIMIT_S
from tests.ports import free_port

pytestmark = [
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed; the broker's part cannot run"),
]

TAGS = 5


def backup_process(config: Path, target: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "service.cli", "backup", "--config", str(config), str(target), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_in_the_middle(config: Path, target: Path) -> None:
    """SIGKILL a backup while it copies, and nothing may leave the journal."""
    slow = backup_process(config, target, "--rate", "0.001")  # waits for seconds after each piece
    try:
        until((target.with_name(target.name + ".partial") / "data" / "records.db").exists, every_s=0.002)
    finally:
        slow.send_signal(signal.SIGKILL)
        slow.communicate()


def rows_of(evidence: Evidence, through: int) -> dict[str, list[tuple[int, float, int]]]:
    """Every row of every tag that came with an entry up to a position: time, value, status."""
    found = {}
    for tag in evidence.tags:
        rows = evidence.history.read(tag.id, 0, LONGEST_NS, versions=True, as_of=through)
        found[tag.name] = list(zip(rows.time_ns.tolist(), rows.value.tolist(), rows.status.tolist(), strict=True))
    return found


@contextlib.contextmanager
def core(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The part of the service that writes; killed on leaving."""
    command = [sys.executable, "-m", "service.cli", "run", "--role", "core", "--config", str(config)]
    with (config.parent / "core.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(LIMIT_S)


def has_more(folder: Path, than: dict[str, list[tuple[int, float, int]]]) -> bool:
    """Tell whether each tag has more rows."""
    if not (folder / "data" / "history" / "state.db").exists():
        return False
    found = rows_of(Evidence(folder), 2**40)
    return len(found) == TAGS + 2 and all(len(rows) > len(than.get(name, ())) for name, rows in found.items())


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A plant that streams; a backup of the running service; the service killed later and restored elsewhere."""
    folder = tmp_path_factory.mktemp("backed-up")
    opcua_port, mqtt_port, http_port = free_port(), free_port(), free_port()
    config = configuration(folder, opcua_port, mqtt_port, http_port)
    with (
        broker(folder / "broker", mqtt_port),
        python_process("tests.acceptance.service.counter_server", str(opcua_port), str(TAGS), str(folder / "nodes")),
        python_process("tests.acceptance.service.counter_publisher", str(mqtt_port), str(folder / "messages")),
    ):
        with core(config):
            until(lambda: has_more(folder, {}), every_s=0.5)
            kill_in_the_middle(config, folder / "killed")
            with Trimming(folder / "data" / "run" / "trimming.lock")() as freed:
                pass
            done = backup_process(config, folder / "whole")
            told = done.communicate(timeout=LIMIT_S)
            assert done.returncode == 0, told
            backed_up = rows_of(Evidence(folder), 2**40)
            until(lambda: has_more(folder, backed_up), every_s=0.5)
        again = folder / "again"
        again.mkdir()
        anew = configuration(again, opcua_port, mqtt_port, http_port)
        restored = restore(folder / "whole", load(anew))
        before = rows_of(Evidence(again), 2**40)
        with core(anew) as second:
            until(lambda: has_more(again, before), every_s=0.5)
            second.terminate()
            assert second.wait(LIMIT_S) == 0
    return folder, freed, restored, before


def test_a_killed_backup_leaves_nothing_that_looks_whole_and_holds_nothing(site):
    folder, freed, *_ = site
    left = folder / "killed.partial"

    assert freed
    assert not (folder / "killed").exists()
    assert (left / "unfinished").exists()
    with pytest.raises(DamagedFile, match="no finished backup"):
        check_backup(left)


def test_every_sample_up_to_the_position_of_the_backup_is_restored_exactly_once(site):
    folder, _, restored, before = site
    expected = rows_of(Evidence(folder), restored.manifest.positions["journal"])

    assert sum(map(len, expected.values())) > 50
    assert before == expected


def test_what_was_taken_after_the_backup_lies_in_a_gap_that_says_restored(site):
    folder, _, _, before = site
    lost = rows_of(Evidence(folder), 2**40)
    again = Evidence(folder / "again")
    found = rows_of(again, 2**40)
    silent = []
    for tag in again.tags:
        gaps = [
            (gap.start_ns, gap.end_ns)
            for gap in again.journal.gaps(tag.source, tag.id, 0, LONGEST_NS, 100)
            if gap.cause is GapCause.RESTORED
        ]
        assert len(gaps) == 1, tag.name
        silent += [
            (tag.name, row)
            for row in set(lost[tag.name]) - set(found[tag.name])
            if not gaps[0][0] - 300_000_000 <= row[0] <= gaps[0][1]  # a publishing interval is 200 ms
        ]

    assert any(set(lost[name]) - set(rows) for name, rows in before.items())
    assert silent == []


def test_the_restored_service_goes_on_and_tells_of_the_restore_once(site):
    folder, _, _, before = site
    found = rows_of(Evidence(folder / "again"), 2**40)

    assert all(len(found[name]) > len(rows) for name, rows in before.items())
    assert all(len(set(rows)) == len(rows) for rows in found.values())
    assert not (folder / "again" / "data" / "restored.json").exists()


def test_nothing_is_restored_over_what_is_there(site):
    folder, *_ = site

    with pytest.raises(Refused, match="is not empty"):
        restore(folder / "whole", load(folder / "again" / "thermowell.yaml"))


def test_a_flipped_bit_in_any_file_is_named_before_anything_is_in_place(site):
    folder, *_ = site
    backup = folder / "whole"
    third = folder / "third"
    third.mkdir(exist_ok=True)
    config = load(configuration(third, 1, 2, 3))
    for file in [*read_manifest(backup).files]:
        path = backup / file.path
        whole = path.read_bytes()
        if not whole:
            continue
        at = len(whole) // 2
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        try:
            with pytest.raises(DamagedFile) as told:
                restore(backup, config)
        finally:
            path.write_bytes(whole)

        assert file.path in str(told.value)
        assert not config.data.exists()


def test_a_changed_manifest_is_named(site):
    folder, *_ = site
    path = folder / "whole" / "manifest.json"
    whole = path.read_text()
    path.write_text(whole.replace('"program"', '"progrem"'))
    try:
        with pytest.raises(DamagedFile, match=r"manifest\.json is not as it was written"):
            check_backup(folder / "whole")
    finally:
        path.write_text(whole)
