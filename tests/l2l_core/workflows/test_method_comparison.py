"""Networks are of a few filters, images of 48 x 52 pixels."""

import json
import re
import shutil

import numpy as np
import pytest

from l2l_core.components import Events
from l2l_core.components.factory import get
from l2l_core.data.fingerprints import fingerprint
from l2l_core.errors import (
    ConfigError,
    DataError,
    ImageError,
    Interrupted,
    L2LError,
    ModelNotFoundError,
    OptionsError,
    OutputError,
    PairingError,
    RunError,
)
from l2l_core.images import open_image
from l2l_core.images.writing import write_image
from l2l_core.models.run_folder import RunFolder
from l2l_core.workflows.compared_work import _file_names, plane_shown
from l2l_core.workflows.fold_plan import held
from l2l_core.workflows.method_comparison import MethodComparison, compare_methods

METRICS = ("nrmse", "pearson", "michelson_contrast")


def lines(found):
    return [json.loads(line) for line in found.files.results.read_text().splitlines()]


def plan(**changes):
    return MethodComparison(**{"metrics": METRICS, **changes})


def verdicts(found):
    return {one.metric: one for one in found.summary.verdicts}


@pytest.fixture(scope="session")
def others(tmp_path_factory):
    """Return a folder with input/, benchmark/ and truth/ of three fields that nothing trains on."""
    from attrs import evolve

    from l2l_core.data.simulation import SPECIMENS, write_pairs

    folder = tmp_path_factory.mktemp("others") / "pairs"
    write_pairs("filaments", folder, 3, 77, evolve(SPECIMENS["filaments"], size=(48, 52)))
    return folder


def given(others, **changes):
    places = {"input": str(others / "input"), "target": str(others / "benchmark")}
    return plan(**{**places, **changes})


@pytest.fixture(scope="module")
def compared(tmp_path_factory, configure):
    """Return a comparison of a configuration with a share held out; it must not be changed."""
    pytest.importorskip("torch", reason="training needs the torch engine, which is not installed")
    folder = tmp_path_factory.mktemp("compared")
    chosen = plan(losses=("mae",), filters=("gaussian:tune=true", "median"), hold_out=0.5)
    return compare_methods([configure(folder)], folder / "out", chosen)


def test_what_is_held_out_is_neither_trained_nor_tuned_on(compared, pairs):
    root = compared.files.report.parent
    held = set(compared.summary.images)
    assert len(held) == 2
    read = RunFolder.open(root / "methods/mae/run").record.data.values()
    out = {
        fingerprint(pairs / side / f"{name}.ome.tif")["sha256"]
        for name in held
        for side in ("input", "benchmark")
    }
    assert len(read) == 4
    assert not {facts["sha256"] for facts in read} & out
    assert compared.about.tuned_on == 2
    chosen = next(row for row in lines(compared) if row["method"] == "gaussian:tune=true")
    assert chosen["options"]["sigma"] == best_sigma(pairs, held)


def best_sigma(pairs, held):
    """Return the sigma with the best mean NRMSE on the images that are not held out."""
    from scipy import ndimage

    def error(name, sigma):
        image, wanted = (
            open_image(pairs / side / f"{name}.ome.tif").read().astype(float)
            for side in ("input", "benchmark")
        )
        low, high = np.percentile(wanted, (1, 99.8))
        wanted = ((wanted - low) / (high - low)).ravel()
        smooth = ndimage.gaussian_filter(image, sigma, mode="reflect").ravel()
        fit = np.polynomial.Polynomial.fit(smooth, wanted, 1)
        return np.sqrt(np.mean((fit(smooth) - wanted) ** 2) / np.mean(wanted**2))

    names = [path.name.removesuffix(".ome.tif") for path in (pairs / "input").iterdir()]
    trained = [name for name in names if name not in held]
    sigmas = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
    return min(sigmas, key=lambda sigma: np.mean([error(name, sigma) for name in trained]))


def test_there_is_a_line_for_each_image_and_method_with_what_was_fitted(compared, pairs):
    rows = lines(compared)
    kinds = [one.kind for one in compared.summary.standings]
    assert kinds == ["input", "filter", "filter", "network"]
    assert len(rows) == 4 * 2
    row = next(row for row in rows if row["method"] == "input")
    image, wanted = (
        open_image(pairs / side / f"{row['image']}.ome.tif").read().astype(float)
        for side in ("input", "benchmark")
    )
    low, high = np.percentile(wanted, (1, 99.8))
    wanted = (wanted - low) / (high - low)
    (gain,), (offset,) = (row["fitted"]["benchmark"][key] for key in ("gain", "offset"))
    error = np.sqrt(np.mean((image * gain + offset - wanted) ** 2) / np.mean(wanted**2))
    assert row["metrics"]["nrmse"] == [pytest.approx(error, rel=1e-6)]
    # A metric of one image alone is taken of the image as it is.
    contrast = get("metric", "michelson_contrast")(image, axes="YX")
    assert row["metrics"]["michelson_contrast"] == [pytest.approx(contrast)]
    assert set(row["fitted"]) == {"benchmark"}


def test_restorations_are_written_with_their_origin_and_are_what_was_scored(compared, pairs):
    row = next(row for row in lines(compared) if row["method"] == "mae")
    with open_image(compared.files.report.parent / row["restoration"]) as image:
        assert image.info.metadata["provenance"]["restorer"] == "care"
        assert image.info.metadata["provenance"]["source"].startswith(str(pairs))
        restored = image.read()
    with open_image(pairs / "benchmark" / f"{row['image']}.ome.tif") as image:
        wanted = image.read()
    pearson = get("metric", "pearson")(restored, wanted)
    assert row["metrics"]["pearson"] == [pytest.approx(pearson, abs=1e-5)]


def test_the_page_has_sentences_table_and_the_same_crops_of_all_methods(compared):
    page = compared.files.report.read_text(encoding="utf-8")
    words = " ".join(re.sub(r"data:image/png;base64,[^\"]+|<[^>]+>", " ", page).split())
    assert words.index(compared.summary.verdict) < words.index("Each metric")
    assert "Michelson contrast is of one image alone and has no verdict" in words
    assert "paired tests, two-sided" in words
    for part in ("tuned", "With 2 images a test has hardly any power", "best epoch", "data range"):
        assert part.lower() in words.lower()
    alts = re.findall(r'alt="([^"]+)"', page)
    assert len(alts) == 2
    for alt in alts:
        assert re.search(
            r": input, gaussian \(sigma .+, tuned\), median, mae and benchmark of", alt
        )


def test_finished_methods_are_not_trained_again_and_further_ones_are(compared, config, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(compared.files.report.parent, out)
    weights = out / "methods/mae/run/model/weights.safetensors"
    before = weights.stat().st_mtime_ns
    chosen = plan(losses=("mae",), filters=("gaussian:tune=true", "median"), hold_out=0.5)
    with pytest.raises(RunError, match="holds a comparison; go on with it by --resume"):
        compare_methods([config], out, chosen)
    again = compare_methods([config], out, chosen, resume=True)
    assert weights.stat().st_mtime_ns == before
    assert lines(again) == lines(compared)
    more = plan(losses=("mae",), filters=("median", "gaussian:sigma=3"), hold_out=0.5)
    found = compare_methods([config], out, more, resume=True)
    assert weights.stat().st_mtime_ns == before
    labels = [one.method for one in found.summary.standings]
    assert labels == ["input", "median", "gaussian:sigma=3", "mae"]
    with pytest.raises(RunError, match="cannot go on: metrics differ"):
        compare_methods(
            [config], out, plan(losses=("mae",), hold_out=0.5, metrics=("nrmse",)), resume=True
        )
    with pytest.raises(RunError, match="cannot go on: images differ"):
        compare_methods([config], out, plan(losses=("mae",), hold_out=0.5, seed=2), resume=True)


def test_a_lost_restoration_is_made_again_without_training(compared, config, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(compared.files.report.parent, out)
    row = next(row for row in lines(compared) if row["method"] == "mae")
    before = open_image(out / row["restoration"]).read()
    (out / row["restoration"]).unlink()
    weights = out / "methods/mae/run/model/weights.safetensors"
    stamp = weights.stat().st_mtime_ns
    compare_methods([config], out, plan(losses=("mae",), hold_out=0.5), resume=True)
    np.testing.assert_array_equal(open_image(out / row["restoration"]).read(), before)
    assert weights.stat().st_mtime_ns == stamp


class Stop(Events):
    """Press Ctrl-C before the second epoch."""

    def epoch_started(self, epoch, epochs, steps):
        if epoch == 2:
            raise KeyboardInterrupt


def test_what_was_interrupted_goes_on_after_its_last_epoch(compared, config, tmp_path):
    out = tmp_path / "out"
    chosen = plan(losses=("mae",), filters=("gaussian:tune=true", "median"), hold_out=0.5)
    with pytest.raises(Interrupted, match=r"2 of 3 methods are finished .*--resume"):
        compare_methods([config], out, chosen, display=Stop())
    found = compare_methods([config], out, chosen, resume=True)
    sessions = RunFolder.open(out / "methods/mae/run").record.sessions
    assert [one["from_epoch"] for one in sessions] == [0, 1]
    assert lines(found) == lines(compared)


def test_a_second_comparison_in_a_folder_is_refused_while_the_first_works_there(others, tmp_path):
    out, chosen = tmp_path / "out", given(others, filters=("median",))
    with held(out, resume=False, what="comparison"):
        for resume in (False, True):
            with pytest.raises(OutputError, match=r"another process .* works at the comparison in"):
                compare_methods([], out, chosen, resume=resume)
        assert not (out / "plan.json").exists()
    compare_methods([], out, chosen)


def test_a_filter_that_was_tuned_on_other_pixels_is_not_taken_for_this_one(
    config, pairs, others, tmp_path
):
    folder = tmp_path / "own"
    shutil.copytree(pairs, folder)
    places = [f"data.input={folder / 'input'}", f"data.target={folder / 'benchmark'}"]
    chosen = given(others, train=False, filters=("gaussian:tune=true",), metrics=("nrmse",))
    compare_methods([config], tmp_path / "out", chosen, overrides=places)
    compare_methods([config], tmp_path / "out", chosen, overrides=places, resume=True)
    # The same name, and the benchmark is its own input: no blur is best by far.
    for image in (folder / "input").iterdir():
        with open_image(image) as opened:
            pixels = opened.read() + 1
        write_image(folder / "benchmark" / image.name, pixels, "YX")
    with pytest.raises(RunError, match=r"made by other settings of 'gaussian:tune=true' or other"):
        compare_methods([config], tmp_path / "out", chosen, overrides=places, resume=True)


def test_other_channels_of_the_same_files_are_other_images(config, tmp_path):
    pixels = np.random.default_rng(4).random((2, 40, 40)).astype(np.float32)
    for side in ("input", "target"):
        (tmp_path / side).mkdir()
        write_image(tmp_path / side / "a.ome.tif", pixels + (side == "target"), "CYX")
    chosen = given_in(tmp_path)

    def run(channel, *, resume):
        sides = [
            change
            for side in ("input", "target")
            for change in (f"data.{side}={tmp_path / side}", f"data.{side}_select.c={channel}")
        ]
        compare_methods(
            [config], tmp_path / "out",
            plan(input=chosen.input, target=chosen.target, train=False, filters=("median",)),
            overrides=sides, resume=resume,
        )  # fmt: skip

    run(0, resume=False)
    with pytest.raises(RunError, match="cannot go on: config, images differ"):
        run(1, resume=True)


def test_a_truth_is_found_from_the_current_folder(config, others, tmp_path, monkeypatch):
    chosen = given(
        others, truth="truth", train=False, filters=("median",), metrics=("structure_recall",)
    )
    monkeypatch.chdir(others)
    compare_methods([config], tmp_path / "out", chosen)


def test_filters_that_come_to_the_same_options_are_told_apart(others, pairs, tmp_path):
    chosen = given(others, filters=("gaussian:sigma=2", "gaussian: sigma=2"), metrics=("nrmse",))
    found = compare_methods([], tmp_path / "out", chosen)
    assert [one.title for one in found.summary.standings[1:]] == [
        "gaussian (sigma 2) [gaussian:sigma=2]", "gaussian (sigma 2) [gaussian: sigma=2]",
    ]  # fmt: skip
    page = found.files.report.read_text(encoding="utf-8")
    assert "input, gaussian (sigma 2) [gaussian:sigma=2], gaussian (sigma 2) [gaussian: s" in page


def test_a_plane_that_waits_for_the_page_does_not_hold_its_stack():
    stack = np.arange(5 * 8 * 8.0).reshape(5, 8, 8)
    plane = plane_shown(stack, "ZYX")
    np.testing.assert_array_equal(plane, stack[2])
    assert not np.shares_memory(plane, stack)


def test_every_image_has_a_file_of_its_own():
    names = ["a-2", "a", "a", "A", "b: c", "b? c", "?"]
    files = _file_names(names)
    assert len({file.lower() for file in files}) == len(names)
    assert files[:2] == ["a-2.ome.tif", "a.ome.tif"]


# --- who wins -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learnt(tmp_path_factory, configure):
    """Return a run that learnt to restore, in a few seconds."""
    pytest.importorskip("torch", reason="training needs the torch engine, which is not installed")
    from l2l_core.workflows.train import train

    folder = tmp_path_factory.mktemp("learnt")
    changes = (
        "train.epochs=6", "train.steps_per_epoch=40", "train.batch_size=8",
        "train.learning_rate=0.004", "restorer.options.first_filters=8", "data.validation=0",
    )  # fmt: skip
    return train(configure(folder), folder / "learnt", overrides=changes).folder


def test_a_network_that_learnt_nothing_is_said_not_to_beat_the_filter(trained, others, tmp_path):
    chosen = given(others, filters=("gaussian:sigma=1.5",), metrics=("nrmse", "pearson"))
    found = compare_methods([trained.folder], tmp_path / "out", chosen)
    one = verdicts(found)["nrmse"]
    assert one.outcome == "behind"
    assert one.text.startswith(
        "No network beats the best baseline, gaussian (sigma 1.5), in NRMSE: the best of them, "
    )
    assert found.summary.verdict.startswith("No network beats the best baseline in any of")
    page = found.files.report.read_text(encoding="utf-8")
    assert '<p class="warning lead" role="note">No network beats the best baseline in any' in page


def test_a_network_wins_against_a_poor_baseline(learnt, others, tmp_path):
    chosen = given(others, filters=("white_top_hat:size=3",), metrics=("nrmse",))
    found = compare_methods([learnt], tmp_path / "out", chosen)
    one = verdicts(found)["nrmse"]
    means = {one.title: one.means["nrmse"].mean for one in found.summary.standings}
    assert means["learnt"] < means["input"] < means["white_top_hat (size 3)"]
    # The input as it is, is a baseline too, and the better one here.
    assert one.outcome in ("beats", "ahead")
    assert "the best baseline, the input as it is, in NRMSE" in one.text
    assert found.summary.verdict.startswith("A network ")
    assert "No network" not in found.files.report.read_text(encoding="utf-8")


# --- on which images ------------------------------------------------------------------------------


def test_an_image_that_trained_is_refused_under_any_name(trained, pairs, others, tmp_path):
    folder = tmp_path / "new"
    shutil.copytree(others, folder)
    one = sorted((pairs / "input").iterdir())[0]
    shutil.copyfile(one, folder / "input" / sorted((folder / "input").iterdir())[0].name)
    with pytest.raises(DataError, match=r"is among the images that .*run was trained on"):
        compare_methods([trained.folder], tmp_path / "out", given(folder))
    assert not (tmp_path / "out").exists()


def test_an_image_that_was_saved_again_is_refused_all_the_same(trained, pairs, others, tmp_path):
    folder = tmp_path / "new"
    shutil.copytree(others, folder)
    with open_image(sorted((pairs / "benchmark").iterdir())[0]) as image:
        again = image.read().astype(np.float32)
    write_image(folder / "benchmark" / sorted((folder / "input").iterdir())[0].name, again, "YX")
    with pytest.raises(DataError, match=r"is among the images that .*run was trained on"):
        compare_methods([trained.folder], tmp_path / "out", given(folder))


def test_an_image_of_the_configuration_is_refused(config, pairs, tmp_path):
    chosen = plan(input=str(pairs / "input"), target=str(pairs / "benchmark"), filters=("median",))
    with pytest.raises(DataError, match=r"that .*config\.toml was trained on.*held out"):
        compare_methods([config], tmp_path / "out", chosen)


def test_a_configuration_that_nothing_learns_from_refuses_none_of_its_images(
    config, pairs, tmp_path
):
    places = {"input": str(pairs / "input"), "target": str(pairs / "benchmark")}
    fixed = plan(**places, train=False, filters=("median",), metrics=("nrmse",))
    assert len(compare_methods([config], tmp_path / "out", fixed).summary.images) == 4
    tuned = plan(**places, train=False, filters=("gaussian:tune=true",))
    with pytest.raises(DataError, match="was trained on"):
        compare_methods([config], tmp_path / "tuned", tuned)


def test_a_run_that_saw_what_a_configuration_holds_out_is_refused(trained, config, tmp_path):
    with pytest.raises(DataError, match="run was trained on"):
        compare_methods([config, trained.folder], tmp_path / "out", plan(losses=("mse",)))


def test_runs_alone_are_compared_on_what_they_validated_on(trained, tmp_path):
    found = compare_methods(
        [trained.folder], tmp_path / "out", plan(filters=("gaussian:tune=true",))
    )
    text = RunFolder.open(trained.folder).record
    (name,) = found.summary.images
    assert name in find_split(trained)
    assert len(text.data) == 8
    assert found.about.tuned_on == 3
    assert "chose the best epoch" in found.files.report.read_text(encoding="utf-8")
    # One image: no interval, no test, and it says so.
    assert all(np.isnan(mean.low) for one in found.summary.standings for mean in one.means.values())
    assert found.summary.caution.startswith("There is one image")
    assert "one image, no test" in verdicts(found)["nrmse"].text
    assert "paired tests, two-sided" not in found.files.report.read_text(encoding="utf-8")


def test_runs_that_take_the_same_files_otherwise_are_refused(trained, tmp_path, monkeypatch):
    from l2l_core.models.model_file import read_model, write_model

    other = tmp_path / "other"
    shutil.copytree(trained.folder, other)
    record, state = read_model(other / "model")
    record.training["config"]["data"]["axes"] = "YX"
    write_model(other / "model", record, state)
    with pytest.raises(DataError, match=r"differ in data\.axes"):
        compare_methods([trained.folder, other], tmp_path / "out", plan())


def find_split(trained):
    from l2l_core.models.model_file import read_record

    return read_record(trained.model).training["split"]


def test_a_run_whose_images_are_gone_needs_others_and_tunes_nothing(
    trained, others, tmp_path, monkeypatch
):
    moved = tmp_path / "moved"
    shutil.copytree(trained.folder, moved)
    facts = json.loads((moved / "run.json").read_text())
    facts["data"] = {f"/nowhere{path}": one for path, one in facts["data"].items()}
    (moved / "run.json").write_text(json.dumps(facts))
    with pytest.raises(DataError, match=r"cannot be told from its records; give images .*--input"):
        compare_methods([moved], tmp_path / "out", plan(filters=("median",)))
    with pytest.raises(DataError, match="none can be found by the records of the runs"):
        compare_methods([moved], tmp_path / "out", given(others, filters=("gaussian:tune=true",)))
    found = compare_methods([moved], tmp_path / "out", given(others, filters=("median",)))
    assert len(found.summary.images) == 3


def test_runs_go_by_the_folder_that_tells_them_apart(trained, others, tmp_path):
    from l2l_core.models.model_file import read_model, write_model

    runs = [tmp_path / name for name in ("deep/run", "flat/run", "a/x", "b/x")]
    for number, run in enumerate(runs):
        shutil.copytree(trained.folder, run)
        record, state = read_model(run / "model")
        # One model under several names would be refused.
        record.training["number"] = number
        write_model(run / "model", record, state)
    twice = [runs[0], runs[1] / "model", *runs[2:]]
    found = compare_methods(twice, tmp_path / "out", given(others, metrics=("nrmse",)))
    labels = [one.title for one in found.summary.standings]
    assert labels == ["input", "deep", "flat", str(twice[2]), str(twice[3])]


def test_one_model_under_two_paths_is_refused(trained, others, tmp_path):
    for again in (trained.model, tmp_path / "copy"):
        if not again.exists():
            shutil.copytree(trained.folder, again)
        with pytest.raises(OptionsError, match=r"are the same model .*give it once"):
            compare_methods([trained.folder, again], tmp_path / "out", given(others))
    assert not (tmp_path / "out").exists()


def test_a_model_without_its_run_is_said_to_be_of_unknown_images(trained, others, tmp_path):
    model = tmp_path / "lonely"
    shutil.copytree(trained.model, model)
    found = compare_methods([model], tmp_path / "out", given(others))
    assert any("is not recorded" in text for text in found.about.remarks)
    assert "No filter was compared" in found.files.report.read_text(encoding="utf-8")


def test_weights_that_a_given_run_started_from_may_have_seen_the_images(trained, others, tmp_path):
    from l2l_core.models.model_file import read_model, write_model

    other = tmp_path / "other"
    shutil.copytree(trained.folder, other)
    record, state = read_model(other / "model")
    record.training["config"]["train"]["start_from"] = "runs/first"
    write_model(other / "model", record, state)
    found = compare_methods([other], tmp_path / "out", given(others, metrics=("nrmse",)))
    assert [text.partition(":")[0] for text in found.about.remarks] == [
        "Training started from the weights of runs/first"
    ]


def test_a_truth_adds_what_is_held_against_it(others, trained, tmp_path):
    chosen = given(others, truth=str(others / "truth"), metrics=(), filters=("identity",))
    with pytest.warns(UserWarning, match="5 scales"):
        found = compare_methods([trained.folder], tmp_path / "out", chosen)
    titles = [one.title for one in found.summary.metrics]
    assert titles == [
        "NRMSE", "SSIM", "3S-SSIM", "5S-SSIM", "Michelson contrast",
        "structure precision (truth)", "structure recall (truth)", "hallucination rate (truth)",
    ]  # fmt: skip
    row = next(row for row in lines(found) if row["method"] == "identity")
    image, truth = (
        open_image(others / side / f"{row['image']}.ome.tif").read().astype(float)
        for side in ("input", "truth")
    )
    recall = get("metric", "structure_recall")(image, truth)
    assert row["metrics"]["structure_recall"] == [pytest.approx(recall, abs=0.01)]


def test_blocks_of_one_image_can_be_held_out(config, pairs, tmp_path):
    one = sorted((pairs / "input").iterdir())[0]
    target = pairs / "benchmark" / one.name
    changes = [f"data.input={one}", f"data.target={target}"]
    with pytest.raises(DataError, match=r"only one image.*data\.group = 'Z:4'.*--input"):
        compare_methods([config], tmp_path / "out", plan(filters=("median",)), overrides=changes)
    pytest.importorskip("torch", reason="training needs the torch engine, which is not installed")
    changes += ["data.group=Y:16", "data.validation=0", "train.epochs=1"]
    found = compare_methods(
        [config], tmp_path / "out", plan(filters=("gaussian:tune=true",)), overrides=changes
    )
    assert re.fullmatch(r".*, Y \d+ to \d+", found.summary.images[0])
    assert any("Blocks of one image" in text for text in found.about.remarks)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"filters": ("gausian",)}, ModelNotFoundError, "did you mean 'gaussian'"),
        ({"filters": ("median", "median")}, OptionsError, "given twice"),
        ({"filters": ("gaussian:tune={sigma=[1, -1]}",)}, OptionsError, "sigma"),
        ({"metrics": ("structure_recall",)}, ImageError, "needs the truth.*--truth"),
        ({"metrics": ("michelson_contrast",), "filters": ("gaussian:tune=true",)}, OptionsError,
         "compares with no benchmark; name another one first"),
        ({"losses": ("mea",)}, L2LError, "no loss is called 'mea'"),
        ({"losses": ("mae",), "train": False}, OptionsError, "without training"),
        ({"train": False}, OptionsError, "no method to compare"),
        ({"target": "somewhere"}, OptionsError, "--target names benchmarks of other images"),
        ({"input": "nowhere", "target": "nowhere"}, DataError, "nowhere: there is no such file"),
        ({"input": "nowhere"}, OptionsError, "no benchmark.*--target"),
        ({"truth": "nowhere"}, DataError, "nowhere: there is no such file"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_before_anything_is_done(
    config, tmp_path, changes, error, said
):
    with pytest.raises(error, match=said):
        compare_methods([config], tmp_path / "out", plan(**changes))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("sources", "changes", "error", "said"),
    [
        ((), {}, OptionsError, "no method to compare: give a configuration"),
        ((), {"filters": ("median",)}, OptionsError, "no images to compare on.*--input"),
        ((), {"losses": ("mae",)}, OptionsError, "none is given"),
        (("gaussian",), {}, ModelNotFoundError, "--filter gaussian"),
        (("nowhere",), {}, ModelNotFoundError, "no model at nowhere"),
        (("a.toml", "b.toml"), {}, OptionsError, "2 configurations; give one"),
    ],
)
def test_sources_that_are_none_are_refused(tmp_path, sources, changes, error, said):
    with pytest.raises(error, match=said):
        compare_methods(sources, tmp_path / "out", plan(**changes))
    assert not (tmp_path / "out").exists()


def test_truths_of_other_names_are_refused(others, trained, tmp_path):
    folder = tmp_path / "truth"
    shutil.copytree(others / "truth", folder)
    first = sorted(folder.iterdir())[0]
    first.rename(folder / "elsewhere.ome.tif")
    with pytest.raises(PairingError, match=r"the truth in .*not every image has a partner"):
        compare_methods([trained.folder], tmp_path / "out", given(others, truth=str(folder)))


def test_a_variant_that_cannot_be_trained_is_found_before_anything_is_done(config, tmp_path):
    chosen = plan(losses=("mae",), variants=("large patches.shape=[64,64]",))
    with pytest.raises(DataError, match=r"large cannot be trained: .* patch"):
        compare_methods([config], tmp_path / "out", chosen)
    assert not (tmp_path / "out").exists()


def tabled(config, pairs, animals):
    """Let a table name the pairs, each of them of an animal."""
    names = sorted(path.name for path in (pairs / "input").iterdir())
    rows = [
        f"{pairs / 'input' / name},{pairs / 'benchmark' / name},{animal}"
        for name, animal in zip(names, animals, strict=True)
    ]
    (config.parent / "pairs.csv").write_text("\n".join(["input,target,animal", *rows]))
    text = re.sub(r"(?m)^(input|target) = .*\n", "", config.read_text())
    table = '[data]\ntable = "pairs.csv"\ngroup = "column:animal"\n'
    config.write_text(text.replace("[data]\n", table))


def test_images_of_one_animal_are_said_to_be_alike(config, pairs, tmp_path):
    tabled(config, pairs, ["a", "a", "b", "b"])
    chosen = plan(train=False, filters=("median",), metrics=("nrmse",))
    found = compare_methods([config], tmp_path / "out", chosen)
    assert len(found.summary.images) == 2
    (remark,) = found.about.remarks
    assert remark.startswith("The 2 images are of 1 group (data.group): those of one group are")


def test_a_table_of_pairs_is_not_taken_for_the_truth(config, pairs, tmp_path):
    tabled(config, pairs, ["a", "b", "c", "d"])
    chosen = plan(truth=str(pairs / "truth"), train=False, filters=("median",))
    with pytest.raises(ConfigError, match=r"lists its pairs in pairs\.csv; give data\.input"):
        compare_methods([config], tmp_path / "out", chosen)
    found = compare_methods(
        [config], tmp_path / "out", plan(train=False, filters=("median",), metrics=("nrmse",))
    )
    assert len(found.summary.images) == 1


def test_images_that_a_run_does_not_take_are_refused(trained, others, tmp_path):
    for side in ("input", "target"):
        (tmp_path / side).mkdir()
        pixels = np.random.default_rng(1).random((2, 40, 40)).astype(np.float32)
        write_image(tmp_path / side / "a.ome.tif", pixels, "CYX")
    with pytest.raises(ImageError, match=r"run does not fit .*a\.ome\.tif: .*takes 1 channel"):
        compare_methods([trained.folder], tmp_path / "out", given_in(tmp_path))
    write_image(tmp_path / "input" / "a.ome.tif", pixels[0], "YX")
    with pytest.raises(ImageError, match=r"gives 1 channel, and the benchmark .* has 2 channels"):
        compare_methods([trained.folder], tmp_path / "out", given_in(tmp_path))
    assert not (tmp_path / "out").exists()


def test_planes_are_refused_where_volumes_train(config, others, tmp_path):
    with pytest.raises(ImageError, match=r"trained on volumes .* has the axes YX"):
        compare_methods(
            [config], tmp_path / "out", given(others), overrides=["patches.shape=[4, 16, 16]"]
        )


def given_in(folder):
    return plan(input=str(folder / "input"), target=str(folder / "target"))


def test_a_run_without_a_model_is_refused(trained, others, tmp_path):
    folder = tmp_path / "unfinished"
    shutil.copytree(trained.folder, folder)
    shutil.rmtree(folder / "model")
    with pytest.raises(ModelNotFoundError, match="has no model yet"):
        compare_methods([folder], tmp_path / "out", given(others))


def test_what_lies_in_the_folder_is_never_overwritten(others, trained, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(RunError, match="is not empty; choose another folder"):
            compare_methods([trained.folder], out, given(others), resume=resume)
    assert [path.name for path in out.iterdir()] == ["notes.txt"]
