"""The table of a batch: a line for each image, for people and for spreadsheets."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from l2l_core.images.replacing import replacing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from l2l_core.workflows.restoration import Restored

SUMMARY = "summary.tsv"

_COLUMNS = ("source", "out", "axes", "shape", "units", "seconds", "state", "error")


def write_summary(folder: Path, results: Sequence[Restored]) -> Path:
    """Write what became of each image as a table with tabs, and return where.

    Parameters
    ----------
    folder : Path
        Of the ledger.
    results : sequence of Restored
    """
    text = io.StringIO()
    table = csv.writer(text, delimiter="\t", lineterminator="\n")
    table.writerow(_COLUMNS)
    for result in results:
        state = (
            "failed" if result.error else "was finished before" if result.skipped else "restored"
        )
        shape = "x".join(map(str, result.shape))
        table.writerow(
            (
                result.source,
                result.out,
                result.axes,
                shape,
                result.units,
                f"{result.seconds:.1f}",
                state,
                result.error,
            )
        )
    place = folder / SUMMARY
    with replacing(place, "table") as new:
        new.write_text(text.getvalue(), encoding="utf-8")
    return place
