"""Grafana dashboards, built from the tags and pushed."""
