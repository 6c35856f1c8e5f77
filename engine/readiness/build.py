"""What is deployed, as far as it can be seen from here.

    build = read_build(Build(settings.release_image, settings.release_chart), Path("helm"), "prod")
    build.chart        # sha3-256 over the chart's files and the values of that environment
    build.image        # ghcr.io/example/capctl@sha256:...

In a pod there is no chart; the release tells its pods what it was made of (the settings `release_chart` and
`release_image`). On an operator's machine nothing is told, and the chart in the working directory is what counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.readiness.chart import chart_digest, image_reference, is_chart, values_for

CHART: Final = Path("helm")
"""Where the chart lies, seen from the working directory, as for `capctl deploy`."""


@dataclass(frozen=True, slots=True)
class Build:
    """What a release is made of. Both are empty where there is no chart: nothing is deployed from one then."""

    image: str = ""
    """Reference with digest, or with the tag where no digest is set."""
    chart: str = ""
    """Hash over the chart's files and its values."""


def read_build(said: Build, chart: Path, env: str) -> Build:
    """What is deployed in an environment.

    Args:
        said: What the release says of itself. Where it says anything that is all: what it leaves out is unknown, and
            never filled in from a chart that merely lies here.
        chart: The folder of the chart, which is asked where the release says nothing.
        env: The environment.

    Raises:
        Unavailable: A file of the chart cannot be read.
    """
    if said != Build():
        return said
    if not is_chart(chart):
        return Build()
    values = values_for(chart, env)
    return Build(image_reference(chart, values), chart_digest(chart, values))
