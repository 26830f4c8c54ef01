"""`make bench-detection`: what the detectors find, on public data and on our own plant, in one pass without a look ahead."""
