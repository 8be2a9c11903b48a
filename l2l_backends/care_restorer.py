"""What the ``care`` restorers of all engines share: what they take, and what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from l2l_backends.care_network import CareNetwork, CareOptions
from l2l_core.components import Restorer
from l2l_core.errors import DataError, ImageError, OptionsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from l2l_core.components import Loss, Samples


class CareRestorer(Restorer):
    """A CARE U-Net, whatever computes it.

    Parameters
    ----------
    options : CareOptions
        The network.
    axes : str
        ``"YX"`` or ``"ZYX"``.
    channels_in, channels_out : int
        Numbers of channels.
    device : str, optional
        ``"auto"``, ``"cpu"``, ``"gpu"`` or ``"gpu:N"``.

    Attributes
    ----------
    network : CareNetwork
        The description of the network.
    """

    Options: ClassVar[type] = CareOptions
    options: CareOptions

    def __init__(
        self,
        options: CareOptions,
        *,
        axes: str,
        channels_in: int,
        channels_out: int,
        device: str = "auto",
    ) -> None:
        super().__init__(
            options, axes=axes, channels_in=channels_in, channels_out=channels_out, device=device
        )
        self.network = CareNetwork(options, axes, channels_in, channels_out)
        self.geometry = self.network.geometry()

    @classmethod
    def outputs_of(cls, options: CareOptions) -> tuple[str, ...]:
        """Return ``mean``, and ``scale`` with it if the network is probabilistic."""
        return CareNetwork(options, "YX").outputs

    def target_loss(self, losses: Mapping[str, Loss]) -> Loss:
        """Return the loss for the role ``target``.

        Raises
        ------
        OptionsError
            If there are others, or it reads an output that this network does not have.
        """
        if set(losses) != set(self.roles):
            raise OptionsError(
                f"the restorer 'care' was given losses for {', '.join(losses) or 'no role'}; it "
                "takes one, for the role 'target'"
            )
        loss = losses["target"]
        if unknown := [name for name in loss.outputs if name not in self.geometry.outputs]:
            raise OptionsError(
                f"the loss {type(loss).__name__} reads the output {unknown[0]!r}, and this network "
                f"has only {', '.join(self.geometry.outputs)}; set restorer.options.probabilistic "
                "= true, or choose another loss"
            )
        return loss

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Check that a batch of this shape fits the network.

        Raises
        ------
        ImageError
            If it has other axes or channels, or sides that are no multiples.
        """
        expected = f"(N, {self.channels_in}, {', '.join(self.axes)})"
        if len(shape) != 2 + len(self.axes) or shape[1] != self.channels_in:
            raise ImageError(f"a batch has the shape {shape}; this network takes {expected}")
        step = self.network.multiple
        for axis, side in zip(self.axes, shape[2:], strict=True):
            if side % step or not side:
                raise ImageError(
                    f"a batch has {side} pixels along {axis}; this network of depth "
                    f"{self.options.depth} takes multiples of {step}"
                )

    def check_samples(self, samples: Samples) -> None:
        """Check that the first training sample fits the network.

        Raises
        ------
        DataError
            If it does not.
        """
        sample: Any = samples[0]
        try:
            self.check_shape((1, *sample.input.shape))
        except ImageError as error:
            raise DataError(f"training samples do not fit the network: {error}") from None
        expected = (self.channels_out, *sample.input.shape[1:])
        if sample.target.shape != expected:
            raise DataError(
                f"a training target has the shape {sample.target.shape}; expected {expected}, the "
                "network's channels out and the sides of its input"
            )
