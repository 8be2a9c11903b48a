"""The worker of :mod:`tests.benchmarks.engine_worker`, with the other engines besides."""

import sys

from l2l_backends.care_network import CareOptions
from tests.benchmarks import engine_worker


class TensorFlow:
    """Our TensorFlow engine."""

    def __init__(self, kernel, state, loss="mae", **options):
        from l2l_backends.tensorflow.care import Care
        from l2l_backends.tensorflow.stepper import PairedStepper
        from l2l_core.components import Schedule
        from l2l_core.components.factory import get

        self.care = Care(
            CareOptions(kernel=kernel), axes="YX", channels_in=1, channels_out=1, device="cpu"
        )
        self.care.load_state(state)
        self.stepper = PairedStepper(
            self.care._module,
            get("loss", loss, **options),
            device=self.care._where,
            schedule=Schedule(),
            announce=sys.exit,
        )

    def train(self, x, y):
        from l2l_core.components import Paired

        return float(self.stepper.train(Paired(x, y))["loss"])

    def predict(self, image):
        return self.care.restore(image[None, None])["mean"][0, 0]


class Predicting:
    """An engine of ours that only predicts."""

    def __init__(self, engine, kernel, state):
        from l2l_core.components.factory import make_restorer

        self.restorer = make_restorer(
            *("care", engine, {"kernel": kernel}),
            axes="YX",
            channels_in=1,
            channels_out=1,
            device="cpu",
        )
        self.restorer.load_state(state)

    def predict(self, image):
        return self.restorer.restore(image[None, None])["mean"][0, 0]


engine_worker.ENGINES |= {
    "tensorflow": TensorFlow,
    "tensorflow ms_ssim": lambda *given: TensorFlow(*given, loss="ms_ssim", scales=3),
    "onnx": lambda *given: Predicting("onnx", *given),
}

if __name__ == "__main__":
    engine_worker.main(*sys.argv[1:])
