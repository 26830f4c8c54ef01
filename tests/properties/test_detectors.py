"""The checks of every detector on streams that hypothesis chooses."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.checks.detector import CHECKS, found_detectors, maker
from tests.unit.detectors.plant import TAGS, rulebook
from tests.unit.detectors.streams import stream


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("kind", found_detectors(), ids=lambda kind: kind.__name__)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), length=st.integers(1, 50))
def test_it_passes_the_check(kind, check, seed, length):
    check(maker(kind, rulebook(), TAGS), stream(seed, length), seed)
