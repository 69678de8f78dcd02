"""The meter of one request: reserves its worst case, and journals that before it is sent."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.effects.spending import Spending
from engine.journal.journal import Journal
from engine.journal.store import LeaseRow
from stages.records import Messages, Usage

TEMPLATE_TOKENS = 64
MESSAGE_TOKENS = 16
"""What a chat template may add to a conversation, and to each of its messages."""


def worst_case(messages: Messages, most_tokens: int) -> Usage:
    """The most that one attempt can be billed: a token a byte, and the longest answer.

    No tokenizer makes more than one token of a byte of text.
    """
    size = sum(len(message["content"].encode("utf-8", "surrogatepass")) for message in messages)
    return Usage(
        input_tokens=size + MESSAGE_TOKENS * len(messages) + TEMPLATE_TOKENS,
        output_tokens=most_tokens,
    )


@dataclass(slots=True, kw_only=True)
class Lease:
    """What is under way of one request: reserved in the budget, and journalled before it is sent.

    worst_case: the most that one attempt can be billed. outstanding: attempts whose price is not
    known yet. id: of the lease in the journal.
    """

    spending: Spending
    journal: Journal
    model: str
    role: str
    worst_case: Usage
    outstanding: int = 0
    id: bytes = field(default_factory=lambda: secrets.token_bytes(8))
    _journalled: int = 0

    async def sending(self) -> None:
        """Called before each attempt: reserves and journals it. Raises: Unavailable."""
        await self.spending.reserve(self.model, self.worst_case)
        self.outstanding += 1
        # An attempt that follows a failed one is covered by what was journalled for that.
        if self.outstanding > self._journalled:
            await self._journal({})

    def unpaid(self) -> None:
        """Called after an attempt that is not billed."""
        self.outstanding -= 1
        self.spending.release(self.model, self.worst_case)

    async def wasted(self, usage: Usage | None) -> None:
        """Called after an attempt that may be billed and gave no answer.

        usage: what its server reported. Without that the attempt counts at its worst case.
        """
        counts = self.spending.add_lost(self.model, self.role, usage or self.worst_case)
        self.unpaid()
        await self._journal(counts)

    def settled(self) -> Sequence[LeaseRow]:
        """Gives back what is reserved, once there is an answer. Returns the leases to end.

        The journal ends them in the transaction that records the answer. So a kill leaves either
        the lease or the answer's counts, and the call is counted once.
        """
        while self.outstanding:
            self.unpaid()
        row, self._journalled = self._row(), 0
        return [row]

    async def end(self) -> None:
        """Called when the request has ended, however it did.

        What is still under way may be billed, and counts as spent. Its lease stays in the journal,
        where the next process finds it.
        """
        if self.outstanding:
            while self.outstanding:
                self.spending.add_lost(self.model, self.role, self.worst_case)
                self.unpaid()
        elif self._journalled:
            await self.journal.end_leases([self._row()], {})

    async def _journal(self, counts: Mapping[str, int]) -> None:
        self._journalled = self.outstanding
        if self.outstanding:
            await self.journal.lease(self._row(), counts)
        else:  # a lease over nothing would count as one more lost call after a restart
            await self.journal.end_leases([self._row()], counts)

    def _row(self) -> LeaseRow:
        return LeaseRow(
            id=self.id,
            model=self.model,
            role=self.role,
            input_tokens=self.worst_case.input_tokens * self._journalled,
            output_tokens=self.worst_case.output_tokens * self._journalled,
        )
