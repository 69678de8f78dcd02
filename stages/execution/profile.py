"""The two profiles: `clean` (what good data needs) and `paper` (the method as published, for
parity).

Source of `paper`: arXiv 2502.07316, section 2: values under 1 KB, containers under 20 items,
strings under 100 characters, output not null. Source of the clean sizes: the maxima of the
reference's own sample.
"""

from dataclasses import dataclass
from typing import Literal

from stages.values.size import Size

ProfileName = Literal["clean", "paper"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What depends on the profile but is no setting of its own.

    inputs: fewer distinct ones are a generator's fault, with which a program only stands if nothing
    mends it. skew: share of the commonest output from which a pool is faulty (above 1: never).
    gate: whether kept pairs are run again. normalise: whether the code is tidied for the question.
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
