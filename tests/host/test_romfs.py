"""kernel/romfs.c: what is taken for a ROMFS, and that nothing a host passes as one does harm.

The host's reader has the same rules (tools/romfs_reader.py): every image is read by both.
"""

from pathlib import Path

import pytest
from mpremote.romfs import make_romfs as upstreams

from tests.host import programs
from tools.romfs import CHECKSUM_MARK, MAGIC, make_romfs
from tools.romfs_reader import read_entries

FILES = {
    "main.py": b"print(1)\n",
    "empty": b"",
    "lib/a.py": b"a = 1\n" * 40,
    "lib/deep/data.bin": bytes(range(256)) * 80,
    "Grüße.txt": "世界".encode(),
}
WELL = "5 files, 2 directories"

PADDING, VERBATIM, POINTER, DIRECTORY, FILE = 1, 2, 3, 4, 5


def number(value: int) -> bytes:
    encoded = bytes([value & 0x7F])
    while value := value >> 7:
        encoded = bytes([0x80 | value & 0x7F]) + encoded
    return encoded


def record(kind: int, content: bytes) -> bytes:
    return number(kind) + number(len(content)) + content


def named(kind: int, name: bytes, content: bytes) -> bytes:
    return record(kind, number(len(name)) + name + content)


def image(*records: bytes) -> bytes:
    content = b"".join(records)
    return MAGIC + number(len(content)) + content


def a_file(name: bytes = b"f", content: bytes = b"x") -> bytes:
    return named(FILE, name, record(VERBATIM, content))


def verdict(content: bytes, *arguments: str) -> str:
    said = programs.run("probe_romfs", *arguments, stdin=content).stdout.decode()
    if not arguments:
        assert said == verdict_of_the_host(content)
    return said


def verdict_of_the_host(content: bytes) -> str:
    try:
        entries = read_entries(content)
    except ValueError as error:
        return str(error)
    directories = sum(each is None for each in entries.values())
    return f"{len(entries) - directories} files, {directories} directories"


def test_what_the_tool_writes_is_read() -> None:
    assert verdict(make_romfs(FILES)) == WELL


@pytest.mark.parametrize("name", ["main.py", "empty", "Grüße.txt"])
def test_a_file_is_found(name: str) -> None:
    assert verdict(make_romfs(FILES), name) == FILES[name].decode()


@pytest.mark.parametrize("name", ["main.p", "main.py2", "lib", "a.py", "lib/a.py", ""])
def test_what_is_no_file_at_the_top_is_not_found(name: str) -> None:
    assert verdict(make_romfs(FILES), name) == "none"


def test_the_order_of_the_files_does_not_matter() -> None:
    assert make_romfs(FILES) == make_romfs(dict(reversed(FILES.items())))


def test_upstream_s_writer_gives_the_same_files(tmp_path: Path, capsys: object) -> None:
    for path, content in FILES.items():
        if path.isascii():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)
    theirs = upstreams(str(tmp_path), mpy_cross=False)
    ours = make_romfs({path: content for path, content in FILES.items() if path.isascii()})
    assert verdict(theirs) == "4 files, 2 directories"
    # Beside the header and the record of the checksum it is theirs.
    after_mark = ours.index(CHECKSUM_MARK) + len(CHECKSUM_MARK) + 4
    assert theirs.endswith(ours[after_mark:])


def test_every_shorter_image_is_refused() -> None:
    whole = make_romfs({"main.py": b"print(1)\n", "d/x": b"y" * 200})
    for length in range(len(whole)):
        wrong = "it does not begin as a ROMFS" if length < 4 else "it is cut short"
        assert verdict(whole[:length]) == wrong


def test_every_changed_byte_of_the_content_is_noticed() -> None:
    whole = make_romfs({"main.py": b"print(1)\n", "d/x": b"yz"})
    start = whole.index(CHECKSUM_MARK) + len(CHECKSUM_MARK)
    for at in range(start, len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 0x40
        assert verdict(bytes(changed)) == "its checksum is wrong"


def test_what_follows_the_image_does_not_matter() -> None:
    assert verdict(make_romfs(FILES) + b"\xff" * 100) == WELL


def test_a_pointer_into_the_image_is_followed() -> None:
    pool = record(VERBATIM, b"shared")
    pointer = named(FILE, b"p", record(POINTER, number(6) + number(len(pool) - 6)))
    assert verdict(image(pool, pointer), "p") == "shared"


BEYOND = "a record in it passes the end of what it lies in"
NO_NAME = "a name in it is no file name"
NO_CONTENT = "a file in it has no content"


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "it does not begin as a ROMFS"),
        (b"\x7fELF", "it does not begin as a ROMFS"),
        (MAGIC + b"\x82", "it is cut short"),
        (MAGIC + b"\xff" * 9 + b"\x7f", "it is cut short"),
        (image(b"\x00\x00"), BEYOND),
        (image(b"\x05"), BEYOND),
        (image(b"\x05\x01"), BEYOND),
        (image(b"\x02" + b"\xff" * 12), BEYOND),
        (image(b"\x02" + b"\x81" + b"\x80" * 9 + b"\x00"), BEYOND),
        (image(named(DIRECTORY, b"d", b"\x05\x09")), BEYOND),
        (image(record(FILE, b"")), NO_NAME),
        (image(record(FILE, b"\x05abc")), NO_NAME),
        (image(a_file(b"")), NO_NAME),
        (image(a_file(b"a/b")), NO_NAME),
        (image(a_file(b"a\0b")), NO_NAME),
        (image(a_file(b"\x7f")), NO_NAME),
        (image(a_file(b"\xff")), NO_NAME),
        (image(a_file(b"\xc3")), NO_NAME),
        (image(a_file(b"\xe4a\x80")), NO_NAME),
        (image(named(FILE, b"f", b"")), NO_CONTENT),
        (image(named(FILE, b"f", record(PADDING, b"x"))), NO_CONTENT),
        (image(named(FILE, b"f", b"\x02\x05abc")), NO_CONTENT),
        (image(named(FILE, b"f", record(POINTER, b"\x01"))), NO_CONTENT),
        (image(named(FILE, b"f", record(POINTER, number(100) + number(0)))), NO_CONTENT),
        (image(named(FILE, b"f", record(POINTER, number(1) + number(1 << 62)))), NO_CONTENT),
    ],
)
def test_a_bad_image_is_refused(content: bytes, wrong: str) -> None:
    assert verdict(content) == wrong


@pytest.mark.parametrize(
    ("depth", "words"),
    [(32, "1 files, 32 directories"), (33, "its directories are nested too deep")],
)
def test_directories_may_be_nested_so_deep(depth: int, words: str) -> None:
    content = a_file()
    for _ in range(depth):
        content = named(DIRECTORY, b"d", content)
    assert verdict(image(content)) == words
