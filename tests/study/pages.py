"""The study's pages: what a claim was held against, what came out, and the verdict."""

from tests.study.rules import verdict
from tests.study.training import write_text
from tests.study.work import EVERY


def write_claim(study, number, found, folder):
    """Write the page of a claim."""
    claim = EVERY[number]
    lines = [
        f"# {number}. {claim.title}",
        "",
        f"**Verdict: {verdict(found)}.** "
        + ", ".join(
            f"{sum(one.outcome == outcome for one in found)} {outcome}"
            for outcome in ("holds", "open", "fails")
        )
        + f" of {len(found)} statements.",
        "",
        claim.rule,
        "",
        "| | statement: above 0 is | mean | 95 % interval | |",
        "|---|---|---|---|---|",
        *(_row(one) for one in found),
        "",
    ]
    write_text(folder / f"claim-{number:02}.md", "\n".join(lines))


def _row(one):
    found = one.interval
    return (
        f"| {one.subject} | {one.text} | {found.mean:.3g} | {found.low:.3g} to {found.high:.3g} "
        f"| {one.outcome} |"
    )
