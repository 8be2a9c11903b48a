import json

import numpy as np

from l2l_core.images.image import Length
from l2l_core.images.writing import write_image
from l2l_core.workflows.inspection import inspect


def test_statistics_are_exact_and_by_channel(tmp_path):
    pixels = np.random.default_rng(4).integers(0, 256, (2, 30, 31)).astype(np.uint8)
    pixels[1, :2] = 255
    write_image(
        tmp_path / "x.ome.tif", pixels, "CYX", pixel_size={"Y": Length(0.2), "X": Length(0.2)}
    )
    found = json.loads(json.dumps(inspect(tmp_path / "x.ome.tif").to_dict()))
    assert found["axes"] == "CYX"
    assert found["pixel_size"]["X"] == {"value": 0.2, "unit": "micrometer"}
    for channel, values in zip(found["channels"], pixels, strict=True):
        assert channel["percentiles"]["99.8"] == np.percentile(values, 99.8)
        assert channel["saturated"] == np.mean(values == 255)
        assert channel["minimum"] == values.min()


def test_an_image_of_nan_alone_has_no_statistics_and_valid_json(tmp_path):
    np.save(tmp_path / "nan.npy", np.full((5, 6), np.nan, np.float32))
    channel = inspect(tmp_path / "nan.npy").to_dict()["channels"][0]
    assert channel["pixels"] == 0
    assert channel["mean"] is None
    json.dumps(channel, allow_nan=False)


def test_hot_pixels_are_counted_by_channel_in_up_to_sixteen_planes(tmp_path):
    pixels = np.random.default_rng(6).poisson(40, (20, 2, 24, 25)).astype(np.uint16)
    pixels[:, 1, 5, 6] = 9000
    write_image(tmp_path / "x.ome.tif", pixels, "ZCYX")
    found = inspect(tmp_path / "x.ome.tif").to_dict()["channels"]
    assert found[0]["hot_pixels"] == {"count": 0, "pixels": 16 * 24 * 25, "share": 0.0}
    assert found[1]["hot_pixels"]["count"] == 16
    assert found[1]["hot_pixels"]["share"] == 1 / 600
