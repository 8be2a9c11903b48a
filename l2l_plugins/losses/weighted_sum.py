"""A weighted sum of any losses of the registry, a third party's included."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

from attrs import define, field, validators

from l2l_core.components import Loss
from l2l_core.components.factory import get
from l2l_core.components.registry import registry
from l2l_core.errors import ComponentError, OptionsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from l2l_core.ops import Ops


@define(frozen=True, kw_only=True)
class Term:
    """One loss of a sum.

    Parameters
    ----------
    name : str
        Its name in the registry.
    weight : float, optional
        What it is multiplied by, above 0.
    options : dict, optional
        Its options.
    """

    name: str
    weight: float = field(default=1.0, validator=validators.gt(0))
    options: dict[str, Any] = field(factory=dict)


def _as_tuple(value: Iterable[Term]) -> tuple[Term, ...]:
    return tuple(value)


@define(frozen=True)
class WeightedSum(Loss):
    """Sum of losses, each times its weight.

    In a configuration::

        [loss]
        name = "sum"
        options.terms = [
          {name = "ms_ssim", weight = 0.84},
          {name = "mae", weight = 0.16},
        ]

    Parameters
    ----------
    terms : list of Term
        One or more losses that all read the same outputs of a network.

    Attributes
    ----------
    losses : tuple of Loss
        The losses, in the order of `terms`.
    outputs : tuple of str
        What of a restorer's outputs all of them read.
    frameworks : frozenset of str
        Frameworks that all of them run on; empty where that is every one.

    Raises
    ------
    OptionsError
        If there is no term, a loss is unknown or does not take its options, or the losses read
        different outputs or share no framework; all problems with their path.
    """

    terms: tuple[Term, ...] = field(converter=_as_tuple)
    losses: tuple[Loss, ...] = field(init=False, repr=False, eq=False)
    outputs: tuple[str, ...] = field(init=False, repr=False, eq=False)  # type: ignore[misc]
    frameworks: frozenset[str] = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        """Make the losses, or report all that is wrong with them."""
        if not self.terms:
            raise OptionsError("a sum of no losses; expected one term or more @ terms")
        losses: list[Loss] = []
        problems: list[str] = []
        for index, term in enumerate(self.terms):
            path = f"terms[{index}]"
            try:
                losses.append(get("loss", term.name, **term.options))
            except OptionsError as error:
                own = f" @ loss {term.name}"
                problems += [
                    line.replace(own, f" @ {path}.options", 1)
                    if own in line
                    else f"{line} @ {path}.options"
                    for line in str(error).splitlines()
                ]
            except ComponentError as error:
                problems.append(f"{error} @ {path}.name")
        if problems:
            raise OptionsError("\n".join(problems))
        object.__setattr__(self, "losses", tuple(losses))
        object.__setattr__(self, "outputs", self._shared_outputs())
        object.__setattr__(self, "frameworks", self._shared_frameworks())

    def _shared_outputs(self) -> tuple[str, ...]:
        read = {loss.outputs: term.name for loss, term in zip(self.losses, self.terms, strict=True)}
        if len(read) > 1:
            which = " and ".join(
                f"{name} reads {' and '.join(outputs)}" for outputs, name in read.items()
            )
            raise OptionsError(
                f"losses of one sum must read the same outputs of a network, but {which}; leave "
                "one of them out @ terms"
            )
        return next(iter(read))

    def _shared_frameworks(self) -> frozenset[str]:
        limits = {}
        for term, loss in zip(self.terms, self.losses, strict=True):
            own = registry().find("loss", term.name).info.frameworks
            limits[term.name] = getattr(loss, "frameworks", None) or own
        narrow = {name: limit for name, limit in limits.items() if limit}
        if not narrow:
            return frozenset()
        shared: frozenset[str] = reduce(frozenset.intersection, narrow.values())
        if not shared:
            which = " and ".join(
                f"{name} runs on {', '.join(sorted(limit))}" for name, limit in narrow.items()
            )
            raise OptionsError(
                f"losses of one sum must share a framework, but {which}; leave one of them out "
                "@ terms"
            )
        return shared

    def __call__(
        self, ops: Ops, target: Any, prediction: Any, *, channel_axis: int, mask: Any = None
    ) -> Any:
        """Return the loss of a batch; see :class:`l2l_core.components.Loss`."""
        total: Any = 0.0
        for term, loss in zip(self.terms, self.losses, strict=True):
            value = loss(ops, target, prediction, channel_axis=channel_axis, mask=mask)
            total = total + term.weight * value
        return total
