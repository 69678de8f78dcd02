"""Which stages lie between where rows enter and where they leave."""

ORDER: tuple[str, ...] = (
    "raw",
    "questions",
    "unified",
    "parsed",
    "messages",
    "generations",
    "verified",
    "revision",
    "samples",
)


class Reach:
    """What a run does, by the boundaries at which its rows enter and leave.

    possible: rows can leave there at all. transform, inference, revision: roles whose models may be
    called. repairs: faulty programs get repair turns. programs: rows need the file of their
    programs.
    """

    def __init__(self, format_: str, until: str, turns: int) -> None:
        enter, leave = ORDER.index(format_), ORDER.index(until)
        answers = ORDER.index("generations")
        again = format_ == "revision"
        self.possible = leave > enter or (again and until in ("generations", "verified"))
        self.transform = enter < ORDER.index("unified") <= leave
        self.inference = leave >= answers and (enter < answers or again)
        self.revision = turns > 1 and (
            until == "samples" or (until == "verified" and self.inference)
        )
        # A program that entered at `unified` is repaired only where the run asks models anyway.
        self.repairs = (self.transform and leave >= ORDER.index("parsed")) or (
            format_ == "unified" and self.inference
        )
        self.programs = enter >= ORDER.index("messages")
