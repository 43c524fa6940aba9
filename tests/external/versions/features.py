# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Select the tests of what users do, and count their results by feature (a pytest plugin).

Of a test with several cases only the first one is run, since Ansible takes the same path in all of them. The results are written to the
file that FEATURES_RESULTS names. With FEATURES_FEW, only the first tests of each feature are run.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Feature:
    """A column of the table: files with tests, the fixture that its tests have in common, and the tests that a short run selects."""

    files: tuple[str, ...]
    few: tuple[str, ...]
    fixture: str = ""


# A test belongs to the first feature that matches it.
FEATURES = {
    "modules": Feature(
        ("test_parity.py",),
        (
            "test_action_and_module_give_the_same_result",
            "test_warning_is_shown_once_and_is_in_the_result",
            "test_module_defaults_of_the_group_reach_the_action",
        ),
    ),
    "role": Feature(
        ("test_maintenance_playbook.py",),
        ("test_host_with_a_false_condition_is_not_maintained", "test_failed_server_can_be_rescued"),
        "role",
    ),
    "maintenance": Feature(
        ("test_maintenance_playbook.py", "test_maintenance.py", "test_interrupted_run.py"),
        (
            "test_failure_of_one_server_stops_no_other",
            "test_check_and_diff_show_the_plan_and_send_nothing",
            "test_names_of_the_api_are_never_templates",
            "test_failing_verify_task_fails_its_host_after_the_restart",
        ),
    ),
    "playbooks": Feature(
        ("test_playbooks.py", "test_playbook_settings.py"),
        (
            "test_power_brings_every_server_to_its_state",
            "test_announce_uses_the_command_of_each_game",
            "test_status_writes_files",
        ),
    ),
    "inventory": Feature(
        ("test_inventory.py",),
        (
            "test_texts_of_the_api_are_never_templates",
            "test_groups_and_variables_can_be_constructed",
            "test_token_may_be_a_template_and_is_not_cached",
            "test_missing_token_error_names_its_sources",
        ),
    ),
    "report": Feature(("test_report.py",), ("test_report_matches_its_documentation",)),
    "event source": Feature(("test_eda_source.py",), ("test_first_round_reports_nothing_and_each_change_is_one_event",)),
    "examples": Feature(("test_docs.py",), ()),
}
# The results of action and module must be the same in every case. The cases of the documentation are its examples.
WHOLE = {"test_parity.py", "test_docs.py"}


def feature_of(item: Any) -> str | None:
    """Return the feature that a test belongs to."""
    for name, feature in FEATURES.items():
        if item.path.name in feature.files and (not feature.fixture or feature.fixture in item.fixturenames):
            return name
    return None


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Deselect the other cases, and mark each test with its feature."""
    few = bool(os.environ.get("FEATURES_FEW"))
    seen: set[tuple[str, str]] = set()
    kept = []
    for item in items:
        feature, test = feature_of(item), item.name.partition("[")[0]
        is_first = (item.path.name, test) not in seen
        seen.add((item.path.name, test))
        if feature and (is_first or item.path.name in WHOLE) and (not few or test in FEATURES[feature].few):
            item.user_properties.append(("feature", feature))
            kept.append(item)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


class Counter:
    """The numbers of passed and of failed tests of each feature."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: dict[str, list[int]] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count a result. An error before or after a test counts as a failure."""
        feature = dict(report.user_properties).get("feature")
        if feature and (report.failed or (report.when == "call" and report.passed)):
            self.counts.setdefault(feature, [0, 0])[int(report.failed)] += 1

    def pytest_sessionfinish(self) -> None:
        """Write the numbers."""
        self.path.write_text(json.dumps(self.counts))


def pytest_configure(config: Any) -> None:
    """Count in the main process, to which the others report."""
    if not hasattr(config, "workerinput") and os.environ.get("FEATURES_RESULTS"):
        config.pluginmanager.register(Counter(Path(os.environ["FEATURES_RESULTS"])))
