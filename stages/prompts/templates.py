"""Prompt texts: files with named placeholders `{{name}}` and a version.

A prompt file has a line `version: NAME`, a line `---`, and then the text. A file without these two
lines has the version `custom`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from stages.errors import Misconfigured
from stages.records import Prompt, digest

PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
# A placeholder alone on its line takes the blank line behind it along, and another one the space
# before it. An empty value then leaves no gap.
FILLED = re.compile(r"^\{\{(?P<alone>\w+)\}\}\n\n?| ?\{\{(?P<inline>\w+)\}\}", re.MULTILINE)
PART = re.compile(r"^== (\w+) ==$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Template:
    """One prompt text. name: its own name, or the path of the file that replaces it."""

    name: str
    text: str
    version: str

    @property
    def prompt(self) -> Prompt:
        """The version and hash of the text, as rows show them."""
        return Prompt(self.version, digest(self.text, length=12))

    def fill(self, **values: str) -> str:
        """The text with all placeholders filled in.

        values: one for each placeholder that the text may name. An empty one is removed together
        with the space before it, or with its own paragraph.
        """

        # All in one pass: a program's code may hold what looks like a placeholder.
        def filled(found: re.Match[str]) -> str:
            name = found["alone"] or found["inline"]
            return found[0].replace(f"{{{{{name}}}}}", values[name]) if values[name] else ""

        return FILLED.sub(filled, self.text)

    def checked(self, known: frozenset[str], needed: frozenset[str]) -> "Template":
        """The template itself, if it names only `known` placeholders and all `needed` ones.

        Raises: Misconfigured.
        """
        used = set(PLACEHOLDER.findall(self.text))
        if used - known:
            raise Misconfigured(
                f"{self.name}: no such placeholder: {', '.join(sorted(used - known))}; "
                f"there are {', '.join(sorted(known))}"
            )
        if needed - used:
            raise Misconfigured(
                f"{self.name}: the placeholder {{{{{min(needed - used)}}}}} is missing"
            )
        return self

    def parts(self) -> Mapping[str, str]:
        """The named parts of a text that is divided by lines `== name ==`."""
        pieces = PART.split(self.text)
        return {name: text.strip() for name, text in zip(pieces[1::2], pieces[2::2], strict=True)}


PLACEHOLDERS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "transform": (frozenset({"code", "packages"}), frozenset({"code"})),
    "repair": (frozenset({"program", "kind", "explanation", "evidence"}), frozenset({"evidence"})),
    "question": (frozenset({"problem", "reference", "ask"}), frozenset({"ask"})),
    "ask_input": (frozenset({"value", "names", "tolerance"}), frozenset({"value"})),
    "ask_output": (frozenset({"value", "tolerance"}), frozenset({"value"})),
    "parts": (frozenset({"statement", "description", "code"}), frozenset()),
    "faults": (frozenset({"modules", "limit"}), frozenset()),
    "feedback": (frozenset({"predicted", "got", "error", "target", "detail"}), frozenset()),
}
"""All prompt files: the placeholders that each may name, and those that it must name."""
FEEDBACK_PARTS = (
    "right_output right_input wrong_output wrong_input out_of_domain no_answer shape error timeout "
    "memory denied crash cut invalid_truth redo"
)
PARTS: dict[str, frozenset[str]] = {
    "parts": frozenset({"query", "unstated", "reference", "code", "tolerance"}),
    "feedback": frozenset(FEEDBACK_PARTS.split()),
}
"""The parts that a divided prompt file must have. `faults` may lack any of its parts."""


def load(name: str, replaced_by: Path | None = None) -> Template:
    """The prompt `name`, from this package or from what replaces it.

    replaced_by: a file, or a folder that may have a file `name`.md.
    Raises: Misconfigured.
    """
    known, needed = PLACEHOLDERS[name]
    if replaced_by is not None and replaced_by.is_dir():
        replaced_by = replaced_by / f"{name}.md" if (replaced_by / f"{name}.md").exists() else None
    try:
        if replaced_by is None:
            text = resources.files("stages").joinpath("prompts", f"{name}.md").read_text("utf-8")
        else:
            text = replaced_by.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise Misconfigured(f"prompt {replaced_by}: cannot be read: {exc}") from exc
    version, body = "custom", text
    head, line, rest = text.partition("\n---\n")
    if line and head.startswith("version: ") and "\n" not in head:
        version, body = head.removeprefix("version: ").strip(), rest
    template = Template(str(replaced_by or name), body.strip(), version).checked(known, needed)
    absent = PARTS.get(name, frozenset()) - template.parts().keys()
    if absent:
        raise Misconfigured(f"{template.name}: the part `== {min(absent)} ==` is missing")
    return template
