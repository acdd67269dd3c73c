"""`python -m deploy.image.collect ROOT PREFIX`: gather what a Python environment needs to run.

Into ROOT go PREFIX (the environment), its interpreter, the standard library and the shared
libraries of all these, each at its own path: no shell, no package manager, no compiler.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

UNUSED: Final = (
    "__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip",
    "site-packages", "dist-packages", "config-*",
)  # fmt: skip
"""Of the standard library."""

# glibc loads the first when a thread ends; the others say who is whom, and how names are found.
MORE: Final = (
    "/lib/*/libgcc_s.so.1",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/usr/lib/os-release",
    "/usr/lib/ssl/*",
)


def main(root: Path, prefix: Path) -> None:
    library = Path(sysconfig.get_path("stdlib"))
    for link in map(Path, ("/bin", "/lib", "/lib64", "/sbin")):
        if link.is_symlink():
            (root / link.name).symlink_to(link.readlink())
    _copy_tree(library, root, shutil.ignore_patterns(*UNUSED))
    _copy_tree(prefix, root)
    interpreter = prefix / "bin" / "python"
    found = set(links(interpreter))
    # What a wheel brings for itself is found once its module is loaded, and not by ldd.
    bundled = {path.name for path in prefix.rglob("*.so*")}
    for folder in (library, prefix):
        for binary in folder.rglob("*.so*"):
            found.update(needed(binary, bundled))
    found.update(needed(interpreter, bundled))
    found.update(path for pattern in MORE for path in Path("/").glob(pattern[1:]))
    for path in sorted(found):
        for each in links(path):
            _copy(each, root)
    packages(root, found)


def links(path: Path) -> Iterator[Path]:
    """Yield `path`, and what it leads to, link by link; folders on the way by their real names."""
    while True:
        path = path.parent.resolve() / path.name
        yield path
        if not path.is_symlink():
            return
        path = path.parent / path.readlink()


def needed(binary: Path, bundled: set[str]) -> set[Path]:
    """Return the libraries that the loader finds for a program or library, itself included."""
    told = subprocess.run(("ldd", binary), capture_output=True, text=True, check=False).stdout  # noqa: S607
    if missing := set(re.findall(r"(\S+) => not found", told)) - bundled:
        raise SystemExit(f"{binary} lacks {', '.join(sorted(missing))}")
    return {Path(name) for name in re.findall(r"(/\S+) \(0x", told)}


def packages(root: Path, found: set[Path]) -> None:
    """Keep the records of Debian's packages that files came from, where scanners look for them."""
    told = root / "var/lib/dpkg/status.d"
    told.mkdir(parents=True)
    names = {str(each) for path in found for each in links(path)}
    names |= {name.removeprefix("/usr") for name in names}
    names.add(str(Path(sysconfig.get_path("stdlib")) / "os.py"))
    asked = ("dpkg-query", "-S", *sorted(names))
    owners = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    for package in sorted(set(re.findall(r"^([^:,\s]+)[^/]*: /", owners, re.MULTILINE))):
        asked = ("dpkg-query", "--status", package)
        status = subprocess.run(asked, capture_output=True, check=True).stdout
        (told / package).write_bytes(status)


def _copy_tree(folder: Path, root: Path, ignore: object = None) -> None:
    target = root / folder.relative_to("/")
    shutil.copytree(folder, target, symlinks=True, ignore=ignore, dirs_exist_ok=True)  # type: ignore[arg-type]


def _copy(path: Path, root: Path) -> None:
    target = root / path.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target) or path.is_dir():
        return
    shutil.copy2(path, target, follow_symlinks=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
