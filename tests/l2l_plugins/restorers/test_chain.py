import numpy as np
import pytest
from scipy import ndimage

from l2l_core import load_model
from l2l_core.components.factory import make_restorer
from l2l_core.errors import OptionsError
from l2l_core.testing.restorer_suite import RestorerSuite


def step(name, **options):
    return {"name": name, "options": options}


class TestChain(RestorerSuite):
    component = ("chain", "")
    options = {"steps": [step("median"), step("gaussian", sigma=[0.5, 1.0])]}  # noqa: RUF012
    channels_in = 2
    channels_out = 2


class TestChainOfOne(RestorerSuite):
    component = ("chain", "")
    options = {"steps": [{"name": "identity"}]}  # noqa: RUF012


class TestChainToADistance(RestorerSuite):
    component = ("chain", "")
    axes = "ZYX"
    options = {  # noqa: RUF012
        "steps": [step("binary_map", threshold=1.2, min_size=0), step("distance_map", limit=2.0)]
    }


class TestChainThroughTheWholeImage(RestorerSuite):
    component = ("chain", "")
    options = {"steps": [step("gaussian"), step("binary_map")]}  # noqa: RUF012


def chain(*steps, axes="YX", **made):
    return make_restorer("chain", "", {"steps": list(steps)}, axes=axes, **made)


def test_each_filter_takes_what_the_one_before_gives():
    image = np.random.default_rng(0).gamma(2.0, 300.0, size=(40, 50)).astype(np.float32)
    restored = chain(
        step("gaussian", sigma=1.5), step("white_top_hat", size=9), step("median", size=3)
    ).restore(image[None, None])["mean"][0, 0]
    expected = ndimage.white_tophat(ndimage.gaussian_filter(image, 1.5), size=(9, 9))
    np.testing.assert_allclose(restored, ndimage.median_filter(expected, 3), atol=1e-3)


@pytest.mark.parametrize(
    ("steps", "halo"),
    [
        ([step("gaussian", sigma=1.0), step("median", size=[3, 5])], (5, 6)),
        ([step("clahe"), step("median")], (None, None)),
        ([step("median"), step("nonlocal_means")], (None, None)),
    ],
)
def test_the_halos_add_up(steps, halo):
    assert chain(*steps).geometry.halo == halo


def test_a_chain_is_named_where_a_model_is_asked_for():
    spec = (
        'chain:steps=[{name="median"}, {name="binary_map", options={threshold=1, min_size=4}}, '
        '{name="distance_map", options={limit=3}}]'
    )
    image = np.zeros((20, 24), np.uint16)
    image[10, 2] = 500  # a hot pixel, and no structure
    image[4:8, 10:15] = 9
    with load_model(spec) as model:
        restored = model.restore(image)
        assert model.describe().endswith(
            "as distances, in pixels where the option spacing says nothing else"
        )
    assert restored[10, 2] == 3.0
    assert not restored[5:7, 11:14].any()
    assert restored[5, 17] == 3.0


def test_a_chain_takes_volumes_where_its_filters_do():
    with load_model('chain:steps=[{name="median", options={size=[1, 3, 3]}}]') as model:
        assert model.axes == "ZYX"


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], r"expected one step or more.*chain.steps"),
        ([step("care")], r"'care' has to be trained.* @ restorer chain.steps\[0\].name"),
        ([step("median"), step("mediam")], r"'mediam'.*median.* @ restorer chain.steps\[1\].name"),
        ([step("median", size=2)], r"odd number.* @ restorer chain.steps\[0\].options.size"),
        ([step("median", sise=3)], r"sise.* @ restorer chain.steps\[0\]"),
        ([step("gaussian", sigma=[1, 2, 3])], r"got 3 numbers.*chain.steps\[0\].options.sigma"),
    ],
)
def test_what_is_wrong_with_a_step_is_said_with_its_place(steps, message):
    with pytest.raises(OptionsError, match=message):
        chain(*steps)


def test_all_problems_are_reported_at_once():
    with pytest.raises(OptionsError) as caught:
        chain(step("median", size=2), step("care"), step("clahe", grid=0))
    assert len(str(caught.value).splitlines()) == 3


def test_as_many_channels_out_as_in():
    with pytest.raises(OptionsError, match=r"1 in and 2 out.*chain.steps\[0\]"):
        chain(step("gaussian"), channels_out=2)
