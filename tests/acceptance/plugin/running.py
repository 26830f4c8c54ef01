"""Runs a foreign test suite with the plugin, as it would run where nothing of ours is installed beside it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.patience import LIMIT_S

PLUGIN: Final = Path(__file__).parents[3] / "plugins" / "pytest-thermowell"


def run_foreign(
    folder: Path, *modules: str, ini: str = "", command: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run modules of tests in a folder of its own; the answer has pytest's code and words."""
    for number, module in enumerate(modules):
        (folder / f"test_foreign_{number}.py").write_text(module, encoding="utf-8")
    (folder / "pytest.ini").write_text(f"[pytest]\n{ini}", encoding="utf-8")
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "pytest_thermowell", "-p", "no:cacheprovider", "-q", str(folder)],
        cwd=folder,
        env=foreign
        | {
            "PYTHONPATH": str(PLUGIN),
            "THERMOWELL_COMMAND": f"{sys.executable} -m service.cli" if command is None else command,
        },
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def examples() -> list[str]:
    """The Python examples of the README, in their order."""
    return re.findall(r"```python\n(.*?)```", (PLUGIN / "README.md").read_text(encoding="utf-8"), re.DOTALL)
