"""The engine of capctl: a house of rooms that has never heard of a terminal.

`docs/architecture.md` draws the rooms and says who may know whom; import-linter holds the drawing true.
"""
