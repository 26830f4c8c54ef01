"""Instruments: what is reported of the truth, and when."""
