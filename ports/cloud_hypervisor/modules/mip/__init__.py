# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Packages from an index or a repository into a directory of sys.path: micropython-lib's mip."""

import os
import sys

import requests

_PACKAGE_INDEX = "https://micropython.org/pi/v2"
_PIECE = 4096
_REPOSITORIES = {
    "github:": "https://raw.githubusercontent.com/{}/{}/{}/{}",
    "gitlab:": "https://gitlab.com/{}/{}/-/raw/{}/{}",
}
_MOST_DEPENDENCIES = 100


def _url(url, version):
    """Where it is; a shorthand such as github:org/repo/path means a file of a repository."""
    for prefix, form in _REPOSITORIES.items():
        if url.startswith(prefix):
            owner, repository, *path = url[len(prefix) :].split("/")
            return form.format(owner, repository, version or "HEAD", "/".join(path))
    return url


def _make_directories(path):
    at = path.find("/", 1)
    while at > 0:
        try:
            os.mkdir(path[:at])
        except OSError as e:
            if e.errno != 17:  # It is there.
                raise
        at = path.find("/", at + 1)


def _sum_matches(path, short_hash):
    """Whether the file is there and has this sum: the start of its SHA-256."""
    from binascii import hexlify
    from hashlib import sha256

    sum = sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(_PIECE):
                sum.update(piece)
    except OSError:
        return False
    return hexlify(sum.digest()).decode().startswith(short_hash)


def _get(url):
    response = requests.get(url)
    if response.status_code != 200:
        response.close()
        raise OSError(f"{url}: {response.status_code} {response.reason}")
    return response


def _download(url, path):
    """The file is there when all of it has come."""
    _make_directories(path)
    part = path + ".part"
    try:
        with _get(url) as response, open(part, "wb") as file:
            for piece in response.iter_content(_PIECE):
                file.write(piece)
        try:
            os.remove(path)
        except OSError:
            pass
        os.rename(part, path)
    except BaseException:
        try:
            os.remove(part)
        except OSError:
            pass
        raise
    print("Installed:", path)


def _safe(target, path):
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError("a package may not write to " + path)
    return target + "/" + path


class _Installation:
    def __init__(self, index, target, mpy):
        self._index = index.rstrip("/")
        self._target = target
        self._mpy = mpy
        self._seen = set()

    def install(self, package, version):
        if (package, version) in self._seen:
            return
        self._seen.add((package, version))
        if len(self._seen) > _MOST_DEPENDENCIES:
            raise ValueError("too many dependencies")
        is_url = "://" in package or package.startswith(tuple(_REPOSITORIES))
        if is_url and package.endswith((".py", ".mpy")):
            name = package.split("/")[-1]
            _download(_url(package, version), _safe(self._target, name))
            return
        if is_url:
            if not package.endswith(".json"):
                package = package.rstrip("/") + "/package.json"
            where = package
        else:
            kind = str(sys.implementation._mpy & 0xFF) if self._mpy else "py"
            where = f"{self._index}/package/{kind}/{package}/{version or 'latest'}.json"
        self._install_described(where, version)

    def _install_described(self, where, version):
        with _get(_url(where, version)) as response:
            described = response.json()
        for path, short_hash in described.get("hashes", ()):
            path = _safe(self._target, path)
            if _sum_matches(path, short_hash):
                print("Exists:", path)
                continue
            _download(f"{self._index}/file/{short_hash[:2]}/{short_hash}", path)
            if not _sum_matches(path, short_hash):
                os.remove(path)
                raise OSError("what came is not what the index names: " + path)
        base = where.rpartition("/")[0]
        for path, url in described.get("urls", ()):
            if "://" not in url and not url.startswith(tuple(_REPOSITORIES)):
                url = f"{base}/{url}"
            _download(_url(url, version), _safe(self._target, path))
        for name, wanted in described.get("deps", ()):
            self.install(name, wanted)


def _first_library():
    for path in sys.path:
        if path.endswith("/lib") and not path.startswith("/rom"):
            return path
    raise ValueError("sys.path has no directory lib: give a target")


def install(package, index=None, target=None, version=None, mpy=True):
    """A package of the index, or what a URL of a package.json, .py or .mpy file names."""
    target = (target or _first_library()).rstrip("/")
    if "@" in package and "://" not in package:
        package, _, version = package.partition("@")
    _Installation(index or _PACKAGE_INDEX, target, mpy).install(package, version)
    print("Done")
