"""What is deployed: what the release says of itself, else the chart in the working directory, else nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import Unavailable
from engine.readiness.build import Build, read_build
from engine.readiness.chart import chart_digest, image_reference

IMAGE = "registry.example/cap@sha256:" + "1" * 64


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A small chart with production's own values."""
    folder = tmp_path / "helm"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("name: cap\nversion: 1.0.0\nappVersion: '2.3'\n")
    (folder / "values.yaml").write_text("image: {repository: registry.example/cap, tag: '', digest: ''}\n")
    (folder / "values-prod.yaml").write_text(f"image: {{digest: 'sha256:{'1' * 64}'}}\n")
    (folder / "templates" / "all.yaml").write_text("kind: Deployment\n")
    return folder


def test_what_the_release_says_counts_before_a_chart_that_lies_here(chart: Path) -> None:
    said = Build("registry.example/cap:1", "sha3-256:" + "5" * 64)
    assert read_build(said, chart, "prod") == said


def test_what_a_release_leaves_out_is_unknown_and_not_guessed(chart: Path) -> None:
    assert read_build(Build(image=IMAGE), chart, "prod") == Build(IMAGE, "")
    assert read_build(Build(chart="sha3-256:" + "5" * 64), chart, "prod").image == ""


def test_without_word_from_a_release_the_chart_here_counts(chart: Path) -> None:
    values = [chart / "values-prod.yaml"]
    assert read_build(Build(), chart, "prod-eu") == Build(IMAGE, chart_digest(chart, values))
    assert read_build(Build(), chart, "dev") == Build("registry.example/cap:2.3", chart_digest(chart, []))


def test_without_either_nothing_is_known(tmp_path: Path) -> None:
    assert read_build(Build(), tmp_path / "helm", "prod") == Build()


@pytest.mark.parametrize("name", ["Chart.yaml", "values.yaml", "values-prod.yaml", "templates/all.yaml"])
def test_every_file_counts(chart: Path, name: str) -> None:
    before = read_build(Build(), chart, "prod").chart
    (chart / name).write_text((chart / name).read_text() + "# changed\n")
    assert read_build(Build(), chart, "prod").chart != before


def test_the_order_of_values_counts_and_their_place_does_not(chart: Path, tmp_path: Path) -> None:
    """As in helm: the later file wins."""
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("image: {tag: one}\n")
    second.write_text("image: {tag: two}\n")
    copy = tmp_path / "elsewhere" / "c.yaml"
    copy.parent.mkdir()
    copy.write_bytes(first.read_bytes())
    assert chart_digest(chart, [first, second]) != chart_digest(chart, [second, first])
    assert chart_digest(chart, [first, second]) == chart_digest(chart, [copy, second])
    assert image_reference(chart, [first, second]) == "registry.example/cap:two"


def test_values_that_cannot_be_read_are_an_error_that_names_the_file(chart: Path) -> None:
    """Not another build: nobody knows what would be deployed."""
    with pytest.raises(Unavailable, match=r"missing\.yaml of the chart cannot be read"):
        chart_digest(chart, [chart / "missing.yaml"])
    (chart / "values-prod.yaml").write_text("image: {")
    with pytest.raises(Unavailable, match=r"values-prod\.yaml of the chart is not YAML"):
        read_build(Build(), chart, "prod")
