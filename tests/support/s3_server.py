"""An S3-compatible server for tests (SeaweedFS): real, with one empty bucket, gone afterwards."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from deploy.local.tied import tied
from tests.support.processes import ROOT, wait_until

PROGRAM: Final = ROOT / ".venv" / "s3" / "bin" / "weed"
BUCKET: Final = "tagline"
KEYS: Final = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "a secret of the tests"}
START_S: Final = 60.0
PARTS: Final = ("master", "volume", "filer", "s3")
PORTS: Final = range(12_000, 32_000)
"""Below those that the kernel gives to whoever asks for any: nobody takes one before it is used."""


class S3Server:
    """It may be killed and started again inside: it keeps its data and its `url`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ports = _free_ports()
        self._ports = {
            f"{part}.{kind}": next(ports) for part in PARTS for kind in ("port", "port.grpc")
        }
        self._process: subprocess.Popen[bytes] | None = None
        identity = {
            "name": "tests",
            "credentials": [
                {
                    "accessKey": KEYS["AWS_ACCESS_KEY_ID"],
                    "secretKey": KEYS["AWS_SECRET_ACCESS_KEY"],
                }
            ],
            "actions": ["Admin"],
        }
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._ports['s3.port']}"

    def url(self, bucket: str = BUCKET, *, endpoint: str | None = None) -> str:
        """What `TAGLINE_BLOB_URL` would be."""
        return f"s3://{bucket}/photos?endpoint_url={endpoint or self.endpoint}"

    def unfinished(self) -> int:
        """How many uploads in parts have neither ended nor been given up."""
        return len(self._listed(f"/buckets/{BUCKET}/.uploads"))

    def parts(self) -> int:
        """How many parts of these it keeps."""
        uploads = self._listed(f"/buckets/{BUCKET}/.uploads")
        return sum(path.endswith(".part") for each in uploads for path in self._listed(each))

    def _listed(self, folder: str) -> list[str]:
        """The paths of what is in a folder of the filer; none if it never was."""
        request = urllib.request.Request(  # noqa: S310 - http
            f"{self._filer}{folder}/", headers={"Accept": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return [each["FullPath"] for each in json.load(answer)["Entries"] or []]
        except urllib.error.HTTPError as error:
            error.close()
            return []

    @property
    def _filer(self) -> str:
        return f"http://127.0.0.1:{self._ports['filer.port']}"

    def start(self) -> None:
        """Start it, or start it again; returns when it takes requests."""
        settings = {
            "dir": self._folder,
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            **self._ports,
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": 64,
            "master.electionTimeout": "1s",
            "volume.max": 20,
            "s3.config": self._folder / "s3.json",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.localSocket": self._folder / "s3.sock",
            "filer.localSocket": self._folder / "filer.sock",
        }
        options = [f"-{name}={value}" for name, value in settings.items()]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                tied([str(PROGRAM), "-logtostderr=true", "server", *options, "-filer", "-s3"]),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._takes_blobs, "the S3 server takes blobs", timeout_s=START_S)

    def _takes_blobs(self) -> bool:
        """Whether all of its parts know each other: what is put is on a volume."""
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        store = S3Store(
            BUCKET,
            endpoint=self.endpoint,
            client_options={"allow_http": True, "timeout": timedelta(seconds=5)},
            retry_config={"max_retries": 0},
        )
        try:
            obstore.put(store, "probe", b"x")  # makes the bucket, too
            obstore.delete(store, "probe")
        except (BaseError, OSError):
            return False
        return True

    def stop(self) -> None:
        """Kill it, and return when it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for part in PARTS:  # it has no setting for where these are
            port = self._ports[f"{part}.port.grpc"]
            Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock").unlink(missing_ok=True)  # noqa: S108


def _free_ports() -> Iterator[int]:
    for port in random.sample(PORTS, len(PORTS)):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        yield port


@contextmanager
def temporary_s3() -> Iterator[S3Server]:
    """A started server with a bucket; its keys are in the environment meanwhile."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="tagline-s3-") as folder, ExitStack() as stack:
        server = S3Server(Path(folder))
        stack.callback(os.environ.update, before)
        stack.callback(os.environ.clear)
        os.environ.update(KEYS)
        stack.callback(server.stop)
        server.start()
        yield server
