"""The table of parameters in `docs/plant-model.md`: `python -m simulators.plant.table` writes it anew."""

import sys
from pathlib import Path
from typing import Final

from simulators.plant.parameters import PARAMETERS, of_place

PAGE: Final = Path(__file__).parents[2] / "docs" / "plant-model.md"
BEGIN: Final = "<!-- parameters: begin -->\n"
END: Final = "<!-- parameters: end -->\n"


def parameters() -> str:
    """Every parameter as rows of a Markdown table: first the reactors', then the lines'."""
    lines = ["| of a | parameter | healthy | unit | what |", "| --- | --- | ---: | --- | --- |"]
    for name in (*of_place("reactor"), *of_place("line")):
        info = PARAMETERS[name]
        lines.append(f"| {info.where} | `{name}` | {info.nominal:.6g} | {info.unit} | {info.meaning} |")
    return "\n".join(lines) + "\n"


def with_table(page: str) -> str:
    """The page with the table as it is now; ValueError: the page has no place for it."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        message = f"no line {BEGIN.strip()} … {END.strip()}"
        raise ValueError(message)
    return f"{before}{BEGIN}{parameters()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
