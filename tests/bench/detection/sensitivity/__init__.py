"""What the rules of a plant see: patterns of many sizes and durations on many copies of one reactor."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from tests.bench.detection.intervals import shared
from tests.bench.detection.section import Goal, Run, Section
from tests.bench.detection.sensitivity.cells import REPEATS, Cell, cells
from tests.bench.detection.sensitivity.fold import Copy, fold
from tests.bench.detection.sensitivity.page import sensitivity_page
from tests.bench.detection.sensitivity.reactors import Reactors, bench_rulebook, reactors
from tests.bench.detection.sensitivity.tanks import HOLD_CELLS, fold_holds
from tests.bench.detection.sensitivity.verdicts import Row, hold_row, row_of

SEED = 20
TANK = "T101"
_CELLS_AT_ONCE = 4  # of one bank: it is quickest with some hundred units


def measure(run: Run) -> list[Section]:
    """The matrix: build/sensitivity.json, docs/sensitivity.md, and its sums."""
    rows = matrix(cells(whole=run.whole), REPEATS)
    build = run.out.parent
    build.mkdir(parents=True, exist_ok=True)
    told = [asdict(row) | {"held": row.held} for row in rows]
    (build / "sensitivity.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    docs = build.parent / "docs"
    if docs.is_dir() and not run.whole:
        (docs / "sensitivity.md").write_text(sensitivity_page(rows, REPEATS, SEED), encoding="utf-8")
    return [section(rows)]


def matrix(which: Sequence[Cell], repeats: int) -> list[Row]:
    """Every cell so often, and the holds."""
    made = reactors(_CELLS_AT_ONCE * repeats)
    rows: list[Row] = []
    for number, some in enumerate(_batched(which)):
        copies = fold(made, [cell for cell in some for _ in range(repeats)], SEED + number)
        rows += [_row(made, cell, copies[at * repeats : (at + 1) * repeats]) for at, cell in enumerate(some)]
    rulebook = bench_rulebook()
    for cell in HOLD_CELLS:
        rows.append(hold_row(cell, fold_holds(rulebook, TANK, cell, repeats, SEED)))
    return rows


def _batched(which: Sequence[Cell]) -> list[Sequence[Cell]]:
    return [which[at : at + _CELLS_AT_ONCE] for at in range(0, len(which), _CELLS_AT_ONCE)]


def _row(made: Reactors, cell: Cell, copies: Sequence[Copy]) -> Row:
    return row_of(cell, copies, made.rulebook.tags.get(f"U0000.{cell.tag}"))


def section(rows: Sequence[Row]) -> Section:
    """The sums: what must be found, what must never be told."""
    must = [row for row in rows if row.must]
    never = [row for row in rows if row.must is False]
    return Section(
        "sensitivity",
        "Sensitivity matrix of the bench's rules",
        f"{len(rows)} cells, {sum(row.repeats for row in rows):,} repeats; the matrix is in docs/sensitivity.md",
        {"found": "%", "told_for_nothing": "%"},
        {
            "found": shared(sum(row.found for row in must), sum(row.repeats for row in must), 100.0),
            "told_for_nothing": shared(sum(row.found for row in never), sum(row.repeats for row in never), 100.0),
        },
        {"never": {"found": 0.0, "told_for_nothing": 0.0}, "always": {"found": 100.0, "told_for_nothing": 100.0}},
        {"found": Goal(at_least=100.0), "told_for_nothing": Goal(at_most=0.0)},
        _by_pattern(rows),
        {"not_held": [f"{row.pattern}, {row.tag}, {row.size}, {row.lasts}" for row in rows if row.held is False]},
    )


def _by_pattern(rows: Sequence[Row]) -> dict[str, dict[str, float | None]]:
    """The share found of all cells of a pattern, asked or not."""
    patterns = dict.fromkeys(row.pattern for row in rows if row.must is not False)
    sums = {
        name: [(row.found, row.repeats) for row in rows if row.pattern == name and row.must is not False]
        for name in patterns
    }
    return {
        name: {"found %": 100.0 * sum(found for found, _ in own) / sum(trials for _, trials in own)}
        for name, own in sums.items()
    }
