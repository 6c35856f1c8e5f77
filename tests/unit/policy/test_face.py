"""The room's face: every name it offers is there, and looking at it costs nothing."""

from __future__ import annotations

import subprocess
import sys

import engine.policy


def test_every_name_offered_is_there():
    """The list of names and what they load agree."""
    assert all(getattr(engine.policy, name) for name in engine.policy.__all__)


def test_an_unknown_name_is_an_attribute_error():
    """Loading on first use does not change what Python says of a typo."""
    assert not hasattr(engine.policy, "lnit")


def test_the_ir_loads_no_parser():
    """Every process imports the IR's types; none pays for YAML, lint or a JSON writer it does not use."""
    code = "import sys, engine.policy.ir; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"yaml", "orjson", "rfc8785", "difflib", "engine.policy.linting"} & set(loaded)


def test_reading_an_ir_loads_no_yaml():
    """A verifier that only reads IRs never imports a YAML parser."""
    code = (
        "import sys, engine.policy; engine.policy.read_ir; engine.policy.parse_expression; print(*sorted(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"yaml", "difflib"} & set(loaded)
