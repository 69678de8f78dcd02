"""What every test is held to: no call of ours blocks the loop, and a busy machine fails nothing."""

from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings

settings.register_profile("any load", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any load")

LONG_S = 3600
"""The limit of slow and nightly tests, in seconds. That of the others is in pyproject.toml."""
MAY_BLOCK = {
    "engine/run.py": {"open_run", "_leave_report"},  # a run opens and closes once
    "engine/batch.py": {"write", "read"},  # nothing else goes on beside a batch file
    "engine/config/loading.py": {"load_config"},  # before anything runs
    "engine/journal/opening.py": {"open_database"},  # in the writer's thread, where there is one
    "engine/source/occurrences.py": {"__init__", "__call__", "__contains__"},  # microseconds
    "engine/audit/audit.py": {"audit"},
    # without a thread of its own, the loop is the writer
    "engine/journal/writer.py": {"_drain", "start", "close"},
    "stages/prompts/templates.py": {"load"},  # before anything runs
    "stages/inference/simulated.py": {"_replies"},  # once, before its first answer
    "sandbox/pool.py": {"__aenter__"},
    "sandbox/handle.py": {"__init__"},  # starting a process
}
"""Functions that are allowed to, with all that they call, by file."""


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[BlockBuster]:
    """Fails a test in which our code blocks the loop with a file, a socket, a lock or a sleep."""
    with blockbuster_ctx(["engine", "stages", "sandbox"]) as watching:
        for function in watching.functions.values():
            for file, names in MAY_BLOCK.items():
                function.can_block_in(file, names)
        yield watching


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that take minutes by nature may take longer than the others."""
    for item in items:
        if any(item.iter_markers("slow")) or any(item.iter_markers("nightly")):
            item.add_marker(pytest.mark.timeout(LONG_S))
