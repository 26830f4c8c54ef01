from pathlib import Path

import pytest

from tests.acceptance.mqtt.broker import publishing, running


@pytest.fixture
def broker(tmp_path: Path):
    with running(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def publisher(broker):
    with publishing(broker.port) as publisher:
        yield publisher


@pytest.fixture(params=["fast", "stock"])
def receive_path(request: pytest.FixtureRequest) -> str:
    """Both ways of receiving pass the same checks."""
    return request.param
