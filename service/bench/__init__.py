"""The test bench: scenarios read, run, served, scored and drawn."""
