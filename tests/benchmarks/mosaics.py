"""Large images for measurements, written part by part: none is ever held whole."""

import numpy as np

from tests.benchmarks.counted_restorer import LEVELS


def mosaic(place, shape, *, part=4096, chunk=1024, seed=0):
    """Write a plain array of uint16: spots, threads and shading under shot noise.

    Parameters
    ----------
    place : Path
    shape : (int, int)
    part : int
        Side of what is written at once, in one shard; a multiple of `chunk`.
    chunk : int
    seed : int
    """
    part, chunk = _sides(shape, part, chunk)
    texture = _texture(part, seed)

    def pixels(row, column):
        # The same texture turned and moved looks alike, and lies differently on each part.
        moved = np.roll(texture, (row * 1237 % part, column * 2741 % part), (0, 1))
        return np.rot90(moved, (row + column) % 4)

    _write(place, shape, part, chunk, pixels)


def numbered(place, shape, unit, *, seed=0):
    """Write an image with the number of its unit in each pixel, and noise below that.

    Parameters
    ----------
    place : Path
    shape : (int, int)
    unit : int
        Side of a unit.
    seed : int
    """
    across = -(-shape[1] // unit)
    rng = np.random.default_rng(seed)

    def pixels(row, column):
        noise = rng.integers(0, LEVELS, (unit, unit), np.uint16)
        return noise + np.uint16((row * across + column) * LEVELS)

    _write(place, shape, unit, unit, pixels)


def _sides(shape, part, chunk):
    part = min(part, -(-max(shape) // chunk) * chunk)
    return part, min(chunk, part)


def _write(place, shape, part, chunk, pixels):
    import zarr

    array = zarr.create_array(
        str(place),
        shape=shape,
        dtype="uint16",
        chunks=(chunk, chunk),
        shards=(part, part) if part > chunk else None,
        compressors=zarr.codecs.BloscCodec(cname="lz4", clevel=1, shuffle="bitshuffle"),
        dimension_names=("y", "x"),
    )
    for row in range(-(-shape[0] // part)):
        for column in range(-(-shape[1] // part)):
            area = tuple(
                slice(step * part, min((step + 1) * part, size))
                for step, size in zip((row, column), shape, strict=True)
            )
            sides = [one.stop - one.start for one in area]
            array[area] = pixels(row, column)[: sides[0], : sides[1]]


def _texture(side, seed):
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:side, :side]
    shading = 300 + 150 * np.sin(2 * np.pi * y / side) * np.sin(2 * np.pi * x / side)
    threads = 400 * np.maximum(0, np.sin(y / 37 + 3 * np.sin(x / 91))) ** 16
    light = (shading + threads).astype(np.float32)
    for _ in range(side * side // 20_000):
        row, column = rng.integers(4, side - 4, 2) if side > 8 else (side // 2, side // 2)
        light[row - 3 : row + 4, column - 3 : column + 4] += rng.uniform(200, 4000)
    # For so many photons Poisson's noise is a Gaussian, which is drawn faster.
    light += np.sqrt(light) * rng.standard_normal(light.shape, np.float32)
    return np.clip(light, 0, 65535).astype(np.uint16)
