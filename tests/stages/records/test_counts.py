"""The names of counts: what is written under a name is found again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.records import counts

PARTS = st.text(st.characters(codec="utf-8", exclude_characters="|"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (counts.kind("file", "read"), "kinds.file.read"),
        (counts.reject("program", "raises"), "rejects.program.raises"),
        (counts.missing_module("torch"), "missing_modules.torch"),
        (counts.panel("input", "asked"), "panel.input.asked"),
        (counts.panel("output", "by", "zero"), "panel.output.by.zero"),
        (counts.unasked("leak"), "unasked.leak"),
        (counts.sample("right_in_turn_1"), "samples.right_in_turn_1"),
        (counts.verdict(2, "input", "wrong"), "verdicts.turn_2.input.wrong"),
        (counts.verdict_by_output("int", 1, "o", "cut"), "verdicts_by_output.int.o.turn_1.cut"),
        (counts.equality("strict"), "equalities.strict"),
        (counts.repair("won", "state"), "repairs.won.state"),
        (counts.produced("imports.numpy", "files"), "yield.imports.numpy.files"),
        (counts.spent("m-1.5", "inference", "calls"), "spent|m-1.5|inference|calls"),
    ],
)
def test_names_are_those_of_folders_that_exist(name: str, text: str) -> None:
    assert name == text


@given(PARTS, PARTS, PARTS)
def test_what_was_spent_is_found_by_model_role_and_field(model: str, role: str, what: str) -> None:
    assert counts.spent_parts(counts.spent(model, role, what)) == (model, role, what)


def test_spending_without_a_role_is_read_and_other_names_are_not() -> None:
    assert counts.spent_parts("spent|m.x|calls") == ("m.x", "", "calls")
    assert counts.spent_parts("kinds.file.read") is None


def test_a_tree_has_its_names_in_order_and_leaves_out_what_was_spent() -> None:
    found = counts.tree(
        {"samples_saved": 4, "kinds.b.read": 3, "spent|m|calls": 9, "kinds.a.read": 2}
    )
    assert found == {"kinds": {"a": {"read": 2}, "b": {"read": 3}}, "samples_saved": 4}
    assert ([*found], [*found["kinds"]]) == (["kinds", "samples_saved"], ["a", "b"])


@given(st.dictionaries(st.text("abc", min_size=3, max_size=3), st.integers()))
def test_every_count_stands_in_the_tree_at_its_name(found: dict[str, int]) -> None:
    tree = counts.tree({".".join(name): count for name, count in found.items()})
    for name, count in found.items():
        first, second, third = [*name]
        assert tree[first][second][third] == count


def test_only_the_counts_of_records_are_of_kinds() -> None:
    found = {"kinds.file.read": 1, "kind.x": 3, "rejects.kinds.x": 4}
    assert counts.of_kinds(found) == {"kinds.file.read": 1}
