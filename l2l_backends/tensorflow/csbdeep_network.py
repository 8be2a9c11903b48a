"""CSBDeep's own U-Net as a function of tensors; the one module that touches CSBDeep and Keras.

CSBDeep: Weigert et al. 2018, Nature Methods 15, 1090, https://doi.org/10.1038/s41592-018-0216-7;
its builder ``csbdeep.internals.nets.common_unet`` makes a Keras model.  Of the rest of CSBDeep
nothing is used: it evaluates the name of a loss as code, logs to TensorBoard, shares one normaliser
between images, and picks weights by the time of their files.
"""

from __future__ import annotations

import random
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import l2l_backends.tensorflow.loading  # noqa: F401 - before Keras, which it sets up
from l2l_core.errors import ComponentError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import keras
    from csbdeep.internals.nets import common_unet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from l2l_backends.care_network import CareNetwork


@contextmanager
def _defaults_of_keras() -> Iterator[None]:
    """Build with Keras's own defaults, and leave no trace in what is global.

    Channel order, number type and precision are settings of a user's home and process; and the
    initial weights, which are replaced at once, are drawn with Python's global generator.
    """
    layout, kind = keras.config.image_data_format(), keras.config.floatx()
    policy, state = keras.config.dtype_policy(), random.getstate()
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(state)
        keras.config.set_image_data_format(layout)
        keras.config.set_floatx(kind)
        keras.config.set_dtype_policy(policy)


class CsbdeepUNet:
    """The network that CSBDeep builds from a description.

    Parameters
    ----------
    network : CareNetwork
        What to build, on TensorFlow's current device; the weights have Keras's initial values.

    Attributes
    ----------
    network : CareNetwork
        The description.
    variables : dict
        TensorFlow's variables by their canonical names, in the canonical order; kernels are
        ([kz,] ky, kx, in, out).
    """

    def __init__(self, network: CareNetwork) -> None:
        options = network.options
        self.network = network
        build = common_unet(
            n_dim=len(network.axes),
            n_depth=options.depth,
            kern_size=network.kernel,
            n_first=options.first_filters,
            n_channel_out=network.channels_out,
            residual=network.residual,
            prob_out=options.probabilistic,
            last_activation=options.last_activation,
        )
        with _defaults_of_keras():
            model = build((*(None,) * len(network.axes), network.channels_in))
            if options.probabilistic:
                # Before they are joined, so that a head that nobody reads costs nothing.
                model = keras.Model(model.inputs, model.layers[-1].input)
        self._model = model
        self.variables = _by_canonical_name(network, self._model)

    def __call__(self, x: Any) -> dict[str, Any]:
        """Return ``mean``, and ``scale`` of a probabilistic network, in float32.

        Parameters
        ----------
        x : tf.Tensor
            (N, [Z,] Y, X, C) float32, normalised; sides are multiples of 2 to the power of the
            depth.
        """
        # The layers act alike in training and prediction: there is no drop-out and no batch norm.
        predicted = self._model(x, training=False)
        found = predicted if isinstance(predicted, list | tuple) else [predicted]
        return dict(zip(self.network.outputs, found, strict=True))

    def compute_in(self, half: str | None) -> None:
        """Have the levels compute in a short type; the heads and all weights stay in float32.

        What was traced before is not changed.

        Parameters
        ----------
        half : str or None
            ``"bfloat16"``, or None for float32.
        """
        policy = "float32" if half is None else f"mixed_{half}"
        layers = self._model.layers
        last = max(
            number
            for number, layer in enumerate(layers)
            if layer.weights and layer not in _heads(self.network, self._model)
        )
        for layer in layers[: last + 1]:
            if not isinstance(layer, keras.layers.InputLayer):
                layer.dtype_policy = keras.DTypePolicy(policy)


def _by_canonical_name(network: CareNetwork, model: Any) -> dict[str, Any]:
    """Match Keras's variables by order and role; their names differ between two instances."""
    heads = _heads(network, model)
    body = [layer for layer in model.layers if layer.weights and layer not in heads]
    found: dict[str, Any] = {}
    for described, layer in zip(network.convolutions, [*body, *heads], strict=True):
        for part, variable in zip(("kernel", "bias"), layer.weights, strict=True):
            found[f"{described.name}.{part}"] = variable.value
        got = (*layer.weights[0].shape[-1:-3:-1], *layer.weights[0].shape[:-2])
        if got != described.kernel_shape:
            raise ComponentError(
                f"CSBDeep built a kernel of shape {got} (out, in, sides) for {described.name}, "
                f"expected {described.kernel_shape}; this version of CSBDeep is not known. "
                "Install csbdeep 0.8.2"
            )
    return found


def _heads(network: CareNetwork, model: Any) -> list[Any]:
    """Return the layers of ``mean`` and ``scale``; only the scale's ends in a softplus."""
    layers = [layer for layer in model.layers if layer.weights][-len(network.outputs) :]
    return sorted(layers, key=lambda layer: layer.activation is keras.activations.softplus)
