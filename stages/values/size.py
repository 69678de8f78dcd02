"""How large a value may be."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Bounds of one value, where 0 means unbounded.

    bytes: UTF-8 bytes of its JSON text. leaves: scalars in it. digits: of one integer. items: of
    one container. characters: of one string. null: whether null alone is a value.
    """

    bytes: int
    leaves: int = 0
    digits: int = 0
    items: int = 0
    characters: int = 0
    null: bool = True

    def excess(self, text: str) -> str:
        """What of the value is too large, in words, or "" if nothing is. text: valid JSON."""
        if len(text.encode()) > self.bytes:
            return f"{len(text.encode())} bytes of JSON, more than {self.bytes}"
        value = json.loads(text)
        if value is None and not self.null:
            return "null"
        leaves = 0
        stack = [value]
        while stack:
            item = stack.pop()
            if isinstance(item, (dict, list)):
                if self.items and len(item) > self.items:
                    return f"a container of {len(item)} items, more than {self.items}"
                stack.extend(item.values() if isinstance(item, dict) else item)
                continue
            leaves += 1
            if isinstance(item, str) and self.characters and len(item) > self.characters:
                return f"a string of {len(item)} characters, more than {self.characters}"
            if isinstance(item, int) and self.digits and abs(item) >= 10**self.digits:
                return f"an integer of more than {self.digits} digits"
        if self.leaves and leaves > self.leaves:
            return f"{leaves} scalars, more than {self.leaves}"
        return ""
