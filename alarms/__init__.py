"""Decides who is told what: alarm states by ISA-18.2, routing, and the text of a notice."""
