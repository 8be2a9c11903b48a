"""PNG: one grey plane of 8 or 16 bits; colours only where they are asked for as channels."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, frozen

from l2l_core.errors import AxesError, ImageFormatError
from l2l_core.images.decoded import SHARED
from l2l_core.images.image import Image, ImageInfo, lengths
from l2l_core.images.layout import settle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from l2l_core.images.image import Length

PROVENANCE, PIXEL_SIZE = "label2label", "pixel_size"


def _decode(path: Path) -> tuple[NDArray[Any], dict[str, str]]:
    from PIL import Image as Pillow

    try:
        with warnings.catch_warnings():
            # A large image is no bomb here; beyond twice Pillow's limit it refuses all the same.
            warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
            with Pillow.open(path, formats=("PNG",)) as picture:
                texts = {str(k): v for k, v in picture.info.items() if isinstance(v, str)}
                if picture.mode == "P":
                    transparent = "transparency" in picture.info
                    return np.array(picture.convert("RGBA" if transparent else "RGB")), texts
                if picture.mode == "1":
                    return np.array(picture.convert("L")), texts
                pixels = np.array(picture)
    except Pillow.DecompressionBombError as error:
        raise ImageFormatError(
            f"{path}: the PNG is larger than can be read safely ({error}); save it as TIFF"
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageFormatError(
            f"{path}: this is no whole PNG file ({error}); copy or export it again"
        ) from error
    # Older versions of Pillow decode 16 bits to int32.
    return (pixels.astype(np.uint16) if pixels.dtype.kind == "i" else pixels), texts


@frozen
class PngSource:
    """Pixels of a PNG, which can only be decoded as a whole.

    Parameters
    ----------
    path : Path
    shape : tuple of int
    token : object
        Tells this opening of the file from another one.
    """

    path: Path
    shape: tuple[int, ...]
    token: object = field(factory=object, eq=False, repr=False)

    @property
    def chunks(self) -> tuple[int, ...]:
        """The whole image."""
        return self.shape

    def read(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return a copy of the pixels at `index`."""
        return SHARED.get(self.token, self._decoded)[index].copy()

    def _decoded(self) -> tuple[NDArray[Any], int]:
        pixels, _ = _decode(self.path)
        return pixels, pixels.nbytes


def open_png(path: Path, *, axes: str | None = None) -> Image:
    """Open a PNG.

    Parameters
    ----------
    path : Path
    axes : str, optional
        ``"YXC"`` (or ``"YXS"``) takes the colours of an RGB image, and its transparency if it has
        one, as channels.

    Raises
    ------
    ImageFormatError
        If the file is damaged.
    AxesError
        If it is a colour image and no axes are given, or if they do not fit.
    """
    pixels, texts = _decode(path)
    own = "YX" if pixels.ndim == 2 else "YXS"
    if pixels.ndim == 3 and not axes:
        raise AxesError(_colour(path, pixels))
    layout = settle(own, pixels.shape, axes, str(path))
    provenance = _json(texts.get(PROVENANCE))
    info = ImageInfo(
        path=str(path),
        axes=layout.axes,
        shape=layout.shape,
        dtype=pixels.dtype.name,
        pixel_size=lengths(_json(texts.get(PIXEL_SIZE))),
        format="PNG",
        metadata={"provenance": provenance} if provenance else {},
    )
    return Image(info, layout.wrap(PngSource(path, pixels.shape)))


def _colour(path: Path, pixels: NDArray[Any]) -> str:
    samples = pixels.shape[2]
    colours = pixels[..., : samples - samples % 2 if samples == 2 else 3]
    kind = {2: "greyscale with transparency", 3: "RGB", 4: "RGB with transparency"}[samples]
    grey = samples == 2 or bool((colours == colours[..., :1]).all())
    hint = " (its colours are all equal, so nothing is lost)" if grey and samples > 2 else ""
    return (
        f"{path}: this PNG is {kind}, {samples} samples a pixel, where one channel is meant; save "
        f"it as greyscale{hint}, or give axes 'YXC' to take the samples as channels"
    )


def _json(text: str | None) -> dict[str, Any]:
    """Return an object that was kept as text; another program's text is nothing to us."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def write_png(
    path: Path,
    plane: NDArray[Any],
    pixel_size: Mapping[str, Length],
    provenance: Mapping[str, Any] | None,
) -> None:
    """Write one plane (Y, X) of uint8 or uint16."""
    from PIL import Image as Pillow
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    if pixel_size:
        sizes = {axis: (length.value, length.unit) for axis, length in pixel_size.items()}
        texts.add_text(PIXEL_SIZE, json.dumps(sizes))
    if provenance is not None:
        texts.add_text(PROVENANCE, json.dumps(provenance))
    Pillow.fromarray(np.asarray(plane, order="C")).save(path, format="PNG", pnginfo=texts)
