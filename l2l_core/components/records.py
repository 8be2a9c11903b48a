"""What a plugin says about a component: frozen records, light enough to list without importing it.

``target`` is a string, ``"package.module:Class"``: nothing behind it is imported until somebody
asks for the component, so listing a hundred plugins costs no framework.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

API = 1
"""Version of the interfaces that this core offers; a record of another version is reported."""

Supervision = Literal["paired", "unpaired", "single", "none"]

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")


def _is_name(instance: ComponentInfo, attribute: Any, value: str) -> None:
    if not (isinstance(value, str) and _NAME.match(value)):
        raise ValueError(
            f"{type(instance).__name__} has the name {value!r}; expected lower-case letters, "
            "digits and underscores, beginning with a letter, such as 'ms_ssim'"
        )


def _is_engine(instance: ComponentInfo, attribute: Any, value: str) -> None:
    if value != "" and not (isinstance(value, str) and _NAME.match(value)):
        raise ValueError(
            f"RestorerInfo {instance.name!r} has the engine {value!r}; expected a framework such "
            "as 'torch', or '' for a method that needs none"
        )


def _are_dimensions(instance: ComponentInfo, attribute: Any, value: frozenset[int]) -> None:
    if not value or not value <= {2, 3}:
        raise ValueError(
            f"RestorerInfo {instance.name!r} has the dimensions {sorted(value, key=str)}; expected "
            "2, 3 or both"
        )


def _numbers(value: Iterable[int] | int) -> frozenset[int]:
    return frozenset([value] if isinstance(value, int) else value)


def _is_target(instance: ComponentInfo, attribute: Any, value: str) -> None:
    if not (isinstance(value, str) and _TARGET.match(value)):
        raise ValueError(
            f"{type(instance).__name__} {instance.name!r} has the target {value!r}; expected "
            "a string 'package.module:Class'"
        )


def _is_target_or_empty(instance: ComponentInfo, attribute: Any, value: str) -> None:
    if value != "" and not (isinstance(value, str) and _TARGET.match(value)):
        raise ValueError(
            f"{type(instance).__name__} {instance.name!r} has {attribute.name} {value!r}; expected "
            "a string 'package.module:function'"
        )


def _is_sentence(instance: ComponentInfo, attribute: Any, value: str) -> None:
    if not isinstance(value, str) or not value.strip() or "\n" in value:
        raise ValueError(
            f"{type(instance).__name__} {instance.name!r} has the summary {value!r}; expected "
            "one line that says what the component is for"
        )


def _names(value: Iterable[str] | str) -> frozenset[str]:
    return frozenset([value] if isinstance(value, str) else value)


def _modules(value: Iterable[str] | str) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@define(frozen=True, kw_only=True)
class ComponentInfo:
    """What all kinds of component say about themselves.

    Parameters
    ----------
    name : str
        Key under which the component is asked for, in lower case with underscores.
    target : str
        ``"package.module:Class"``, imported when the component is first used.
    summary : str
        One line for listings.
    api : int, optional
        Version of the interface that the component was written for.
    frameworks : iterable of str, optional
        Frameworks (``"torch"``, ``"tensorflow"``, ...) that the component runs on; empty means
        all, which is right for whatever is written on :class:`~l2l_core.ops.Ops`.
    requires : iterable of str, optional
        Modules that must be importable, looked up but not imported to tell what is available.
    install : str, optional
        What to give to ``pip install`` when one of `requires` is missing.
    """

    kind: ClassVar[str]

    name: str = field(validator=_is_name)
    target: str = field(validator=_is_target)
    summary: str = field(validator=_is_sentence)
    api: int = API
    frameworks: frozenset[str] = field(factory=frozenset, converter=_names)
    requires: tuple[str, ...] = field(default=(), converter=_modules)
    install: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What must be unique within the kind."""
        return (self.name,)


_SUPERVISION = ("paired", "unpaired", "single", "none")


def _is_supervision(instance: ComponentInfo, attribute: Any, value: str) -> None:
    if value not in _SUPERVISION:
        raise ValueError(
            f"RestorerInfo {instance.name!r} has the supervision {value!r}; expected one of "
            f"{', '.join(_SUPERVISION)}"
        )


@define(frozen=True, kw_only=True)
class RestorerInfo(ComponentInfo):
    """A method that turns an image into a restoration; keyed by name **and** engine.

    Parameters
    ----------
    engine : str, optional
        What computes it (``"torch"``, ``"tensorflow"``, ``"onnx"``); empty for a method that
        needs no framework.  All engines of one name read the same weights.
    supervision : {"paired", "unpaired", "single", "none"}
        What ``fit`` learns from; ``"none"`` is a filter without training.
    dimensions : iterable of int, optional
        Numbers of spatial dimensions that the method works in.
    trains : bool, optional
        False for an engine that only predicts (ONNX).
    devices : str, optional
        ``"package.module:function"``, as in :class:`OpsInfo`, for an engine without array
        operations of its own.
    """

    kind: ClassVar[str] = "restorer"

    engine: str = field(default="", validator=_is_engine)
    supervision: Supervision = field(default="paired", validator=_is_supervision)
    dimensions: frozenset[int] = field(
        default=frozenset({2, 3}), converter=_numbers, validator=_are_dimensions
    )
    trains: bool = field()
    devices: str = field(default="", validator=_is_target_or_empty)

    @trains.default
    def _trains(self) -> bool:
        return self.supervision != "none"

    @property
    def key(self) -> tuple[str, ...]:
        """Name and engine."""
        return (self.name, self.engine)


@define(frozen=True, kw_only=True)
class LossInfo(ComponentInfo):
    """A loss: a frozen attrs class, see :class:`l2l_core.components.Loss`."""

    kind: ClassVar[str] = "loss"


@define(frozen=True, kw_only=True)
class AugmenterInfo(ComponentInfo):
    """An augmenter: a frozen attrs class, see :class:`l2l_core.components.Augmenter`."""

    kind: ClassVar[str] = "augmenter"


_DATA_RANGES = ("needed", "reference", "unused")


def _is_data_range(instance: ComponentInfo, attribute: Any, value: str) -> None:
    if value not in _DATA_RANGES:
        raise ValueError(
            f"MetricInfo {instance.name!r} has the data range {value!r}; expected one of "
            f"{', '.join(_DATA_RANGES)}"
        )


def _is_unit(instance: ComponentInfo, attribute: Any, value: str) -> None:
    if not isinstance(value, str) or "\n" in value:
        raise ValueError(
            f"MetricInfo {instance.name!r} has the unit {value!r}; expected a word such as 'px', "
            "or nothing for a plain number"
        )


@define(frozen=True, kw_only=True)
class MetricInfo(ComponentInfo):
    """A metric: a frozen attrs class, see :class:`l2l_core.components.Metric`.

    Parameters
    ----------
    needs_reference : bool, optional
        False for a metric of one image alone, such as a contrast.
    needs_truth : bool, optional
        Whether the reference has to be the truth, which a benchmark is not.
    higher_is_better : bool, optional
        The direction in which a table marks the best.
    data_range : {"needed", "reference", "unused"}, optional
        Whether a data range has to be given, whether the reference's span stands in where none
        is, or whether the metric makes no use of one.
    unit : str, optional
        Unit of the value for tables, such as ``"dB"``; empty for a plain number.  ``"px"`` gives
        way where the option `pixel_size` is given.
    """

    kind: ClassVar[str] = "metric"

    needs_reference: bool = True
    needs_truth: bool = False
    higher_is_better: bool = True
    data_range: str = field(default="unused", validator=_is_data_range)
    unit: str = field(default="", validator=_is_unit)

    def unit_with(self, options: Collection[str]) -> str:
        """Return the unit of a value, empty for a plain number.

        Parameters
        ----------
        options : collection of str
            Names of the options that were given.
        """
        scaled = self.unit == "px" and "pixel_size" in options
        return "as pixel_size" if scaled else self.unit


@define(frozen=True, kw_only=True)
class OpsInfo(ComponentInfo):
    """One framework's implementation of :class:`l2l_core.ops.Ops`; `name` is the framework.

    Parameters
    ----------
    devices : str, optional
        ``"package.module:function"`` that takes nothing and returns a list of the framework's
        devices in words, such as ``"gpu:0 NVIDIA H100"``, for ``l2l doctor``.
    """

    kind: ClassVar[str] = "ops"

    devices: str = field(default="", validator=_is_target_or_empty)


@define(frozen=True, kw_only=True)
class ModelFormatInfo(ComponentInfo):
    """Model folders of another software, see :class:`l2l_core.components.ModelFormat`."""

    kind: ClassVar[str] = "model_format"


KINDS: dict[str, type[ComponentInfo]] = {
    info.kind: info
    for info in (RestorerInfo, LossInfo, AugmenterInfo, MetricInfo, OpsInfo, ModelFormatInfo)
}
"""The kinds of component, and the record of each."""
