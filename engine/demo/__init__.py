"""The demonstration: suppliers, lists, policies, a real verifier process, real traffic, and a script that drives them.

    with DemoWorld(state_dir) as world:      # verifier and traffic run as child processes that die with this one
        world.url, world.set_rate(500), world.inject_drift()

Import is cheap; names are loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.faces import lazy_face

if TYPE_CHECKING:
    from engine.demo.rate import DEFAULT_RATE, MAX_RATE, read_rate, write_rate
    from engine.demo.script import DemoEvent, run_script
    from engine.demo.seed import inject_drift
    from engine.demo.world import DemoWorld, demo_state_dir

__all__ = [
    "DEFAULT_RATE",
    "MAX_RATE",
    "DemoEvent",
    "DemoWorld",
    "demo_state_dir",
    "inject_drift",
    "read_rate",
    "run_script",
    "write_rate",
]

__getattr__ = lazy_face(
    __name__,
    {
        "DEFAULT_RATE": "rate",
        "MAX_RATE": "rate",
        "DemoEvent": "script",
        "DemoWorld": "world",
        "demo_state_dir": "world",
        "inject_drift": "seed",
        "read_rate": "rate",
        "run_script": "script",
        "write_rate": "rate",
    },
)
