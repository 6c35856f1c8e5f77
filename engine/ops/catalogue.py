"""Every operation: importing this module fills `REGISTRY`."""

from importlib import import_module

from engine.ops.groups import GROUPS
from engine.ops.spec import REGISTRY

for _group in GROUPS.values():
    import_module(_group.module)

__all__ = ["REGISTRY"]
