"""Judges samples against validated ranges, holds and their own rhythm: pure folds over the journal."""
