"""What every test may use, and two rules: no test runs if one can't be collected, and none is skipped in CI."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.workermanage import WorkerController

from tests.support.daemon import Daemon, clean_environment, running_daemon
from tests.support.fronts import PROXIES, Front, running_front
from tests.support.ports import kept_port
from tests.support.repository import make_repository

SKIPS_FAIL = "AGOR_TEST_SKIPS_FAIL"

# The same examples each time, however long one takes: a run fails for what the change did, not for chance or for a
# busy machine. New ones are looked for where AGOR_TEST_EXPLORE is set.
settings.register_profile(
    "agor",
    derandomize=not os.environ.get("AGOR_TEST_EXPLORE"),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("agor")

# What runs in the background ignores Ctrl-C, and so would every program that a test starts; one at a terminal does not.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where AGOR_TEST_SKIPS_FAIL is set, a skipped test is a failed one."""
    report = yield
    if os.environ.get(SKIPS_FAIL) and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and {SKIPS_FAIL} is set: {report.longrepr}"
    return report


UNCOLLECTED: set[str] = set()


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember what can't be collected, apart from tests that fail."""
    if report.failed:
        UNCOLLECTED.add(report.nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: WorkerController) -> None:
    """What can't be collected ends the run before its first test, as it does without workers.

    By itself xdist runs all that could be collected, and tells of the rest at the end. A worker that takes the place of
    one that died collects, too, when tests have failed already.
    """
    if UNCOLLECTED and not node.config.option.continue_on_collection_errors:
        session = node.config.pluginmanager.get_plugin("session")
        raise session.Interrupted(f"{len(UNCOLLECTED)} errors during collection")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with an empty home."""
    return clean_environment(tmp_path / "home")


@pytest.fixture
def daemon(environment: dict[str, str], tmp_path: Path) -> Iterator[Daemon]:
    """A real daemon with an empty home, on a free port of loopback."""
    with running_daemon(tmp_path, environment=environment) as running:
        yield running


@pytest.fixture(scope="module")
def shared_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon for all tests of a module that leave nothing behind."""
    folder = tmp_path_factory.mktemp("shared")
    with running_daemon(folder, environment=clean_environment(folder / "home")) as running:
        yield running


@pytest.fixture(scope="module", params=PROXIES)
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A daemon behind each proxy in turn."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        try:
            running = stack.enter_context(running_front(request.param, folder, clean_environment(folder / "home")))
        except LookupError as error:
            pytest.skip(str(error))
        yield running


@pytest.fixture
def port() -> Iterator[int]:
    """For a server that goes, and is to come back under its old address."""
    with kept_port() as port:
        yield port


@pytest.fixture
def repository(environment: dict[str, str], tmp_path: Path) -> Path:
    """A git repository with one commit on `main`."""
    return make_repository(tmp_path / "demo", environment)
