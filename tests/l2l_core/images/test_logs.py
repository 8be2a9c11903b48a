from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

from l2l_core.images.logs import quiet


def test_what_a_package_logs_is_collected_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    part = logging.getLogger("noisy.part")
    with quiet("noisy") as lines:
        part.warning("a strange %s", "file")
    assert lines == ["a strange file"]
    assert not caplog.records
    part.warning("heard again")
    assert caplog.messages == ["heard again"]
