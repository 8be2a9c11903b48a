"""A restorer that trains without a framework: the linear filter of least squared error."""

import numpy as np
from attrs import define, field, validators
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
        self.epoch, self.sums = 0, np.zeros(())

    def restore(self, batch):
        images = [[sum(map(ndimage.correlate, x, k)) for k in self.kernel] for x in batch]
        return {"mean": np.asarray(images, np.float32)}

    def fit(self, samples, validation, *, schedule, events, resume=None, **_):
        n, start = self.kernel[0].size, resume.facts["epoch"] if resume else 0
        self.sums = resume.arrays["sums"] if resume else np.zeros(())
        for self.epoch in range(start + 1, schedule.epochs + 1):
            events.epoch_started(self.epoch, schedule.epochs, schedule.steps_per_epoch)
            count = schedule.steps_per_epoch * schedule.batch_size
            for index in range(count):
                x, y = self.equations(samples[(self.epoch - 1) * count + index])
                self.sums = self.sums + x.T @ np.hstack([x, y])
            solved = np.linalg.lstsq(self.sums[:, :n], self.sums[:, n:])[0]
            self.kernel = solved.T.reshape(self.kernel.shape).astype(np.float32)
            loss = float(np.square(y - x @ solved).mean())
            events.epoch_ended(l2l.EpochRecord(epoch=self.epoch, train={"loss": loss}))
            events.checkpoint("best", self)
            events.checkpoint("last", self)
        return l2l.FitReport(epochs=schedule.epochs, best_epoch=schedule.epochs, best_loss=loss)

    def equations(self, sample):
        space, r = len(self.sides), self.options.radius
        windows = np.lib.stride_tricks.sliding_window_view
        x = windows(sample.input, self.sides, tuple(range(-space, 0)))
        y = sample.target[(..., *[slice(r, r + side) for side in x.shape[1 : space + 1]])]
        x = np.moveaxis(x, 0, space).reshape(-1, self.kernel[0].size)
        return x.astype(float), y.reshape(len(y), -1).T

    def state(self):
        return {"kernel": self.kernel}

    def load_state(self, state):
        self.kernel = np.asarray(state["kernel"], np.float32).reshape(self.kernel.shape)

    def training_state(self):
        return l2l.TrainingState({"sums": self.sums}, {"epoch": self.epoch})
