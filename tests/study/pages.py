"""The study's pages: what a claim was held against, what came out, and the verdict."""

import json
from importlib.metadata import version

from tests.study import pictures, scoring
from tests.study.claims import Table
from tests.study.numbers_of_images import NUMBERS
from tests.study.plan import PAGES
from tests.study.rules import verdict
from tests.study.training import write_text
from tests.study.work import EVERY

REMARKS = PAGES / "remarks"
BEGIN, END = "<!-- verdicts -->", "<!-- end of verdicts -->"


def write_claim(study, number, found, folder):
    """Write the page, the numbers and the pictures of a claim.

    Parameters
    ----------
    study : Study
    number : int
    found : list of Statement
    folder : Path
    """
    claim = EVERY[number]
    facts = {
        "claim": claim.title,
        "verdict": verdict(found),
        "software": f"label2label {version('label2label')}",
        "scale": study.scale.name,
        "seeds": list(study.scale.seeds),
        "statements": [
            {
                "subject": one.subject,
                "text": one.text,
                "values": list(one.values),
                "mean": one.interval.mean,
                "interval": [one.interval.low, one.interval.high],
                "outcome": one.outcome,
            }
            for one in found
        ],
    }
    write_text(folder / f"claim-{number:02}.json", json.dumps(facts, indent=1) + "\n")
    shown = _pictures(study, number, folder)
    lines = [
        f"# {number}. {claim.title}",
        "",
        f"**Verdict: {verdict(found)}.** {_counts(found)}",
        "",
        claim.rule,
        "",
        "```sh",
        f"python -m tests.study {number} --out build/study",
        "```",
        "",
        *shown,
        *_remarks(number),
        "## Numbers",
        "",
        (
            f"Mean and 95 % confidence interval over {len(study.scale.seeds)} "
            f"{'repetitions or ' if claim is NUMBERS else ''}seeds; the claim says that each is "
            f"above 0. [All values](claim-{number:02}.json)."
        ),
        "",
        "| | above 0 | mean | interval | |",
        "|---|---|---|---|---|",
        *(_row(one) for one in found),
        "",
    ]
    write_text(folder / f"claim-{number:02}.md", "\n".join(lines))


def _counts(found):
    words = {
        "holds": ("holds", "hold"),
        "open": ("is open", "are open"),
        "fails": ("fails", "fail"),
    }
    counts = {outcome: sum(one.outcome == outcome for one in found) for outcome in words}
    said = [f"{n} {words[outcome][n > 1]}" for outcome, n in counts.items() if n]
    return f"Of {len(found)} statements {', '.join(said)}."


def _row(one):
    found = one.interval
    return (
        f"| {one.subject} | {one.text} | {found.mean:.3g} | {found.low:.3g} to {found.high:.3g} "
        f"| {one.outcome} |"
    )


def _remarks(number):
    """Return what people wrote about a claim, once they had seen the result."""
    path = REMARKS / f"claim-{number:02}.md"
    return [path.read_text(encoding="utf-8")] if path.exists() else []


def _pictures(study, number, folder):
    lines = []
    if number in pictures.CROPS:
        crops = pictures.CROPS[number]
        name = f"claim-{number:02}-crops.png"
        read = pictures.reader(study, lambda group, method: _filtered(study, group, method))
        pictures.write_png(folder / name, pictures.crops_figure(study, crops, read))
        sides = ", ".join(
            f"{pictures.scale_bar(one):.3g} µm ({one.replace('_', ' ')})" for one in crops.specimens
        )
        colours = f" Of the structure {pictures.SAID}." if crops.marked else ""
        lines += [
            f"![The same crop of each method]({name})",
            "",
            "The crop of the first test image of the first seed that is richest in true structure; "
            f"its side is {sides}.{colours}"
            + ("" if crops.marked else " Each image has a display range of its own."),
            "",
        ]
    if number in pictures.DOTS:
        name = f"claim-{number:02}-scores.png"
        figure = pictures.dots_figure(Table(study), pictures.DOTS[number])
        pictures.write_png(folder / name, figure)
        lines += [
            f"![Scores of each method]({name})",
            "",
            "A dot is the mean over the test images of one seed, a bar the mean of the seeds.",
            "",
        ]
    if number == NUMBERS.number:
        name = f"claim-{number:02}-scores.png"
        made = study.out / "crossvalidation" / "relative-change.png"
        (folder / name).write_bytes(made.read_bytes())
        lines += [
            f"![Relative change against the number of images]({name})",
            "",
            "As `l2l crossvalidate` draws it: a point is a cross-validation.",
            "",
        ]
    return lines


def _filtered(study, group, method):
    options = json.loads(study.scores(group, f"{method}-options").read_text(encoding="utf-8"))
    spec = scoring.spec(method.partition(":")[0], options)
    return scoring.filtered(study, group, spec)


def write_index(folder):
    """Write the table of all verdicts that there are, into the page that has a place for it."""
    rows = []
    for number, claim in EVERY.items():
        path = folder / f"claim-{number:02}.json"
        if path.exists():
            facts = json.loads(path.read_text(encoding="utf-8"))
            counts = [
                sum(one["outcome"] == outcome for one in facts["statements"])
                for outcome in ("holds", "open", "fails")
            ]
            cells = " | ".join(map(str, counts))
            rows.append(
                f"| {number} | [{claim.title}](claim-{number:02}.md) | **{facts['verdict']}** "
                f"| {cells} |"
            )
    head = ["| | claim | verdict | hold | open | fail |", "|---|---|---|---|---|---|"]
    table = "\n".join([*head, *rows])
    page = folder / "index.md"
    text = page.read_text(encoding="utf-8") if page.exists() else f"# Verdicts\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    write_text(page, f"{before}{BEGIN}\n\n{table}\n\n{END}{after}")
