"""One process at a time runs a role on a database; who comes second hears who is there, and who was replaced writes no more."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from domain.entries import Position
from domain.errors import InUse
from records import lease
from records.address import Address
from records.database import SqlRecords
from records.lease import FREE_AFTER_S, Lease
from tests.checks.records import finding

HOLDER = """
import pickle, sys
from records.database import SqlRecords

with SqlRecords.open(pickle.loads(bytes.fromhex(sys.argv[1]))) as records:
    print("ours" if records.lease("core").attempt() else "not yet", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(address: Address) -> Iterator[subprocess.Popen[bytes]]:
    """Holds the role `core` until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, pickle.dumps(address).hex()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ours\n"
        yield process
    finally:
        process.kill()
        process.communicate()


class Elsewhere:
    """Machines that cannot see each other's processes, and a clock that only they go by."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lease, "_kernel", lambda: "")
        self.now_s = 0.0

    def lease(self, records: SqlRecords, *, wall_ns: int = 0) -> Lease:
        return Lease(records._database, ["core"], lambda: wall_ns, lambda: self.now_s)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    return Elsewhere(monkeypatch)


def test_a_role_that_a_process_of_this_machine_runs_is_refused_at_once_and_free_when_it_is_dead(
    address: Address,
) -> None:
    with SqlRecords.open(address) as records:
        ours = records.lease("core")
        with another_process(address) as holder:
            with pytest.raises(InUse, match=rf"process {holder.pid} on \S+ runs the role 'core' since 20"):
                ours.attempt()
            assert records.lease("mirror").attempt()
            holder.kill()
            holder.wait()

            assert ours.attempt()


def test_of_several_roles_a_process_gets_all_or_none(address: Address) -> None:
    with SqlRecords.open(address) as first, SqlRecords.open(address) as second, SqlRecords.open(address) as third:
        assert first.lease("detectors").attempt()
        with pytest.raises(InUse, match="runs the role 'detectors' since"):
            second.lease("core", "detectors", "mirror").attempt()

        assert third.lease("core", "mirror").attempt()
        with pytest.raises(InUse, match="runs the role 'core' since"):
            second.lease("core").attempt()


def test_what_a_holder_leaves_is_free(address: Address) -> None:
    with SqlRecords.open(address) as first, SqlRecords.open(address) as second:
        held = first.lease("core")
        assert held.attempt()
        held.release()

        assert second.lease("core").attempt()


def test_a_role_elsewhere_is_held_while_it_is_renewed(address: Address, elsewhere: Elsewhere) -> None:
    with SqlRecords.open(address) as first, SqlRecords.open(address) as second:
        held, wanted = elsewhere.lease(first), elsewhere.lease(second)
        assert held.attempt()
        assert not wanted.attempt()
        held.renew()

        with pytest.raises(InUse, match="runs the role 'core'"):
            wanted.attempt()


def test_a_role_elsewhere_is_free_when_it_stood_still_and_its_old_holder_writes_no_more(
    address: Address, elsewhere: Elsewhere
) -> None:
    with SqlRecords.open(address) as first, SqlRecords.open(address) as second:
        held, wanted = elsewhere.lease(first), elsewhere.lease(second)
        assert held.attempt()
        assert not wanted.attempt()
        elsewhere.now_s = FREE_AFTER_S - 0.1
        assert not wanted.attempt()
        elsewhere.now_s = FREE_AFTER_S
        assert wanted.attempt()

        with pytest.raises(InUse, match="does not hold the role 'core' any more"), first.unit_of_work() as work:
            work.findings([finding()])
        with pytest.raises(InUse):
            held.renew()
        with second.unit_of_work() as work:
            work.cursor("judging", Position(1))
        assert second.list_findings(None, None, None, 9) == []


def test_who_takes_a_role_from_another_machine_tells_when(
    address: Address, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SqlRecords.open(address) as first, SqlRecords.open(address) as second:
        assert elsewhere.lease(first).attempt()
        monkeypatch.setattr(lease.socket, "gethostname", lambda: "another-machine")
        wanted = elsewhere.lease(second, wall_ns=7)
        assert not wanted.attempt()
        elsewhere.now_s = FREE_AFTER_S
        assert wanted.attempt()

        assert (first.taken_over_ns, second.taken_over_ns) == ({}, {"core": 7})


def test_what_a_process_of_this_machine_left_behind_is_no_role_of_another_machine(
    address: Address, elsewhere: Elsewhere
) -> None:
    with SqlRecords.open(address) as first, SqlRecords.open(address) as second:
        assert elsewhere.lease(first).attempt()
        wanted = elsewhere.lease(second)
        assert not wanted.attempt()
        elsewhere.now_s = FREE_AFTER_S
        assert wanted.attempt()

        assert second.taken_over_ns == {}


def test_a_wall_clock_that_steps_frees_nothing(address: Address, elsewhere: Elsewhere) -> None:
    with SqlRecords.open(address) as first, SqlRecords.open(address) as second:
        assert elsewhere.lease(first, wall_ns=1).attempt()
        wanted = elsewhere.lease(second, wall_ns=10**18)

        assert not wanted.attempt()
        assert not wanted.attempt()


def test_of_two_that_want_a_free_role_at_once_one_has_it(address: Address, elsewhere: Elsewhere) -> None:
    with SqlRecords.open(address) as gone, SqlRecords.open(address) as first, SqlRecords.open(address) as second:
        assert elsewhere.lease(gone).attempt()
        both = elsewhere.lease(first), elsewhere.lease(second)
        assert [each.attempt() for each in both] == [False, False]
        elsewhere.now_s = FREE_AFTER_S

        assert [each.attempt() for each in both] == [True, False]
