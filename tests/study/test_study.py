"""The study's rules and claims do what they say, and its programs run from images to pages."""

import json
from math import nan

import pytest

from tests.study import __main__ as program
from tests.study import pages, specimens
from tests.study.claims import CLAIMS
from tests.study.plan import (
    _METHODS,
    ONE_STRUCTURE,
    SCALES,
    SUPERPOSED,
    UNCORRELATED,
    Group,
    Study,
    Training,
    title,
)
from tests.study.rules import FAILS, HOLDS, OPEN, Statement, verdict
from tests.study.work import EVERY

SEEDS = (1, 2, 3)


def said(*values):
    return Statement("actin", "something", values)


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ((1.0, 1.1, 0.9), HOLDS),
        ((-1.0, -1.1, -0.9), FAILS),
        ((1.0, -1.0, 0.5), OPEN),
        # One value tells nothing of the spread, and none tells nothing at all.
        ((5.0,), OPEN),
        ((nan, nan, nan), OPEN),
    ],
)
def test_a_statement_holds_where_its_whole_interval_is_above_zero(values, outcome):
    assert said(*values).outcome == outcome


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ("++", "holds"),
        ("+o", "holds partly"),
        ("+-", "holds partly"),
        ("-o", "does not hold"),
        ("--", "does not hold"),
        ("oo", "undecided"),
    ],
)
def test_a_claim_is_judged_by_all_its_statements(outcomes, expected):
    values = {"+": (1.0, 1.1, 0.9), "-": (-1.0, -1.1, -0.9), "o": (1.0, -1.0, 0.5)}
    assert verdict([said(*values[one]) for one in outcomes]) == expected


def test_a_claim_without_a_statement_has_no_verdict():
    with pytest.raises(ValueError, match="without a statement"):
        verdict([])


LOWER = ("nrmse", "hallucination", "width")
RISE = {"input": 0, "l2l-mae": 1, "l2l-ms3": 1, "l2l-ms5": 1}
RANKS = {
    # The higher the better, as the paper has it.
    **dict.fromkeys(("nrmse", "ssim", "ms3", "ms5"), RISE),
    "michelson": {
        "input": 0,
        "reverse-ms3": 0,
        "n2n-ms3": 1,
        "n2n-mae": 1,
        "benchmark": 2,
        "l2l-ms3": 3,
        "l2l-mae": 3,
    },
    "f1": {"reverse-ms3": 0, "l2l-ms3": 1, "l2l-mae": 2},
    "hallucination": {"n2n-ms3": 0, "l2l-ssim": 1, "l2l-ms3": 2, "l2l-ms5": 3, "l2l-mae": 4},
    "precision": {"n2n-ms3": 0, "l2l-ms3": 1},
    "width": {"l2l-ms5": 0, "l2l-ms3": 1, "l2l-ssim": 2},
    "from_mae": {"l2l-ms5": 0, "l2l-ms3": 1, "l2l-ssim": 2},
}


class Ideal:
    """Scores in which everything is as the paper says, or, `upside_down`, as it does not."""

    seeds = SEEDS

    def __init__(self, upside_down=False):
        self.sign = -1.0 if upside_down else 1.0

    def rank(self, specimen, method, metric):
        if specimen == UNCORRELATED:
            return 0
        if (specimen, method) == ("tubulin", "l2l-mae") and RANKS[metric] is RISE:
            return -1
        return RANKS[metric][method]

    def more(self, specimen, metric, method, other):
        lead = self.rank(specimen, method, metric) - self.rank(specimen, other, metric)
        sign = -self.sign if metric in LOWER else self.sign
        # A little scatter, or the interval would have no width.
        return tuple(sign * lead + 0.01 * seed for seed in SEEDS)


@pytest.mark.parametrize("number", [number for number in CLAIMS if number not in (8, 10)])
def test_a_claim_holds_in_scores_that_are_as_the_paper_says(number):
    outcomes = {(one.subject, one.text): one.outcome for one in CLAIMS[number].statements(Ideal())}
    assert set(outcomes.values()) == {HOLDS}, outcomes


@pytest.mark.parametrize("number", [number for number in CLAIMS if number not in (8, 10)])
def test_a_claim_fails_where_scores_are_the_other_way_round(number):
    found = list(CLAIMS[number].statements(Ideal(upside_down=True)))
    assert {one.outcome for one in found} == {FAILS}, found


class Given:
    """Scores that are given."""

    seeds = SEEDS

    def __init__(self, scores):
        self.scores = scores

    def values(self, specimen, method, metric):
        value = self.scores.get((method, metric), self.scores.get(method))
        return tuple(value + 0.001 * seed for seed in SEEDS)

    def more(self, specimen, metric, method, other):
        first, second = (self.values(specimen, one, metric) for one in (method, other))
        return tuple(a - b for a, b in zip(first, second, strict=True))


def test_a_width_beyond_the_truth_is_no_nearer_to_it():
    scores = {"truth": 2.0, "input": 3.0, "l2l-mae": 2.2, "l2l-ms3": 1.5, "l2l-ms5": 0.5}
    l1, three, five = CLAIMS[8].statements(Given(scores))
    assert l1.interval.mean == pytest.approx(0.8, abs=1e-9)
    assert three.interval.mean == pytest.approx(0.5, abs=1e-9)
    assert five.interval.mean == pytest.approx(-0.5, abs=1e-9)


def test_the_best_of_all_filters_is_what_a_network_has_to_beat():
    filters = ("gaussian", "median", "rolling_ball", "white_top_hat", "clahe", "nonlocal_means")
    scores = {(f"{name}:nrmse", "nrmse"): 0.5 + 0.1 * k for k, name in enumerate(filters)}
    scores |= {(f"{name}:ms3", "ms3"): 0.5 - 0.1 * k for k, name in enumerate(filters)}
    scores |= {(f"{name}:{by}", "f1"): 0.3 for name in filters for by in ("nrmse", "ms3")}
    scores["clahe:ms3", "f1"] = 0.7
    for loss in ("mae", "ms3", "ms5"):
        scores |= {(f"l2l-{loss}", metric): 0.45 for metric in ("nrmse", "ms3", "f1")}
    leads = {one.text.split(" over")[0]: one for one in CLAIMS[10].statements(Given(scores))}
    assert leads["lead in NRMSE"].interval.mean == pytest.approx(0.05)
    assert leads["lead in 3S-SSIM"].interval.mean == pytest.approx(-0.05)
    assert leads["lead in F1"].interval.mean == pytest.approx(-0.25)


def test_every_score_that_a_claim_asks_for_is_made(tmp_path):
    asked = set()

    class Asked(Given):
        def values(self, specimen, method, metric):
            asked.add((specimen, method))
            return (0.0,) * len(SEEDS)

    for claim in CLAIMS.values():
        list(claim.statements(Asked({})))
    made = {
        (specimen, f"{scheme}-{loss}")
        for specimen, found in _METHODS.items()
        for scheme, loss in found
    }
    networks = {(specimen, method) for specimen, method in asked if "-" in method}
    assert networks <= made


def test_names_and_seeds_are_used_once():
    study = Study(SCALES["small"], "out")
    names = [training.name for group in study.groups() for training in study.of_group(group)]
    names += [training.name for training in study.by_patch()]
    assert len(set(names)) == len(names)
    seeds = [seed for group in study.groups() for seed in group.seeds.values()]
    assert len(set(seeds)) == 2 * len(SCALES["small"].seeds)


def test_what_goes_in_and_what_should_come_out():
    sides = {
        scheme: Training(Group("actin", 1), scheme, "mae").sides
        for scheme in ("l2l", "n2n", "reverse")
    }
    assert sides == {
        "l2l": ("input", "benchmark"),
        "n2n": ("input", "input_repeat"),
        "reverse": ("benchmark", "input"),
    }
    assert title("n2n-ms3") == "noise2noise, 3S-SSIM"


def test_specimens_are_those_that_were_written_down(monkeypatch):
    specimens.check_frozen()
    frozen = json.loads(specimens.PARAMETERS.read_text())
    assert set(frozen) == {*ONE_STRUCTURE, UNCORRELATED, SUPERPOSED}
    assert frozen["paxillin"]["input"]["cytosol_correlation"] > 0
    assert frozen[UNCORRELATED]["input"]["cytosol_correlation"] == 0
    changed = specimens.parameters()
    changed["actin"]["pixel_size_nm"] += 1
    monkeypatch.setattr(specimens, "parameters", lambda: changed)
    with pytest.raises(SystemExit, match="parameters of actin are not those"):
        specimens.check_frozen()


def test_parameters_are_written_down_once():
    with pytest.raises(SystemExit, match="is there already"):
        specimens.freeze()


@pytest.mark.slow
def test_from_images_to_pages(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(program, "carry_out", in_this_process)
    program.main(["7", "9", "--scale", "tiny", "--out", str(tmp_path / "study")])
    printed = capsys.readouterr().out
    assert f"9. {EVERY[9].title}: " in printed
    made = tmp_path / "study" / "study"
    for number in (7, 9):
        facts = json.loads((made / f"claim-{number:02}.json").read_text())
        assert facts["verdict"] in printed
        page = (made / f"claim-{number:02}.md").read_text()
        assert f"**Verdict: {facts['verdict']}.**" in page
        assert all(one["text"] in page for one in facts["statements"])
        for picture in made.glob(f"claim-{number:02}-*.png"):
            assert picture.name in page
            assert picture.stat().st_size > 2000
    assert EVERY[7].title in (made / "index.md").read_text()
    runs = tmp_path / "study" / "runs"
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("*") if path.is_file()}
    program.main(["9", "--scale", "tiny", "--out", str(tmp_path / "study")])
    assert {path: path.stat().st_mtime_ns for path in before} == before


def in_this_process(study, numbers, workers):
    """Do the work here: a new process would import everything again."""
    from tests.study import numbers_of_images, work

    for _, job, given in work._jobs(study, numbers):
        job(study, *given)
    if 7 in numbers:
        numbers_of_images.score_by_patch(study)


def test_an_unknown_claim_is_refused(capsys):
    with pytest.raises(SystemExit):
        program.main(["11"])
    assert "no claim 11" in capsys.readouterr().err


def test_the_table_of_verdicts_leaves_the_page_around_it(tmp_path):
    page = tmp_path / "index.md"
    page.write_text(f"# Study\n\nbefore\n\n{pages.BEGIN}\nformer\n{pages.END}\n\nafter\n")
    facts = {"verdict": "holds", "statements": [{"outcome": "holds"}, {"outcome": "open"}]}
    (tmp_path / "claim-04.json").write_text(json.dumps(facts))
    for _ in range(2):
        pages.write_index(tmp_path)
        text = page.read_text()
        assert text.startswith("# Study\n\nbefore\n\n")
        assert text.endswith("\n\nafter\n")
        assert "former" not in text
        assert text.count(f"[{EVERY[4].title}](claim-04.md) | **holds** | 1 | 1 | 0 |") == 1
