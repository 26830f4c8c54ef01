"""Tests of limits, written by who knows the process: series of values over a phase, and what is to be found in them."""
