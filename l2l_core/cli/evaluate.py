"""``l2l evaluate``: metrics of an image, as a rule against a reference."""

from __future__ import annotations

import click

from l2l_core.cli.output import columns, remark, say, say_json
from l2l_core.components.registry import registry


@click.command()
@click.argument("image", type=click.Path())
@click.option(
    "--reference",
    type=click.Path(),
    help="Image to compare with: benchmark, raw image or truth. Without it, metrics of one image.",
)
@click.option(
    "--metric",
    "--metrics",
    "metrics",
    multiple=True,
    metavar="NAME[:OPTIONS]",
    help="Metric instead of the usual ones, such as ms_ssim:scales=5,filter_size=7; may be "
    "repeated, or several separated by commas. 'l2l plugins list --kind metric' shows all.",
)
@click.option(
    "--data-range",
    type=click.FloatRange(min=0, min_open=True),
    help="Span of the intensities; by default the reference's maximum less its minimum.",
)
@click.option(
    "--fit-gain",
    is_flag=True,
    help="Fit gain and offset of each plane to the reference first, for images in other units.",
)
@click.option(
    "--maps",
    type=click.Path(),
    metavar="DIR",
    help="Write where both images differ, as images and as pictures: for each metric that has a "
    "map (nrmse, rse), or for these two.",
)
@click.option("--axes", help="Axes of both, where the files do not say, such as ZYX.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def command(
    image: str,
    reference: str | None,
    metrics: tuple[str, ...],
    data_range: float | None,
    fit_gain: bool,
    maps: str | None,
    axes: str | None,
    as_json: bool,
) -> None:
    """Score IMAGE, as a rule against a reference, plane by plane.

    The data range that PSNR and SSIM are relative to is printed with the numbers, which metrics
    make use of it, and what gain and offset were fitted.
    """
    from l2l_core.workflows.evaluate import evaluate, metric_name, metric_unit, split_metrics

    if maps and reference is None:
        raise click.UsageError("--maps shows differences from a reference; give --reference too")
    names = [name for text in metrics for name in split_metrics(text)]
    scores = evaluate(
        image,
        reference,
        metrics=names,
        data_range=data_range,
        fit=fit_gain,
        axes=axes,
    )
    truthful = [
        name
        for name in scores.values
        if getattr(registry().find("metric", metric_name(name)).info, "needs_truth", False)
    ]
    if truthful:
        remark(
            f"warning: {', '.join(truthful)} take{'s' * (len(truthful) == 1)} the reference for "
            "the truth, as simulated specimens have it; a benchmark is none, since it has a "
            "background of its own"
        )
    below = [
        name for name in scores.values if metric_name(name) == "psnr" and scores.mean(name) < 0
    ]
    if below and not fit_gain:
        remark(
            "warning: a PSNR below 0 dB, whose error exceeds the data range, comes of images in "
            "different units; --fit-gain fits gain and offset first"
        )
    written: list[str] = []
    if maps and reference is not None:
        from l2l_core.workflows.error_maps import write_error_maps

        paths = write_error_maps(image, reference, maps, names, fit=fit_gain, axes=axes)
        written = [str(path) for path in paths]
    units = {name: metric_unit(name) for name in scores.values}
    if as_json:
        found = {"image": image, "reference": reference, **scores.to_dict(), "units": units}
        say_json({**found, "maps": written} if maps else found)
        return
    planes = len(scores.gains)
    rows = [("metric", "mean", "std" if planes > 1 else "", "unit", "better", "data range")]
    span = "none" if scores.data_range is None else f"{scores.data_range:g}"
    for name in scores.values:
        info = registry().find("metric", metric_name(name)).info
        unused = getattr(info, "data_range", "unused") == "unused"
        rows.append(
            (
                name,
                f"{scores.mean(name):.4f}",
                f"{scores.deviation(name):.4f}" if planes > 1 else "",
                units[name],
                "higher" if getattr(info, "higher_is_better", True) else "lower",
                "not used" if unused else span,
            )
        )
    say(columns(rows, indent=0))
    say(f"over {planes} plane{'s' * (planes > 1)}")
    say(f"data range {span} ({scores.data_range_source})")
    if fit_gain:
        fitted = ", ".join(
            f"{gain:.4g} x + {offset:.4g}"
            for gain, offset in zip(scores.gains, scores.offsets, strict=True)
        )
        say(f"fitted before: {fitted}")
    for path in written:
        say(f"wrote {path}")
