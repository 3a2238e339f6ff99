# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What belongs to an application, and what becomes of it when it is compiled."""

import os
from pathlib import Path

import pytest

from tests.tools.applications import MPY_HEAD, tree, wheel
from tools import build, sources
from tools.app_files import collect
from tools.application import Application, compile_app
from tools.errors import UserError


@pytest.fixture(scope="module")
def mpy_cross() -> Path:
    return build.mpy_cross(sources.micropython())


def load(path: Path, mpy_cross: Path, wheels: Path | None = None) -> Application:
    return compile_app(collect(path, wheels), mpy_cross)


def test_source_is_compiled_and_data_is_kept(tmp_path: Path, mpy_cross: Path) -> None:
    tree(tmp_path, main_py="import a", lib__a_py="x = 1", data_txt="hello")
    tree(tmp_path, __pycache____a_pyc="", _hidden="")
    (tmp_path / ".hidden").write_bytes(b"")
    files = load(tmp_path, mpy_cross).files
    assert sorted(files) == ["data.txt", "lib/a.mpy", "main.mpy"]
    assert files["data.txt"] == b"hello"
    assert files["main.mpy"].startswith(MPY_HEAD)


def test_a_file_is_an_application(tmp_path: Path, mpy_cross: Path) -> None:
    tree(tmp_path, hello_py="print(1)")
    loaded = load(tmp_path / "hello.py", mpy_cross)
    assert (loaded.name, list(loaded.files)) == ("hello", ["main.mpy"])


@pytest.mark.parametrize(("file", "name"), [("...py", "application"), ("a.b.py", "a.b")])
def test_name_of_a_file_is_no_directory(tmp_path: Path, file: str, name: str) -> None:
    (tmp_path / file).write_text("")
    assert collect(tmp_path / file).name == name


def test_a_syntax_error_of_a_file_has_its_name(tmp_path: Path, mpy_cross: Path) -> None:
    tree(tmp_path, bad_py="x = 1\nif x\n")
    with pytest.raises(UserError, match=r"^bad\.py, line 2: SyntaxError"):
        load(tmp_path / "bad.py", mpy_cross)


def test_source_too_deep_for_a_parser_is_told(tmp_path: Path, mpy_cross: Path) -> None:
    tree(tmp_path, main_py="x = " + "-" * 100_000 + "1")
    with pytest.raises(UserError, match=r"^main\.py"):
        load(tmp_path, mpy_cross)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        (os.fsdecode(b"b\xe4d.py"), "is no UTF-8"),
        (os.fsdecode(b"b\xe4d.txt"), "is no UTF-8"),
        ("a\nb.txt", "has a control character in its name"),
        ("d/" * 33 + "f", "lies in more than 32 directories"),
    ],
)
def test_names_that_a_guest_refuses_are_refused(tmp_path: Path, name: str, complaint: str) -> None:
    tree(tmp_path, main_py="")
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=complaint):
        collect(tmp_path)


def test_a_syntax_error_tells_file_and_line(tmp_path: Path, mpy_cross: Path) -> None:
    tree(tmp_path, main_py="import lib.a", lib__a_py="x = 1\nif x\n")
    with pytest.raises(UserError, match=r"^lib/a\.py, line 2: SyntaxError: invalid syntax"):
        load(tmp_path, mpy_cross)


def test_a_directory_without_main_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, a_py="x = 1")
    with pytest.raises(UserError, match=r"holds no main\.py"):
        collect(tmp_path)


def test_source_and_its_compiled_form_are_refused(tmp_path: Path) -> None:
    tree(tmp_path, main_py="", a_py="", a_mpy="")
    with pytest.raises(UserError, match=r"holds both a\.py and a\.mpy"):
        collect(tmp_path)


def test_links_to_directories_are_followed_but_not_in_a_circle(
    tmp_path: Path, mpy_cross: Path
) -> None:
    app, library = tmp_path / "app", tmp_path / "library"
    app.mkdir()
    library.mkdir()
    (app / "main.py").touch()
    (library / "part.py").touch()
    (app / "one").symlink_to(library)
    (app / "two").symlink_to("../library")
    (library / "back").symlink_to(app)
    (app / "gone").symlink_to("nowhere")
    files = load(app, mpy_cross).files
    assert sorted(files) == ["main.mpy", "one/part.mpy", "two/part.mpy"]


# manifest.py


def test_manifest_says_which_python_goes_in(tmp_path: Path, mpy_cross: Path) -> None:
    app = tree(tmp_path / "app", main_py="", unused_py="", src__part_py="x = 1", data_txt="d")
    tree(tmp_path / "elsewhere", library__one_py="", library__two_py="")
    (app / "manifest.py").write_text(
        'metadata(version="2.5")\n'
        'module("part.py", base_path="src")\n'
        'package("library", files=["one.py"], base_path="../elsewhere")\n'
        'include("$(PORT_DIR)/boards/manifest.py")\n'
    )
    loaded = load(app, mpy_cross)
    assert sorted(loaded.modules) == ["library/one.py", "main.py", "part.py"]
    assert sorted(loaded.data) == ["data.txt"]
    assert loaded.version == "2.5"
    assert b"2.5" in loaded.modules["part.py"]  # Its __version__, as upstream adds it.


def test_manifest_freezes_as_upstream_says(tmp_path: Path, mpy_cross: Path) -> None:
    app = tree(tmp_path / "app", main_py="", text__plain_py="x = 1", lib__low_py="y = 2")
    (app / "manifest.py").write_text('freeze("lib", opt=3)\nfreeze_as_str("text")\n')
    loaded = load(app, mpy_cross)
    assert sorted(loaded.files) == ["low.mpy", "main.mpy", "plain.py"]
    assert loaded.data["plain.py"] == b"x = 1"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('module("none.py")', r"manifest\.py: Cannot stat .*none\.py"),
        ('require("none")', "Package 'none' not found in any known library"),
        ("module(", r"manifest\.py: .*was never closed"),
    ],
)
def test_bad_manifest_is_told(tmp_path: Path, text: str, complaint: str) -> None:
    tree(tmp_path, main_py="", manifest_py=text)
    with pytest.raises(UserError, match=complaint):
        collect(tmp_path)


# requirements.txt


def test_requirements_come_from_wheels_with_what_they_need(
    tmp_path: Path, mpy_cross: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wheel(tmp_path / "wheels", "upper", requires="lower>=1.0")
    wheel(tmp_path / "wheels", "lower")
    app = tree(tmp_path / "app", main_py="import upper", requirements_txt="upper==1.0\n")
    loaded = load(app, mpy_cross, tmp_path / "wheels")
    assert sorted(loaded.files) == [
        "lower/__init__.mpy",
        "lower/data.txt",
        "main.mpy",
        "upper/__init__.mpy",
        "upper/data.txt",
    ]
    # MicroPython's compiler has no match statement.
    assert "Left out: upper/only_cpython.py, line 1: SyntaxError" in capfd.readouterr().err


def test_own_module_goes_before_a_package_s(tmp_path: Path, mpy_cross: Path) -> None:
    wheel(tmp_path / "wheels", "upper")
    app = tree(tmp_path / "app", main_py="", requirements_txt="upper", upper__data_txt="mine")
    (app / "upper" / "__init__.py").write_text("own = 1")
    loaded = load(app, mpy_cross, tmp_path / "wheels")
    assert b"own" in loaded.modules["upper/__init__.py"]
    assert loaded.data["upper/data.txt"] == b"mine"


def test_package_with_machine_code_is_refused(tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "native", tag="cp311-cp311-manylinux2014_x86_64")
    app = tree(tmp_path / "app", main_py="", requirements_txt="native")
    with pytest.raises(UserError, match=r"cannot be had as pure Python wheels:\nERROR: .*native"):
        collect(app, tmp_path / "wheels")


def test_pip_is_not_led_by_a_user_s_habits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_USER", "1")
    wheel(tmp_path / "wheels", "lower")
    app = tree(tmp_path / "app", main_py="", requirements_txt="lower")
    assert "lower/__init__.py" in collect(app, tmp_path / "wheels").sources


def test_wheels_need_requirements_and_a_directory(tmp_path: Path) -> None:
    app = tree(tmp_path / "app", main_py="")
    with pytest.raises(UserError, match=r"has no requirements\.txt"):
        collect(app, tmp_path)
    tree(app, requirements_txt="x")
    with pytest.raises(UserError, match="there is no such directory"):
        collect(app, tmp_path / "none")
    with pytest.raises(UserError, match="is no directory with a requirements"):
        collect(app / "main.py", tmp_path)
