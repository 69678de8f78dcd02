"""Counts the lines that a call executes, and notes how its variables change."""

from __future__ import annotations

import types

from .encoder import Encoder, Invalid

PROGRAM = "<program>"
"""The file name under which a job's code is compiled."""


SHOWN_BYTES = 60
"""Longer values of variables are not shown."""


class Bound(BaseException):
    """The call ran more lines than it may."""


class Tracer:
    """Counts line events of the program's own frames, and notes changes of variables while there is
    room."""

    def __init__(self, events: int, changes: int) -> None:
        self.limit = events
        self.room = changes
        self.steps = 0
        self.lines: set[int] = set()
        self.changes: list[tuple[int, str, str]] = []
        self.exceeded = False
        self.seen: dict[int, tuple[int, dict[str, str]]] = {}

    def __call__(self, frame: types.FrameType, _event: str, _arg: object) -> object:
        if frame.f_code.co_filename != PROGRAM:
            return None
        if self.room > 0:
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
        if event in ("line", "return") and self.room > 0:
            line, before = self.seen.get(id(frame), (frame.f_lineno, {}))
            now = self.shown(frame)
            for name, text in now.items():
                if before.get(name) != text and self.room > 0:
                    self.changes.append((line, name, text))
                    self.room -= 1
            self.seen[id(frame)] = (frame.f_lineno, now)
        self.count(frame, event, None)
        return self.watch

    def shown(self, frame: types.FrameType) -> dict[str, str]:
        """The frame's variables whose values are short and plain, as JSON text."""
        out = {}
        for name, value in list(frame.f_locals.items()):
            if isinstance(value, (bool, int, float, str)) or (
                isinstance(value, (list, dict, tuple)) and len(value) <= 12
            ):
                try:
                    text = Encoder(SHOWN_BYTES).text(value)
                except Invalid:
                    continue
                out[name] = text
        return out
