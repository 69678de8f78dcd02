"""report.json, of a snapshot and a folder's totals built by hand."""

import json
from pathlib import Path

from engine.effects.forecast import Span
from engine.results.report import PLAIN, report, write_report
from tests.engine.results.snapshots import paid, snapshot, totals


def test_every_part_of_a_report_comes_from_its_figures() -> None:
    now = snapshot(
        elapsed_s=12.34567,
        live_counts={"kinds.file.read": 1, "kinds.question.read": 4, "kinds.question.finished": 1},
        live=1,
        held_back=2,
        made=7,
        replayed=5,
        spending=paid(1.5),
        forecast={"transform": Span(0.1, 0.25, 1.0000004), "": Span(1.5, 2.0, 3.0)},
        unseen_packages=("left: no file",),
    )
    counts = {
        "kinds.file.read": 9, "kinds.file.finished": 5, "kinds.file.rejected": 4,
        "kinds.question.read": 6, "kinds.question.finished": 6,
        "missing_modules.numpy": 1, "missing_modules.torch": 4,
        "panel.input.asked": 3, "panel.input.won": 1, "panel.input.by.zero": 1,
        "panel.output.asked": 6, "rejects.file.declined": 3, "samples.right_in_turn_1": 4,
        "samples_saved": 2, "spent|m|inference|calls": 9, "unasked.leak": 1,
        "verdicts.turn_1.input.right": 3, "verdicts.turn_1.output.cut": 2,
        "verdicts.turn_2.output.cut": 1, "yield.bytes.1000.files": 2,
    }  # fmt: skip
    endings = {"module": 1, "": 5, "declined": 3}
    found = report(now, totals(endings=endings, counts=counts, journal_bytes=4096))
    assert list(found["missing_modules"]) == ["torch", "numpy"]
    assert list(found["source"]["rejected"]) == ["declined", "module"]
    assert found == {
        "schema": 2,
        "source": {"read": 12, "finished": 5, "rejected": {"declined": 3, "module": 1}, "live": 3},
        "kinds": {
            "file": {"read": 10, "finished": 5, "rejected": 4, "live": 1},
            "question": {"read": 10, "finished": 7, "rejected": 0, "live": 3},
        },
        "samples": {"right_in_turn_1": 4},
        "verdicts": {
            "turn_1": {"input": {"right": 3}, "output": {"cut": 2}},
            "turn_2": {"output": {"cut": 1}},
        },
        "rejects": {"file": {"declined": 3}},
        "verdicts_by_output": {},
        "equalities": {},
        "repairs": {},
        "yield": {"bytes": {"1000": {"files": 2}}},
        "unasked": {"leak": 1},
        "missing_modules": {"torch": 4, "numpy": 1},
        "cut_share": 0.5,
        "panel": {
            "input": {"asked": 3, "won": 1, "by": {"zero": 1}, "share": 0.3333},
            "output": {"asked": 6, "share": 0.0},
        },
        "samples_saved": 2,
        "spending": {
            "usd": 1.5,
            "unit": "usd",
            "forecast": {
                "transform": {"least": 0.1, "about": 0.25, "most": 1.0},
                "all": {"least": 1.5, "about": 2.0, "most": 3.0},
            },
        },
        "this_process": {"elapsed_s": 12.346, "effects_made": 7, "effects_replayed": 5},
        "isolation": "namespaces",
        "unseen_packages": ["left: no file"],
        "journal_bytes": 4096,
    }


def test_a_new_folder_has_an_empty_report() -> None:
    found = report(snapshot(), totals())
    assert found["source"] == {"read": 0, "finished": 0, "rejected": {}, "live": 0}
    assert found["spending"] == {"usd": 0.0, "unit": "tokens", "forecast": None}
    assert found["cut_share"] is None
    assert [found[name] for name in (*PLAIN, "kinds", "panel")] == [{}] * (len(PLAIN) + 2)


def test_a_written_report_replaces_the_last_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("old")
    write_report(tmp_path, {"a": ["é", None]})
    assert json.loads((tmp_path / "report.json").read_text("utf-8")) == {"a": ["é", None]}
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
