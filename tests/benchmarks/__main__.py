"""Measure speed: ``python -m tests.benchmarks --out bench [name ...]``, from the repository root.

A benchmark is a module of this folder with a function ``measure(repeats) -> Result``.
"""

import argparse
import importlib
import sys
from pathlib import Path

from tests.benchmarks.result import write


def names():
    """Return the benchmarks: modules of this folder that define ``measure``."""
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return [m.stem for m in modules if "\ndef measure(" in m.read_text(encoding="utf-8")]


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(names())}; all by default")
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder of the results")
    parser.add_argument("--repeats", type=int, default=7, help="interleaved repeats")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(names()):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    for name in arguments.names or names():
        print(f"{name} ...", file=sys.stderr, flush=True)
        result = importlib.import_module(f"tests.benchmarks.{name}").measure(arguments.repeats)
        print(write(result, arguments.out, name).read_text(encoding="utf-8"))


main()
