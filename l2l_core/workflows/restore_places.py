"""Which images are restored, where each of them goes, and what goes over to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from l2l_core.data.selection import single
from l2l_core.errors import AxesError, DataError, ImageError, OutputError
from l2l_core.images.places import Place, as_place, child, name_of
from l2l_core.images.reading import list_images
from l2l_core.images.zarr_collections import Collection, list_collection
from l2l_core.streaming.manifest import is_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from l2l_core.components.geometry import Geometry
    from l2l_core.images.image import Image, Length
    from l2l_core.workflows.model import Model
    from l2l_core.workflows.restoration import RestoreOptions

STORES = (".ome.zarr", ".zarr")

WRITABLE = (".ome.tif", ".ome.tiff", ".tif", ".tiff", *STORES, ".npy", ".png")

NOT_WRITABLE = (".jpg", ".jpeg", ".gif", ".bmp", ".btf", ".czi", ".lif", ".lsm", ".nd2", ".h5")
"""Suffixes that nobody gives to a folder, and that would become one unnoticed."""


def suffix_of(place: Place) -> str:
    """Return the suffix by which a place says its format; empty where it says none."""
    name = name_of(place).lower()
    return next((suffix for suffix in WRITABLE if name.endswith(suffix)), "")


def is_store(place: Place) -> bool:
    """Whether a place is written as OME-Zarr, unit by unit."""
    return suffix_of(place) in STORES


def located(place: str | Path) -> Place:
    """Return a place that means the same wherever it is looked at from; a URL as it is.

    The folders are resolved, the last name is the user's, even where it is a link.
    """
    found = as_place(place)
    if not isinstance(found, Path):
        return found
    return found.resolve() if found.name in ("", "..") else found.parent.resolve() / found.name


@define(frozen=True)
class Target:
    """One image and where its restoration goes.

    Parameters
    ----------
    source, out : Path or str
    path : str
        Where the image lies in `root`.
    root : Path or str, optional
        Plate, or the like, that is made around the restoration.
    """

    source: Place
    out: Place
    path: str = ""
    root: Place | None = None

    @property
    def is_store(self) -> bool:
        """Whether the restoration is written as OME-Zarr, unit by unit."""
        return self.root is not None or is_store(self.out)

    def outputs(self, model: Model, *, all_outputs: bool) -> dict[str, Place]:
        """Return where each output goes: the mean to `out`, the others beside it."""
        if self.root is None:
            return output_places(model, self.out, all_outputs=all_outputs)
        roots = output_places(model, self.root, all_outputs=all_outputs)
        return {output: child(root, self.path) for output, root in roots.items()}


@define(frozen=True)
class Targets:
    """All images of a restoration.

    Parameters
    ----------
    images : tuple of Target
    collections : tuple of (Collection, Path or str)
        Plates and the like that are made anew around their images, and where.
    missing : dict of str to str
        What they name and do not have, and why.
    """

    images: tuple[Target, ...]
    collections: tuple[tuple[Collection, Place], ...] = ()
    missing: dict[str, str] = field(factory=dict)


def find_targets(sources: Sequence[str | Path], out: Place, options: RestoreOptions) -> Targets:
    """Return the images that are meant, and where each of them goes.

    Parameters
    ----------
    sources : sequence of str or Path
        Images, folders, globs, URLs of zarr stores, plates.
    out : Path or str
        A file or store for one image or plate; a folder for several.
    options : RestoreOptions

    Raises
    ------
    DataError
        If there are none, or two would go to one place.
    OutputError
        If no image is written with the suffix of `out`, or `out` is or lies around an image.
    """
    out = located(out)
    found = [located(place) for place in list_images([str(source) for source in sources])]
    if isinstance(out, Path) and out.suffix.lower() in NOT_WRITABLE and not out.is_dir():
        raise OutputError(
            f"{out}: images are not written as {out.suffix}; expected a folder, or one of "
            f"{', '.join(WRITABLE)}"
        )
    if not isinstance(out, Path) and suffix_of(out) not in ("", *STORES):
        raise OutputError(
            f"{out} is not on this computer, where a {suffix_of(out)} is written at once; give a "
            "name that ends in .zarr, or a file here"
        )
    if len(found) == 1 and suffix_of(out):
        targets = _targets([(found[0], out)])
    elif suffix_of(out):
        raise DataError(
            f"{len(found)} images cannot all be written to {out}; give a folder as --out"
        )
    else:
        targets = _targets([(place, child(out, _name(place, out, options))) for place in found])
    _check(targets, [t.out for t in targets.images] + [place for _, place in targets.collections])
    return targets


def refuse_clashes(targets: Targets, model: Model, *, all_outputs: bool) -> None:
    """Refuse outputs beside the mean that are an image, or the mean of another one.

    Raises
    ------
    DataError
        If two images would be restored to one place.
    OutputError
        If an output is or lies around an image.
    """
    made: dict[str, Target] = {}
    for target in targets.images:
        for place in target.outputs(model, all_outputs=all_outputs).values():
            former = made.setdefault(str(place), target)
            if former is not target:
                raise DataError(
                    f"outputs of {former.source} and of {target.source} would both be {place}; "
                    "restore them into different folders"
                )
    _check(targets, [as_place(place) for place in made])


def refuse_ledger_inside(folder: Path, targets: Targets) -> None:
    """Refuse a ledger that would lie in an image or a restoration, which are no place for it.

    Raises
    ------
    OutputError
        If it would.
    """
    places = [place for target in targets.images for place in (target.source, target.out)]
    places += [place for pair in targets.collections for place in (pair[0].place, pair[1])]
    around = {_resolved(folder), *_above(_resolved(folder))}
    for place in places:
        if _resolved(place) in around:
            raise OutputError(
                f"the ledger {folder} would lie in {place}; give --ledger a folder beside it"
            )


def _targets(pairs: Sequence[tuple[Place, Place]]) -> Targets:
    images: dict[str, Target] = {}
    collections = []
    missing: dict[str, str] = {}
    for source, out in pairs:
        collection = list_collection(source)
        if collection is None:
            inner = [Target(source, out)]
        else:
            if not is_store(out):
                raise OutputError(
                    f"{out}: {source} holds {len(collection.paths)} images; give --out a name "
                    "that ends in .zarr, which can hold as many"
                )
            collections.append((collection, out))
            inner = [
                Target(child(source, path), child(out, path), path, out)
                for path in collection.paths
            ]
            missing |= {f"{source}/{path}": why for path, why in collection.missing.items()}
        for target in inner:
            if (former := images.get(str(target.out))) is not None:
                raise DataError(
                    f"{target.source} and {former.source} would both be restored to {target.out}; "
                    "restore them into different folders"
                )
            images[str(target.out)] = target
    return Targets(tuple(images.values()), tuple(collections), missing)


def _name(image: Place, out: Place, options: RestoreOptions) -> str:
    """Return the name of a restoration in a folder.

    OME-TIFF where the image's own format cannot take it, OME-Zarr where the folder is elsewhere.
    """
    suffix, name = suffix_of(image), name_of(image)
    if not isinstance(out, Path):
        stem = name[: len(name) - len(suffix)] if suffix else name.rpartition(".")[0] or name
        return name if suffix in STORES else f"{stem}.ome.zarr"
    if suffix and (suffix != ".png" or options.dtype != "float32"):
        return name
    return f"{name.rpartition('.')[0] or name}.ome.tif"


def _check(targets: Targets, outs: Sequence[Place]) -> None:
    """Refuse an output that would destroy an input."""
    stores = {str(t.source): t.source for t in targets.images}
    for collection, _ in targets.collections:
        stores[str(collection.place)] = collection.place
    sources = {_resolved(place): place for place in stores.values()}
    around = {above: source for place, source in sources.items() for above in _above(place)}
    for out in outs:
        place = _resolved(out)
        if isinstance(place, Path):
            ledger = next((f for f in (place, *place.parents[:1]) if is_manifest(f)), None)
            if ledger is not None:
                raise OutputError(
                    f"{ledger} is the ledger of a restoration, which may be deleted once that is "
                    "finished; give another --out"
                )
        if place in sources and (not isinstance(out, Path) or out.exists()):
            raise OutputError(
                f"{out} is the image itself; give another --out, it is not overwritten"
            )
        inner = next((sources[above] for above in _above(place) if above in sources), None)
        if inner is not None:
            raise OutputError(f"{out} lies inside of the image {inner}; give an --out beside it")
        if place in around and is_store(out):
            raise OutputError(
                f"the image {around[place]} lies inside of {out}; give another --out, it would be "
                "overwritten"
            )


def _resolved(place: Place) -> Place:
    return place.resolve() if isinstance(place, Path) else place.rstrip("/")


def _above(place: Place) -> Iterator[Place]:
    """Yield all places that a resolved one lies in."""
    if isinstance(place, Path):
        yield from place.parents
        return
    start = place.index("://") + 3
    while (end := place.rfind("/", start)) >= start:
        place = place[:end]
        yield place


def output_places(model: Model, out: Place, *, all_outputs: bool) -> dict[str, Place]:
    """Return where each output goes: the mean to `out`, the others beside it."""
    suffix, name = suffix_of(out), name_of(out)
    stem = name[: len(name) - len(suffix)]
    places: dict[str, Place] = {"mean": out}
    for output in model.geometry.outputs if all_outputs else ():
        if output != "mean":
            places[output] = _beside(out, f"{stem}_{output}{suffix}")
    return places


def _beside(place: Place, name: str) -> Place:
    if isinstance(place, Path):
        return place.with_name(name)
    return f"{place.rpartition('/')[0]}/{name}"


def chosen_channel(image: Image, channel: str | None) -> Image:
    """Return the image of the channel that is restored; the image itself where all are.

    Raises
    ------
    AxesError, ImageError
        If there are no channels, or none of this number or name.
    """
    if channel is None:
        return image
    return single(image, "C", channel_number(image, channel))


def channel_number(image: Image, channel: str) -> int:
    """Return the number of a channel that is named, or called by its number from 0.

    Raises
    ------
    AxesError, ImageError
        If there are no channels, or none of this number or name.
    """
    if "C" not in image.axes:
        raise AxesError(
            f"{image.info.path} has the axes {image.axes} and no channels; leave --channel out"
        )
    count = image.info.sizes["C"]
    known = list(image.info.channel_names or ())
    if channel in known:
        return known.index(channel)
    if channel.isdecimal() and int(channel) < count:
        return int(channel)
    called = f", called {', '.join(known)}" if known else ""
    raise ImageError(
        f"{image.info.path} has no channel {channel!r}; it has {count}, 0 to {count - 1}{called}"
    )


def pixel_size(image: Image, geometry: Geometry) -> dict[str, Length]:
    """Return the pixel size of a restoration: finer where the method up-samples."""
    scale = dict(zip(geometry.axes, geometry.scale, strict=True))
    return {
        axis: evolve(size, value=size.value / scale.get(axis, 1))
        for axis, size in image.info.pixel_size.items()
    }


def kept_names(
    image: Image, shape: Sequence[int], axes: str, appearance: Mapping[str, Any] | None = None
) -> tuple[str, ...] | None:
    """Return the names of a restoration's channels; None where nobody knows them.

    Several channels are called as the targets were that the model learnt from, by what it
    remembers of them (`appearance`): a network that separates structures makes other channels of
    those that go in.  Otherwise they are the image's, where there are as many.
    """
    count = shape[axes.index("C")] if "C" in axes else 1
    target = (appearance or {}).get("target", {}).get("mean", {})
    learnt = [channel.get("name") for channel in target.get("channels", ())]
    # Names that differed from image to image are a list.
    if count > 1 and len(learnt) == count and all(isinstance(name, str) for name in learnt):
        return tuple(learnt)
    names = image.info.channel_names
    return names if names and len(names) == count else None
