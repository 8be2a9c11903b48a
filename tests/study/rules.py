"""When a claim holds: rules that are written down before any result.

A claim is divided into statements. Each is one number for each seed, such that the claim says the
number is above 0. A seed has its own specimens, division and initial weights, so the numbers are
independent, and the 95 % confidence interval of their mean is that of Student's t.

- A statement **holds** where the whole interval lies above 0, **fails** where it lies below, and is
  **open** where it holds 0.
- A claim **holds** where all its statements hold, **holds partly** where some do, **does not hold**
  where none does and one at the least fails, and is **undecided** where all are open.

Nothing is corrected for the number of statements: of forty that say nothing, one is expected to
hold and one to fail by chance.
"""

from attrs import define

from l2l_core.workflows.fold_statistics import interval

HOLDS, FAILS, OPEN = "holds", "fails", "open"
CLAIM_HOLDS, CLAIM_PARTLY, CLAIM_NOT = "holds", "holds partly", "does not hold"
CLAIM_OPEN = "undecided"


@define(frozen=True)
class Statement:
    """One number for each seed, which the claim says is above 0.

    Parameters
    ----------
    subject : str
        What it is about, such as a specimen.
    text : str
        What is said to be above 0.
    values : tuple of float
        One for each seed, in order; NaN where it could not be taken.
    """

    subject: str
    text: str
    values: tuple[float, ...]

    @property
    def interval(self):
        """Mean and 95 % confidence interval."""
        return interval(self.values)

    @property
    def outcome(self):
        """Whether it holds, fails or is open."""
        found = self.interval
        if found.low > 0:
            return HOLDS
        return FAILS if found.high < 0 else OPEN


def verdict(statements):
    """Return whether a claim holds."""
    outcomes = [one.outcome for one in statements]
    if not outcomes:
        raise ValueError("a claim without a statement has no verdict")
    if HOLDS in outcomes:
        return CLAIM_HOLDS if set(outcomes) == {HOLDS} else CLAIM_PARTLY
    return CLAIM_NOT if FAILS in outcomes else CLAIM_OPEN
