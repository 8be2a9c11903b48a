"""How dark a restoration leaves what is no structure, where the truth tells what that is."""

from __future__ import annotations

import numpy as np
from attrs import define

from l2l_core.errors import StatisticsError
from l2l_plugins.metrics.planewise import check_varies, counted
from l2l_plugins.metrics.truth import Truth, TruthMetric


@define(frozen=True)
class BackgroundSuppression(TruthMetric):
    """How dark the background is, where the truth has no structure: 1 - B / S; 1 is black.

    S is the mean over true structure, B that over everything further than the tolerance from
    anything real, faint structure too; both above the image's 1st percentile.  0 where the
    background is as bright as the structure, below 0 where it is brighter.  The reference is the
    truth.  A haze of the same brightness everywhere cannot be told from a camera's offset, and
    does not count.  What was suppressed is the difference to the raw image's value.  Ignores the
    data range.

    Parameters
    ----------
    tolerance : float or tuple of float, optional
        Distance in pixels from true structure within which light is neither of both, one number
        for all axes or one for each of ``[Z,] Y, X``.
    truth_threshold : float, optional
        Brightness of the truth above which a pixel is structure, as a share of the way from its
        minimum to its maximum; Otsu's threshold where left out.
    """

    title = "background suppression"

    def of_truth(self, truth: Truth) -> float:
        """Return the suppression in one channel."""
        channel = truth.channel
        check_varies(channel.image, channel.mask, self.title)
        background = ~truth.near
        if channel.mask is not None:
            background &= channel.mask
        if not background.any():
            raise StatisticsError(
                f"{self.title} found no pixel further than {self.tolerance} pixels from true "
                "structure; expected background, or a smaller tolerance"
            )
        floor = float(np.percentile(counted(channel.image, channel.mask), 1.0))
        light = float(channel.image[truth.structure].mean()) - floor
        if not light > 0:
            raise StatisticsError(
                f"{self.title} found the true structure as dark as the image's darkest percent; "
                "expected an image that shows the structure, aligned to the truth"
            )
        return 1.0 - (float(channel.image[background].mean()) - floor) / light
