"""A restorer that trains without a framework: the linear filter of least squared error."""

import numpy as np
from attrs import define, field, validators
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from l2l_core import components as l2l


@define(frozen=True)
class Options:
    radius: int = field(default=3, validator=validators.ge(0))


class LinearFilter(l2l.Restorer):
    Options = Options

    def __init__(self, options, **kwargs):
        super().__init__(options, **kwargs)
        ends = {"channels_in": self.channels_in, "channels_out": self.channels_out}
        self.geometry = l2l.Geometry(axes=self.axes, halo=options.radius, **ends)
        self.sides = (2 * options.radius + 1,) * len(self.axes)
        self.kernel = np.zeros((self.channels_out, self.channels_in, *self.sides), np.float32)
        self.epoch, self.sums = 0, 0.0

    def restore(self, batch):
        images = [[sum(map(ndimage.correlate, x, k)) for k in self.kernel] for x in batch]
        return {"mean": np.asarray(images, np.float32)}

    def fit(self, samples, validation, *, schedule, events, resume=None, **_):
        size, r, axes = self.kernel[0].size, self.options.radius, len(self.sides)
        start, self.sums = (resume.facts["epoch"], resume.arrays["sums"]) if resume else (0, 0.0)
        count = schedule.steps_per_epoch * schedule.batch_size
        for self.epoch in range(start + 1, schedule.epochs + 1):
            events.epoch_started(self.epoch, schedule.epochs, schedule.steps_per_epoch)
            for index in range((self.epoch - 1) * count, self.epoch * count):
                x, y = samples[index].input, samples[index].target
                x = sliding_window_view(x, self.sides, tuple(range(-axes, 0)))
                x = np.moveaxis(x, 0, axes).reshape(-1, size).astype(float)
                y = y[(..., *[slice(r, n - r) for n in y.shape[1:]])].reshape(len(y), -1).T
                self.sums = self.sums + x.T @ np.hstack([x, y])  # the normal equations
            solved = np.linalg.lstsq(self.sums[:, :size], self.sums[:, size:])[0]
            self.kernel = solved.T.reshape(self.kernel.shape).astype(np.float32)
            loss = float(np.square(y - x @ solved).mean())
            events.epoch_ended(l2l.EpochRecord(epoch=self.epoch, train={"loss": loss}))
            events.checkpoint("best", self)
            events.checkpoint("last", self)
        return l2l.FitReport(epochs=schedule.epochs, best_epoch=schedule.epochs, best_loss=loss)

    def state(self):
        return {"kernel": self.kernel}

    def load_state(self, state):
        l2l.check_state(state, {"kernel": (self.kernel.shape, "float32")}, "this filter")
        self.kernel = state["kernel"]

    def training_state(self):
        return l2l.TrainingState({"sums": np.asarray(self.sums)}, {"epoch": self.epoch})
