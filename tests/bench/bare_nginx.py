"""nginx as the least that a gateway could be: it writes each body to a file, and answers."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deploy.local.tied import tied
from tests.support.processes import free_port, wait_until

CONFIGURATION: Final = """
worker_processes 1;
daemon off;
pid %(folder)s/nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path %(folder)s/bodies;
  proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/fastcgi;
  uwsgi_temp_path %(folder)s/uwsgi;
  scgi_temp_path %(folder)s/scgi;
  client_max_body_size 64m;
  keepalive_requests 1000000;
  upstream answers { server unix:%(folder)s/answers.sock; keepalive 64; }
  server {
    listen 127.0.0.1:%(port)d backlog=4096;
    location / {
      client_body_in_file_only on;
      proxy_pass http://answers;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
    }
  }
  server {
    listen unix:%(folder)s/answers.sock;
    location / { return 202 "{}"; }
  }
}
"""


@contextmanager
def running_nginx(program: str, folder: Path) -> Iterator[str]:
    """Yields its address."""
    port = free_port()
    folder.chmod(0o755)  # started by root, it works as somebody else
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION % {"folder": folder, "port": port})
    process = subprocess.Popen(
        tied([program, "-p", str(folder), "-c", str(file)]), stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _listens(port), "nginx listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
