import numpy as np
import pytest

from l2l_core.components import check_state
from l2l_core.errors import ModelDamagedError

EXPECTED = {"kernel": ((1, 2, 3), "float32"), "bias": ((2,), "float32")}
GOOD = {"kernel": np.zeros((1, 2, 3), np.float32), "bias": np.zeros(2, np.float32)}


def test_a_state_that_fits_passes():
    check_state(GOOD, EXPECTED, "a filter")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"kernel": None}, "tensor 'kernel' is missing"),
        ({"gain": np.zeros(1, np.float32)}, "tensor 'gain' is not part of it"),
        ({"bias": np.zeros(3, np.float32)}, r"'bias' has the shape \(3,\), expected \(2,\)"),
        ({"bias": np.zeros(2)}, "'bias' is float64, expected float32"),
    ],
)
def test_a_state_that_does_not_fit_names_the_tensor_and_what_it_was_for(changed, words):
    state = {name: array for name, array in {**GOOD, **changed}.items() if array is not None}
    with pytest.raises(ModelDamagedError, match=f"do not fit a filter: .*{words}"):
        check_state(state, EXPECTED, "a filter")


def test_many_problems_are_counted():
    state = {f"tensor{number}": np.zeros(1) for number in range(5)}
    with pytest.raises(ModelDamagedError, match="and 4 more"):
        check_state(state, EXPECTED, "a filter")
