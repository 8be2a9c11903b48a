import numpy as np
import pytest

from l2l_core.components.factory import get
from l2l_core.components.options import structure, unstructure
from l2l_core.errors import OptionsError
from l2l_core.ops import NumpyOps
from l2l_plugins.losses.pixelwise import Charbonnier, MeanSquaredError
from l2l_plugins.losses.weighted_sum import Term, WeightedSum

TERMS = [
    {"name": "mse", "weight": 0.25},
    {"name": "charbonnier", "weight": 3.0, "options": {"epsilon": 0.1}},
]


def test_is_the_sum_of_its_terms_times_their_weights():
    rng = np.random.default_rng(0)
    target, prediction = rng.random((2, 1, 1, 8, 8))
    mask = rng.random((1, 1, 8, 8))
    batch = (NumpyOps(), target, prediction)
    given = {"channel_axis": 1, "mask": mask}
    expected = 0.25 * MeanSquaredError()(*batch, **given) + 3 * Charbonnier(0.1)(*batch, **given)
    assert float(get("loss", "sum", terms=TERMS)(*batch, **given)) == pytest.approx(expected)


def test_comes_back_from_its_plain_values():
    made = get("loss", "sum", terms=TERMS)
    assert unstructure(made)["terms"][1] == TERMS[1]
    assert structure(unstructure(made), WeightedSum) == made
    assert made == WeightedSum([Term(**term) for term in TERMS])


def test_reads_what_its_terms_read():
    assert get("loss", "sum", terms=TERMS).outputs == ("mean",)
    assert get("loss", "sum", terms=[{"name": "laplace"}]).outputs == ("mean", "scale")


def test_runs_wherever_all_of_its_terms_do():
    assert get("loss", "sum", terms=TERMS).frameworks == frozenset()


def test_all_problems_come_at_once_with_their_path():
    with pytest.raises(OptionsError) as error:
        get(
            "loss",
            "sum",
            terms=[
                {"name": "mea"},
                {"name": "ms_ssim", "options": {"scals": 3, "sigma": "1.5"}},
                {"name": "sum", "options": {"terms": [{"name": "mse"}, {"name": "ssmi"}]}},
            ],
        )
    lines = sorted(str(error.value).splitlines(), key=lambda line: line.rpartition("@")[2])
    assert len(lines) == 4
    assert "no loss is called 'mea'" in lines[0]
    assert lines[0].endswith("@ loss sum.terms[0].name")
    assert lines[1] == ("unknown key 'scals', did you mean 'scales'? @ loss sum.terms[1].options")
    assert lines[2] == "got '1.5', expected a number @ loss sum.terms[1].options.sigma"
    assert "no loss is called 'ssmi'" in lines[3]
    assert lines[3].endswith("@ loss sum.terms[2].options.terms[1].name")


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ([], "a sum of no losses"),
        ([{"name": "mae", "weight": 0.0}], r"must be > 0: 0.0 @ loss sum\.terms\[0\]\.weight"),
        ([{"weight": 1.0}], r"required key 'name' is missing @ loss sum\.terms\[0\]"),
        ([{"name": "mae"}, {"name": "laplace"}], "mae reads mean and laplace reads mean and scale"),
    ],
)
def test_sums_that_make_no_sense_are_refused(terms, message):
    with pytest.raises(OptionsError, match=message):
        get("loss", "sum", terms=terms)
