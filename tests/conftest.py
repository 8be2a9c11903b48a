"""Fixtures that several rooms share."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from l2l_core.components.registry import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def write_distribution(
    site: Path, distribution: str, code: str | None, *, module: str = "", version: str = "1.0"
) -> None:
    """Write an importable module and the metadata that an installation of it leaves behind."""
    module = module or distribution.replace("-", "_")
    if code is not None:
        (site / f"{module}.py").write_text(dedent(code), encoding="utf-8")
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(
        f"[l2l.plugins]\n{module} = {module}\n", encoding="utf-8"
    )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder on the path of this process and of those that it starts.

    The registry is built anew afterwards, and what was imported from there is forgotten.
    """
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.delenv("L2L_PLUGINS", raising=False)
    monkeypatch.delenv("L2L_BLOCK_PLUGINS", raising=False)
    registry.cache_clear()
    before = set(sys.modules)
    yield folder
    registry.cache_clear()
    for name in set(sys.modules) - before:
        origin = getattr(sys.modules[name], "__file__", None) or ""
        if origin.startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def install(site: Path) -> Callable[..., None]:
    """Return a function that installs a distribution with one plugin module.

    ``install("l2l-good", code)`` makes the module ``l2l_good`` with this code; without code there
    is metadata alone, as when a package was deleted by hand.
    """

    def installed(distribution: str, code: str | None, **options: str) -> None:
        write_distribution(site, distribution, code, **options)
        registry.cache_clear()

    return installed


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let the processes that a test starts be interrupted.

    What runs in the background of a shell, a job of continuous integration for one, begins with
    SIGINT ignored, and its children inherit that.
    """
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real images, or skip the test where it is absent."""
    named = os.environ.get("L2L_REAL_DATA")
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    folder = Path(named) if named else beside
    if not folder.is_dir():
        pytest.skip("no folder of real images; name one in L2L_REAL_DATA")
    return folder
