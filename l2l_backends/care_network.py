"""The CARE network without a framework: options, layers, names and shapes of weights, reach.

Every engine builds the same U-Net from this one description and reads the same weights.

Content-aware restoration: Weigert et al. 2018, Nature Methods 15, 1090,
https://doi.org/10.1038/s41592-018-0216-7.  U-Net: Ronneberger, Fischer and Brox 2015, MICCAI,
https://arxiv.org/abs/1505.04597.  The topology is that of CSBDeep 0.8.2.

The canonical weights are one dict of C-contiguous float32 arrays:

============================  =====================================  ==========================
``down.<n>.conv.<i>.kernel``  (out, in, [kz,] ky, kx)                level n = 0 is full size
``down.<n>.conv.<i>.bias``    (out,)
``middle.conv.<i>.kernel``    (out, in, [kz,] ky, kx)                below the last pooling
``up.<n>.conv.<i>.kernel``    (out, in, [kz,] ky, kx)                n = 0 is full size again
``mean.kernel``               (channels_out, in, [1,] 1, 1)
``scale.kernel``              (channels_out, in, [1,] 1, 1)          of a probabilistic network
============================  =====================================  ==========================

A kernel is correlated with the image (not flipped), zero padded to the same size.  The inputs of
``up.<n>.conv.0`` are the channels from below, enlarged, and then those of ``down.<n>``.
"""

from __future__ import annotations

from functools import cached_property
from math import prod, sqrt
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import define, field, validators

from l2l_core.components import Geometry, Padding, check_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

CONVOLUTIONS = 2
"""Convolutions of each level, on the way down as on the way up."""

SCALE_FLOOR = 1e-3
"""Added to the softplus of a probabilistic network's scale, so that its logarithm is bounded."""


def _odd(instance: Any, attribute: Any, value: int | None) -> None:
    if value is not None and value % 2 == 0:
        raise ValueError(f"got {value}, expected an odd number, so that a kernel has a middle")


@define(frozen=True, kw_only=True)
class CareOptions:
    """Options of the network; the defaults are CSBDeep's.

    Parameters
    ----------
    depth : int
        How often the image is halved.
    kernel : int, optional
        Side of the convolutions in pixels, odd; 5 in 2D and 3 in 3D where it is left out.
    first_filters : int
        Channels of the first level; they double with each level below.
    residual : bool
        Whether the network adds its input to what it computes.  Where the numbers of channels in
        and out differ there is nothing to add, and the option has no effect.
    last_activation : {"linear", "relu"}
        What the mean goes through at the end; ``"relu"`` keeps it from being negative.
    probabilistic : bool
        Whether a scale comes out for every pixel beside the mean: a Laplace distribution, to be
        trained with the loss ``laplace``.
    """

    depth: int = field(default=2, validator=[validators.ge(1), validators.le(8)])
    kernel: int | None = field(
        default=None, validator=[validators.optional(validators.ge(1)), _odd]
    )
    first_filters: int = field(default=32, validator=validators.ge(1))
    residual: bool = True
    last_activation: Literal["linear", "relu"] = field(
        default="linear", validator=validators.in_(("linear", "relu"))
    )
    probabilistic: bool = False


@define(frozen=True)
class Convolution:
    """One convolution of the network, as a value.

    Parameters
    ----------
    name : str
        ``"down.0.conv.1"``; its tensors are ``<name>.kernel`` and ``<name>.bias``.
    channels_in, channels_out : int
        Channels of what goes in and comes out.
    sides : tuple of int
        Sides of the kernel, one for each spatial axis.
    """

    name: str
    channels_in: int
    channels_out: int
    sides: tuple[int, ...]

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        """Shape (out, in, [kz,] ky, kx) of the kernel."""
        return (self.channels_out, self.channels_in, *self.sides)


@define(frozen=True, slots=False)
class CareNetwork:
    """The network that some options describe, over given axes and channels.

    Parameters
    ----------
    options : CareOptions
        Depth, kernel, filters, ...
    axes : str
        ``"YX"`` or ``"ZYX"``.
    channels_in, channels_out : int
        Channels of what goes in and comes out.
    """

    options: CareOptions
    axes: str
    channels_in: int = 1
    channels_out: int = 1

    @property
    def kernel(self) -> int:
        """Side of the convolutions in pixels."""
        return self.options.kernel or {2: 5, 3: 3}[len(self.axes)]

    @property
    def residual(self) -> bool:
        """Whether the input is added."""
        return self.options.residual and self.channels_in == self.channels_out

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what comes out."""
        return ("mean", "scale") if self.options.probabilistic else ("mean",)

    @property
    def multiple(self) -> int:
        """What the sides of an image must be multiples of."""
        return 1 << self.options.depth

    @cached_property
    def convolutions(self) -> tuple[Convolution, ...]:
        """All convolutions, in the order in which they are computed."""
        depth = self.options.depth
        sides = (self.kernel,) * len(self.axes)

        def filters(level: int) -> int:
            return self.options.first_filters << max(0, level)

        made = []
        channels = self.channels_in

        def add(name: str, channels_out: int, sides: tuple[int, ...] = sides) -> None:
            nonlocal channels
            made.append(Convolution(name, channels, channels_out, sides))
            channels = channels_out

        for level in range(depth):
            for index in range(CONVOLUTIONS):
                add(f"down.{level}.conv.{index}", filters(level))
        # The last convolution of a level narrows to what the level above works with.
        add("middle.conv.0", filters(depth))
        add("middle.conv.1", filters(depth - 1))
        for level in reversed(range(depth)):
            channels += filters(level)
            add(f"up.{level}.conv.0", filters(level))
            add(f"up.{level}.conv.1", filters(level - 1))
        features = channels
        for output in self.outputs:
            channels = features
            add(output, self.channels_out, (1,) * len(self.axes))
        return tuple(made)

    @cached_property
    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor of the canonical weights."""
        shapes: dict[str, tuple[int, ...]] = {}
        for convolution in self.convolutions:
            shapes[f"{convolution.name}.kernel"] = convolution.kernel_shape
            shapes[f"{convolution.name}.bias"] = (convolution.channels_out,)
        return shapes

    @property
    def parameters(self) -> int:
        """How many numbers the weights are."""
        return sum(prod(shape) for shape in self.tensors.values())

    def needed(self, start: int, stop: int) -> tuple[int, int]:
        """Return the interval of the input that an interval of the output depends on.

        Interval arithmetic from the last convolution back to the image, along one axis; the
        intervals are half open, in pixels of an image without borders whose first pixel is 0.

        Parameters
        ----------
        start, stop : int
            Pixels ``start`` to ``stop - 1`` of the output.

        Returns
        -------
        tuple of int
            Start and stop of the interval of the input.
        """
        widen = CONVOLUTIONS * (self.kernel // 2)
        skipped = []
        for _level in range(self.options.depth):
            start, stop = start - widen, stop + widen
            skipped.append((start, stop))
            # Nearest up-sampling: pixel i is a copy of pixel i // 2 below.
            start, stop = start // 2, -(-stop // 2)
        start, stop = start - widen, stop + widen
        for skip_start, skip_stop in reversed(skipped):
            start, stop = min(2 * start, skip_start), max(2 * stop, skip_stop)
            start, stop = start - widen, stop + widen
        return start, stop

    def reach(self, phase: int) -> tuple[int, int]:
        """Return how far to the left and right one pixel of the output looks.

        Parameters
        ----------
        phase : int
            Position of the pixel within a step of the lattice, 0 to ``multiple - 1``.
        """
        start, stop = self.needed(phase, phase + 1)
        return phase - start, stop - 1 - phase

    @property
    def halo(self) -> int:
        """Pixels that a region needs on either side, given that it lies on the lattice."""
        start, stop = self.needed(0, self.multiple)
        return max(-start, stop - self.multiple)

    def geometry(self) -> Geometry:
        """Return what a tiler must know."""
        return Geometry(
            axes=self.axes,
            channels_in=self.channels_in,
            channels_out=self.channels_out,
            halo=self.halo,
            multiple=self.multiple,
            outputs=self.outputs,
            padding=Padding("reflect", "half"),
            tile=self._tile(),
        )

    def _tile(self) -> tuple[int, ...]:
        # About 2 GB of activations in float32 with 32 filters, and where the halo is wide enough
        # for more than half of such a tile, as much as keeps a third of every side.
        preferred = {"YX": (1024, 1024), "ZYX": (96, 160, 160)}[self.axes]
        step = self.multiple
        return tuple(-(-max(side, 3 * self.halo) // step) * step for side in preferred)

    def initial_state(self, seed: int) -> dict[str, NDArray[np.float32]]:
        """Return fresh weights: Keras's default, Glorot uniform kernels and zero biases.

        Glorot and Bengio 2010, AISTATS 9, 249.  The same for every engine.

        Parameters
        ----------
        seed : int
            Of the generator that all kernels are drawn from, one after the other.
        """
        rng = np.random.default_rng(seed)
        state: dict[str, NDArray[np.float32]] = {}
        for convolution in self.convolutions:
            shape = convolution.kernel_shape
            fans = (shape[0] + shape[1]) * prod(shape[2:])
            limit = sqrt(6 / fans)
            kernel = rng.uniform(-limit, limit, shape).astype(np.float32)
            state[f"{convolution.name}.kernel"] = kernel
            state[f"{convolution.name}.bias"] = np.zeros(shape[0], np.float32)
        return state

    def check(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Check that these are weights of this network.

        Raises
        ------
        ModelDamagedError
            If a tensor is missing, unknown, or of another shape or dtype; names it.
        """
        check_state(
            state,
            {name: (shape, "float32") for name, shape in self.tensors.items()},
            f"a CARE network of depth {self.options.depth}, kernel {self.kernel} and "
            f"{self.options.first_filters} first filters over {self.axes}",
        )
