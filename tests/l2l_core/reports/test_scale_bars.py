import pytest

from l2l_core.reports.scale_bars import scale_bar_length


@pytest.mark.parametrize(
    ("pixels", "pixel_nm", "label"),
    [(256, 120, "5 µm"), (512, 10, "1 µm"), (64, 10, "100 nm"), (2048, 325, "100 µm")],
)
def test_scale_bars_have_round_lengths(pixels, pixel_nm, label):
    length, text = scale_bar_length(pixels, pixel_nm)
    assert text == label
    assert 0.1 * pixels < length <= 0.3 * pixels
