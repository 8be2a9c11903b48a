"""What ``l2l restore`` prints and returns where it writes stores."""

import json
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import tifffile
import zarr

from l2l_core.cli.main import main
from l2l_core.images import open_image
from l2l_core.images.writing import write_image
from l2l_core.workflows.model import load_model


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(20, 500, shape).astype(np.uint16)


@pytest.fixture
def image(tmp_path):
    """Return a mosaic of nine units of 64 pixels, in chunks of 16."""
    place = tmp_path / "image.zarr"
    zarr.create_array(str(place), data=noise(150, 170), chunks=(16, 16))
    return place


@pytest.fixture
def restore(capsys):
    """Return a function that runs the command, and returns its status, stdout and stderr."""

    def ran(*arguments):
        status = main(["restore", *map(str, arguments)])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return ran


def blurred(pixels):
    with load_model("gaussian:sigma=1") as model:
        return model.restore(pixels)


def test_a_restoration_is_one_line_and_what_goes_on_stands_beside_it(restore, image, tmp_path):
    out = tmp_path / "out.zarr"
    status, shown, beside = restore("gaussian:sigma=1", image, "--out", out, "--unit", "64")
    assert status == 0
    assert shown.count("\n") == 1
    assert f"{image}  YX 150 x 170" in shown
    assert "gaussian" in beside
    assert "threads on this computer" in beside
    np.testing.assert_array_equal(open_image(out).read(), blurred(noise(150, 170)))
    status, shown, _ = restore("gaussian:sigma=1", image, "--out", out, "--unit", "64")
    assert (status, "was finished before" in shown) == (0, True)


def test_json_is_all_that_is_printed(restore, image, tmp_path):
    out = tmp_path / "out.zarr"
    arguments = ("identity", image, "--out", out, "--unit", "64", "--json")
    _, shown, _ = restore(*arguments)
    (found,) = json.loads(shown)["restored"]
    assert found.pop("seconds") >= 0
    assert found == {
        "source": str(image),
        "out": str(out),
        "shape": [150, 170],
        "axes": "YX",
        "skipped": False,
        "error": "",
        "units": 9,
        "units_before": 0,
    }
    (again,) = json.loads(restore(*arguments)[1])["restored"]
    assert (again["skipped"], again["units"], again["units_before"]) == (True, 9, 9)


def test_damage_is_named_and_ends_with_1_until_it_is_repaired(restore, image, tmp_path):
    chunk = image / "c" / "5" / "5"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:20])
    arguments = ("gaussian:sigma=1", image, "--out", tmp_path / "out.zarr", "--unit", "64")
    status, shown, beside = restore(*arguments, "--json")
    assert status == 1
    (found,) = json.loads(shown)["restored"]
    assert found["units"] == 8
    assert "c/5/5 cannot be decoded" in found["error"]
    assert "c/5/5 cannot be decoded" in beside
    chunk.write_bytes(whole)
    status, shown, _ = restore(*arguments)
    assert status == 0
    assert "went on behind 8 units" in shown


def test_a_batch_ends_with_1_where_one_image_fails(restore, image, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    shutil.copytree(image, folder / "a.zarr")
    tifffile.imwrite(folder / "b.tif", noise(20, 30))
    (folder / "c.tif").write_bytes(b"no image")
    status, shown, _ = restore("identity", folder, "--out", tmp_path / "out", "--json")
    assert status == 1
    found = json.loads(shown)["restored"]
    assert [bool(one["error"]) for one in found] == [False, False, True]
    assert (tmp_path / "out.l2l" / "summary.tsv").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--level", "3"), "level 3"),
        (("--unit", "3"), "too small"),
        (("--workers", "1", "--scheduler", "tcp://127.0.0.1:1"), "give one of the two"),
        (("--channel", "0"), "leave --channel out"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(arguments, says, restore, image, tmp_path):
    status, shown, beside = restore("identity", image, "--out", tmp_path / "out.zarr", *arguments)
    assert (status, shown) == (1, "")
    assert says in beside
    assert "Traceback" not in beside


def test_the_ledger_goes_where_it_is_said(restore, image, tmp_path):
    arguments = ("--out", tmp_path / "out.zarr", "--ledger", tmp_path / "kept")
    assert restore("identity", image, *arguments)[0] == 0
    assert (tmp_path / "kept" / "ledger.jsonl").exists()
    assert not (tmp_path / "out.zarr.l2l").exists()


def test_how_it_is_stored(restore, image, tmp_path):
    out = tmp_path / "out.zarr"
    arguments = ("--ome-zarr", "0.4", "--compression", "zstd", "--dtype", "uint16")
    assert restore("identity", image, "--out", out, *arguments)[0] == 0
    stored = json.loads((out / "0" / ".zarray").read_text())
    assert (stored["dtype"], stored["compressor"]["cname"]) == ("<u2", "zstd")


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing."""

    def log_message(self, *_):
        pass


@pytest.fixture
def url(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_image_of_a_web_server(url, restore, image, tmp_path):
    pytest.importorskip("aiohttp")
    out = tmp_path / "out.zarr"
    status, shown, beside = restore(
        "gaussian:sigma=1", f"{url}/image.zarr", "--out", out, "--unit", "64"
    )
    assert (status, f"{url}/image.zarr" in shown) == (0, True), beside
    np.testing.assert_array_equal(open_image(out).read(), blurred(noise(150, 170)))
    status, _, beside = restore("identity", f"{url}/none.zarr", "--out", tmp_path / "b.zarr")
    assert (status, "none.zarr" in beside) == (1, True)
    status, _, beside = restore("identity", f"{url}/image.zarr", "--out", f"{url}/new.zarr")
    assert (status, "--ledger" in beside) == (1, True)


def test_two_processes_write_what_threads_write(trained, restore, tmp_path):
    pytest.importorskip("distributed")
    write_image(tmp_path / "image.ome.zarr", noise(2, 70, 150), "TYX")
    for name, more in (("threads", ()), ("processes", ("--workers", "2"))):
        status, _, beside = restore(
            trained.folder,
            tmp_path / "image.ome.zarr",
            *("--out", tmp_path / f"{name}.zarr", "--unit", "64", "--device", "cpu", *more),
        )
        assert status == 0, beside
    assert "2 processes" in beside
    one, two = (open_image(tmp_path / f"{name}.zarr").read() for name in ("threads", "processes"))
    np.testing.assert_allclose(one, two, atol=1e-5 * float(one.std()))
