"""Run by the tests in a process of its own: what CSBDeep's networks predict.

For each network of the JSON list in the first argument, writes into the folder of the second an
.npz with an image, what CSBDeep predicts of it, and the weights under their canonical names.
"""

import json
import sys
from pathlib import Path

import numpy as np
from csbdeep.internals.nets import common_unet


def canonical(layers, depth):
    names = {}
    for level in range(depth):
        for index in (0, 1):
            names[f"down_level_{level}_no_{index}"] = f"down.{level}.conv.{index}"
        names[f"up_level_{level}_no_0"] = f"up.{level}.conv.0"
        names[f"up_level_{level}_no_2"] = f"up.{level}.conv.1"
    names["middle_0"], names["middle_2"] = "middle.conv.0", "middle.conv.1"
    state = {}
    for layer in layers:
        if not layer.weights:
            continue
        kind = layer.get_config()["activation"]
        name = names.get(layer.name) or {"linear": "mean", "softplus": "scale"}[kind]
        kernel, bias = layer.get_weights()
        state[f"{name}.kernel"] = np.moveaxis(kernel, (-1, -2), (0, 1))
        state[f"{name}.bias"] = bias
    return state


def main(cases, folder):
    for number, case in enumerate(json.loads(cases)):
        rng = np.random.default_rng(number)
        shape = case.pop("shape")
        model = common_unet(**case)((*[None] * case["n_dim"], shape[-1]))
        # He's variance keeps the signal up through all layers.
        model.set_weights(
            [
                rng.normal(0, np.sqrt(2 / np.prod(w.shape[:-1])) if w.ndim > 1 else 0.1, w.shape)
                for w in model.get_weights()
            ]
        )
        image = rng.normal(0, 1, [2, *shape]).astype(np.float32)
        np.savez(
            Path(folder) / f"{number}.npz",
            image=np.moveaxis(image, -1, 1),
            prediction=np.moveaxis(model.predict(image, verbose=0), -1, 1),
            parameters=model.count_params(),
            **canonical(model.layers, case["n_depth"]),
        )


main(*sys.argv[1:])
