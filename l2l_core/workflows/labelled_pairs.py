"""Two labels of the same fields, as commands take them: files, folders or channels, A and B."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l_core.config import DataConfig, SelectConfig
from l2l_core.data.pairs import FRAME, Pair, find_pairs, frame_sizes
from l2l_core.errors import PairingError
from l2l_core.images.axes import reorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from l2l_core.images.image import Image


def labelled_pairs(
    a: str | Path,
    b: str | Path,
    *,
    axes: str | None = None,
    channel_a: int | None = None,
    channel_b: int | None = None,
    match: str = "",
    along: str = FRAME,
) -> tuple[Pair, ...]:
    """Return the pairs of two places, A as input and B as target, one channel each.

    Parameters
    ----------
    a, b : str or Path
        An image, a folder or a glob each; partners are matched by name.  The same twice where both
        labels are channels of each file.
    axes : str, optional
        Axes of the images, where the files do not say.
    channel_a, channel_b : int, optional
        Channel of each, where the files hold several.
    match : str, optional
        Regular expression whose first group is what the names of two partners share.
    along : str, optional
        Axes along which partners have to agree.

    Raises
    ------
    PairingError
        If a partner is missing or of another shape, both are the same, or a file holds several
        channels and none is named.
    """
    same = str(a) == str(b)
    if same and channel_a == channel_b:
        raise PairingError(
            f"{a}: A and B are the same images; name the channel of each label with --channel-a "
            "and --channel-b, or give two places"
        )
    return one_label_each(
        DataConfig(
            input=str(a),
            target="" if same else str(b),
            axes=axes or "",
            match=match,
            input_select=SelectConfig(c="" if channel_a is None else channel_a),
            target_select=SelectConfig(c="" if channel_b is None else channel_b),
        ),
        Path(),
        along=along,
    )


def one_label_each(
    data: DataConfig,
    base: Path,
    *,
    along: str = FRAME,
    remedies: tuple[str, str] = ("--channel-a", "--channel-b"),
) -> tuple[Pair, ...]:
    """Return the pairs of a configuration, one channel each.

    Parameters
    ----------
    data : DataConfig
    base : Path
        Folder that relative paths start from.
    along : str, optional
        Axes along which partners have to agree.
    remedies : (str, str), optional
        What names the channel of the input and of the target.

    Raises
    ------
    PairingError
        If a partner is missing or of another shape, or has several channels.
    """
    found = find_pairs(data, base, along=along).pairs
    for pair in found:
        for image, remedy in zip((pair.input, pair.target), remedies, strict=True):
            count = image.info.sizes.get("C", 1)
            if count > 1:
                raise PairingError(
                    f"{image.info.path} has {count} channels, expected one label; name it with "
                    f"{remedy}"
                )
    return found


def plane_of(image: Image, t: int, z: int, side: int | None = None) -> NDArray[Any]:
    """Return one plane, (Y, X) in the image's dtype, or the middle of it.

    Parameters
    ----------
    image : Image
        Of one channel.
    t, z : int
        Position; 0 where the image lacks the axis.
    side : int, optional
        Largest side that is read.
    """
    sizes = image.info.sizes
    where: dict[str, slice | int] = {
        axis: at for axis, at in (("T", t), ("Z", z)) if axis in image.axes
    }
    for axis in "YX" if side is not None else "":
        start = max(0, (sizes[axis] - int(side or 0)) // 2)
        where[axis] = slice(start, start + int(side or 0))
    return reorder(image.read(**where), image.axes, "YX", where=image.info.path)


def spread_planes(image: Image, count: int) -> Iterator[tuple[int, int]]:
    """Yield (t, z) of up to `count` planes of an image, evenly spaced."""
    sizes = frame_sizes(image)
    depth = sizes["Z"]
    total = sizes["T"] * depth
    used = min(count, total)
    for number in range(used):
        yield divmod((2 * number + 1) * total // (2 * used), depth)
