import re
from pathlib import Path

import pytest

from l2l_core.errors import OptionsError
from l2l_core.workflows.filters import make_filter
from l2l_core.workflows.fold_methods import Method
from l2l_core.workflows.tuning import GRIDS, candidates, checked_grid

PAGE = Path(__file__).resolve().parents[3] / "docs" / "crossvalidation.md"


@pytest.mark.parametrize("name", GRIDS)
def test_every_candidate_is_a_filter(name):
    method = Method(name, filter=name, grid=GRIDS[name])
    found = [make_filter(method.spec(**chosen))[1].options for chosen in candidates(GRIDS[name])]
    tried = [tuple(options[key] for key in GRIDS[name]) for options in found]
    assert len(set(tried)) == len(tried) > 3


def test_the_page_says_what_is_tried():
    said = {}
    for name, cells in re.findall(r"^\| `(\w+)` \| (`\w+` [\d., `;\w]+) \|$",
                                  PAGE.read_text(encoding="utf-8"), re.MULTILINE):  # fmt: skip
        parts = [part.strip().partition(" ") for part in cells.split(";")]
        said[name] = {key.strip("`"): tuple(map(float, v.split(", "))) for key, _, v in parts}
    assert said == {
        name: {key: tuple(map(float, values)) for key, values in grid.items()}
        for name, grid in GRIDS.items()
    }


def test_an_option_that_is_set_stays_and_the_other_one_is_tuned():
    assert checked_grid("clahe", True, {"grid": 9}) == {"clip_limit": (0.01, 0.04, 0.15625)}
    assert checked_grid("gaussian", {"truncate": [3, 4]}, {"sigma": 1}) == {"truncate": [3, 4]}
    assert checked_grid("identity", False, {}) == {}
    with pytest.raises(OptionsError, match="both set and tuned"):
        checked_grid("gaussian", {"sigma": [1]}, {"sigma": 2})


def test_options_of_any_kind_are_written_as_toml():
    steps = [{"name": "gaussian", "options": {"sigma": [1.5, 2.0]}}, {"name": "median"}]
    method = Method("joined", filter="chain", options={"steps": steps})
    made, record = make_filter(method.spec())
    made.close()
    assert record.options["steps"][0]["options"]["sigma"] == [1.5, 2.0]
