"""What a served simulator tells its caller: one JSON object a line on standard output."""

import json
import sys
from collections.abc import Mapping


def tell(line: Mapping[str, object]) -> None:
    """Write a line, and see that it leaves at once."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
