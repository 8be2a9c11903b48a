import numpy as np
import pytest
from scipy import ndimage

from l2l_core.components.factory import make_restorer
from l2l_core.errors import OptionsError
from l2l_core.testing.restorer_suite import RestorerSuite


class TestGaussian(RestorerSuite):
    component = ("gaussian", "")


class TestGaussianPerAxis(RestorerSuite):
    component = ("gaussian", "")
    options = {"sigma": [0.0, 1.3], "truncate": 3.0}  # noqa: RUF012
    channels_in = 3
    channels_out = 3


class TestGaussianInVolumes(RestorerSuite):
    component = ("gaussian", "")
    axes = "ZYX"
    options = {"sigma": [0.5, 1.0, 1.0]}  # noqa: RUF012


def gaussian(axes="YX", **options):
    return make_restorer("gaussian", "", options, axes=axes)


def test_it_is_scipys_filter():
    batch = np.random.default_rng(0).normal(size=(2, 1, 40, 50)).astype(np.float32)
    restored = gaussian(sigma=[1.0, 2.5]).restore(batch)["mean"]
    for image, result in zip(batch, restored, strict=True):
        np.testing.assert_allclose(
            result[0], ndimage.gaussian_filter(image[0], (1.0, 2.5)), atol=1e-6
        )


@pytest.mark.parametrize(
    ("options", "halo"),
    [({}, (8, 8)), ({"sigma": 1.5}, (6, 6)), ({"sigma": [0, 1], "truncate": 2.4}, (0, 2))],
)
def test_the_halo_is_scipys_radius(options, halo):
    assert gaussian(**options).geometry.halo == halo


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma": -1.0}, r"got -1.*0 or more.*gaussian.sigma"),
        ({"sigma": float("nan")}, "finite"),
        ({"sigma": []}, "got"),
        ({"sigma": [1, 2, 3]}, "got 3 numbers, .* axes YX @ restorer gaussian.sigma"),
        ({"sigma": "2"}, "expected a number"),
        ({"truncate": 0}, r"above 0.*gaussian.truncate"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(OptionsError, match=message):
        gaussian(**options)


def test_as_many_channels_out_as_in():
    with pytest.raises(OptionsError, match="1 in and 2 out"):
        make_restorer("gaussian", "", axes="YX", channels_out=2)
