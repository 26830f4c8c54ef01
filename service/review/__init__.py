"""The review of a batch: its report made from records, journal and record, and its disposition by people."""
