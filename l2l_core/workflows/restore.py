"""Restore image files: one, a folder of them, or a plate, of any size, without losing anything.

What is written as OME-Zarr is restored unit by unit, in as little memory for a mosaic as for a
snapshot, and goes on where it was stopped.  Other formats are files that are written at once, so
their images are restored in memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l_core.errors import OutputError
from l2l_core.workflows.batch import Batch
from l2l_core.workflows.recognition import refuse_foreign_files
from l2l_core.workflows.restoration import (
    NOT_A_MEASUREMENT,
    Execution,
    Restored,
    RestoreOptions,
    Silent,
    Watcher,
)
from l2l_core.workflows.restore_places import (
    WRITABLE,
    Targets,
    find_targets,
    located,
    output_places,
    refuse_clashes,
    suffix_of,
)
from l2l_core.workflows.restore_whole import restore_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from l2l_core.images.places import Place
    from l2l_core.workflows.model import Model

__all__ = [
    "NOT_A_MEASUREMENT",
    "RestoreOptions",
    "Restored",
    "Watcher",
    "restore_file",
    "restore_files",
]


def restore_file(
    model: Model,
    source: str | Path,
    out: str | Path,
    *,
    restart: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    ledger: str | Path | None = None,
    progress: Watcher | None = None,
    **options: Any,
) -> Restored:
    """Restore one image.

    Parameters
    ----------
    model : Model
        From :func:`l2l_core.load_model`.
    source : str or Path
        An image of any format that can be read, or the URL of a zarr store.
    out : str or Path
        Image to write; its suffix chooses the format.  ``.zarr`` is written unit by unit: an image
        of any size, in little memory, and what was stopped goes on where it was.
    restart : bool, optional
        Whether a restoration that is there already is made anew.
    workers : int, optional
        For ``.zarr``, so many processes on this computer instead of threads of this one.
    scheduler : str, optional
        For ``.zarr``, address of a dask scheduler whose workers restore the units.
    ledger : str or Path, optional
        Folder of the ledger of a ``.zarr``; the output's name and ``.l2l`` by default.
    progress : Watcher, optional
        Told how it goes.
    **options
        Fields of :class:`RestoreOptions`.

    Returns
    -------
    Restored
        Its `error` names units that could not be restored, while the others are.

    Raises
    ------
    ImageError, OutputError
        If the image cannot be restored, or the result not be written.
    TilingError
        If a ``.zarr`` is asked for and the method looks at the whole image at once.

    Notes
    -----
    Axes, pixel size, unit, position, channel names and colours of the image go over to the
    restoration, and so does which model made it of what.
    """
    place = located(out)
    if not suffix_of(place):
        raise OutputError(
            f"{out}: the format of an image is chosen by its suffix; expected one of "
            f"{', '.join(WRITABLE)}"
        )
    execution = Execution(workers=workers, scheduler=scheduler, ledger=ledger, restart=restart)
    chosen = RestoreOptions(**options)
    return _restore(
        model, find_targets([source], place, chosen), place, chosen, execution, progress
    )[0]


def restore_files(
    model: Model,
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    restart: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    ledger: str | Path | None = None,
    progress: Watcher | None = None,
    **options: Any,
) -> list[Restored]:
    """Restore several images, folders, globs or plates into a folder, or one to a file.

    They are one batch with one ledger and a table, ``summary.tsv`` in it.  An image that fails is
    reported in its place, and the others are restored all the same.

    Parameters
    ----------
    model : Model
        From :func:`l2l_core.load_model`.
    sources : sequence of str or Path
        Images, folders, globs, URLs of zarr stores, and plates, of which every field is an image.
    out : str or Path
        A folder, made where it is missing; or the image to write, where there is one source.
    restart, workers, scheduler, ledger, progress, **options
        As for :func:`restore_file`.

    Raises
    ------
    DataError
        If there are no images, or two of one name.
    OutputError
        If the output is not ours to write, or cannot be written.
    """
    place = located(out)
    chosen = RestoreOptions(**options)
    execution = Execution(workers=workers, scheduler=scheduler, ledger=ledger, restart=restart)
    return _restore(model, find_targets(sources, place, chosen), place, chosen, execution, progress)


def _restore(
    model: Model,
    targets: Targets,
    out: Place,
    options: RestoreOptions,
    execution: Execution,
    progress: Watcher | None,
) -> list[Restored]:
    if options.all_outputs:
        model.refuse_lost_outputs()
    refuse_clashes(targets, model, all_outputs=options.all_outputs)
    if len(targets.images) == 1 and not targets.collections:
        target = targets.images[0]
        if not target.is_store:
            _tell_of_idle_options(target.out, execution, progress)
            if execution.restart:
                places = output_places(model, target.out, all_outputs=options.all_outputs)
                refuse_foreign_files(map(Path, places.values()))
            return [
                restore_whole(
                    model,
                    target.source,
                    Path(target.out),
                    options,
                    restart=execution.restart,
                    progress=progress.tiles if progress else None,
                )
            ]
        out = target.out
    batch = Batch(model, targets, out, options, execution, progress or Silent())
    return batch.restore()


def _tell_of_idle_options(out: Place, execution: Execution, progress: Watcher | None) -> None:
    """Say which options are for what is written unit by unit, and change nothing here."""
    asked = {"workers": execution.workers, "scheduler": execution.scheduler}
    asked["ledger"] = None if execution.ledger is None else str(execution.ledger)
    idle = [f"--{name}" for name, value in asked.items() if value is not None]
    if idle and progress is not None:
        progress.message(
            f"{', '.join(idle)} changes nothing for {out}, which one process writes at once; give "
            "--out a name that ends in .zarr"
        )
