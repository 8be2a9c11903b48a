"""Trainings are of four images of 48 x 52 pixels and a network of a few filters."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import zarr

from l2l_core.components import Events
from l2l_core.components.factory import get
from l2l_core.data.fingerprints import fingerprint
from l2l_core.errors import (
    ConfigError,
    DataError,
    ImageError,
    Interrupted,
    ModelNotFoundError,
    OptionsError,
    OutputError,
    RunError,
)
from l2l_core.images import open_image
from l2l_core.images.writing import write_image
from l2l_core.models.model_file import read_model
from l2l_core.models.run_folder import RunFolder
from l2l_core.workflows.crossvalidation import CrossValidation, crossvalidate
from l2l_core.workflows.fold_plan import held

METRICS = ("nrmse", "ms_ssim:scales=1")
FILTERS = CrossValidation(
    folds=2, repeats=1, filters=("gaussian:tune=true",), metrics=METRICS, train=False
)
TRAINED = CrossValidation(folds=2, repeats=1, losses=("mae",), filters=("median",), metrics=METRICS)


def lines(found):
    return [json.loads(line) for line in found.files.results.read_text().splitlines()]


def weights(run):
    return read_model(run / "model")[1]


def copied(config, pairs, folder):
    """Return a configuration with images of its own, which a test may change."""
    shutil.copytree(pairs, folder / "pairs")
    text = config.read_text().replace(str(pairs), str(folder / "pairs"))
    (folder / "copied.toml").write_text(text)
    return folder / "copied.toml"


@pytest.fixture(scope="module")
def crossed(tmp_path_factory, configure):
    pytest.importorskip("torch", reason="training needs the torch engine, which is not installed")
    folder = tmp_path_factory.mktemp("crossed")
    return crossvalidate(configure(folder), folder / "cv", TRAINED)


def test_two_at_once_are_refused(config, tmp_path):
    out = tmp_path / "cv"
    with held(out, resume=False):
        for resume in (False, True):
            with pytest.raises(
                OutputError,
                match=r"another process \(number \d+ on .*\) works at the cross-val.*cv;",
            ):
                crossvalidate(config, out, FILTERS, resume=resume)
        assert not (out / "plan.json").exists()
    # Nor does what the lock leaves behind count as something in the folder.
    crossvalidate(config, out, FILTERS)
    with pytest.raises(RunError, match="--resume"):
        crossvalidate(config, out, FILTERS)
    crossvalidate(config, out, FILTERS, resume=True)


def test_no_image_that_a_run_read_is_held_out_of_it(crossed, pairs):
    rows = [row for row in lines(crossed) if row["method"] == "mae"]
    root = crossed.files.report.parent
    seen = set()
    for fold in (1, 2):
        run = RunFolder.open(root / f"images-0004/repeat-01/fold-{fold:02d}/mae/run")
        read = {facts["sha256"] for facts in run.record.data.values()}
        held = [row["image"] for row in rows if row["fold"] == fold]
        out = {
            fingerprint(pairs / side / f"{name}.ome.tif")["sha256"]
            for name in held
            for side in ("input", "benchmark")
        }
        assert len(read) == len(out) == 4
        assert not read & out
        seen |= set(held)
    assert len(seen) == 4


def test_nothing_of_what_is_held_out_comes_into_a_network(crossed, config, pairs, tmp_path):
    mine = copied(config, pairs, tmp_path)
    rows = [row for row in lines(crossed) if row["method"] == "mae" and row["fold"] == 1]
    rng = np.random.default_rng(0)
    for row in rows:
        for side in ("input", "benchmark"):
            path = tmp_path / "pairs" / side / f"{row['image']}.ome.tif"
            image = open_image(path)
            noise = rng.integers(0, 60000, image.shape).astype(np.uint16)
            write_image(path, noise, image.axes)
    again = crossvalidate(mine, tmp_path / "cv", TRAINED)
    place = "images-0004/repeat-01/fold-{}/mae/run"
    one, other = (found.files.report.parent for found in (crossed, again))
    same = weights(one / place.format("01")), weights(other / place.format("01"))
    for name, values in same[0].items():
        np.testing.assert_array_equal(values, same[1][name])
    # The other fold was trained on the noise.
    mixed = weights(one / place.format("02")), weights(other / place.format("02"))
    assert any(not np.array_equal(values, mixed[1][name]) for name, values in mixed[0].items())


def test_a_line_says_how_its_numbers_came_about(crossed):
    rows = lines(crossed)
    assert len(rows) == 2 * 4
    row = rows[0]
    assert row["data_range"] == 1
    assert "99.8th percentile" in row["data_range_source"]
    assert row["epochs"] == 2
    assert set(row["metrics"]) == set(METRICS)
    both = row["metrics"]["nrmse"]
    assert len(both["input"]) == len(both["restoration"]) == 1
    fitted = row["fitted"]["benchmark"]
    assert fitted["input"]["gain"][0] != fitted["restoration"]["gain"][0]
    assert rows[-1]["options"] == {}
    assert not (crossed.files.report.parent / "images-0004/repeat-01/fold-01/mae/run/checkpoints"
                ).exists()  # fmt: skip


def test_scores_are_those_of_the_benchmark_in_its_range_after_the_fit(crossed, pairs):
    row = next(row for row in lines(crossed) if row["method"] == "median")
    image, benchmark = (
        open_image(pairs / side / f"{row['image']}.ome.tif").read().astype(float)
        for side in ("input", "benchmark")
    )
    low, high = np.percentile(benchmark, (1, 99.8))
    wanted = (benchmark - low) / (high - low)
    fitted = row["fitted"]["benchmark"]["input"]
    matched = image * fitted["gain"][0] + fitted["offset"][0]
    nrmse = np.sqrt(np.mean((matched - wanted) ** 2) / np.mean(wanted**2))
    assert row["metrics"]["nrmse"]["input"][0] == pytest.approx(nrmse, rel=1e-6)


def test_the_summary_is_the_mean_over_images_of_their_changes(crossed):
    rows = [row for row in lines(crossed) if row["method"] == "median"]
    changes = [
        100 * (both["restoration"][0] - both["input"][0]) / both["input"][0]
        for both in (row["metrics"]["nrmse"] for row in rows)
    ]
    found = next(
        one for one in crossed.summary.changes if (one.method, one.metric) == ("median", "nrmse")
    )
    assert found.points == (pytest.approx(np.mean(changes)),)
    contest = next(one for one in crossed.summary.contests if one.second == "median")
    assert (contest.first, contest.tests.pairs) == ("input", 4)
    assert crossed.files.picture.read_bytes()[:4] == b"\x89PNG"
    page = crossed.files.report.read_text(encoding="utf-8")
    assert "cross-validation by image" in page
    assert "median" in page


KILLED = """
import os, sys
from l2l_core.components import Events
from l2l_core.workflows.crossvalidation import CrossValidation, crossvalidate

class Kill(Events):
    runs = 0
    def epoch_started(self, epoch, epochs, steps):
        self.runs += epoch == 1
        if (self.runs, epoch) == (2, 2):
            os._exit(9)

plan = CrossValidation(
    folds=2, repeats=1, losses=("mae",), filters=("median",), metrics=("nrmse", "ms_ssim:scales=1")
)
crossvalidate(sys.argv[1], sys.argv[2], plan, display=Kill())
"""


def test_a_killed_cross_validation_goes_on_in_the_middle_of_a_fold(crossed, config, tmp_path):
    torch = pytest.importorskip("torch")
    out = tmp_path / "cv"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, config, out],
        check=False,
        # The same bits come out for the same number of threads alone, which other tests may set.
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    assert done.returncode == 9
    runs = [out / f"images-0004/repeat-01/fold-{fold:02d}/mae/run" for fold in (1, 2)]
    before = (runs[0] / "model" / "weights.safetensors").stat().st_mtime_ns
    with pytest.raises(RunError, match="--resume"):
        crossvalidate(config, out, TRAINED)
    found = crossvalidate(config, out, TRAINED, resume=True)
    assert (runs[0] / "model" / "weights.safetensors").stat().st_mtime_ns == before
    sessions = RunFolder.open(runs[1]).record.sessions
    assert [one["from_epoch"] for one in sessions] == [0, 1]
    assert lines(found) == lines(crossed)


class Stop(Events):
    """Press Ctrl-C after so many remarks."""

    def __init__(self, after):
        self.left = after

    def message(self, text):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def test_what_was_interrupted_says_what_is_safe_and_can_be_extended(config, tmp_path):
    out = tmp_path / "cv"
    with pytest.raises(Interrupted, match=r"1 of 2 folds .*--resume"):
        crossvalidate(config, out, FILTERS, display=Stop(3))
    first = out / "images-0004/repeat-01/fold-01/gaussian-tune-true-e1a4a2/scores.json"
    before = first.stat().st_mtime_ns
    more = CrossValidation(
        folds=2,
        repeats=2,
        images=(4, 2),
        filters=("gaussian:tune=true", "median"),
        metrics=METRICS,
        train=False,
    )
    found = crossvalidate(config, out, more, resume=True)
    assert first.stat().st_mtime_ns == before
    counts = {(one.images, one.method): len(one.points) for one in found.summary.changes}
    assert counts == {(n, m): 2 for n in (4, 2) for m in ("gaussian:tune=true", "median")}


def test_another_plan_or_other_images_do_not_go_on(config, pairs, tmp_path):
    mine = copied(config, pairs, tmp_path)
    out = tmp_path / "cv"
    crossvalidate(mine, out, FILTERS)
    other = CrossValidation(
        folds=2, repeats=1, seed=2, filters=("median",), metrics=METRICS, train=False
    )
    with pytest.raises(RunError, match="seed differ"):
        crossvalidate(mine, out, other, resume=True)
    with pytest.raises(
        RunError, match=r"config differs from .*put that back \(train.epochs = \d+\)"
    ):
        crossvalidate(mine, out, FILTERS, resume=True, overrides=["train.epochs=77"])
    name = sorted((tmp_path / "pairs" / "input").iterdir())[0]
    image = open_image(name)
    write_image(name, image.read() + 1, image.axes)
    with pytest.raises(RunError, match="data differ"):
        crossvalidate(mine, out, FILTERS, resume=True)


def test_a_filter_is_tuned_on_what_trains_alone(config, tmp_path):
    sigmas = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
    every = CrossValidation(
        folds=4,
        repeats=1,
        filters=tuple(f"gaussian:sigma={sigma}" for sigma in sigmas),
        metrics=METRICS,
        train=False,
    )
    scores = {
        (row["image"], row["options"]["sigma"]): row["metrics"]["nrmse"]["restoration"][0]
        for row in lines(crossvalidate(config, tmp_path / "every", every))
    }
    for row in lines(crossvalidate(config, tmp_path / "tuned", FILTERS)):
        tried = {
            sigma: np.mean([scores[image, sigma] for image in row["trained_on"]])
            for sigma in sigmas
        }
        assert row["image"] not in row["trained_on"]
        assert row["options"]["sigma"] == min(tried, key=tried.get)
        assert row["metrics"]["nrmse"]["restoration"][0] == pytest.approx(
            scores[row["image"], row["options"]["sigma"]]
        )


def test_fewer_images_train_for_fewer_epochs_unless_that_is_not_wanted(config, tmp_path):
    from l2l_core.workflows.crossvalidation import _Work

    for scale, expected in ((True, {2: 5, 4: 10}), (False, {2: 10, 4: 10})):
        plan = CrossValidation(folds=2, images=(2, 4), losses=("mae",), scale_epochs=scale)
        work = _Work(config, tmp_path / "cv", plan, ("train.epochs=10",), Events())
        tasks = work.tasks
        assert {t.fold.images: t.settings.train.epochs for t in tasks} == expected
        # Three repetitions of four images, three of two: the fewest there are.
        assert len(tasks) == 2 * 3 + 2 * 3


@pytest.mark.parametrize(
    ("plan", "error", "said"),
    [
        ({"folds": 8}, DataError, "fewer than the 8 folds.*--folds 4"),
        ({"images": (5,)}, DataError, "5 images are to be drawn and there are 4"),
        ({"filters": ("gausian",)}, ModelNotFoundError, "did you mean 'gaussian'"),
        ({"filters": ("gaussian:sgma=1",)}, OptionsError, "did you mean 'sigma'"),
        ({"filters": ("identity:tune=true",)}, OptionsError, "nothing is known.*identity"),
        ({"filters": ("gaussian:sigma=1, tune=true",)}, OptionsError, "tune"),
        ({"filters": ("gaussian:tune={sigma=[]}",)}, OptionsError, "a list of values"),
        ({"filters": ("median", "median")}, OptionsError, "given twice"),
        ({"filters": (), "train": False}, OptionsError, "at least one filter"),
        ({"metrics": ("nrmse", "nrmse")}, OptionsError, "given twice"),
        ({"metrics": ("michelson_contrast",)}, ImageError, "compares with no benchmark"),
        ({"metrics": ("structure_recall",)}, ImageError, "needs the truth.*--truth"),
        ({"truth": "nowhere"}, DataError, "the truth in nowhere, .*nowhere: there is no such file"),
        ({"losses": ("mea",), "train": True}, ConfigError, "no loss is called 'mea'"),
        ({"variants": ("deep",), "train": True}, ConfigError, "not understood"),
        (
            {"variants": ("other data.input=elsewhere",), "train": True},
            ConfigError,
            "changes which images are restored",
        ),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_done(config, tmp_path, plan, error, said):
    given = {"folds": 2, "filters": ("median",), "metrics": METRICS, "train": False, **plan}
    with pytest.raises(error, match=said):
        crossvalidate(config, tmp_path / "cv", CrossValidation(**given))
    assert not (tmp_path / "cv").exists()


def test_one_image_alone_is_refused_with_the_remedy(config, tmp_path, pairs):
    one = sorted((pairs / "input").iterdir())[0]
    overrides = [f"data.input={one}", f"data.target={pairs / 'benchmark' / one.name}"]
    with pytest.raises(DataError, match=r"only one image.*data\.group = 'Z:4'"):
        crossvalidate(config, tmp_path / "cv", FILTERS, overrides=overrides)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        # Two images in two folds train on one, which is too small to be divided.
        (["patches.shape=[32, 32]"], r"fold 1 of 2, with 2 images: .*is the only image"),
        (["patches.shape=[64, 64]"], r"fold 1 of 2, with 4 images: .*smaller than a patch"),
        (["data.target=mixed"], r"with 4 images: .*different numbers of channels"),
    ],
)
def test_a_fold_that_cannot_be_trained_on_is_found_before_others_are(
    config, pairs, tmp_path, changes, said
):
    mine = copied(config, pairs, tmp_path)
    (tmp_path / "mixed").mkdir()
    for number, path in enumerate(sorted((pairs / "benchmark").iterdir())):
        pixels = open_image(path).read()
        both = np.stack([pixels, pixels])
        where = tmp_path / "mixed" / path.name
        write_image(where, *((pixels, "YX") if number else (both, "CYX")))
    plan = CrossValidation(folds=2, repeats=1, images=(4, 2), losses=("mae",), metrics=METRICS)
    with pytest.raises(DataError, match=said):
        crossvalidate(mine, tmp_path / "cv", plan, overrides=changes)
    assert not (tmp_path / "cv").exists()


def test_two_files_of_one_content_are_no_two_images(config, pairs, tmp_path):
    mine = copied(config, pairs, tmp_path)
    one, other, *_ = sorted((tmp_path / "pairs" / "input").iterdir())
    shutil.copyfile(one, other)
    with pytest.raises(DataError, match="same content, so that one image would be trained on"):
        crossvalidate(mine, tmp_path / "cv", FILTERS)


def test_an_image_that_was_saved_again_is_no_other_image(config, pairs, tmp_path):
    mine = copied(config, pairs, tmp_path)
    one, other, *_ = sorted((tmp_path / "pairs" / "input").iterdir())
    image = open_image(one)
    write_image(other, image.read().astype(np.float32), image.axes, channel_names=["again"])
    assert fingerprint(one)["sha256"] != fingerprint(other)["sha256"]
    with pytest.raises(DataError, match="same content, so that one image would be trained on"):
        crossvalidate(mine, tmp_path / "cv", FILTERS)


def test_images_of_one_size_on_the_disk_are_no_copies(config, pairs, tmp_path):
    """Stores are known by the sizes of their chunks; those of two images may be equal."""
    rng = np.random.default_rng(0)
    for side in ("input", "benchmark"):
        (tmp_path / side).mkdir()
        for number in range(3):
            pixels = rng.random((48, 48)).astype(np.float32)
            path = tmp_path / side / f"{number}.zarr"
            array = zarr.create_array(path, data=pixels, chunks=(48, 48), compressors=None)
            array.attrs["about"] = "the same in all"
        stores = (tmp_path / side).iterdir()
        assert len({fingerprint(store)["sha256"] for store in stores}) == 1
        # Blank images are no copies of one another either.
        np.save(tmp_path / side / "3.npy", np.zeros((48, 48), np.float32))
        np.save(tmp_path / side / "4.npy", np.zeros((48, 48), np.float32))
    overrides = [f"data.{key}={tmp_path / side}" for key, side in
                 (("input", "input"), ("target", "benchmark"))]  # fmt: skip
    plan = CrossValidation(folds=5, repeats=1, filters=("median",), metrics=METRICS, train=False)
    found = crossvalidate(config, tmp_path / "cv", plan, overrides=overrides)
    assert len(lines(found)) == 5


def test_a_file_in_two_groups_of_a_table_is_refused(config, pairs, tmp_path):
    names = [path.name for path in sorted((pairs / "input").iterdir())]
    rows = [f"{pairs / 'input' / name},{pairs / 'benchmark' / name}" for name in names]
    text = ["input,target,animal", *(f"{row},a{i}" for i, row in enumerate(rows)), f"{rows[0]},a1"]
    (tmp_path / "table.csv").write_text("\n".join(text))
    overrides = ["data.input=", "data.target=", "data.table=table.csv", "data.group=column:animal"]
    with pytest.raises(DataError, match="is in two groups"):
        crossvalidate(config, tmp_path / "cv", FILTERS, overrides=overrides)


def test_groups_of_several_images_and_of_one_are_held_out_whole(config, pairs, tmp_path):
    names = [path.name for path in sorted((pairs / "input").iterdir())]
    rows = [
        f"{pairs / 'input' / name},{pairs / 'benchmark' / name},{animal}"
        for name, animal in zip(names, "xyxz", strict=True)
    ]
    (tmp_path / "table.csv").write_text("\n".join(["input,target,animal", *rows]))
    overrides = ["data.input=", "data.target=", "data.table=table.csv", "data.group=column:animal"]
    plan = CrossValidation(folds=3, repeats=1, filters=("median",), metrics=METRICS, train=False)
    found = lines(crossvalidate(config, tmp_path / "cv", plan, overrides=overrides))
    by_fold = [[row["image"] for row in found if row["fold"] == fold] for fold in (1, 2, 3)]
    assert sorted(map(len, by_fold)) == [1, 1, 2]
    together = next(held for held in by_fold if len(held) == 2)
    assert [f"{name}.ome.tif" for name in together] == [names[0], names[2]]


@pytest.fixture
def stack(tmp_path, config):
    """Return a configuration for one stack in blocks of two planes, each of its own brightness."""
    rng = np.random.default_rng(2)
    pixels = (rng.random((9, 24, 26)) * 10 + 100 * np.arange(9)[:, None, None]).astype(np.float32)
    for side in ("input", "target"):
        write_image(tmp_path / f"{side}.ome.tif", pixels, "ZYX")
    text = config.read_text().splitlines()
    text = [line for line in text if not line.startswith(("input =", "target ="))]
    lines_of_data = [
        'input = "input.ome.tif"', 'target = "target.ome.tif"', 'group = "Z:2"', "gap = 1"
    ]  # fmt: skip
    text[text.index("[data]") + 1 : text.index("[data]") + 1] = lines_of_data
    path = tmp_path / "stack.toml"
    path.write_text("\n".join(text))
    return path


def test_blocks_of_one_stack_are_groups_with_a_gap_between_the_sides(stack, tmp_path):
    from l2l_core.workflows.crossvalidation import _Work

    plan = CrossValidation(folds=5, repeats=1, losses=("mae",), metrics=METRICS)
    work = _Work(stack, tmp_path / "cv", plan, (), Events())
    tasks = work.tasks
    assert len(tasks) == work.groups == 5

    def planes(pairs, side):
        pixels = [getattr(pair, side).read() for pair in pairs]
        return {int(plane.mean()) // 100 for one in pixels for plane in one}

    out = set()
    for task in tasks:
        for side in ("input", "target"):
            trained = planes(task.learns.pairs, side)
            held = planes([pair for _, pair in task.fold.held], side)
            assert min(abs(one - other) for one in trained for other in held) == 2
            assert len(trained) + len(held) >= 6
            out |= held
    assert out == set(range(9))


def test_a_network_is_cross_validated_by_blocks_of_planes(stack, tmp_path):
    pytest.importorskip("torch", reason="training needs the torch engine, which is not installed")
    plan = CrossValidation(folds=2, repeats=1, losses=("mae",), metrics=METRICS)
    changes = ["train.epochs=1", "data.validation=0", "data.group=Z:3"]
    rows = lines(crossvalidate(stack, tmp_path / "cv", plan, overrides=changes))
    assert sorted(row["image"] for row in rows) == [f"input, Z {z} to {z + 2}" for z in (0, 3, 6)]
    assert {len(row["metrics"]["nrmse"]["input"]) for row in rows} == {3}


def test_a_gap_that_leaves_nothing_to_train_on_is_found_before_anything_is_done(stack, tmp_path):
    plan = CrossValidation(folds=2, repeats=1, losses=("mae",), metrics=METRICS)
    with pytest.raises(DataError, match=r"data\.gap = 4 leaves nothing"):
        crossvalidate(stack, tmp_path / "cv", plan, overrides=["data.gap=4"])
    assert not (tmp_path / "cv").exists()


def test_a_variant_may_learn_from_other_targets_and_is_scored_like_the_rest(
    config, pairs, tmp_path
):
    pytest.importorskip("torch", reason="training needs the torch engine, which is not installed")
    plan = CrossValidation(
        folds=2,
        images=(2,),
        repeats=1,
        variants=(f"clean data.target='{pairs / 'truth'}' train.epochs=1",),
        filters=("median",),
        metrics=METRICS,
    )
    found = crossvalidate(config, tmp_path / "cv", plan, overrides=["data.validation=0"])
    run = RunFolder.open(tmp_path / "cv/images-0002/repeat-01/fold-01/clean/run")
    assert sorted(path.split("/")[-2] for path in run.record.data) == ["input", "truth"]
    rows = {row["method"]: row for row in lines(found) if row["fold"] == 1}
    assert rows["clean"]["metrics"]["nrmse"]["input"] == rows["median"]["metrics"]["nrmse"]["input"]


def test_metrics_that_need_the_truth_are_held_against_it(config, pairs, tmp_path):
    plan = {
        "folds": 2, "repeats": 1, "filters": ("identity",), "train": False,
        "truth": str(pairs / "truth"),
    }  # fmt: skip
    metrics = ("pearson", "structure_recall")
    found = lines(crossvalidate(config, tmp_path / "cv", CrossValidation(**plan, metrics=metrics)))
    for row in found:
        image, truth, benchmark = (
            open_image(pairs / side / f"{row['image']}.ome.tif").read().astype(float)
            for side in ("input", "truth", "benchmark")
        )
        recall, pearson = get("metric", "structure_recall"), get("metric", "pearson")
        assert row["metrics"]["structure_recall"]["input"] == [
            pytest.approx(recall(image, truth), abs=0.01)
        ]
        assert row["metrics"]["pearson"]["input"] == [pytest.approx(pearson(image, benchmark))]
        assert set(row["fitted"]) == {"benchmark", "truth"}
    tuned = {**plan, "filters": ("gaussian:tune=true",)}
    with pytest.raises(OptionsError, match="name another one first"):
        crossvalidate(
            config, tmp_path / "no", CrossValidation(**tuned, metrics=("structure_recall",))
        )


def test_the_command_prints_a_table_or_json_alone(config, tmp_path, capsys):
    from l2l_core.cli.main import main

    common = ["crossvalidate", str(config), "--out", str(tmp_path / "cv"), "--folds", "2"]
    common += ["--images", "2,4", "--repeats", "2", "--filter", "median", "--no-training"]
    common += ["--metric", "nrmse"]
    assert main(common) == 0
    shown = capsys.readouterr()
    assert "repetition 2, fold 1 of 2: median" in shown.err
    assert "input / median" in shown.out
    assert "gain and offset of each plane fitted" in shown.out
    assert "too narrow for what other images would give" in shown.out
    assert re.search(r"With [234] images a test has hardly any power", shown.out)
    assert main([*common, "--json", "--resume"]) == 0
    shown = capsys.readouterr()
    assert "repetition" not in shown.err
    found = json.loads(shown.out)
    assert [one["images"] for one in found["changes"]] == [2, 4]
    assert main([*common[:-4], "--images", "8;9"]) == 2
