"""Whether a target and a prediction belong together, said in one sentence before any arithmetic.

Without it a channel too many is broadcast in silence and the network learns a wrong thing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from l2l_core.errors import ImageError

if TYPE_CHECKING:
    from l2l_core.ops import Ops


def check_shapes(
    ops: Ops, target: Any, prediction: Any, *, channel_axis: int, outputs: int = 1
) -> None:
    """Raise unless the prediction has the target's shape, with `outputs` times its channels.

    Raises
    ------
    ImageError
        If it has another shape.
    """
    got = ops.shape(prediction)
    expected = list(ops.shape(target))
    expected[channel_axis] *= outputs
    if got != tuple(expected):
        times = "" if outputs == 1 else f", with {outputs} times the target's channels"
        raise ImageError(
            f"a prediction of shape {got} does not fit its target of shape {ops.shape(target)}; "
            f"expected {tuple(expected)}{times} on axis {channel_axis}"
        )
