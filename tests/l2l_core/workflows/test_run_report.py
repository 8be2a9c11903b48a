import numpy as np
import pytest
from attrs import evolve

from l2l_core.config_file import load_config
from l2l_core.data.training_set import prepare
from l2l_core.workflows.model import load_model
from l2l_core.workflows.run_report import validation_cases

pytest.importorskip("torch", reason="training needs the torch engine, which is not installed")


def test_a_block_that_validates_is_restored_as_a_part_of_its_image(config, trained):
    data = prepare(load_config(config), config.parent)
    region = data.split.validation[0]
    half = evolve(region, box={**region.box, "Y": range(24)})
    with load_model(trained.folder, backend="torch") as model:
        (case,) = validation_cases(model, half)
        pixels = region.pair.input.read()
        whole = model.restore(pixels, region.pair.input.axes)
        alone = model.restore(pixels[:24], region.pair.input.axes)
    restored = case.images["restoration"]
    np.testing.assert_allclose(restored[:12], whole[:12], rtol=1e-4)
    assert np.abs(alone[:12] - whole[:12]).max() > 1e-2 * whole.std()
