"""Joins the rooms into the running service; the only room that knows all, and that none imports."""
