"""Excursions of validated ranges: of tags, set points, rates, times and durations."""
