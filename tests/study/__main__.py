"""Put the paper's claims to the test: ``python -m tests.study 4 --out build/study``.

From the repository root. Simulates the specimens, trains, restores and scores whatever the named
claims need and is not there yet, and writes their pages.
"""

import argparse
import os
from pathlib import Path

from tests.study import pages
from tests.study.plan import PAGES, SCALES, Study
from tests.study.rules import verdict
from tests.study.specimens import check_frozen, freeze
from tests.study.work import EVERY, carry_out, statements


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.study", description=__doc__)
    parser.add_argument(
        "claims", nargs="*", type=int, help=f"of {', '.join(map(str, EVERY))}; all by default"
    )
    parser.add_argument("--out", type=Path, default=Path("build/study"), help="folder of all work")
    parser.add_argument(
        "--pages", type=Path, help="folder of the pages; within --out by default, docs/study/ here"
    )
    parser.add_argument("--scale", choices=SCALES, default="small")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes; 1 with one GPU"
    )
    parser.add_argument(
        "--freeze", action="store_true", help="write the specimens' parameters down, and no more"
    )
    given = parser.parse_args(arguments)
    if given.freeze:
        freeze()
        return
    if unknown := set(given.claims) - set(EVERY):
        parser.error(f"no claim {', '.join(map(str, sorted(unknown)))}; there are {list(EVERY)}")
    check_frozen()
    study = Study(SCALES[given.scale], given.out.resolve())
    numbers = tuple(sorted(set(given.claims))) or tuple(EVERY)
    carry_out(study, numbers, given.workers)
    folder = given.pages or given.out / PAGES.name
    for number in numbers:
        found = statements(study, number)
        print(f"{number}. {EVERY[number].title}: {verdict(found)}")
        pages.write_claim(study, number, found, folder)
    pages.write_index(folder)


if __name__ == "__main__":
    main()
