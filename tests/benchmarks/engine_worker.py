"""One engine in a process of its own, which takes a step or predicts when told to.

Reads one JSON command a line from standard input and answers with one JSON line:
``{"do": "train"}`` and ``{"do": "predict"}`` give the seconds that it took on the wall's clock and
on those of all cores together, the latter being the steadier beside other processes.
"""

import json
import os
import sys
from time import perf_counter, process_time

import numpy as np

from l2l_backends.care_network import CareNetwork, CareOptions


class Csbdeep:
    """CSBDeep as its users call it: CARE.predict, and Keras's step on CSBDeep's compiled model."""

    def __init__(self, kernel, state):
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        from csbdeep.models import CARE, Config

        config = Config("YX", unet_kern_size=kernel, train_tensorboard=False)
        self.care = CARE(config, name=None, basedir=None)
        self.care.keras_model.set_weights(
            [
                np.moveaxis(array, (0, 1), (-1, -2)) if array.ndim > 1 else array
                for array in state.values()
            ]
        )
        self.care.prepare_for_training()

    def train(self, x, y):
        x, y = (np.moveaxis(array, 1, -1) for array in (x, y))
        return self.care.keras_model.train_on_batch(x, y)

    def predict(self, image):
        return self.care.predict(image, "YX", normalizer=None)


class Torch:
    """Our PyTorch engine."""

    def __init__(self, kernel, state, *, compiled=False, loss="mae", **options):
        from l2l_backends.torch.care import Care
        from l2l_backends.torch.stepper import PairedStepper
        from l2l_core.components import Schedule
        from l2l_core.components.factory import get

        self.care = Care(
            CareOptions(kernel=kernel), axes="YX", channels_in=1, channels_out=1, device="cpu"
        )
        self.care.load_state(state)
        if compiled:
            self.care.accelerate(compile=True, announce=sys.exit)
        self.stepper = PairedStepper(
            self.care._module,
            get("loss", loss, **options),
            device=self.care._where,
            schedule=Schedule(compile=compiled),
            announce=sys.exit,
        )

    def train(self, x, y):
        from l2l_core.components import Paired

        return float(self.stepper.train(Paired(x, y))["loss"])

    def predict(self, image):
        return self.care.restore(image[None, None])["mean"][0, 0]


ENGINES = {
    "csbdeep": Csbdeep,
    "torch": Torch,
    "torch compiled": lambda *args: Torch(*args, compiled=True),
    "torch ms_ssim": lambda *args: Torch(*args, loss="ms_ssim", scales=3),
}


def main(engine, kernel, folder):
    kernel = int(kernel)
    network = CareNetwork(CareOptions(kernel=kernel), "YX")
    made = ENGINES[engine](kernel, network.initial_state(0))
    rng = np.random.default_rng(0)
    image = rng.random((1024, 1024), dtype=np.float32)
    x, y = (rng.random((16, 1, 128, 128), dtype=np.float32) for _ in range(2))
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        command = json.loads(line)["do"]
        started, computed = perf_counter(), process_time()
        if command == "train":
            made.train(x, y)
        else:
            predicted = made.predict(image)
        seconds = [perf_counter() - started, process_time() - computed]
        if command == "save":
            np.save(f"{folder}/{engine}.npy", predicted)
        print(json.dumps(seconds), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
