"""What `make manifests` looks at beside what is rendered."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.manifests import copies, images
from tests.support.processes import ROOT


@pytest.fixture
def deploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of deploy/ that may be changed."""
    folder = shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    monkeypatch.setattr(copies, "DEPLOY", folder)
    return folder


def test_an_image_that_is_mistyped_in_an_overlay_is_noticed(deploy: Path) -> None:
    assert list(images.mistyped(deploy)) == []

    overlay = deploy / "kubernetes" / "overlays" / "production" / "kustomization.yaml"
    overlay.write_text(
        overlay.read_text().replace("name: tagline-tagger\n", "name: tagline-taggr\n")
    )

    assert any("taggr" in each for each in images.mistyped(deploy))


@pytest.mark.parametrize("name", ["redis.conf", "users.acl", "prometheus/rules.yml"])
def test_a_copy_that_has_drifted_is_noticed_and_made_anew(deploy: Path, name: str) -> None:
    assert list(copies.drifted()) == []

    with (deploy / name).open("a") as file:
        file.write("# more\n")

    assert len(list(copies.drifted())) == 1
    copies.write()
    assert list(copies.drifted()) == []


def test_a_dashboard_that_nobody_has_copied_is_noticed(deploy: Path) -> None:
    (deploy / "grafana" / "dashboards" / "more.json").write_text("{}")

    assert len(list(copies.drifted())) == 1
