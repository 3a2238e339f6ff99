# SPDX-License-Identifier: MIT
"""Debian packages: what counts as installed, and the line for a user without rights."""

import pytest

from tools import host
from tools.errors import UserError


def test_missing_packages_are_found() -> None:
    assert host.missing_packages(["dpkg", "no-such-package-at-all"]) == ["no-such-package-at-all"]


def test_either_of_two_satisfies_and_the_first_is_installed() -> None:
    assert host.missing_packages(["no-such-package-at-all|dpkg"]) == []
    assert host.missing_packages(["no-such-a|no-such-b"]) == ["no-such-a"]


def test_star_matches_a_name() -> None:
    assert host.missing_packages(["no-such|dp*g"]) == []
    assert host.missing_packages(["no-such|dp*x"]) == ["no-such"]


def test_removed_package_with_configuration_left_does_not_count(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path_factory.mktemp("dpkg")
    (directory / "status").write_text(
        "Package: left\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n"
        "Maintainer: x\nDescription: x\n\n"
        "Package: there\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"
        "Maintainer: x\nDescription: x\n"
    )
    (directory / "info").mkdir()
    (directory / "updates").mkdir()
    monkeypatch.setenv("DPKG_ADMINDIR", str(directory))
    assert host.missing_packages(["left", "there"]) == ["left"]


def test_without_rights_the_line_to_type_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_privilege", lambda: None)
    monkeypatch.setitem(host.GROUPS, "build", ("dpkg", "no-such-package-at-all"))
    with pytest.raises(UserError) as caught:
        host.require("build")
    assert (
        "apt-get update && apt-get install --no-install-recommends no-such-package-at-all"
        in caught.value.hint
    )


def test_groups_name_packages_once() -> None:
    names = host.group_packages(*host.GROUPS)
    assert len(names) == len(set(names))
