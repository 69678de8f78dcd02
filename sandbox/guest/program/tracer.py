"""Counts the lines that a call executes, and notes how its variables change."""

from __future__ import annotations

import types

from .encoder import Encoder, Invalid

PROGRAM = "<program>"
"""The file name under which a job's code is compiled."""
SHOWN_BYTES, SHOWN_ITEMS = 60, 12
"""Longer values of variables are not shown."""


class Bound(BaseException):
    """The call ran more lines than it may.

    No Exception, so that fewer of a program's own `except` stop it. What they do stop is seen by
    `Tracer.exceeded`.
    """


class Tracer:
    """Counts line events of the program's own frames, and notes changes of its variables.

    events: line events of a call at most. changes: changes noted at most.
    """

    def __init__(self, events: int, changes: int) -> None:
        self.limit = events
        self.changes_left = changes
        self.steps = 0
        self.lines: set[int] = set()
        self.changes: list[tuple[int, str, str]] = []
        """(line, variable, JSON text of its value)"""
        self.exceeded = False
        self.seen: dict[int, tuple[int, dict[str, str]]] = {}

    def __call__(self, frame: types.FrameType, _event: str, _arg: object) -> object:
        if frame.f_code.co_filename != PROGRAM:
            return None
        if self.changes_left > 0:
            self.seen[id(frame)] = (frame.f_lineno, self.shown(frame))
            return self.watch
        return self.count

    def count(self, frame: types.FrameType, event: str, _arg: object) -> object:
        if event == "line":
            self.steps += 1
            self.lines.add(frame.f_lineno)
            if self.steps > self.limit:
                self.exceeded = True
                raise Bound
        return self.count

    def watch(self, frame: types.FrameType, event: str, _arg: object) -> object:
        if event in ("line", "return") and self.changes_left > 0:
            # A line event comes before its line runs. So what has changed since the last event is
            # the doing of the line that was seen then.
            line, before = self.seen.get(id(frame), (frame.f_lineno, {}))
            now = self.shown(frame)
            for name, text in now.items():
                if before.get(name) != text and self.changes_left > 0:
                    self.changes.append((line, name, text))
                    self.changes_left -= 1
            self.seen[id(frame)] = (frame.f_lineno, now)
        self.count(frame, event, None)
        return self.watch

    def shown(self, frame: types.FrameType) -> dict[str, str]:
        """The frame's variables whose values are short and plain, as JSON text."""
        out = {}
        for name, value in list(frame.f_locals.items()):
            if isinstance(value, (bool, int, float, str)) or (
                isinstance(value, (list, dict, tuple)) and len(value) <= SHOWN_ITEMS
            ):
                try:
                    text = Encoder(SHOWN_BYTES).text(value)
                except Invalid:
                    continue
                out[name] = text
        return out
