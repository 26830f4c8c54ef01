"""`thermowell models`: who may approve, what is asked of the core, what the list says; and what a configuration refuses."""

import pytest

from domain.entries import ActionKind
from domain.errors import ConfigError
from domain.models import ModelDecision
from records.database import SqlRecords
from service.cli import main
from service.config.build import load
from service.judging import Effects
from service.models.files import write_model
from service.models.training import Training, train
from tests.unit.service.models.test_model_files import runs
from tests.unit.service.test_configuration import GOOD

MODELS = """
models:
  dose:
    kind: multivariate
    units: [R101]
    phase: dose
    parameters: [TT, PT]
    every: 2s
    lags: 1
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("service.cli.acting._ANSWER_WITHIN_S", 0.0)
    (tmp_path / "thermowell.yaml").write_text(GOOD + MODELS)
    text = load(tmp_path / "thermowell.yaml").models["dose"]
    made = train(text, runs(), Training("dose", "Anna", 5, 0, 10**18))
    write_model(tmp_path / "dose.npz", made.description, made.arrays)
    (tmp_path / "data").mkdir()
    with SqlRecords.open(tmp_path / "data" / "records.db") as records:
        for name, role in (("Anna", "process engineer"), ("Ruth", "QA"), ("Otto", "operator")):
            (tmp_path / name).write_text(records.add_person(name, role))
    return tmp_path


def run(*words):
    with pytest.raises(SystemExit) as ended:
        main(["models", *words])
    return ended.value.code


def waiting(site):
    with SqlRecords.open(site / "data" / "records.db") as records:
        return records.waiting_requests()


@pytest.mark.parametrize(
    ("who", "reason", "why"),
    [
        ("Anna", "CR-7", "Anna trained dose: a second person approves"),
        ("Otto", "CR-7", "Otto has the role 'operator'"),
        ("Ruth", " ", "needs a reason"),
        ("thermowell.yaml", "CR-7", "nobody has this token"),
    ],
)
def test_who_may_not_approve_is_told_why_and_nothing_is_asked(site, capsys, who, reason, why):
    assert run("--token-file", who, "approve", "dose.npz", "--reason", reason) == 2

    assert why in capsys.readouterr().err
    assert not waiting(site)


def test_an_approval_installs_the_model_and_asks_the_core(site, capsys):
    assert run("--token-file", "Ruth", "approve", "dose.npz", "--reason", "CR-7") == 0

    (asked,) = waiting(site)
    assert (asked.kind, asked.person, asked.comment) == (ActionKind.APPROVE_MODEL, "Ruth", "CR-7")
    assert (site / "data" / "models" / f"{asked.subject}.npz").is_file()
    assert "judges once the service runs" in capsys.readouterr().out


def test_the_list_tells_what_judges_what_advises_and_what_is_not_trained(site, capsys):
    run("list")
    assert "not trained" in capsys.readouterr().out
    (site / "thermowell.yaml").write_text(GOOD + MODELS + "    file: dose.npz\n")
    run("list")
    assert "advisory: the file of dose is not approved" in capsys.readouterr().out
    run("--token-file", "Ruth", "approve", "dose.npz", "--reason", "CR-7")
    capsys.readouterr()
    (asked,) = waiting(site)
    effects = Effects()
    effects.add(ModelDecision(asked))
    with SqlRecords.open(site / "data" / "records.db") as records, records.unit_of_work() as work:
        for action, what, error in effects.actions:
            work.audit(action, what)
            work.request_done(action.id, error)

    run("list")

    told = capsys.readouterr().out
    assert "trained by Anna\tjudges, approved by Ruth" in told
    assert told.count("\n") == 1


def test_a_list_of_nothing_says_so(site, capsys):
    (site / "thermowell.yaml").write_text(GOOD)

    run("list")

    assert "no model: the configuration has no `models` section" in capsys.readouterr().out


def test_a_time_that_is_none_is_told_with_its_option(site, capsys):
    code = run("--token-file", "Anna", "train", "dose", "--from", "yesterday", "--to", "2026-02-01", "--out", "x.npz")

    assert code == 2
    assert "--from:" in capsys.readouterr().err


def test_training_where_no_service_ever_ran_says_so_and_may_go_better_later(site, capsys):
    code = run("--token-file", "Anna", "train", "dose", "--from", "2026-01-01", "--to", "2026-02-01", "--out", "x.npz")

    assert code == 75
    assert "there is no journal: the service makes it at its first start" in capsys.readouterr().err


def test_a_model_of_other_tags_is_not_approved(site, capsys):
    (site / "thermowell.yaml").write_text(GOOD + MODELS.replace("[TT, PT]", "[TT]"))

    assert run("--token-file", "Ruth", "approve", "dose.npz", "--reason", "CR-7") == 2

    assert "its parameters is ['TT', 'PT'], not ['TT']" in capsys.readouterr().err
    assert not waiting(site)


def test_a_model_that_knows_its_tags_in_something_else_is_neither_approved_nor_configured(site, capsys):
    text = load(site / "thermowell.yaml").models["dose"]
    made = train(text, runs(), Training("dose", "Anna", 5, 0, 10**18), ["degC", "mbar gauge"])
    write_model(site / "dose.npz", made.description, made.arrays)

    assert run("--token-file", "Ruth", "approve", "dose.npz", "--reason", "CR-7") == 2

    assert "it knows PT in mbar gauge, R101.PT is in bar gauge" in capsys.readouterr().err
    (site / "thermowell.yaml").write_text(GOOD + MODELS + "    file: dose.npz\n")
    with pytest.raises(ConfigError, match=r"it knows PT in mbar gauge, R101.PT is in bar gauge; train it anew"):
        load(site / "thermowell.yaml")


@pytest.mark.parametrize(
    ("line", "place", "why"),
    [
        ("units: [R101]", "units: [R999]", "no unit is named 'R999'"),
        ("parameters: [TT, PT]", "parameters: [TT, XX]", "unit R101 has no XX"),
        ("phase: dose", "phase: dream", "has no phase 'dream'"),
        ("every: 2s", "every: 2h", "times `every`"),
        ("lags: 1", "lags: 1\n    references: {least: 9, most: 3}", "least is more than most"),
        ("lags: 1", "lags: 1\n    product: wine", "no recipe is named 'wine'"),
        ("lags: 1", "lags: 1\n    file: none.npz", "no model that can be read"),
        ("every: 2s", "every: 3s\n    file: dose.npz", "its every is 2000000000, not 3000000000; train it anew"),
        ("kind: multivariate", "kind: oracle", "models.dose.kind"),
    ],
)
def test_what_a_configuration_says_of_models_is_checked(site, line, place, why):
    (site / "thermowell.yaml").write_text(GOOD + MODELS.replace(line, place))

    with pytest.raises(ConfigError) as refused:
        load(site / "thermowell.yaml")

    assert why in str(refused.value)
    assert "thermowell.yaml:" in str(refused.value)
