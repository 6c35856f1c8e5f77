"""The policies and reference lists that come with capctl, with contexts to try them on.

They are data: read them, copy them, write your own. Their IRs are held byte for byte by golden files.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

__all__ = ["shipped", "shipped_examples", "shipped_lists"]


@cache
def shipped() -> Mapping[str, bytes]:
    """The YAML of every shipped policy, by policy id."""
    return _contents(files(__name__), ".yaml")


@cache
def shipped_lists() -> Mapping[str, bytes]:
    """The shipped reference lists, by name: synthetic hashes and example regions, for demonstrations only."""
    return _contents(files(__name__) / "lists", ".txt")


def shipped_examples(policy_id: str) -> Mapping[str, bytes]:
    """Example contexts of a shipped policy, by name; the name starts with the verdict it gets.

    They are made for an evaluation on 2026-06-30. Empty for a policy without examples.
    """
    folder = files(__name__) / "examples" / policy_id
    return _contents(folder, ".json") if folder.is_dir() else {}


def _contents(folder: Traversable, suffix: str) -> Mapping[str, bytes]:
    named = {item.name.removesuffix(suffix): item for item in folder.iterdir() if item.name.endswith(suffix)}
    return MappingProxyType({name: named[name].read_bytes() for name in sorted(named)})
