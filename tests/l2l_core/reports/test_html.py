import io
import re
from html.parser import HTMLParser

import attrs
import numpy as np
import pytest
from PIL import Image as PillowImage

from l2l_core.components.training import EpochRecord
from l2l_core.errors import OutputError
from l2l_core.reports import Example, MetricRow, ReportContent, write_panel_png, write_report
from l2l_core.reports.content import Finding, TextTable
from l2l_core.reports.html import render_report

RNG = np.random.default_rng(10)
EXAMPLE = Example(
    name="held-out <1>",
    images={name: RNG.random((32, 32)) for name in ("input", "restoration", "benchmark")},
)
CONTENT = ReportContent(
    title="Actin & <script>",
    summary="Trained on 3 pairs.",
    metrics=[
        MetricRow(
            metric="SSIM",
            reference="benchmark",
            values={"input": (0.1,), "gaussian": (0.5,), "restoration": (0.4,)},
            higher_is_better=True,
            data_range="1 (1st to 99.8th percentile)",
            remark="gain fitted",
        )
    ],
    examples=[EXAMPLE],
    history=[
        EpochRecord(
            epoch=1,
            train={"loss": 0.5},
            validation={"loss": 0.6},
            learning_rate=4e-4,
            seconds=1.0,
            best=True,
        )
    ],
    config='[data]\ninput = "a<b>"\n',
    facts={"seed": "7"},
    notes=["Gain and offset were fitted."],
)


class Page(HTMLParser):
    """What stands in a page: open tags, their attributes, and the text."""

    void = {"meta", "img", "source", "br"}  # noqa: RUF012

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def attributes(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page():
    return Page(render_report(CONTENT))


def test_a_page_shows_every_part(page):
    words = " ".join(page.text.split())
    for part in (
        "Actin & <script>",
        "Trained on 3 pairs.",
        "SSIM from 0.100 to 0.400 (better)",
        "does not beat the filtered input (gaussian) in 1 of 1 comparisons",
        "not for measuring amounts",
        "1 (1st to 99.8th percentile)",
        "gain fitted",
        "0.5th to the 99.8th percentile",
        "1 epoch; best epoch 1, loss 0.6",
        'input = "a<b>"',
        "seed",
        "Gain and offset were fitted.",
    ):
        assert part in words


def test_foreign_text_is_never_markup(page):
    assert "script" not in {tag for tag, _ in page.tags}
    assert "b" not in {tag for tag, _ in page.tags}


def test_a_page_needs_nothing_beside_it(page):
    text = render_report(CONTENT)
    assert not re.search(r"https?:|url\(|@import|<link|<script", text)
    sources = [a["src"] for a in page.attributes("img")]
    sources += [a["srcset"] for a in page.attributes("source")]
    assert len(sources) == 4
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_every_picture_has_a_text_instead(page):
    alts = [a["alt"] for a in page.attributes("img")]
    assert alts[0].startswith("held-out <1>: input, restoration and benchmark of the same field")
    assert alts[1].startswith("Training and validation loss by epoch. 1 epoch")
    assert page.attributes("html") == [{"lang": "en"}]
    assert {a["scope"] for a in page.attributes("th")} == {"col", "row"}


def test_the_best_is_marked_in_words_too(page):
    assert "0.500 (best)" in page.text


def test_findings_come_first_and_tell_in_which_tone():
    content = ReportContent(
        title="Compared",
        summary="Two methods.",
        findings=[
            Finding(text="No network wins.", tone="warns"),
            Finding(text="It is better in SSIM.", tone="good"),
        ],
        tables=[
            TextTable(
                caption="All.",
                header=("Method", "SSIM"),
                rows=(("a", "0.5\n[0.4, 0.6]"), ("b", "0.7\n[0.6, 0.8]")),
                best={(1, 1)},
            )
        ],
        remarks=["One gain was fitted."],
    )
    found = Page(render_report(content))
    words = " ".join(found.text.split())
    order = ["No network wins.", "It is better in SSIM.", "All.", "One gain was fitted."]
    assert sorted(order, key=words.index) == order
    classes = [a.get("class") for tag in ("p", "li") for a in found.attributes(tag)]
    assert "warning lead" in classes
    assert "good" in classes
    cells = found.attributes("td")
    assert [a["class"] for a in cells] == ["value", "value", "value", "value best"]
    assert "0.7[0.6, 0.8] (best)" in words
    assert "0.5[0.4, 0.6] (best)" not in words


def test_what_is_left_out_is_not_shown():
    bare = Page(render_report(ReportContent(title="Bare", summary="Nothing.")))
    assert not bare.attributes("img")
    assert not bare.attributes("table")
    assert "Metrics" not in bare.text
    assert "Look twice" not in bare.text
    assert "not for measuring" in bare.text


def test_a_report_replaces_the_former_one_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "runs" / "report.html"
    write_report(path, CONTENT)
    write_report(path, attrs.evolve(CONTENT, title="Second"))
    assert "<h1>Second</h1>" in path.read_text(encoding="utf-8")
    assert list(path.parent.iterdir()) == [path]


def test_a_report_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file.report\.html: the file cannot be written"):
        write_report(tmp_path / "file" / "report.html", CONTENT)


def test_a_panel_is_a_png_as_wide_as_its_images(tmp_path):
    for images, expected in ((3, 3), (1, 1)):
        some = dict(list(EXAMPLE.images.items())[:images])
        path = tmp_path / f"{images}.png"
        write_panel_png(path, attrs.evolve(EXAMPLE, images=some), dpi=100, profile=False)
        with PillowImage.open(io.BytesIO(path.read_bytes())) as png:
            assert png.width == pytest.approx(235 * expected + 8 * (expected - 1) + 20, abs=1)
