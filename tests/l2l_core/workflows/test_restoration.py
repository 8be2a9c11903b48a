import pytest

from l2l_core.errors import OptionsError
from l2l_core.workflows.restoration import Restored, RestoreOptions


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"dtype": "int8"}, "dtype is 'int8'; expected one of float32, uint16, uint8"),
        ({"statistics": "mine"}, "statistics is 'mine'; expected one of image, model"),
        ({"version": "0.6"}, "version is '0.6'; expected one of 0.4, 0.5"),
        ({"compression": "gzip"}, "compression is 'gzip'; expected one of lz4, zstd, none"),
        ({"level": -1}, "level is -1; expected a number from 0 on"),
    ],
)
def test_what_there_is_to_choose_from(options, says):
    with pytest.raises(OptionsError, match=says):
        RestoreOptions(**options)


def test_a_row_says_what_became_of_an_image():
    done = Restored("a", "b", (3, 40), "YX", 1.26, units=4, units_before=3)
    assert done.row() == ("a", "YX 3 x 40, 1.3 s (went on behind 3 units)", "b")
    assert Restored("a", "b", skipped=True).row() == ("a", "was finished before", "b")
    assert Restored("a", "b", error="broken").row() == ("a", "failed", "broken")
