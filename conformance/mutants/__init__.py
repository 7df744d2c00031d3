"""Broken systems, each with one fault that somebody could really write: they show what the suite can find.

The one room of the suite that imports `ocs`. Nothing imports this room but its own command and the tests.
"""
