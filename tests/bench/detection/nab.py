"""NAB: an advisory score of single series that goes on learning, with one limit for all files."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.drift.novelty import Novelty, NoveltyRule
from tests.bench.detection.intervals import drawn
from tests.bench.detection.nab_files import Series, series
from tests.bench.detection.nab_score import Worth, best_limit, counts, probation, score, worth
from tests.bench.detection.rows import Told, told, write_rows
from tests.bench.detection.section import Figure, Goal, Run, Section

_CLOCK_SHARE = 0.1
RULE = NoveltyRule()

Scores = NDArray[np.float64]


def measure(run: Run) -> list[Section]:
    """Every series, at the rule's own limit; and with limits of other folds, where there are folds."""
    found = series(run)
    rows = [watch(each.values) for each in found]
    for each, own in zip(found, rows, strict=True):
        write_rows(own, (run.out / "nab" / each.key))
    scored = [(each, own) for each, own in zip(found, rows, strict=True) if each.windows is not None]
    return [_section([each for each, _ in scored], [own.score for _, own in scored])]


def watch(values: Scores, rule: NoveltyRule = RULE) -> Told:
    """What is said of each row; nothing of the probation, whose length follows from the file's by the set's protocol."""
    novelty = Novelty(rule, quiet=probation(len(values)))
    said = []
    for value in values.tolist():
        novelty.update(value)
        said.append((novelty.score, novelty.told, novelty.told))
    return told(0, said)


def _section(files: Sequence[Series], scores: Sequence[Scores]) -> Section:
    limit = RULE.limit
    worths = [worth(len(each.values), each.windows or ()) for each in files]
    groups = [each.group for each in files]
    own = _counted(worths, scores, limit)
    clock = [_clock(len(each)) for each in scores]
    random = [np.random.default_rng(at).random(len(each)) for at, each in enumerate(scores)]
    baselines: dict[str, dict[str, float | None]] = {
        "never": {"score": 0.0, "heldout": 0.0},
        "always": {"score": score(_counted(worths, [np.ones(len(each)) for each in scores], 1.0).sum(axis=0))},
        "clock, every 10 % of a file": {"score": score(_counted(worths, clock, 1.0).sum(axis=0))},
        "random scores": {"heldout": _held_out(files, worths, random).value},
    }
    total = own.sum(axis=0)
    return Section(
        "nab",
        "NAB, standard profile (advisory: it goes on learning)",
        f"{len(files)} files, {int(total[1]) if len(files) else 0} windows, {sum(map(len, scores)):,} rows",
        {"score": "of 100", "heldout": "of 100"},
        {"score": drawn(own, groups, score), "heldout": _held_out(files, worths, scores)},
        baselines,
        {"score": Goal(at_least=65.0), "heldout": Goal(at_least=62.0)},
        {name: {"score": score(own[[group == name for group in groups]].sum(axis=0))} for name in sorted(set(groups))},
        {"limit": limit, "hit": int(total[2]) if len(files) else 0, "false": int(total[3]) if len(files) else 0},
        (
            "`score` is at the rule's own limit; `heldout` at limits chosen on the other folds, where the set has folds",
            "the method and the rule's limit were chosen on the public files, so on these `score` is not held out",
        ),
    )


def _counted(worths: Sequence[Worth], scores: Sequence[Scores], limit: float) -> Scores:
    found = [counts(each, own, limit) for each, own in zip(worths, scores, strict=True)]
    return np.array(found).reshape(len(found), 4)


def _held_out(files: Sequence[Series], worths: Sequence[Worth], scores: Sequence[Scores]) -> Figure:
    """Each file at the limit that is best on the files of all other folds."""
    folds = sorted({each.fold for each in files if each.fold is not None})
    if len(folds) < 2:
        return Figure(None)
    found, groups = [], []
    for fold in folds:
        others = [at for at, each in enumerate(files) if each.fold != fold]
        limit = best_limit([worths[at] for at in others], [scores[at] for at in others])
        for at, each in enumerate(files):
            if each.fold == fold:
                found.append(counts(worths[at], scores[at], limit))
                groups.append(each.group)
    return drawn(np.array(found), groups, score)


def _clock(rows: int) -> Scores:
    every = max(1, int(rows * _CLOCK_SHARE))
    return (np.arange(rows) % every == 0).astype(np.float64)
