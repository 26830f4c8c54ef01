"""What models say: the sentences of their findings, and the tags that are named in them."""

from detectors.cases import Evidence, quantity
from detectors.models.multivariate import Contribution
from detectors.models.watchers import Watcher

BEGINS = {
    "model.t2": "{unit} is where it was not in the runs that the model knows (T² {ratio:.1f} times its limit)",
    "model.spe": "the tags of {unit} do not move together as they did (SPE {ratio:.1f} times its limit)",
    "batch.tube": "{unit} leaves the course of the batches before ({ratio:.1f} times the limit)",
    "batch.feature": "the phase that ended on {unit} was unlike those before it ({ratio:.1f} times the limit)",
}
_THAN = {
    "model.t2": "than in those runs",
    "model.spe": "than the others imply",
    "batch.tube": "than the batches before",
}
AT_END = {
    "model.t2": "{unit} was where it was not in the runs that the model knows",
    "model.spe": "the tags of {unit} did not move together as they did",
    "batch.tube": "{unit} was off the course of the batches before",
}
OVER = {
    "model.t2": "{unit} is back where it was in the runs that the model knows",
    "model.spe": "the tags of {unit} move together again",
    "batch.tube": "{unit} is back on the course of the batches before",
}


def names(watcher: Watcher, unit: int, told: list[Contribution], rule: str) -> str:
    """`R101.TT 2.1 degC higher, R101.PT 0.08 bar lower than the others imply`."""
    named = []
    for each in told:
        tag = watcher.tags.get((unit, each.tag))
        name = watcher.model.parameters[each.tag] if tag is None else tag.name
        side = "higher" if each.off > 0 else "lower"
        named.append(f"{name} {quantity(abs(each.off), '' if tag is None else tag.unit, digits=3)} {side}")
    return f"{', '.join(named)} {_THAN[rule]}" if named else ""


def feature_names(watcher: Watcher, unit: int, told: list[Contribution]) -> str:
    """`R101.TT 2.1 degC higher, R101.PT more restless`."""
    columns = len(watcher.model.parameters)
    named = []
    for each in told:
        tag = watcher.tags.get((unit, each.tag % columns))
        name = watcher.model.parameters[each.tag % columns] if tag is None else tag.name
        if each.tag < columns:
            side = "higher" if each.off > 0 else "lower"
            named.append(f"{name} {quantity(abs(each.off), '' if tag is None else tag.unit, digits=3)} {side}")
        else:
            named.append(f"{name} {'more' if each.off > 0 else 'less'} restless")
    return ", ".join(named)


def tops(watcher: Watcher, unit: int, told: list[Contribution]) -> Evidence:
    """The same as evidence."""
    columns = len(watcher.model.parameters)
    evidence: dict[str, float | int | str | None] = {}
    for number, each in enumerate(told, start=1):
        tag = watcher.tags.get((unit, each.tag % columns))
        evidence[f"top{number}"] = watcher.model.parameters[each.tag % columns] if tag is None else tag.name
        evidence[f"top{number}_of"] = "value" if each.tag < columns else "spread"
        evidence[f"top{number}_share"] = each.share
        evidence[f"top{number}_off"] = each.off
    return evidence
