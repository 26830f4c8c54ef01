"""A plant happens to the service: what it keeps, concludes and tells is counted and can be repeated."""

from pathlib import Path

from domain.time import SECOND_NS
from service.bench.world import Happening, WorldResult, run_in_world
from simulators.faults.spec import AtTime, FaultChange, FaultSpec
from simulators.outlets import Update
from tests.world.site import MQTT_TAGS, OPCUA_TAGS, START_NS, configuration


def happenings(*faults: FaultSpec) -> list[Happening]:
    """Ten minutes: a value of each tag every 5 s, one of them too high for a minute."""
    told = []
    for second in range(0, 600, 5):
        time_ns = START_NS + second * SECOND_NS
        values = {"L.TEXT": f"text {second}", "L.COUNT": second, "L.FLAG": second % 10 == 0}
        values["L.NUMBER"] = 2000.0 + second if 300 <= second < 360 else float(second)
        updates = tuple(Update(tag, values.get(tag, second + 0.5), time_ns) for tag in (*OPCUA_TAGS, *MQTT_TAGS))
        changes = [FaultChange(each, active=True, second=second) for each in faults if each.start == AtTime(second)]
        changes += [
            FaultChange(each, active=False, second=second)
            for each in faults
            if isinstance(each.start, AtTime) and each.start.second + (each.lasts_s or 10_000) == second
        ]
        told.append(Happening(second, updates, tuple(changes)))
    return told


def run(folder: Path, *faults: FaultSpec) -> WorldResult:
    return run_in_world(happenings(*faults), configuration(), start_ns=START_NS, seconds=600, directory=folder, seed=1)


def test_everything_is_kept_and_the_excursion_is_found_within_a_publishing_interval_or_two(tmp_path: Path):
    result = run(tmp_path)
    opened = next(each for each in result.findings if each.finding.rule == "fixed.high")

    assert result.complaints == ()
    counted = {tag: (account.sent, account.kept) for tag, account in result.accounts.items() if account.sent}
    assert counted == dict.fromkeys((*OPCUA_TAGS, *MQTT_TAGS), (120, 120))
    assert 0 <= opened.at_ns - (START_NS + 300 * SECOND_NS) < 5 * SECOND_NS
    assert result.transitions


def test_what_a_restarted_server_never_gave_out_is_in_a_gap(tmp_path: Path):
    restart = FaultSpec("r", "server_restart", "opcua", AtTime(100), 60, settings={"namespace_order": "swapped"})
    result = run(tmp_path, restart)

    assert sum(account.in_gap for account in result.accounts.values()) > 20
    assert not any(account.lost or account.doubled or account.invented for account in result.accounts.values())
    assert [gap.source for gap in result.gaps] == ["line"]


def test_what_is_broken_at_the_end_is_mended_before_the_accounts_are_made(tmp_path: Path):
    result = run(tmp_path, FaultSpec("c", "cut", "mqtt", AtTime(500), None))

    assert not any(account.lost for account in result.accounts.values())
    assert [each.finding.rule for each in result.findings].count("source.disconnected") == 1


def test_the_same_happenings_give_the_same_result(tmp_path: Path):
    fault = FaultSpec("b", "blackhole", "opcua", AtTime(100), 60)
    once, again = run(tmp_path / "1", fault), run(tmp_path / "2", fault)

    assert once.findings == again.findings
    assert once.transitions == again.transitions
    assert once.gaps == again.gaps
    assert once.accounts == again.accounts
