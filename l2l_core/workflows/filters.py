"""A method without training, named where a model is asked for: ``gaussian:sigma=1.5``.

Options are the inside of an inline table of TOML, ``sigma=[1, 2, 2], truncate=3``; nothing is ever
evaluated.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import TYPE_CHECKING, Any

from l2l_core.components.filters import make_in_fewest_dimensions
from l2l_core.components.options import unstructure
from l2l_core.components.registry import registry
from l2l_core.errors import ModelNotFoundError, OptionsError
from l2l_core.models.model_file import ModelRecord, NormalizationRecord
from l2l_core.workflows.engines import choose, info_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from l2l_core.components.restorer import Restorer

_SPEC = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_-]*)(?::(?P<options>.*))?\Z", re.DOTALL)
_WORD = re.compile(r"=\s*(?!(?:true|false|inf|nan)\b)([A-Za-z][\w.-]*)\s*(?=[,}]|$)")


def filter_names() -> list[str]:
    """Return the restorers that need no training."""
    return sorted(
        {
            found.info.name
            for found in registry().of_kind("restorer")
            if info_of(found).supervision == "none"
        }
    )


def make_filter(
    spec: str, backend: str = "auto", device: str = "auto"
) -> tuple[Restorer, ModelRecord]:
    """Return the restorer that a text names, and what there is to know of it.

    It works in planes where it can and its options fit, and in volumes otherwise: a Gaussian
    filter with one or two sigmas works on each plane, one with three on the volume.

    Parameters
    ----------
    spec : str
        ``"name"`` or ``"name:option=value,..."``.
    backend, device : str, optional
        As for :func:`l2l_core.load_model`.

    Returns
    -------
    Restorer
        For one channel.
    ModelRecord

    Raises
    ------
    ModelNotFoundError
        If there is no such filter; names the nearest and all.
    OptionsError
        If the options are no TOML, or not the filter's.
    """
    name, options = parse_spec(spec)
    return filter_of(name, options, backend, device)


def parse_spec(spec: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the options of a filter that a text names.

    Raises
    ------
    ModelNotFoundError, OptionsError
        As :func:`make_filter`.

    Examples
    --------
    >>> parse_spec("gaussian:sigma=1.5")
    ('gaussian', {'sigma': 1.5})
    """
    match = _SPEC.match(spec)
    if match is None or match["name"] not in filter_names():
        raise ModelNotFoundError(_not_found(spec, match["name"] if match else ""))
    return match["name"], parse_options(match["options"] or "", where=spec)


def filter_of(
    name: str, options: Mapping[str, Any], backend: str = "auto", device: str = "auto"
) -> tuple[Restorer, ModelRecord]:
    """Return a filter, and what there is to know of it.

    Parameters
    ----------
    name : str
        Of a restorer without training.
    options : mapping
        Its options as plain values.
    backend, device : str, optional
        As for :func:`l2l_core.load_model`.

    Raises
    ------
    OptionsError
        If the options are not the filter's.
    """
    registration = choose(name, backend, "predict", device=device)
    restorer = make_in_fewest_dimensions(info_of(registration), options, device)
    record = ModelRecord(
        restorer=name,
        supplier=f"{registration.distribution} {registration.version}".strip(),
        options=unstructure(restorer.options),
        axes=restorer.geometry.axes,
        channels_in=1,
        channels_out=1,
        geometry=restorer.geometry,
        normalization=NormalizationRecord(output="input"),
    )
    return restorer, record


def parse_options(text: str, *, where: str) -> dict[str, Any]:
    """Return options written as the inside of an inline table of TOML.

    Quotes around a plain word may be left out, since a shell takes them away.

    Raises
    ------
    OptionsError
        If it is none.

    Examples
    --------
    >>> parse_options("sigma=[1, 2.5], mode='edge'", where="filter")
    {'sigma': [1, 2.5], 'mode': 'edge'}
    """
    options: dict[str, Any] = tomllib.loads(f"options = {{{sound_options(text, where=where)}}}")[
        "options"
    ]
    return options


def sound_options(text: str, *, where: str) -> str:
    """Return options as TOML, with the quotes that may be left out.

    Raises
    ------
    OptionsError
        If they are none, as :func:`parse_options` takes them.

    Examples
    --------
    >>> sound_options("sigma=2, mode=edge", where="filter")
    'sigma=2, mode="edge"'
    """
    try:
        parsed = tomllib.loads(f"options = {{{text}}}")
    except tomllib.TOMLDecodeError as error:
        quoted = _WORD.sub(r'="\1"', text)
        if quoted != text:
            return sound_options(quoted, where=where)
        raise OptionsError(_no_options(text, where, str(error))) from error
    if set(parsed) != {"options"}:
        raise OptionsError(_no_options(text, where, "expected key=value pairs alone"))
    return text


def _no_options(text: str, where: str, why: str) -> str:
    return (
        f"the options {text!r} of {where!r} cannot be read: {why}; expected values as in TOML, "
        "separated by commas, such as sigma=1.5 or mode='edge'"
    )


def _not_found(spec: str, name: str) -> str:
    filters = filter_names()
    known = f"filters without training can be named instead: {', '.join(filters)}"
    if name in {found.info.name for found in registry().of_kind("restorer")}:
        return (
            f"no model at {spec!r}: restorer {name!r} has to be trained first, and then the "
            f"folder of its model or run is given; {known}"
        )
    near = difflib.get_close_matches(name, filters, n=1)
    hint = f", did you mean {near[0]!r}?" if near else ";"
    return f"no model at {spec!r}: there is no such folder{hint} {known}"
