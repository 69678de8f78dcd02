"""The two profiles: `clean` for good data, and `paper` for the method as published.

Source of `paper`: arXiv 2502.07316, section 2. Values are under 1 KB, containers under 20 items,
strings under 100 characters, and no output is null. Source of the sizes of `clean`: the maxima of
the reference's own sample.
"""

from dataclasses import dataclass
from typing import Literal

from stages.values.size import Size

ProfileName = Literal["clean", "paper"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What depends on the profile and is no setting of its own.

    inputs: distinct inputs below which a generator is at fault.
    skew: the share of the commonest output from which a pool is at fault. Above 1 it never is.
    gate: whether kept pairs are run again.
    normalise: whether a question shows tidied code.

    A program with one of the first two faults is used all the same if no repair mends it.
    """

    name: ProfileName
    input_size: Size
    output_size: Size
    inputs: int
    skew: float
    gate: bool
    normalise: bool


CLEAN = Profile(
    name="clean",
    input_size=Size(bytes=400, leaves=64, digits=50),
    output_size=Size(bytes=512, leaves=64, digits=50),
    inputs=10,
    skew=0.8,
    gate=True,
    normalise=True,
)
PAPER = Profile(
    name="paper",
    input_size=Size(bytes=1023, items=19, characters=99),
    output_size=Size(bytes=1023, items=19, characters=99, null=False),
    inputs=2,
    skew=2.0,
    gate=False,
    normalise=False,
)
PROFILES: dict[ProfileName, Profile] = {"clean": CLEAN, "paper": PAPER}
