"""The suite that an augmenter has to pass, whoever wrote it."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from l2l_core.components import Augmenter
from l2l_core.components.checking import is_frozen
from l2l_core.components.factory import get

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    Images = tuple[NDArray[np.float32], ...]


class AugmenterSuite:
    """Tests that an augmenter's test class inherits.

    ::

        class TestFlip(AugmenterSuite):
            component = ("augmenter", "flip")
            options = {"axes": "ZYX"}

    or with an instance, where the augmenter is not registered::

        class TestBlur(AugmenterSuite):
            augmenter = Blur(sigma=2.0)

    Attributes
    ----------
    augmenter : Augmenter, optional
        What is tested.
    component : tuple of str
        ``("augmenter", name)`` in the registry, where there is no `augmenter`.
    options : mapping
        Options of the component.
    shapes : tuple of tuple of int
        Shapes (C, [Z,] Y, X) that are tried; take some away if the augmenter is for 2D or 3D alone.
    seeds : int
        How many draws each test looks at.
    tolerance : float
        Of values in the margin's test, relative to the image's range.
    """

    augmenter: ClassVar[Augmenter | None] = None
    component: ClassVar[tuple[str, str]] = ("augmenter", "")
    options: ClassVar[Mapping[str, Any]] = {}
    shapes: ClassVar[tuple[tuple[int, ...], ...]] = (
        (1, 32, 32),
        (2, 31, 31),
        (1, 24, 37),
        (2, 5, 16, 16),
    )
    seeds: ClassVar[int] = 12
    tolerance: ClassVar[float] = 1e-4

    def _made(self) -> Augmenter:
        if self.augmenter is not None:
            return self.augmenter
        made: Augmenter = get(*self.component, **self.options)
        return made

    def _images(self, shape: tuple[int, ...], count: int = 2) -> Images:
        """Return different images of raw intensities, a few of them negative."""
        rng = np.random.default_rng(7)
        return tuple(
            (200.0 * rng.gamma(2.0, size=shape) - 20.0).astype(np.float32) for _ in range(count)
        )

    def _draws(self, *images: NDArray[np.float32]) -> Iterator[Images]:
        augmenter = self._made()
        for seed in range(self.seeds):
            yield augmenter(np.random.default_rng(seed), images)

    def test_is_an_augmenter(self) -> None:
        """It subclasses the interface, is a frozen attrs class, and says what it changes."""
        augmenter = self._made()
        assert isinstance(augmenter, Augmenter), f"{augmenter!r} is no subclass of Augmenter"
        name = type(augmenter).__name__
        assert attrs.has(type(augmenter)), f"{name} is no attrs class"
        assert is_frozen(type(augmenter)), f"{name} is not frozen"
        assert isinstance(augmenter.joint, bool), "joint has to be True or False"

    def test_same_seed_gives_the_same_result(self) -> None:
        """Equal generators give equal results, whatever the global generator does meanwhile."""
        augmenter = self._made()
        for shape in self.shapes:
            images = self._images(shape)
            for seed in range(self.seeds):
                first = augmenter(np.random.default_rng(seed), images)
                np.random.random()  # noqa: NPY002 - a use of the global generator has to show
                second = augmenter(np.random.default_rng(seed), images)
                for a, b in zip(first, second, strict=True):
                    np.testing.assert_array_equal(a, b, err_msg=f"seed {seed}, shape {shape}")

    def test_changes_something(self) -> None:
        """At least one of the draws differs from the image."""
        for shape in self.shapes:
            images = self._images(shape)
            draws = list(self._draws(*images))
            assert any(not np.array_equal(draw[0], images[0]) for draw in draws), (
                f"none of {self.seeds} draws changed an image of shape {shape}"
            )

    def test_keeps_number_shape_and_dtype(self) -> None:
        """As many images come out, of the same shapes, in float32 and finite."""
        for shape in self.shapes:
            images = self._images(shape, 3)
            for draw in self._draws(*images):
                assert len(draw) == len(images), f"{len(draw)} images out of {len(images)}"
                for image in draw:
                    assert image.shape == shape, f"shape {image.shape} out of {shape}"
                    assert image.dtype == np.float32, f"dtype {image.dtype} out of float32"
                    assert np.isfinite(image).all(), f"shape {shape}: not finite"

    def test_does_not_write_to_its_inputs(self) -> None:
        """The images that it is handed stay as they are."""
        augmenter = self._made()
        for shape in self.shapes:
            images = self._images(shape)
            before = [image.copy() for image in images]
            for image in images:
                image.flags.writeable = False
            for seed in range(self.seeds):
                augmenter(np.random.default_rng(seed), images)
            for image, copy in zip(images, before, strict=True):
                np.testing.assert_array_equal(image, copy)

    def test_geometry_is_joint(self) -> None:
        """All images of a sample undergo the same change: one image fed twice comes out equal."""
        if not self._made().joint:
            return
        for shape in self.shapes:
            image = self._images(shape)[0]
            for draw in self._draws(image, image.copy(), image.copy()):
                for other in draw[1:]:
                    np.testing.assert_array_equal(draw[0], other, err_msg=f"shape {shape}")

    def test_intensity_leaves_the_other_images_alone(self) -> None:
        """A change of intensities touches the first image only."""
        if self._made().joint:
            return
        for shape in self.shapes:
            images = self._images(shape, 3)
            for draw in self._draws(*images):
                for before, after in zip(images[1:], draw[1:], strict=True):
                    np.testing.assert_array_equal(before, after, err_msg=f"shape {shape}")

    def test_margin_is_enough(self) -> None:
        """Nothing beyond the declared margin shows in the patch, however far the image goes on."""
        augmenter = self._made()
        for shape in self.shapes:
            axes = "ZYX"[-(len(shape) - 1) :]
            margin = augmenter.margin(axes)
            assert len(margin) == len(axes), f"margin {margin} for the axes {axes}"
            assert min(margin) >= 1.0, f"margin {margin}; expected at least 1"
            if not augmenter.joint:
                # A change of intensities has no reach, and its draws follow the shape.
                continue
            region = tuple(_region(m, n) for m, n in zip(margin, shape[1:], strict=True))
            wide = self._images((shape[0], *(n + 12 for n in region)), 1)[0]
            narrow = _middle(wide, region)
            extent = float(np.ptp(wide))
            for seed in range(self.seeds):
                far = augmenter(np.random.default_rng(seed), (wide,))[0]
                near = augmenter(np.random.default_rng(seed), (narrow,))[0]
                np.testing.assert_allclose(
                    _middle(near, shape[1:]) / extent,
                    _middle(_middle(far, region), shape[1:]) / extent,
                    rtol=0,
                    atol=self.tolerance,
                    err_msg=f"shape {shape}, margin {margin}, seed {seed}",
                )


def _region(margin: float, side: int) -> int:
    """Return the least side that the margin asks for and that has the patch in its middle."""
    least = ceil(margin * side)
    return least + (least - side) % 2


def _middle(image: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    starts = [(have - want) // 2 for have, want in zip(image.shape[1:], shape, strict=True)]
    cut = tuple(slice(a, a + n) for a, n in zip(starts, shape, strict=True))
    return image[(slice(None), *cut)]
