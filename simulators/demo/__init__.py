"""The demo: one drift that is seen coming, one hold that lasts too long, and a second reactor that runs well."""
