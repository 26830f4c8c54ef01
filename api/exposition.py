"""Figures as Prometheus reads them: its text format, or OpenMetrics where that is asked for."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from domain.figures import FIGURES, Figure, Reading, Spread


def exposition(readings: Iterable[Reading], accept: str) -> tuple[bytes, str]:
    """Every reading that the table of figures explains, and the media type, by the request's `Accept`."""
    encode, media_type = choose_encoder(accept)
    return encode(_Families(readings)), media_type


class _Families(Collector):
    """Readings of several processes, each name told once."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._by_name: dict[str, list[Reading]] = {}
        for reading in readings:
            self._by_name.setdefault(reading.name, []).append(reading)

    def collect(self) -> Iterator[Metric]:
        """In the order of the table; what it does not know (of a newer process) is left out."""
        for name, figure in FIGURES.items():
            if name in self._by_name:
                yield _family(name, figure, self._by_name[name])


def _family(name: str, figure: Figure, readings: Sequence[Reading]) -> Metric:
    if figure.kind == "histogram":
        histogram = HistogramMetricFamily(name, figure.help, labels=figure.labels)
        for reading in readings:
            assert isinstance(reading.value, Spread)
            bounds = [*map(str, figure.bounds), "+Inf"]
            buckets = list(zip(bounds, accumulate(reading.value.counts), strict=True))
            histogram.add_metric(reading.labels, buckets, reading.value.total)
        return histogram
    kind = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
    family = kind(name, figure.help, labels=figure.labels)
    for reading in readings:
        assert not isinstance(reading.value, Spread)
        family.add_metric(reading.labels, reading.value)
    return family
