"""The study's specimens: parameters that are written down before any result, and stay."""

import json
from math import isclose

import attrs

from l2l_core.data.simulation import SPECIMENS, simulate_pair, write_pairs
from tests.study.plan import ONE_STRUCTURE, PAGES, SUPERPOSED, UNCORRELATED

PARAMETERS = PAGES / "specimens.json"


def options_of(specimen):
    """Return the options of a specimen, of which only the size may differ by scale."""
    if specimen == UNCORRELATED:
        # The control of claim 5: each label finds a cytosol of its own.
        known = SPECIMENS["paxillin"]
        labels = {
            side: attrs.evolve(getattr(known, side), cytosol_correlation=0.0)
            for side in ("input", "benchmark")
        }
        return attrs.evolve(known, repeat=True, **labels)
    return attrs.evolve(SPECIMENS[specimen], repeat=specimen != SUPERPOSED)


def parameters():
    """Return all parameters of all specimens as plain values, but for the size.

    Mean and deviation of a small field are part of it, since the way from parameters to pixels
    shall stay, too.
    """
    found = {}
    for specimen in (*ONE_STRUCTURE, UNCORRELATED, SUPERPOSED):
        options = options_of(specimen)
        values = attrs.asdict(options)
        del values["size"]
        pair = simulate_pair(attrs.evolve(options, size=(64, 64)), 0)
        # Rounded: another processor may count a photon otherwise.
        values["pixels"] = [
            float(f"{number:.2g}")
            for side in (pair.input, pair.benchmark)
            for number in (side.mean(), side.std())
        ]
        found[specimen] = json.loads(json.dumps(values))
    return found


def freeze():
    """Write the parameters down; once, before the first result."""
    if PARAMETERS.exists():
        raise SystemExit(f"{PARAMETERS} is there already, and stays")
    PARAMETERS.write_text(json.dumps(parameters(), indent=1) + "\n", encoding="utf-8")


def check_frozen():
    """Refuse to go on with other parameters than those that were written down."""
    frozen = json.loads(PARAMETERS.read_text(encoding="utf-8"))
    changed = [
        name for name, values in parameters().items() if not _alike(values, frozen.get(name))
    ]
    if changed:
        raise SystemExit(
            f"the parameters of {', '.join(changed)} are not those of {PARAMETERS}, which were "
            "written down before the results; put them back, or begin another study"
        )


def _alike(values, frozen):
    if frozen is None:
        return False
    pixels = zip(values.pop("pixels"), frozen.pop("pixels"), strict=True)
    return values == frozen and all(isclose(now, was, rel_tol=0.1) for now, was in pixels)


def simulate(study, group):
    """Simulate the pairs of a group that are not there yet."""
    for part, seed in group.seeds.items():
        folder = study.images(group, part)
        if (folder / "parameters.json").exists():
            continue
        side = study.scale.side
        options = attrs.evolve(options_of(group.specimen), size=(side, side))
        name = group.specimen if group.specimen != UNCORRELATED else "paxillin"
        write_pairs(name, folder, getattr(study.scale, part), seed, options)


def tolerance(specimen):
    """Return half of the full width of the point spread function, in pixels."""
    options = options_of(specimen)
    widest = max(options.fwhm_um(label) for label in options.labels)
    return max(1.5, round(500 * widest / options.pixel_size_nm, 1))
