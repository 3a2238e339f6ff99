# SPDX-License-Identifier: MIT
"""A rung tells the truth about what it ran, ends in time, and leaves no process behind."""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import testing
from tools.errors import UserError
from tools.rung import Outcome, Rung, RungRunner


@pytest.fixture
def runner(tmp_path: Path) -> Callable[..., RungRunner]:
    """Make a runner for a rung that is one file of tests."""

    def make(tests: str, *arguments: str, limit: float = 60.0, before: str = "") -> RungRunner:
        (tmp_path / "test_it.py").write_text(tests)
        pytest_command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider"]
        pytest_command += ["--rootdir", str(tmp_path), "-c", os.devnull]
        pytest_command += [f"--junitxml={tmp_path}/it.xml", str(tmp_path), *arguments]
        commands = [[sys.executable, "-c", before]] if before else []
        rung = Rung("it", [*commands, pytest_command], "on this")
        return RungRunner(rung, tmp_path, limit, lambda line: None)

    return make


def process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie has ended; whoever adopted it has not yet asked.
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def test_counts(runner: Callable[..., RungRunner]) -> None:
    outcome = runner(
        "import pytest\n"
        "def test_a(): pass\n"
        "def test_b(): assert 1 == 2, 'one is not two'\n"
        "def test_c(): pytest.skip('no such device')\n"
        "@pytest.fixture\ndef broken(): raise OSError('gone')\n"
        "def test_d(broken): pass\n"
    ).run()
    assert outcome.state == "failed"
    assert (outcome.passed, outcome.failed, outcome.skipped) == (1, 2, 1)
    assert outcome.runs_on == "on this"
    assert len(outcome.skip_reasons) == 1
    assert "no such device" in outcome.skip_reasons[0]


def test_passed(runner: Callable[..., RungRunner]) -> None:
    outcome = runner("def test_a(): pass\n").run()
    assert (outcome.state, outcome.passed, outcome.note) == ("passed", 1, "")


def test_failure_text_is_pytests_report(runner: Callable[..., RungRunner]) -> None:
    it = runner("def test_b():\n    assert 1 == 2, 'one is not two'\n")
    it.run()
    text = it.failure_text()
    assert "FAILURES" in text.splitlines()[0]
    assert "one is not two" in text


def test_failed_check_and_failed_test_are_both_told(runner: Callable[..., RungRunner]) -> None:
    check = "print('line 3 is too long'); raise SystemExit(1)"
    it = runner("def test_a(): pass\ndef test_b(): assert 1 == 2\n", before=check)
    outcome = it.run()
    assert (outcome.state, outcome.passed, outcome.failed) == ("failed", 1, 1)
    assert "failed" in outcome.note
    assert "line 3 is too long" in it.failure_text()
    assert "assert 1 == 2" in it.failure_text()


def test_failed_check_alone_is_a_failure(runner: Callable[..., RungRunner]) -> None:
    it = runner("def test_a(): pass\n", before="raise SystemExit(1)")
    assert it.run().state == "failed"


def test_selection_without_tests_is_no_failure(runner: Callable[..., RungRunner]) -> None:
    assert runner("def test_a(): pass\n", "-k", "nothing").run().state == "none"


def test_module_that_does_not_load_is_a_failure(runner: Callable[..., RungRunner]) -> None:
    assert runner("import no_such_module\n").run().state == "failed"


def test_time_limit(runner: Callable[..., RungRunner]) -> None:
    begin = time.monotonic()
    outcome = runner("import time\ndef test_a(): time.sleep(300)\n", limit=3).run()
    assert time.monotonic() - begin < 60
    assert outcome.state == "stopped"
    assert "stopped after 3 s" in outcome.note


def test_stop_lets_fixtures_clear_up(runner: Callable[..., RungRunner], tmp_path: Path) -> None:
    it = runner(
        "import pathlib, time, pytest\n"
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        "@pytest.fixture\ndef guest():\n"
        "    (here / 'up').touch()\n    yield\n    (here / 'down').touch()\n"
        "def test_a(guest): time.sleep(300)\n"
    )
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(it.run()))
    thread.start()
    deadline = time.monotonic() + 60
    while not (tmp_path / "up").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    it.stop("interrupted")
    thread.join(60)
    assert outcomes[0].state == "stopped"
    assert (tmp_path / "down").exists()


def test_process_left_behind_is_killed_and_a_failure(
    runner: Callable[..., RungRunner], tmp_path: Path
) -> None:
    outcome = runner(
        "import pathlib, subprocess\n"
        "def test_a():\n"
        "    process = subprocess.Popen(['sleep', '300'])\n"
        f"    pathlib.Path({str(tmp_path)!r}, 'pid').write_text(str(process.pid))\n"
    ).run()
    assert outcome.state == "failed"
    assert outcome.passed == 1
    assert "left processes behind" in outcome.note
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while process_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not process_exists(pid)


def test_unknown_rung_names_the_known() -> None:
    with pytest.raises(UserError, match=r"no rung 'moon'.*host, qemu, upstream, target"):
        testing.main("", ["moon"])


def test_summary_tells_what_could_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(testing, "LOGS", tmp_path)
    testing.report(
        [
            Outcome("qemu", "passed", "QEMU 7.2", passed=12, skip_reasons=["1 skipped: [why]"]),
            Outcome("target", "unavailable", note="no cloud-hypervisor on PATH"),
        ]
    )
    said = capsys.readouterr().out
    assert "not run" in said
    assert "target: no cloud-hypervisor on PATH" in said
    assert "qemu: 1 skipped: [why]" in said
    assert '"QEMU 7.2"' in (tmp_path / "summary.json").read_text()


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([Outcome("host", "passed", passed=1), Outcome("target", "unavailable")], 0),
        ([Outcome("host", "passed", passed=1), Outcome("qemu", "failed")], 1),
        ([Outcome("host", "passed", passed=1), Outcome("qemu", "stopped", passed=3)], 1),
        ([Outcome("host", "passed", passed=1), Outcome("qemu", "none")], 0),
    ],
)
def test_exit_code(
    outcomes: list[Outcome], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testing, "LOGS", tmp_path)
    monkeypatch.setattr(testing, "run_rungs", lambda names, expression: outcomes)
    assert testing.main("", []) == code


def test_no_test_at_all_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testing, "LOGS", tmp_path)
    none = [Outcome("host", "none"), Outcome("target", "unavailable")]
    monkeypatch.setattr(testing, "run_rungs", lambda names, expression: none)
    with pytest.raises(UserError, match="No test matches -k 'xyz'"):
        testing.main("xyz", [])


def test_expression_that_is_none_is_one_line() -> None:
    for expression in ("and and", "(", "a b"):
        with pytest.raises(UserError, match="is no expression"):
            testing.main(expression, [])
