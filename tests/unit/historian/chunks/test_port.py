from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checks.store import HistoryChecks, StoreChecks
from tests.unit.historian.chunks.rigs import STORES, VIEWS, rig_of


class TestStores(StoreChecks):
    @pytest.fixture(params=STORES, ids=lambda kind: kind.__name__)
    def rig(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[object]:
        yield from rig_of(request.param, tmp_path / "history")


class TestViews(HistoryChecks):
    @pytest.fixture(params=VIEWS, ids=lambda kind: kind.__name__)
    def rig(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[object]:
        yield from rig_of(request.param, tmp_path / "history")
