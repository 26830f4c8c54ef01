"""The table of what an OPC UA server offers, which people open in a spreadsheet."""

import csv
import io

from collector.opcua.browse import BrowsedNode
from service.cli.browse import _write


def test_a_name_that_a_server_gives_is_no_formula() -> None:
    nodes = [BrowsedNode("=cmd|A0", "nsu=x;s=1", "Double", "number", unit="@SUM(1)", description='=HYPERLINK("x")')]
    table = io.StringIO()

    _write(table, "train", nodes)

    (row,) = csv.DictReader(io.StringIO(table.getvalue()))
    assert row["node"] == "nsu=x;s=1"
    assert not [cell for cell in row.values() if cell[0] in "=+-@"]
