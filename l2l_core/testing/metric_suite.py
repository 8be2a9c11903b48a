"""The suite that a metric has to pass, whoever wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np
from scipy import ndimage

from l2l_core.components import MergeableMetric, Metric
from l2l_core.components.checking import is_frozen
from l2l_core.components.factory import get
from l2l_core.components.registry import registry
from l2l_core.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    Array = NDArray[Any]


class MetricSuite:
    """Tests that a metric's test class inherits.

    ::

        class TestPearson(MetricSuite):
            component = ("metric", "pearson")
            perfect = 1.0
            symmetric = True

    or with an instance, ``metric = Pearson()``, where it is not registered.

    Attributes
    ----------
    metric : Metric, optional
        What is tested.
    component : tuple of str
        ``("metric", name)`` in the registry, where there is no `metric`.
    options : mapping
        Options of the component.
    needs_reference, higher_is_better : bool
        As in the record, from which they are taken where `component` is given.
    perfect : float, optional
        What the metric is for equal images.
    symmetric : bool
        Whether image and reference may change places.
    needs_data_range : bool
        Whether it refuses to run without a data range.
    scale_invariant : bool
        Whether the metric stays as it is when image, reference and data range are multiplied by
        one number, that is, whether it does not depend on the unit of intensity.
    grades_noise : bool
        Whether noise that is added to an image makes the metric worse.
    noise : float
        Standard deviation of the noise of the images that are tried, their maximum being 1.
    shapes : tuple of tuple of int
        Shapes ([Z,] Y, X) that are tried.
    tolerance : float
        Relative, of values that should be equal.
    """

    metric: ClassVar[Metric | None] = None
    component: ClassVar[tuple[str, str]] = ("metric", "")
    options: ClassVar[Mapping[str, Any]] = {}
    needs_reference: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = True
    perfect: ClassVar[float | None] = None
    symmetric: ClassVar[bool] = False
    needs_data_range: ClassVar[bool] = False
    scale_invariant: ClassVar[bool] = True
    grades_noise: ClassVar[bool] = True
    noise: ClassVar[float] = 0.1
    shapes: ClassVar[tuple[tuple[int, ...], ...]] = ((64, 57), (11, 48, 50))
    tolerance: ClassVar[float] = 1e-9

    def _made(self) -> Metric:
        if self.metric is not None:
            return self.metric
        made: Metric = get(*self.component, **self.options)
        return made

    def _record(self, name: str) -> bool:
        if self.metric is not None:
            return bool(getattr(self, name))
        return bool(getattr(registry().find(*self.component).info, name))

    def _pairs(self, noise: float | None = None) -> Iterator[tuple[Array, Array]]:
        """Yield images with noise and references, smooth and above 0, in float64."""
        noise = self.noise if noise is None else noise
        rng = np.random.default_rng(11)
        for shape in self.shapes:
            reference = ndimage.gaussian_filter(rng.gamma(1.0, 1.0, size=shape), 1.0)
            reference /= reference.max()
            yield reference + noise * rng.standard_normal(shape), reference

    def _value(
        self, image: Array, reference: Array, data_range: float = 1.0, **given: Any
    ) -> float:
        return self._made()(
            image,
            reference if self._record("needs_reference") else None,
            data_range=data_range,
            **given,
        )

    def _close(self, value: float, expected: float, message: str = "") -> None:
        np.testing.assert_allclose(
            value, expected, rtol=self.tolerance, atol=1e-12, err_msg=message
        )

    def _refused(self, call: Callable[[], float], what: str) -> None:
        """Demand an ImageError with a sentence."""
        try:
            value = call()
        except ImageError as error:
            assert len(str(error)) > 20, f"{what}: {error} is no sentence"  # noqa: PT017
        else:
            raise AssertionError(f"{what}: expected an ImageError, got {value}")

    def test_is_a_metric(self) -> None:
        """It subclasses the interface and is a frozen attrs class."""
        made = self._made()
        assert isinstance(made, Metric), f"{made!r} is no subclass of Metric"
        assert attrs.has(type(made)), f"{type(made).__name__} is no attrs class"
        assert is_frozen(type(made)), f"{type(made).__name__} is not frozen"

    def test_is_a_float(self) -> None:
        """A Python float comes out, finite for images that differ."""
        for image, reference in self._pairs():
            value = self._value(image, reference)
            assert type(value) is float, f"{type(value).__name__}, expected float"
            assert np.isfinite(value), f"{value} for images of shape {image.shape}"

    def test_equal_images_are_perfect(self) -> None:
        """Equal images have the best value, in integers as well."""
        if self.perfect is None:
            return
        for _, reference in self._pairs():
            self._close(self._value(reference, reference), self.perfect)
            counts = np.round(1000 * reference).astype(np.uint16)
            self._close(self._value(counts, counts, 1000.0), self.perfect)

    def test_more_noise_is_worse(self) -> None:
        """The value moves the way that the record says when noise is added."""
        if not (self._record("needs_reference") and self.grades_noise):
            return
        sign = 1.0 if self._record("higher_is_better") else -1.0
        levels = [list(self._pairs(noise)) for noise in (0.02, 0.1, 0.5)]
        for pairs in zip(*levels, strict=True):
            values = [sign * self._value(*pair) for pair in pairs]
            assert values == sorted(values, reverse=True), f"{values} at rising noise"

    def test_image_and_reference_may_change_places(self) -> None:
        """Where that is claimed."""
        if not self.symmetric:
            return
        for image, reference in self._pairs():
            self._close(self._value(image, reference), self._value(reference, image))

    def test_does_not_depend_on_the_unit(self) -> None:
        """Intensities and data range times one number leave the value as it is."""
        if not self.scale_invariant:
            return
        for image, reference in self._pairs():
            expected = self._value(image, reference)
            for factor in (255.0, 0.013):
                value = self._value(factor * image, factor * reference, factor)
                np.testing.assert_allclose(value, expected, rtol=1e-6, err_msg=f"times {factor}")

    def test_refuses_to_guess_the_data_range(self) -> None:
        """Without a data range there is a sentence, where that or the record claims it."""
        record: Any = None if self.metric is not None else registry().find(*self.component).info
        if not (self.needs_data_range or (record and record.data_range == "needed")):
            return
        reference = next(self._pairs())[1]
        made = self._made()
        self._refused(lambda: made(reference, reference), "no data range")
        self._refused(lambda: made(reference, reference, data_range=0.0), "a data range of 0")

    def test_integers_do_not_wrap_around(self) -> None:
        """uint16 gives what the same numbers give as floats."""
        for image, reference in self._pairs():
            a, b = (np.round(500 * np.clip(x, 0, 2)).astype(np.uint16) for x in (image, reference))
            expected = self._value(a.astype(np.float64), b.astype(np.float64), 500.0)
            self._close(self._value(a, b, 500.0), expected)

    def test_channels_are_averaged(self) -> None:
        """With axes of channels, wherever they stand, the channels' own values are averaged."""
        for image, reference in self._pairs():
            axes = "YX" if image.ndim == 2 else "ZYX"
            images = np.stack([image, 0.5 * image + 0.2, reference])
            references = np.stack([reference, reference, image])
            expected = np.mean(
                [self._value(*pair) for pair in zip(images, references, strict=True)]
            )
            first = self._value(images, references, axes="C" + axes)
            self._close(first, float(expected))
            last = [np.moveaxis(array, 0, -1) for array in (images, references)]
            self._close(self._value(last[0], last[1], axes=axes + "C"), float(expected))

    def test_mask_of_ones_changes_nothing(self) -> None:
        """A mask that holds all pixels is no mask."""
        for image, reference in self._pairs():
            everything = np.ones(image.shape, dtype=bool)
            expected = self._value(image, reference)
            self._close(self._value(image, reference, mask=everything), expected)

    def test_what_is_masked_has_no_influence(self) -> None:
        """Pixels outside the mask may hold anything, NaN included."""
        for image, reference in self._pairs():
            mask = np.ones(image.shape, dtype=bool)
            mask[..., :9] = False
            expected = self._value(image, reference, mask=mask)
            wrong = image.copy()
            wrong[..., :9] = 1e9
            self._close(self._value(wrong, reference, mask=mask), expected, "1e9 outside")
            wrong[..., 2:7] = np.nan
            self._close(self._value(wrong, reference, mask=mask), expected, "NaN outside")

    def test_an_error_map_has_a_value_for_each_pixel(self) -> None:
        """Where there is a map, it has the plane's shape, and no value where nothing counts."""
        for image, reference in self._pairs():
            if not self._record("needs_reference") or image.ndim != 2:
                continue
            mask = np.ones(image.shape, dtype=bool)
            mask[:, :4] = False
            found = self._made().error_map(image, reference, mask=mask)
            if found is None:
                continue
            assert found.shape == image.shape, f"{found.shape} for an image of {image.shape}"
            assert np.isfinite(found[mask]).all(), "a pixel that counts has no value"
            assert np.isnan(found[~mask]).all(), "a pixel that does not count has a value"
            assert (found[mask] >= 0).all(), "an error below 0"

    def test_nan_is_never_passed_over(self) -> None:
        """A NaN that counts gives a sentence or NaN, not a number over the other pixels."""
        image, reference = next(self._pairs())
        image[20, 20] = np.nan
        try:
            value = self._value(image, reference)
        except ImageError:
            return
        assert np.isnan(value), f"{value} of an image with a NaN"

    def test_bad_images_give_a_sentence(self) -> None:
        """Shapes that differ, axes that do not fit, a missing reference, an empty mask."""
        image, reference = next(self._pairs())
        if self._record("needs_reference"):
            self._refused(lambda: self._made()(image, data_range=1.0), "no reference")
            self._refused(lambda: self._value(image, reference[:-1]), "different shapes")
        nothing = np.zeros(image.shape, dtype=bool)
        self._refused(lambda: self._value(image, reference, mask=nothing), "an empty mask")
        self._refused(lambda: self._value(image, reference, mask=nothing[:-3]), "a mask too small")
        self._refused(lambda: self._value(image, reference, axes="ZYX"), "three axes for two")

    def test_pieces_give_the_value_of_the_whole(self) -> None:
        """Cut up at random, in any order and grouping; only where the metric is mergeable."""
        made = self._made()
        if not isinstance(made, MergeableMetric):
            return
        rng = np.random.default_rng(12)
        for image, reference in self._pairs():
            whole = self._value(image, reference)
            for _ in range(5):
                cuts = np.sort(rng.integers(0, image.shape[-1], size=3))
                pieces = list(
                    zip(
                        np.split(image, cuts, axis=-1),
                        np.split(reference, cuts, axis=-1),
                        strict=True,
                    )
                )
                rng.shuffle(pieces)
                states = [made.start(), made.start()]
                for piece in pieces:
                    if piece[0].size:
                        which = rng.integers(2)
                        states[which] = made.add(states[which], *piece)
                merged = made.finish(made.merge(*states), data_range=1.0)
                np.testing.assert_allclose(merged, whole, rtol=1e-9, err_msg=f"cut at {cuts}")

    def test_masked_pieces_give_the_value_of_the_whole(self) -> None:
        """A mask may leave nothing of a piece."""
        made = self._made()
        if not isinstance(made, MergeableMetric):
            return
        for image, reference in self._pairs():
            mask = np.ones(image.shape, dtype=bool)
            mask[..., :20] = False
            state = made.start()
            for start in range(0, image.shape[-1], 10):
                part = (..., slice(start, start + 10))
                state = made.add(state, image[part], reference[part], mask=mask[part])
            expected = self._value(image, reference, mask=mask)
            np.testing.assert_allclose(made.finish(state, data_range=1.0), expected, rtol=1e-9)

    def test_leaves_its_arguments_alone(self) -> None:
        """Image, reference and mask are not written to."""
        for image, reference in self._pairs():
            mask = np.ones(image.shape, dtype=bool)
            for array in (image, reference, mask):
                array.flags.writeable = False
            self._value(image, reference, mask=mask)
