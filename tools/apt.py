# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Downloads through apt from the Debian mirror that this machine already uses. Installs nothing.

No mirror's address is written down anywhere: it comes from the machine's own configuration, with
its proxies, certificates and keys. apt checks the archive's signature here as everywhere (a
Release file counts that any key of the machine's keyring has signed; trixie's is also signed by
bookworm's key, so Debian 12's oldest keyring suffices), and a download that it refuses is an
error. For sources the pinned SHA-256 stands above that: tools/sources.py.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .errors import UserError

# Left alone on a failure, apt may retry for minutes.
_NETWORK_OPTIONS = ["-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=30"]


def main_archives() -> list[str]:
    """The URIs of Debian's main archive as this machine is configured.

    Not the security archive, which lacks the other suites, and not third parties' archives.
    """
    known = _archives("$(ORIGIN)|$(LABEL)", [])
    found = [uri for uri, mark in known if mark == "Debian|Debian"]
    if not found:
        # Before the first `apt-get update` origins are not known, only what the user has written.
        written = _archives("$(RELEASE)|$(COMPONENT)", ["--no-release-info"])
        found = [
            uri
            for uri, mark in written
            if re.fullmatch(r"[a-z]+\|main", mark) and uri.rstrip("/").endswith("/debian")
        ]
    uris = [uri for uri in dict.fromkeys(found) if not uri.startswith("cdrom:")]
    if not uris:
        raise UserError(
            "apt on this machine names no mirror of Debian.",
            "Add one to /etc/apt/sources.list, and as root: apt-get update",
        )
    return uris


def _archives(fields: str, options: list[str]) -> list[tuple[str, str]]:
    """URI and `fields` of every index that apt is configured to use."""
    command = ["apt-get", "indextargets", *options, "--format", f"$(REPO_URI) {fields}"]
    answer = _run(command, "apt's configuration")
    return [(uri, mark) for uri, _, mark in (row.partition(" ") for row in answer.splitlines())]


def download_source(package: str, version: str, suite: str, into: Path) -> None:
    """Download the upstream archive of a Debian source package into the directory `into`.

    Uses a private apt directory, so that neither root rights nor a change of the machine's own
    apt configuration is needed. Where the suite has gone on to another Debian revision of the
    same upstream version, its archive is taken: the caller compares the hash.
    """
    failure: UserError | None = None
    for uri in main_archives():
        with tempfile.TemporaryDirectory(prefix="apt-") as scratch:
            apt = _private_apt(Path(scratch), uri, suite)
            try:
                _run([*apt, "update"], f"the list of Debian {suite}'s sources")
                source = [*apt, "source", "--download-only", "--tar-only"]
                try:
                    _run([*source, f"{package}={version}"], f"the source of {package}", into)
                except UserError:
                    _run([*source, package], f"the source of {package}", into)
                return
            except UserError as error:
                failure = error
    assert failure is not None
    raise failure


def _private_apt(scratch: Path, uri: str, suite: str) -> list[str]:
    for directory in ("lists/partial", "cache/archives/partial"):
        (scratch / directory).mkdir(parents=True)
    (scratch / "status").touch()
    (scratch / "sources.list").write_text(f"deb-src {uri} {suite} main\n")
    # Read after the machine's own configuration, from which it keeps proxies and certificates;
    # the keyring (Dir::Etc::Trusted, Dir::Etc::TrustedParts) stays the machine's.
    configuration = scratch / "apt.conf"
    configuration.write_text(
        f"""
Dir::Etc::SourceList "{scratch}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State "{scratch}";
Dir::State::Lists "{scratch}/lists";
Dir::State::Status "{scratch}/status";
Dir::Cache "{scratch}/cache";
Dir::Log "{scratch}";
// Hooks of the machine's own lists and caches: not for these.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
// For root only: the scratch directory is closed to apt's user. The pinned hash is what counts.
APT::Sandbox::User "root";
Acquire::Languages "none";
"""
    )
    return ["apt-get", "-c", str(configuration), *_NETWORK_OPTIONS]


def dependencies(package: str, pattern: str) -> list[str]:
    """The names of those direct dependencies of `package` that match the regular expression."""
    answer = _run(["apt-cache", "depends", "--important", package], f"what {package} is")
    names = re.findall(r"Depends: (\S+)", answer)
    return [str(name) for name in names if re.fullmatch(pattern, name)]


def dependency(package: str, pattern: str) -> str:
    """The first one.

    For metapackages such as linux-image-cloud-amd64, whose dependency names the real one.
    """
    for name in dependencies(package, pattern):
        return name
    raise UserError(
        f"apt knows no dependency of {package} like {pattern}.", "As root: apt-get update"
    )


def candidate_version(package: str) -> str:
    """The version of `package` that apt would install. UserError where there is none."""
    answer = _run(["apt-cache", "policy", package], f"the version of {package}")
    found = re.search(r"Candidate: (\S+)", answer)
    if found is None or found[1] == "(none)":
        raise UserError(f"apt knows no package {package}.", "As root: apt-get update")
    return found[1]


def download_binary(package: str, version: str, into: Path) -> Path:
    """Download one .deb of the machine's own release into the directory `into`."""
    sandbox = ["-o", "APT::Sandbox::User=root"]
    _run(
        ["apt-get", *_NETWORK_OPTIONS, *sandbox, "download", f"{package}={version}"],
        f"the Debian package {package}",
        into,
    )
    files = list(into.glob("*.deb"))
    if len(files) != 1:
        raise UserError(f"apt did not download {package} {version}.", "As root: apt-get update")
    return files[0]


def _run(command: list[str], what: str, directory: Path | None = None) -> str:
    """stdout of a command; on failure UserError with apt's own errors in one line."""
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise UserError(
            f"{command[0]} was not found, so {what} cannot be fetched.",
            "Debian 12 or later is needed (or MICROPYTHON_DIR for another source tree).",
        ) from None
    # `apt-get update` succeeds although an index could not be fetched, and only warns.
    failed_index = "update" in command and re.search(r"^(W|Err): .*[Ff]ailed", done.stderr, re.M)
    if done.returncode == 0 and not failed_index:
        return done.stdout
    errors: Iterable[str] = re.findall(r"^[EW]: *(.*)$", done.stderr, re.M)
    reason = "; ".join(dict.fromkeys(error.rstrip(". ") for error in errors)) or "no message"
    raise UserError(
        f"Debian's mirror did not give {what}: {reason[:600]}.",
        "Check the network and /etc/apt; for a missing key, as root: "
        "apt-get install debian-archive-keyring",
    )
