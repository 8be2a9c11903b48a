import json

import numpy as np
import pytest
from PIL import Image

from l2l_core.cli.main import main
from l2l_core.errors import ImageError, OutputError
from l2l_core.images.image import Length
from l2l_core.images.reading import open_image
from l2l_core.images.writing import write_image
from l2l_core.workflows.error_maps import write_error_maps
from l2l_plugins.metrics.error_maps import resolution_scaled_errors, rms_map

PIXEL = Length(0.1, "micrometer")


@pytest.fixture
def pair(tmp_path):
    rng = np.random.default_rng(3)
    reference = rng.normal(size=(3, 24, 30)).astype(np.float32)
    image = (2 * reference + 5).astype(np.float32)
    image[1, 10:14, 12:16] += 9
    for name, pixels in (("image", image), ("reference", reference)):
        write_image(
            tmp_path / f"{name}.ome.tif", pixels, "ZYX", pixel_size={"Y": PIXEL, "X": PIXEL}
        )
    return tmp_path / "image.ome.tif", tmp_path / "reference.ome.tif"


def read(path):
    with open_image(path) as image:
        return image.read(), image.axes, image.info.pixel_size.get("Y")


def test_maps_are_those_of_the_metrics_plane_by_plane(pair, tmp_path):
    paths = write_error_maps(*pair, tmp_path / "maps")
    assert [path.name for path in paths] == ["nrmse.ome.tif", "rse.ome.tif", "nrmse.png", "rse.png"]
    image, reference = read(pair[0])[0], read(pair[1])[0]
    differences, axes, pixel = read(paths[0])
    assert (axes, pixel) == ("ZYX", PIXEL)
    expected = [rms_map(*planes) for planes in zip(image, reference, strict=True)]
    np.testing.assert_allclose(differences, expected, rtol=1e-6)
    scaled, _, _ = read(paths[1])
    wanted = resolution_scaled_errors(image[1], reference[1]).map
    np.testing.assert_allclose(scaled[1], wanted, rtol=1e-5, atol=1e-6)
    with Image.open(paths[2]) as picture:
        assert min(picture.size) > 200


def test_a_fit_takes_the_units_away_and_leaves_what_differs(pair, tmp_path):
    paths = write_error_maps(*pair, tmp_path / "maps", ["nrmse"], fit=True)
    assert [path.name for path in paths] == ["nrmse.ome.tif", "nrmse.png"]
    differences = read(paths[0])[0]
    assert differences[0].max() < 1e-4
    y, x = np.unravel_index(np.argmax(differences[1]), differences[1].shape)
    assert 10 <= y < 14
    assert 12 <= x < 16


def test_pixels_without_a_value_have_none_in_the_map(pair, tmp_path):
    image, axes, _ = read(pair[0])
    image[0, :5, :5] = np.nan
    write_image(tmp_path / "holes.ome.tif", image, axes)
    paths = write_error_maps(tmp_path / "holes.ome.tif", pair[1], tmp_path / "maps", ["nrmse"])
    differences = read(paths[0])[0]
    assert np.isnan(differences[0, :5, :5]).all()
    assert np.isfinite(differences[0, 6:, 6:]).all()


def test_channels_and_their_order_stay(tmp_path):
    rng = np.random.default_rng(4)
    images = rng.normal(size=(2, 2, 20, 21)).astype(np.float32)
    for name, pixels in zip(("a", "b"), images, strict=True):
        write_image(tmp_path / f"{name}.ome.tif", pixels, "CYX")
    (path, _) = write_error_maps(
        tmp_path / "a.ome.tif", tmp_path / "b.ome.tif", tmp_path / "maps", ["nrmse"]
    )
    maps, axes, _ = read(path)
    assert axes == "CYX"
    np.testing.assert_allclose(maps[1], rms_map(images[0, 1], images[1, 1]), rtol=1e-6)


def test_metrics_without_a_map_give_the_usual_ones(pair, tmp_path):
    paths = write_error_maps(*pair, tmp_path / "maps", ["ssim"])
    assert [path.stem for path in paths[2:]] == ["nrmse", "rse"]


def test_nothing_is_replaced(pair, tmp_path):
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "rse.png").write_text("mine")
    with pytest.raises(OutputError, match=r"rse.png is there already"):
        write_error_maps(*pair, tmp_path / "maps")
    assert [path.name for path in (tmp_path / "maps").iterdir()] == ["rse.png"]


def test_images_of_other_sizes_are_refused(pair, tmp_path):
    write_image(tmp_path / "small.tif", np.ones((4, 4), np.float32), "YX")
    with pytest.raises(ImageError, match=r"4 x 4 \(YX\); expected the same"):
        write_error_maps(pair[0], tmp_path / "small.tif", tmp_path / "maps")


def test_the_command_tells_what_it_wrote(pair, tmp_path, capsys):
    given = ["evaluate", str(pair[0]), "--reference", str(pair[1]), "--fit-gain", "--metric", "rse"]
    assert main([*given, "--maps", str(tmp_path / "maps")]) == 0
    assert f"wrote {tmp_path / 'maps' / 'rse.png'}" in capsys.readouterr().out
    assert main([*given, "--maps", str(tmp_path / "other"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["maps"] == [
        str(tmp_path / "other" / "rse.ome.tif"),
        str(tmp_path / "other" / "rse.png"),
    ]
    assert main(["evaluate", str(pair[0]), "--maps", str(tmp_path / "third")]) == 2
    assert "give --reference too" in capsys.readouterr().err
