"""What the README promises about delivery, and the tests that show it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

TESTS = Path(__file__).parent.parent
README = TESTS.parent / "agor_core" / "feathers" / "README.md"

SHOWN: Mapping[str, Sequence[str]] = {
    "An event is told after the call that caused it has succeeded": (
        "conformance/test_hooks.py::test_events_follow_the_hooks",
        "db/test_change_log.py::test_events_are_numbered_without_gaps_in_the_order_of_the_commits",
        "db/test_change_log.py::test_what_one_unit_of_work_changed_is_heard_together",
    ),
    "Every logged event has an offset": ("conformance/test_recovery.py::test_logged_events_carry_ascending_offsets",),
    "Each connection hears each event it may hear exactly once": (
        "conformance/test_lanes.py::test_each_hears_its_own_in_order",
        "conformance/test_events.py::test_events_keep_their_order_while_publishers_take_their_time",
        "daemon/test_faults.py::test_every_event_is_heard_once_and_in_order_whatever_breaks",
    ),
    "Who comes back within `window_s`": (
        "conformance/test_recovery.py::test_what_was_missed_comes_first_and_once",
        "conformance/test_recovery.py::test_replay_asks_todays_publishers",
        "conformance/test_javascript.py::test_the_client_recovers_across_a_restart",
    ),
    "Who cannot be told everything": (
        "conformance/test_recovery.py::test_who_cannot_be_known_begins_anew",
        "conformance/test_recovery.py::test_too_far_behind_or_away_is_too_late",
        "conformance/test_recovery.py::test_a_user_comes_back_with_its_connection",
    ),
    "A reader who is 0.9 MB or 2,000 frames behind": (
        "conformance/test_hostile.py::test_a_reader_that_stops_is_dropped_and_nobody_else",
        "conformance/test_hostile.py::test_a_reader_without_progress_is_dropped",
        "conformance/test_lanes.py::test_a_reader_that_stops_costs_a_bounded_amount",
    ),
    "Limits: exactly once is per connection": (
        "conformance/test_recovery.py::test_volatile_events_have_no_offset",
        "conformance/test_recovery.py::test_replay_starts_at_the_later_of_offset_and_start",
    ),
}
"""How each promise begins."""


def test_each_promise_is_shown() -> None:
    """Every numbered sentence has tests that are there, and no test stands for a promise that is not made."""
    promises = README.read_text().partition("## What delivery promises")[2].partition("\n## ")[0]
    made = re.findall(r"^\d\. (.*)$", promises, re.MULTILINE)
    assert len(made) == len(SHOWN)
    for said, (beginning, names) in zip(made, SHOWN.items(), strict=True):
        assert said.startswith(beginning)
        for name in names:
            file, _, test = name.partition("::")
            assert f"def {test}(" in (TESTS / file).read_text(), name
