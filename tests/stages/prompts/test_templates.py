"""Prompt texts: their head, their placeholders, their parts, and those that a user puts in their
place."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.errors import Misconfigured
from stages.prompts.templates import PLACEHOLDERS, Template, load
from stages.records import VerdictName
from stages.verification.feedback import Feedback


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_every_embedded_prompt_loads_with_the_version_in_its_head(name: str) -> None:
    template = load(name)
    assert template.version.startswith(f"{name}/")
    assert "version:" not in template.text
    assert template.text == template.text.strip()


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_every_embedded_prompt_can_be_filled_with_what_it_may_name(name: str) -> None:
    known, _ = PLACEHOLDERS[name]
    assert "{{" not in load(name).fill(**dict.fromkeys(known, "x"))


def test_a_placeholder_is_filled_wherever_it_stands() -> None:
    assert Template("t", "{{a}}, {{b}}, {{a}}", "1").fill(a="1", b="2", c="3") == "1, 2, 1"


@given(st.text(), st.text())
def test_what_is_filled_in_is_never_read_again(a: str, b: str) -> None:
    template = Template("t", "{{a}}|{{b}}", "1")
    assert template.fill(a=a, b=b) == f"{a}|{b}"
    assert template.fill(a="{{b}}\\1", b="{{a}}") == "{{b}}\\1|{{a}}"


def test_braces_that_are_no_placeholder_stay() -> None:
    assert Template("t", '{"a": {b}} {{ a }} {{a}}', "1").fill(a="x") == '{"a": {b}} {{ a }} x'


def test_the_hash_of_a_prompt_follows_its_words_and_not_its_name() -> None:
    one = Template("a", "Words", "v/1").prompt
    assert one == Template("b", "Words", "v/1").prompt
    assert one.hash != Template("a", "Words!", "v/1").prompt.hash
    assert one.version == "v/1"


def test_parts_are_kept_apart_by_their_headings() -> None:
    text = "before\n== one ==\nFirst\n\nline\n\n== two ==\n== three ==\na == b ==\n"
    assert Template("t", text, "1").parts() == {
        "one": "First\n\nline",
        "two": "",
        "three": "a == b ==",
    }


def test_a_text_without_headings_has_no_parts() -> None:
    assert Template("t", "just words", "1").parts() == {}


def test_a_file_takes_the_place_of_an_embedded_prompt(tmp_path: Path) -> None:
    file = tmp_path / "mine.md"
    file.write_text("version: mine/7\n---\nMend: {{evidence}}\n")
    assert load("repair", file) == Template(str(file), "Mend: {{evidence}}", "mine/7")


@pytest.mark.parametrize(
    "text",
    ["Mend: {{evidence}}", "Mend:\n---\n{{evidence}}", "first\nversion: 1\n---\n{{evidence}}"],
)
def test_a_file_without_a_head_is_custom_and_whole(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.md"
    file.write_text(text)
    template = load("repair", file)
    assert (template.version, template.text) == ("custom", text)


def test_only_the_files_that_a_folder_has_take_the_place_of_embedded_ones(tmp_path: Path) -> None:
    (tmp_path / "repair.md").write_text("Mend: {{evidence}}")
    assert load("repair", tmp_path).text == "Mend: {{evidence}}"
    assert load("transform", tmp_path) == load("transform")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{evidence}} {{moon}}", "no such placeholder: moon"),
        ("Mend it.", "placeholder {{evidence}} is missing"),
    ],
)
def test_a_prompt_with_the_wrong_placeholders_is_misconfigured(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "mine.md"
    file.write_text(text)
    with pytest.raises(Misconfigured, match=r"mine\.md") as caught:
        load("repair", file)
    assert message in str(caught.value)


def test_a_prompt_that_is_not_there_is_misconfigured(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"none\.md"):
        load("repair", tmp_path / "none.md")


def test_a_prompt_that_is_no_text_is_misconfigured(tmp_path: Path) -> None:
    file = tmp_path / "mine.md"
    file.write_bytes(b"\xff\xfe{{evidence}}")
    with pytest.raises(Misconfigured, match=r"mine\.md"):
        load("repair", file)


VERDICTS: tuple[VerdictName, ...] = (
    "right",
    "wrong",
    "no_answer",
    "error",
    "timeout",
    "memory",
    "denied",
    "crash",
    "cut",
    "invalid_truth",
)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_has_its_feedback(verdict: VerdictName) -> None:
    parts = load("feedback").parts()
    names = (
        {f"{verdict}_input", f"{verdict}_output"} if verdict in ("right", "wrong") else {verdict}
    )
    assert all(parts[name] for name in names)


def test_the_request_to_try_again_is_a_part_of_the_feedback() -> None:
    assert Feedback(load("feedback")).redo == load("feedback").parts()["redo"] != ""


@pytest.mark.parametrize("name", ["feedback", "parts"])
def test_a_prompt_without_one_of_its_parts_is_misconfigured(tmp_path: Path, name: str) -> None:
    file = tmp_path / "mine.md"
    file.write_text("== other ==\nWords\n")
    with pytest.raises(Misconfigured):
        load(name, file)
