"""The paper's claims as statements about scores; what each asks for stands before any result.

A claim gets a ``Table`` of scores and returns its statements. Every number is the mean over the
test images of a seed.
"""

from collections.abc import Callable
from math import isfinite, nan

from attrs import define

from l2l_core.workflows.tuning import GRIDS
from tests.study.plan import LOSS_TITLES, ONE_STRUCTURE, PAPERS_LOSS, UNCORRELATED, Group
from tests.study.rules import Statement
from tests.study.scoring import TUNED_BY, read_scores

INDEX_TITLES = {"nrmse": "NRMSE", "ssim": "SSIM", "ms3": "3S-SSIM", "ms5": "5S-SSIM"}
L2L_LOSSES = ("mae", "ms3", "ms5")
LINES = ("actin", "tubulin")


@define(frozen=True)
class Claim:
    """One claim of the paper, and what it is held against.

    Parameters
    ----------
    number : int
    title : str
    rule : str
        What is measured, in words.
    statements : callable
        From a table of scores to statements.
    specimens : tuple of str
        Specimens whose networks and scores it needs.
    filters : bool
        Whether it needs the tuned filters.
    """

    number: int
    title: str
    rule: str
    statements: Callable
    specimens: tuple[str, ...]
    filters: bool = False


class Table:
    """Scores by specimen, method and seed."""

    def __init__(self, study):
        self._study, self._known = study, {}
        self.seeds = study.scale.seeds

    def values(self, specimen, method, metric):
        """Return a metric's mean over the test images of each seed."""
        return tuple(self._mean(Group(specimen, seed), method, metric) for seed in self.seeds)

    def _mean(self, group, method, metric):
        key = group, method
        if key not in self._known:
            self._known[key] = read_scores(self._study, group, method)
        found = [row.get(metric, nan) for row in self._known[key].values()]
        found = [value for value in found if isfinite(value)]
        return sum(found) / len(found) if found else nan

    def more(self, specimen, metric, method, other):
        """Return by how much a method's metric is above another's, for each seed."""
        return minus(self.values(specimen, method, metric), self.values(specimen, other, metric))


def minus(first, second):
    """Return the differences of two rows of numbers."""
    return tuple(a - b for a, b in zip(first, second, strict=True))


def negative(values):
    """Return numbers with the other sign, of a metric whose lower values are better."""
    return tuple(-value for value in values)


def papers(specimen):
    """Return the method whose loss the paper found best for a specimen."""
    return f"l2l-{PAPERS_LOSS[specimen]}"


def contrast(table):
    """Claim 1."""
    for specimen in ONE_STRUCTURE:
        best = papers(specimen)
        for other in ("input", "benchmark"):
            yield Statement(
                specimen,
                f"Michelson contrast of L2L less that of the {other}",
                table.more(specimen, "michelson", best, other),
            )
        yield Statement(
            specimen,
            "Michelson contrast of the benchmark less that of noise2noise",
            table.more(specimen, "michelson", "benchmark", f"n2n-{PAPERS_LOSS[specimen]}"),
        )


def indices_rise(table):
    """Claim 2."""
    for specimen in ONE_STRUCTURE:
        for loss in L2L_LOSSES:
            for metric, title in INDEX_TITLES.items():
                rise = table.more(specimen, metric, f"l2l-{loss}", "input")
                better = negative(rise) if metric == "nrmse" else rise
                text = f"gain in {title} over the input, {LOSS_TITLES[loss]}"
                if (specimen, loss) == ("tubulin", "mae"):
                    # The paper's exception: there they should not rise.
                    text, better = text.replace("gain in", "loss of"), negative(better)
                yield Statement(specimen, text, better)


def scales(table):
    """Claim 3."""
    for specimen in LINES:
        pairs = (("ssim", "ms3"), ("ms3", "ms5"))
        for few, many in pairs:
            said = f"{LOSS_TITLES[few]} against {LOSS_TITLES[many]}"
            one, two = f"l2l-{few}", f"l2l-{many}"
            yield Statement(
                specimen, f"narrower lines, {said}", table.more(specimen, "width", two, one)
            )
            yield Statement(
                specimen,
                f"more invented objects, {said}",
                table.more(specimen, "hallucination", one, two),
            )
            yield Statement(
                specimen,
                f"further from the restoration by L1, {said}",
                table.more(specimen, "from_mae", one, two),
            )


def noise2noise(table):
    """Claim 4."""
    for specimen in ONE_STRUCTURE:
        for text, metric, sign in (
            ("share of invented objects", "hallucination", 1),
            ("share of the structure that is not real", "precision", -1),
        ):
            more = table.more(specimen, metric, "n2n-ms3", "l2l-ms3")
            yield Statement(
                specimen,
                f"{text}, noise2noise less L2L, both 3S-SSIM",
                more if sign > 0 else negative(more),
            )


def correlated_background(table):
    """Claim 5."""
    for text, metric, sign in (
        ("F1 of L1 less that of 3S-SSIM", "f1", 1),
        ("invented objects by 3S-SSIM less those by L1", "hallucination", -1),
    ):
        found = {
            specimen: table.more(specimen, metric, "l2l-mae", "l2l-ms3")
            for specimen in ("paxillin", UNCORRELATED)
        }
        lead = {k: v if sign > 0 else negative(v) for k, v in found.items()}
        yield Statement("paxillin", text, lead["paxillin"])
        yield Statement(
            "paxillin",
            f"{text}, and that less the same with uncorrelated backgrounds",
            minus(lead["paxillin"], lead[UNCORRELATED]),
        )


def reverse(table):
    """Claim 6."""
    for specimen in LINES:
        for text, metric in (("F1", "f1"), ("Michelson contrast", "michelson")):
            yield Statement(
                specimen,
                f"{text} of L2L less that of the reverse direction, both 3S-SSIM",
                table.more(specimen, metric, "l2l-ms3", "reverse-ms3"),
            )


def widths(table):
    """Claim 8."""
    true = table.values("tubulin", "truth", "width")
    before = table.values("tubulin", "input", "width")
    for loss in L2L_LOSSES:
        after = table.values("tubulin", f"l2l-{loss}", "width")
        yield Statement(
            "tubulin",
            f"distance of the width from that of the truth, input less L2L, {LOSS_TITLES[loss]}",
            tuple(abs(b - t) - abs(a - t) for b, a, t in zip(before, after, true, strict=True)),
        )


def best_filter(table, specimen, metric):
    """Return for each seed the best score that a tuned filter has, which favours filters."""
    choose = min if metric in ("nrmse", "hallucination") else max
    # Where an index judges, the options were tuned by that index; elsewhere by any.
    by = (metric,) if metric in TUNED_BY else TUNED_BY
    methods = [f"{name}:{index}" for name in GRIDS for index in by]
    columns = [table.values(specimen, method, metric) for method in methods]
    return tuple(choose(seen) for seen in zip(*columns, strict=True))


def baselines(table):
    """Claim 10."""
    for specimen in ONE_STRUCTURE:
        for metric, title in (("nrmse", "NRMSE"), ("ms3", "3S-SSIM"), ("f1", "F1")):
            filters = best_filter(table, specimen, metric)
            for loss in L2L_LOSSES:
                lead = minus(table.values(specimen, f"l2l-{loss}", metric), filters)
                yield Statement(
                    specimen,
                    f"lead in {title} over the best filter, {LOSS_TITLES[loss]}",
                    negative(lead) if metric == "nrmse" else lead,
                )


CLAIMS = {
    claim.number: claim
    for claim in (
        Claim(
            1,
            "Label2label raises the contrast above that of the input and of the benchmark; "
            "noise2noise does not",
            "Michelson contrast of the test images, with the paper's loss for each specimen. "
            "Noise2noise, with the same loss, should stay below the benchmark.",
            contrast,
            ONE_STRUCTURE,
        ),
        Claim(
            2,
            "The indices against the benchmark rise, but for tubulin with L1",
            "NRMSE (as a fall), SSIM, 3S-SSIM and 5S-SSIM of the restoration less those of the "
            "input, with three losses. For the paper's exception the sign is the other one.",
            indices_rise,
            ONE_STRUCTURE,
        ),
        Claim(
            3,
            "Fewer scales of SSIM: sharper and more invented; more scales come closer to L1",
            "Median width of lines; share of restored objects that are invented; root mean square "
            "difference from the restoration with L1, over its standard deviation, after one gain "
            "and offset. Each step, 1 to 3 and 3 to 5 scales, is a statement.",
            scales,
            LINES,
        ),
        Claim(
            4,
            "With losses of SSIM noise2noise invents more structure than label2label",
            "Share of restored objects that are invented, and one less the structure's precision, "
            "against the truth; both trained with 3S-SSIM on the same inputs.",
            noise2noise,
            ONE_STRUCTURE,
        ),
        Claim(
            5,
            "L1 is best where the backgrounds of the labels correlate",
            "F1 of the restored structure and share of invented objects, on paxillin, and what of "
            "the lead of L1 is left where the same labels have uncorrelated cytosol.",
            correlated_background,
            ("paxillin", UNCORRELATED),
        ),
        Claim(
            6,
            "The reverse direction is worse",
            "A network from the benchmark to the input, given the benchmark, against one from the "
            "input to the benchmark, given the input: F1 against the truth, and contrast.",
            reverse,
            LINES,
        ),
        Claim(
            8,
            "The widths of microtubules come closer to the truth",
            "Median width of lines in the truth, the input and the restoration.",
            widths,
            ("tubulin",),
        ),
        Claim(
            10,
            "All label2label results beat the tuned baselines",
            "Each index against the best of six filters whose options were tuned by that index on "
            "images that train; F1 against the best of all of these. The best filter is chosen on "
            "the test images, seed by seed, which favours the filters.",
            baselines,
            ONE_STRUCTURE,
            filters=True,
        ),
    )
}
