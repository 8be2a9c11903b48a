"""CSBDeep's CARE folders as a model format: which weights, which normalisation, and back.

Content-aware restoration: Weigert et al. 2018, Nature Methods 15, 1090,
https://doi.org/10.1038/s41592-018-0216-7.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l_backends.care_network import CareNetwork, CareOptions
from l2l_backends.csbdeep_folders.keras_file import open_weights, write_weights
from l2l_backends.csbdeep_folders.layers import to_layers, to_state
from l2l_backends.csbdeep_folders.prediction_script import SCRIPT, predicts_by_default, script
from l2l_backends.csbdeep_folders.settings import CONFIG, read_settings, to_settings
from l2l_core.components import ModelContent, ModelFormat
from l2l_core.components.options import structure, unstructure
from l2l_core.errors import ModelDamagedError, UnsupportedModelError

if TYPE_CHECKING:
    from l2l_backends.csbdeep_folders.settings import Settings

SUFFIXES = (".h5", ".hdf5")
SAVED_MODEL = "TF_SavedModel.zip"
WEIGHTS = "weights_best.h5"

PERCENTILES = {"method": "percentile", "low": 2.0, "high": 99.8, "scope": "image"}
"""What ``CARE.predict`` normalises with: for each channel over all other axes of the image."""


class CSBDeepFolder(ModelFormat):
    """``config.json`` and a file of Keras weights, as CSBDeep 0.1 to 0.8 writes them."""

    def recognizes(self, path: Path) -> bool:
        """Whether there is a ``config.json``, a file of weights or an exported SavedModel."""
        if path.is_file():
            return path.name == CONFIG or path.suffix in (*SUFFIXES, ".zip")
        return (path / CONFIG).is_file() or (path / SAVED_MODEL).is_file() or bool(_stored(path))

    def read(self, path: Path, weights: str = "") -> ModelContent:
        """Read a CARE folder.

        Parameters
        ----------
        path : Path
            The folder, its ``config.json``, or the file of weights in it that is meant.
        weights : str, optional
            Name of a file in the folder, or a path to one elsewhere; by default what the
            configuration names as its checkpoint, else the only one.
        """
        if path.suffix == ".zip":
            raise UnsupportedModelError(_about_saved_model(path))
        folder = path if path.is_dir() else path.parent
        if path.suffix in SUFFIXES:
            weights = weights or path.name
        saved = folder / SAVED_MODEL
        if saved.is_file() and not (folder / CONFIG).is_file() and not _stored(folder):
            raise UnsupportedModelError(_about_saved_model(saved))
        settings = read_settings(folder / CONFIG)
        file = _chosen(folder, settings, weights)
        with open_weights(file) as stored:
            state = to_state(stored, settings.network, settings.order, str(file))
        return _content(settings, state, file.name)

    def write(self, folder: Path, model: ModelContent) -> tuple[str, ...]:
        """Write ``config.json``, ``weights_best.h5`` and, where it takes one, ``predict.py``."""
        if model.restorer != "care":
            raise UnsupportedModelError(
                f"CSBDeep has CARE's network and none for restorer {model.restorer!r}; a model of "
                "'care' can be written for it"
            )
        options = structure(dict(model.options), CareOptions, where="restorer care")
        network = CareNetwork(options, model.axes, model.channels_in, model.channels_out)
        settings = to_settings(network)
        network.check(model.state)
        (folder / CONFIG).write_text(json.dumps(settings), encoding="utf-8")
        write_weights(folder / WEIGHTS, to_layers(model.state, network))
        if predicts_by_default(model):
            return ()
        (folder / SCRIPT).write_text(script(model), encoding="utf-8")
        note = (
            "CARE.predict with its defaults would normalise otherwise than this model does: "
            f"restore(image, axes) of {SCRIPT}, which lies in the folder, restores with CSBDeep "
            "as the model does here"
        )
        return (note,)


def _stored(folder: Path) -> list[Path]:
    """Return the files of weights, by name."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES and p.is_file())


def _chosen(folder: Path, settings: Settings, weights: str) -> Path:
    stored = _stored(folder)
    names = [path.name for path in stored]
    if weights:
        for path in (folder / weights, Path(weights)):
            if path.is_file():
                return path
        raise ModelDamagedError(
            f"there is no file of weights {weights!r}, neither in {folder} nor at that path; the "
            f"folder has {', '.join(names) or 'none'}"
        )
    if settings.checkpoint in names:
        return folder / settings.checkpoint
    if len(stored) == 1:
        return stored[0]
    named = f"names {settings.checkpoint!r}" if settings.checkpoint else "names none"
    if not stored:
        found = folder / SAVED_MODEL
        if found.is_file():
            raise UnsupportedModelError(_about_saved_model(found))
        raise ModelDamagedError(
            f"{folder} has no file of weights (.h5 or .hdf5); its config.json {named}; copy it "
            "from where the model was trained"
        )
    raise ModelDamagedError(
        f"{folder} has several files of weights, {', '.join(names)}, and its config.json {named}; "
        "say which one is meant with l2l model import-csbdeep --weights FILE, or give the path of "
        "that file instead of the folder's"
    )


def _about_saved_model(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            saved = any(Path(name).name == "saved_model.pb" for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        saved = path.name == SAVED_MODEL
    if not saved:
        return f"{path} is an archive; unpack it, and give the folder of config.json and weights"
    return (
        f"{path} is a SavedModel that CSBDeep exported for Fiji: a graph for TensorFlow alone, "
        "without settings; give the folder that it was trained in, where export_TF() leaves "
        "config.json and weights_best.h5"
    )


def _content(settings: Settings, state: dict[str, Any], weights: str) -> ModelContent:
    network = settings.network
    # CSBDeep gives back the input's units where as many channels come out as go in.
    same = network.channels_in == network.channels_out
    return ModelContent(
        restorer="care",
        options=unstructure(network.options),
        axes=network.axes,
        channels_in=network.channels_in,
        channels_out=network.channels_out,
        geometry=network.geometry(),
        state=state,
        normalization={
            "input": {"spec": PERCENTILES},
            "target": {"spec": PERCENTILES},
            "output": "input" if same else "normalized",
        },
        source={"weights": weights, "config": settings.facts},
    )
