"""A filter that notes each unit that it computes, to count what is computed more than once.

The image that it takes is made by :func:`tests.benchmarks.mosaics.numbered`, which stores the
number of its unit in every pixel.  Any process can load it as a plugin; see :func:`install`.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
from attrs import define
from scipy import ndimage

from l2l_core.components import Geometry, Restorer, RestorerInfo, hookimpl

LOG = "L2L_BENCHMARK_LOG"
LEVELS = 16
"""Grey levels of noise between the numbers of two units."""


@define(frozen=True)
class Options:
    sigma: float = 2.0
    seconds: float = 0.0
    tile: int = 2048


class Counted(Restorer):
    """A Gaussian filter, and how far the image is from it; takes its time."""

    Options = Options
    normalizes = False

    def __init__(self, options, **kwargs):
        super().__init__(options, **kwargs)
        self.geometry = Geometry(
            axes=self.axes,
            channels_in=self.channels_in,
            channels_out=self.channels_out,
            halo=int(4 * options.sigma + 0.5),
            outputs=("mean", "scale"),
            tile=options.tile,
        )

    def restore(self, batch):
        _note(int(np.median(batch)) // LEVELS)
        mean = ndimage.gaussian_filter(batch, (0, 0, self.options.sigma, self.options.sigma))
        time.sleep(self.options.seconds)
        return {"mean": mean, "scale": np.abs(batch - mean)}


def _note(unit):
    """Add a line to the log; one short write to its end is never mixed with another."""
    place = os.environ.get(LOG)
    if place:
        number = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(number, f"{unit}\n".encode())
        os.close(number)


@hookimpl
def l2l_restorers():
    yield RestorerInfo(
        name="counted",
        target="tests.benchmarks.counted_restorer:Counted",
        summary="Gaussian filter that notes what it computes",
        supervision="none",
        dimensions=frozenset({2}),
    )


def install(site):
    """Make a folder which, on the path of a process, makes the filter a plugin of it.

    Parameters
    ----------
    site : Path

    Returns
    -------
    str
        What ``PYTHONPATH`` has to be there.
    """
    info = site / "l2l_counted-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: l2l-counted\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[l2l.plugins]\ncounted = {__name__}\n")
    root = Path(__file__).parents[2]
    return os.pathsep.join([str(site), str(root), *filter(None, sys.path)])
