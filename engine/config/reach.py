"""Which stages lie between where rows enter and where they leave, and so which models may be
called."""

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
    """Which stages lie between where rows enter and where they leave, and so which models may be
    called."""

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
        # entered at unified, a faulty program is mended only by a run that asks models anyway
        self.repairs = (self.transform and leave >= ORDER.index("parsed")) or (
            format_ == "unified" and self.inference
        )
        self.programs = enter >= ORDER.index("messages")
