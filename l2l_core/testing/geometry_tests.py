"""Tests of what a restorer's geometry says: tiles, halo and lattice, measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from l2l_core.streaming.in_memory import restore_array
from l2l_core.streaming.tile_size import least_tile
from l2l_core.streaming.tiling import plan
from l2l_core.testing.receptive_field import measure_nan_reach, measure_reach
from l2l_core.testing.restorer_under_test import RestorerUnderTest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from l2l_core.components import Restorer


class GeometryTests(RestorerUnderTest):
    """That tiled equals whole, and that halo and multiple are sufficient and tight."""

    def test_tiled_equals_whole(self) -> None:
        """Tiles of several sizes give what the whole image gives, also where sides are odd."""
        restorer = self._ready()
        geometry = restorer.geometry
        if geometry.statistics_stages or not any(h is not None for h in geometry.halo):
            pytest.skip("the method looks at the whole image, which is never cut into tiles")
        large = tuple(
            2 * (h or 0) + 4 * m + 5
            for h, m in zip(geometry.lattice_halo, geometry.multiple, strict=True)
        )
        # Thousands of the smallest tiles would fill a volume.
        steps = (0, 1, 3) if len(large) < 3 else (2,)
        for extra in range(2):
            shape = tuple(side + extra * (1 + i) for i, side in enumerate(large))
            image = self._image(restorer, shape)
            whole = restore_array(restorer, image, tile=tuple(side + 64 for side in shape))
            least = least_tile(shape, geometry)
            for more in steps:
                tile = tuple(
                    low + more * m for low, m in zip(least, geometry.multiple, strict=True)
                )
                self._same(restorer, image, whole, tile)

    def _same(
        self,
        restorer: Restorer,
        image: NDArray[Any],
        whole: dict[str, NDArray[np.float32]],
        tile: tuple[int, ...],
    ) -> None:
        tiled = restore_array(restorer, image, tile=tile)
        for name, values in whole.items():
            spread = float(values.std()) or 1.0
            difference = float(np.abs(tiled[name] - values).max()) / spread
            assert difference <= self.exactness, (
                f"{name} of an image of {image.shape[1:]} in "
                f"{len(plan(image.shape[1:], restorer.geometry, tile))} tiles of {tile} differs by "
                f"{difference:.1e} standard deviations from the whole image's; too small is the "
                f"halo {restorer.geometry.halo} or the multiple {restorer.geometry.multiple}"
            )

    def test_halo_is_sufficient(self) -> None:
        """No pixel further away than the declared halo has an influence, at any phase."""
        restorer = self._ready()
        for axis, name, declared in self._bounded(restorer):
            reach = measure_reach(restorer, axis, seeds=self.seeds, tolerance=self.tolerance)
            assert reach.halo <= declared, (
                f"along {name} pixels {reach.before} before and {reach.after} after a block have "
                f"an influence on it, and the declared halo is {declared} on the lattice; declare "
                "at least what was measured (or set `tolerance`, for a method by FFT)"
            )

    def test_halo_is_tight(self) -> None:
        """The declared halo is no more than what was measured and one step of the lattice."""
        restorer = self._ready()
        geometry = restorer.geometry
        for axis, name, declared in self._bounded(restorer):
            measured = measure_reach(
                restorer, axis, seeds=self.seeds, tolerance=self.tolerance
            ).halo
            # A path that the weights of today leave silent may speak tomorrow: NaN takes it.
            structural = measure_nan_reach(restorer, axis).halo
            if structural <= declared:
                measured = max(measured, structural)
            step = geometry.multiple[axis]
            halo = geometry.halo[axis] or 0
            assert halo <= measured + step, (
                f"along {name} the declared halo is {halo}, and only pixels up to {measured} away "
                f"have an influence; declare {measured} to {measured + step}, so that tiles waste "
                "less"
            )

    def _bounded(self, restorer: Restorer) -> list[tuple[int, str, int]]:
        """Return position, name and halo on the lattice of every axis that is tiled."""
        geometry = restorer.geometry
        found = [
            (axis, name, halo)
            for axis, (name, halo) in enumerate(
                zip(geometry.axes, geometry.lattice_halo, strict=True)
            )
            if halo is not None and name in geometry.output_axes
        ]
        if not found or geometry.statistics_stages:
            pytest.skip("the method looks at the whole image along every axis")
        return found

    def test_multiple_is_tight(self) -> None:
        """A finer lattice than the declared one would not do."""
        restorer = self._ready()
        geometry = restorer.geometry
        for axis, name, halo in self._bounded(restorer):
            multiple = geometry.multiple[axis]
            for finer in (multiple // p for p in range(2, multiple + 1) if multiple % p == 0):
                assert not self._works_on(restorer, axis, halo, finer), (
                    f"along {name} the declared multiple is {multiple}, and {finer} does as well; "
                    "declare that, so that less is padded"
                )

    def _works_on(self, restorer: Restorer, axis: int, halo: int, finer: int) -> bool:
        """Whether sides and starts on a finer lattice give what the declared one gives."""
        geometry = restorer.geometry
        multiple, scale = geometry.multiple[axis], geometry.scale[axis]
        side = 2 * halo + 4 * multiple
        shape = [max(8 // m, 1) * m for m in geometry.multiple]
        shape[axis] = side + multiple
        image = self._image(restorer, tuple(shape))

        def cut(array: NDArray[Any], start: int, stop: int, along: int) -> NDArray[Any]:
            return array[(slice(None),) * along + (slice(start, stop),)]

        whole = cut(image, 0, side, axis + 1)
        shifted = cut(image, finer, side + 2 * finer, axis + 1)
        along = 2 + geometry.output_axes.index(geometry.axes[axis])
        name = geometry.outputs[0]
        try:
            one = restorer.restore(np.asarray(whole[None], order="C"))[name]
            other = restorer.restore(np.asarray(shifted[None], order="C"))[name]
        # A foreign network may refuse sides that are no multiple in any way it likes.
        except Exception:
            return False
        first, last = halo + multiple, side - halo - multiple
        if other.shape[along] != shifted.shape[axis + 1] * scale:
            return False
        kept = cut(one, first * scale, last * scale, along)
        again = cut(other, (first - finer) * scale, (last - finer) * scale, along)
        return bool(np.abs(kept - again).max() <= self.exactness * (float(kept.std()) or 1.0))
