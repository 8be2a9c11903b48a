"""``l2l data``: look at images before they are used, and prepare pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from l2l_core.cli.output import columns, remark, say, say_json
from l2l_core.errors import PairingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from l2l_core.workflows.inspection import Inspection
    from l2l_core.workflows.pair_alignment import Alignment
    from l2l_core.workflows.pair_contrast import SetContrast


@click.group()
def command() -> None:
    """Look at images, compare two labels, align pairs."""


@command.command("inspect")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--axes", help="Axes of the images, where the files do not say, such as ZYX.")
@click.option("--level", type=click.IntRange(min=0), default=0, help="Level of a pyramid.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def inspect_(paths: tuple[str, ...], axes: str | None, level: int, as_json: bool) -> None:
    """Show axes, shape, pixel size, percentiles, saturation and hot pixels of images.

    PATH is an image, a folder or a glob.  Percentiles are exact, over all pixels of a channel; hot
    pixels are counted in up to 16 planes.
    """
    from l2l_core.images.reading import list_images
    from l2l_core.workflows.inspection import inspect

    found = [inspect(path, axes=axes, level=level) for path in list_images(list(paths))]
    if as_json:
        say_json({"images": [one.to_dict() for one in found]})
        return
    for number, one in enumerate(found):
        if number:
            say("")
        say(_described(one))


def _described(one: Inspection) -> list[str]:
    info = one.info
    sizes = ", ".join(f"{axis} {size}" for axis, size in info.pixel_size.items())
    facts = [
        ("axes", f"{info.axes}  {' x '.join(map(str, info.shape))}"),
        ("pixels", f"{info.dtype}, {info.format}"),
        ("pixel size", sizes or "not in the file"),
    ]
    rows: list[tuple[str, ...]] = []
    names = info.channel_names or ()
    for index, channel in enumerate(one.to_dict()["channels"]):
        if not rows:
            heads = (f"p{p}" for p in channel["percentiles"])
            rows.append(("channel", "min", *heads, "max", "mean", "std", "saturated", "hot"))
        if not channel["pixels"]:
            continue
        rows.append(
            (
                names[index] if index < len(names) else str(index),
                f"{channel['minimum']:g}",
                *(f"{value:.6g}" for value in channel["percentiles"].values()),
                f"{channel['maximum']:g}",
                f"{channel['mean']:.5g}",
                f"{channel['std']:.5g}",
                f"{100 * channel['saturated']:.2f} %",
                str(channel["hot_pixels"]["count"]),
            )
        )
    return [info.path, *columns(facts), *columns(rows)]


def _pair_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what all commands take that read two labels."""
    for option in (
        click.option("--axes", help="Axes of the images, where the files do not say, such as ZYX."),
        click.option("--channel-b", type=click.IntRange(min=0), help="Channel of B, from 0."),
        click.option("--channel-a", type=click.IntRange(min=0), help="Channel of A, from 0."),
        click.option(
            "--match",
            default="",
            metavar="REGEX",
            help="Regular expression for names that do not match by themselves; what its group, "
            "in brackets, finds is what the names of two partners share.",
        ),
    ):
        command = option(command)
    return command


@command.command("contrast")
@click.argument("a", type=click.Path(), metavar="A|CONFIG")
@click.argument("b", type=click.Path(), required=False, metavar="[B]")
@click.option(
    "--sample",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of the pixels that counts as structure; 0.01 for sparse puncta. By default "
    "data.contrast_sample of CONFIG, or 0.1.",
)
@_pair_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def contrast_(
    a: str,
    b: str | None,
    sample: float | None,
    axes: str | None,
    channel_a: int | None,
    channel_b: int | None,
    match: str,
    as_json: bool,
) -> None:
    """Say which of two labels is the input, and whether they suit one another.

    A and B are images of one field, or folders or globs (such as "raw/*_a.tif") of them, matched by
    name; the same twice with --channel-a and --channel-b for two channels of each file.  CONFIG, a
    TOML file as for training, stands for its input as A and its target as B.  Contrasts
    are taken as in the label2label paper: Michelson, how far structure stands above background,
    and RMS, how far grey values spread, both from 0 to 1.  The correlation is that of details,
    without noise and diffuse background: 1 where both show the same, 0 where nothing.  SSIM is
    their similarity pixel by pixel, 5S-SSIM that over five scales.
    """
    from l2l_core.workflows.pair_contrast import config_contrast, pair_contrast

    if b is None:
        if not a.endswith(".toml"):
            raise click.UsageError(f"one label alone, {a}; give the other one too, or CONFIG.toml")
        if axes or match or channel_a is not None or channel_b is not None:
            raise click.UsageError("axes, names and channels are given in the [data] of CONFIG")
        found = config_contrast(a, sample=sample)
    else:
        found = pair_contrast(
            a,
            b,
            sample=0.1 if sample is None else sample,
            axes=axes,
            channel_a=channel_a,
            channel_b=channel_b,
            match=match,
        )
    if as_json:
        say_json({"a": a, "b": b, **found.to_dict()})
        return
    say(_contrasts(found))
    say(found.advice)
    for warning in found.warnings:
        say(f"warning: {warning}")


def _contrasts(found: SetContrast) -> list[str]:
    numbers = ("michelson_a", "michelson_b", "rms_a", "rms_b", "correlation", "ssim", "ms_ssim")
    heads = ("Michelson A", "B", "RMS A", "B", "correlation", "SSIM", "5S-SSIM")
    rows: list[tuple[str, ...]] = [("pair", *heads)]
    rows += [
        (pair.name, *(f"{getattr(pair, number):.3f}" for number in numbers)) for pair in found.pairs
    ]
    if len(found.pairs) > 1:
        rows.append(("mean", *(f"{found.mean(number):.3f}" for number in numbers)))
        rows.append(("sd", *(f"{found.std(number):.3f}" for number in numbers)))
    return columns(rows, indent=0)


@command.command("align")
@click.argument("a", type=click.Path())
@click.argument("b", type=click.Path())
@click.option(
    "--out",
    required=True,
    type=click.Path(),
    metavar="FILE|DIR",
    help="Folder to write into, or, for one pair, an image that gets both as channels.",
)
@click.option(
    "--method",
    type=click.Choice(["ssim", "phase"]),
    default="ssim",
    show_default=True,
    help="ssim: whole pixels, as in the paper; phase: parts of a pixel, interpolated, and surer "
    "for two unlike labels.",
)
@click.option(
    "--search",
    type=click.IntRange(min=1),
    metavar="PIXELS",
    help="How far a shift may go; 5 by ssim and 10 by phase where it is left out.",
)
@_pair_options
@click.option("--restart", is_flag=True, help="Replace files that exist.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def align_(
    a: str,
    b: str,
    out: str,
    method: str,
    search: int | None,
    axes: str | None,
    channel_a: int | None,
    channel_b: int | None,
    match: str,
    restart: bool,
    as_json: bool,
) -> None:
    """Move B onto A, and crop both to what they share.

    A and B are images of one field, or folders or globs of them, matched by name; the same twice
    with --channel-a and --channel-b for two channels of each file.  One shift along Y and X for a
    whole image; Z and T stay.  One of both may be a single plane, the other a movie or a stack.

    The correlation that is printed is that of details after the move, 1 where both show the same;
    sd is the uncertainty of the shift, as a standard deviation.
    """
    from l2l_core.workflows.pair_alignment import align

    done: list[Alignment] = []
    for one in align(
        a,
        b,
        out,
        method=method,
        search=search,
        axes=axes,
        channel_a=channel_a,
        channel_b=channel_b,
        match=match,
        restart=restart,
    ):
        done.append(one)
        if one.problem:
            remark(f"{one.name}: not aligned: {one.problem}")
        elif not as_json:
            say(_moved(one))
    failed = sum(one.shift is None for one in done)
    if as_json:
        say_json({"method": method, "pairs": [one.to_dict() for one in done]})
    if failed:
        raise PairingError(
            f"{failed} of {len(done)} pairs could not be aligned and were not written; see above"
        )


def _moved(one: Alignment) -> list[str]:
    shift = one.shift
    if shift is None:
        return []
    moved = (
        f"{one.name}: B moved by {shift.y:+.2f} (sd {shift.y_error:.2f}) px along Y and "
        f"{shift.x:+.2f} (sd {shift.x_error:.2f}) px along X, by {shift.method}; correlation "
        f"{shift.correlation:.3f}"
    )
    lines = [moved]
    lines += [f"  wrote {path}" for path in one.written]
    if one.doubt:
        lines.append(f"  warning: {one.doubt}")
    return lines
