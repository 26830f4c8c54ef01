"""The procedure of a master recipe: unit procedures, operations and phases, in order or beside each other."""

from collections.abc import Callable, Iterator, Sequence

from domain.recipes import Operation, Parallel, Step, UnitProcedure, overlaps, unit_procedures
from service.config.checking import unknown
from service.config.document import PathKey
from service.config.shape.recipes import OperationText, ParallelText, RecipeText, UnitProcedureText

Complain = Callable[[PathKey, str], None]
StepText = UnitProcedureText | ParallelText


def steps(complain: Complain, path: PathKey, texts: Sequence[StepText]) -> tuple[Step, ...]:
    """The steps as the domain has them."""
    return tuple(_step(complain, (*path, str(index)), text) for index, text in enumerate(texts))


def _step(complain: Complain, path: PathKey, text: StepText) -> Step:
    if isinstance(text, ParallelText):
        paths = enumerate(text.parallel)
        return Parallel(tuple(steps(complain, (*path, "parallel", str(index)), each) for index, each in paths))
    operations = tuple(
        _operation(complain, (*path, "operations", str(index)), each) for index, each in enumerate(text.operations)
    )
    return UnitProcedure(text.unit_procedure, operations, text.units)


def _operation(complain: Complain, path: PathKey, text: OperationText) -> Operation:
    phases: list[str] = []
    for index, each in enumerate(text.phases):
        if isinstance(each, str):
            phases.append(each)
            continue
        beside = [phase for one in each.parallel for phase in one]
        message = f"{' and '.join(map(repr, beside))} would overlap on one unit, whose phase is one at a time"
        complain((*path, "phases", str(index)), message)
    return Operation(text.operation, tuple(phases))


def check(complain: Complain, path: PathKey, recipe: RecipeText, units: set[str]) -> None:
    """Say what does not fit: names that nothing has, phases in no operation, paths that need one unit twice."""
    place = (*path, "procedure")
    built = steps(lambda *_: None, place, recipe.procedure)
    texts = list(_unit_procedures(place, recipe.procedure))
    for where, text in texts:
        for index, unit in enumerate(text.units):
            if unit not in units:
                complain((*where, "units", str(index)), f"no unit is named {unit!r}")
    names = {text.unit_procedure: where for where, text in texts}
    for one, other in overlaps(built):
        complain(names[other.name], f"overlaps {one.name!r}: both need unit {one.units[0]!r} at once")
    named = {phase for step in unit_procedures(built) for phase in step.phases}
    if named:
        for phase in recipe.phases:
            if phase not in named:
                complain((*path, "phases", phase), "is in no operation of the procedure")
    if recipe.gmp_start and recipe.gmp_start not in named | set(recipe.phases):
        complain((*path, "gmp_start"), unknown("phase", recipe.gmp_start, sorted(named | set(recipe.phases))))
    elif recipe.gmp_start and not named:
        complain((*path, "gmp_start"), "needs a procedure, which says what comes before it")
    _check_names(complain, texts)


def _check_names(complain: Complain, texts: Sequence[tuple[PathKey, UnitProcedureText]]) -> None:
    seen: set[str] = set()
    for where, text in texts:
        if text.unit_procedure in seen:
            complain((*where, "unit_procedure"), f"{text.unit_procedure!r} is there already")
        seen.add(text.unit_procedure)


def _unit_procedures(path: PathKey, texts: Sequence[StepText]) -> Iterator[tuple[PathKey, UnitProcedureText]]:
    for index, text in enumerate(texts):
        where = (*path, str(index))
        if isinstance(text, UnitProcedureText):
            yield where, text
            continue
        for number, each in enumerate(text.parallel):
            yield from _unit_procedures((*where, "parallel", str(number)), each)
