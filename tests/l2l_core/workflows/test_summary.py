import csv

from l2l_core.workflows.restoration import Restored
from l2l_core.workflows.summary import write_summary

RESULTS = [
    Restored("in/a.zarr", "out/a.zarr", (3, 40), "YX", seconds=1.26, units=2),
    Restored("in/b.zarr", "out/b.zarr", (3, 40), "YX", skipped=True, units=2, units_before=2),
    Restored("in/c.zarr", "out/c.zarr", error="1 of 2 units:\ta tab\nand a line"),
]


def rows(place):
    with place.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_each_image_is_a_line_whatever_its_error_holds(tmp_path):
    found = rows(write_summary(tmp_path, RESULTS))
    assert [row["state"] for row in found] == ["restored", "was finished before", "failed"]
    assert found[0] == {
        "source": "in/a.zarr",
        "out": "out/a.zarr",
        "axes": "YX",
        "shape": "3x40",
        "units": "2",
        "seconds": "1.3",
        "state": "restored",
        "error": "",
    }
    assert found[2]["error"] == RESULTS[2].error


def test_the_next_run_replaces_it_as_a_whole(tmp_path):
    write_summary(tmp_path, RESULTS)
    place = write_summary(tmp_path, RESULTS[:1])
    assert len(rows(place)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["summary.tsv"]
