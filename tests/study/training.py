"""Train the networks of a study and restore its test images with them; nothing is done twice."""

import shutil

from l2l_core.images.reading import open_image
from l2l_core.images.replacing import replacing
from l2l_core.images.writing import write_image
from l2l_core.workflows.model import load_model
from l2l_core.workflows.train import train
from tests.study.plan import LOSSES


def overrides_of(study, training):
    """Return what is changed of the preset."""
    images = study.images(training.group, "train")
    given, wanted = training.sides
    changes = (
        f"data.input='{images / given}'",
        f"data.target='{images / wanted}'",
        f"seed={training.group.seed}",
        "data.validation=0.125",
        "restorer.backend=torch",
        LOSSES[training.loss],
        *study.scale.network,
    )
    if training.scheme == "patch":
        changes += ("data.split=patch", "data.validation=0.25")
    return changes


def make(study, training, display=None):
    """Train a network, and restore the test images with it."""
    done = study.restored(training)
    if done.is_dir():
        return
    run = study.run(training)
    train(
        training.preset, run, resume=True, overrides=overrides_of(study, training), display=display
    )
    given = study.images(training.group, "test") / training.sides[0]
    unfinished = done.with_name(f".{done.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    with load_model(run, backend="torch", device="auto") as model:
        for path in sorted(given.iterdir()):
            with open_image(path) as image:
                pixels, axes = image.read(), image.axes
            restored = model.restore(pixels, axes)
            write_image(unfinished / path.name, restored, model.output_axes(axes))
    unfinished.rename(done)
    # What a run goes on from is most of its bytes, and this one is finished.
    shutil.rmtree(run / "checkpoints", ignore_errors=True)


def write_text(path, text):
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
