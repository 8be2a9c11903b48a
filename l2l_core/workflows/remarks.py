"""What a run tells of its units: each thing once, however many units meet it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

from attrs import define, field

from l2l_core.errors import DamagedChunksError
from l2l_core.streaming.unit_work import cannot_be_decoded


@define
class Remarks:
    """What was told so far.

    Parameters
    ----------
    show : callable
        Shows a sentence.
    """

    show: Callable[[str], None]
    _said: set[tuple[object, str]] = field(factory=set)

    def new(self, about: object, text: str) -> bool:
        """Return whether something is new, and take it for told from now on.

        Parameters
        ----------
        about : object
            What it is about, such as the number of an image.
        text : str
        """
        if (about, text) in self._said:
            return False
        self._said.add((about, text))
        return True

    def tell_of_filling(self, text: str) -> None:
        """Show what looks like filling in the first image; those of one batch are filled alike."""
        if self.new("filling", ""):
            self.show(text)

    def tell_of(self, result: Mapping[str, Sequence[str]]) -> None:
        """Show what a worker says of filling, and warn of what the method found odd."""
        for text in result.get("remarks", ()):
            self.tell_of_filling(text)
        for text in result.get("odd", ()):
            if self.new("odd", text):
                warnings.warn(text, stacklevel=2)

    def of_failure(self, image: int, error: Exception, why: str) -> str:
        """Return what is new in the failure of a unit; nothing where all was told before.

        Units beside one another read the same chunks, so that each meets the same damage.

        Parameters
        ----------
        image : int
            Its number in the ledger.
        error : Exception
            Why the unit failed.
        why : str
            The same in a sentence.
        """
        if not isinstance(error, DamagedChunksError):
            return why if self.new(image, why) else ""
        chunks = [chunk for chunk in error.chunks if self.new(image, chunk)]
        return cannot_be_decoded(error.place, chunks) if chunks else ""
