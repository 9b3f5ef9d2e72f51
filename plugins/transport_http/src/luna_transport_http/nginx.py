"""nginx with a configuration for nothing but files."""

import os
import shutil
from pathlib import Path

from luna_core.errors import BadInput
from luna_transport_http.process import NOBODY, drop_root

# Symbolic links are followed only from luna's own to files of the same owner (ngx_http_core_module, disable_symlinks),
# so that nobody who may write less than root can publish what root may read.
_CONFIGURATION = """
daemon off;
worker_processes auto;
pid "{work}/pid";
error_log stderr error;
events {{
    worker_connections 8192;
}}
http {{
    default_type application/octet-stream;
    access_log off;
    server_tokens off;
    sendfile on;
    # A worker must not stay with one fast client while others wait.
    sendfile_max_chunk 1m;
    tcp_nopush on;
    keepalive_requests 100000;
    open_file_cache max=20000 inactive=60s;
    open_file_cache_valid 1s;
    client_body_temp_path "{work}/body";
    proxy_temp_path "{work}/proxy";
    fastcgi_temp_path "{work}/fastcgi";
    uwsgi_temp_path "{work}/uwsgi";
    scgi_temp_path "{work}/scgi";
    server {{
        listen {port} backlog=4096;
        {listen_v6}
        root "{root}";
        autoindex off;
        disable_symlinks if_not_owner from=$document_root;
        location / {{
            limit_except GET {{ deny all; }}
            try_files $uri =404;
        }}
        location ~ /\\. {{ return 404; }}
    }}
}}
"""


def find_nginx() -> str | None:
    """Where nginx is, if it is installed; Debian keeps it where an unprivileged user's PATH doesn't look."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


def configuration(root: Path, port: int, work: Path) -> str:
    """The text of nginx.conf; `work` is a directory that nginx may write to. Raises BadInput for an odd path."""
    for path in (root, work):
        if any(character in '"\\$\n{};' for character in str(path)):
            raise BadInput(f"file server: {str(path)!r} was given; accepted is one without quotes, braces, $ and \\.")
    has_v6 = Path("/proc/net/if_inet6").exists()
    listen_v6 = f"listen [::]:{port} ipv6only=on backlog=4096;" if has_v6 else ""
    return _CONFIGURATION.format(root=root, port=port, work=work, listen_v6=listen_v6)


def become_nginx(program: str, root: Path, port: int) -> None:
    """Replace this process by nginx, which keeps what it writes itself beside `root`. It stops on SIGTERM."""
    work = root.parent / "file-server"
    work.mkdir(mode=0o755, exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(work, NOBODY)
    drop_root()
    (work / "nginx.conf").write_text(configuration(root, port, work))
    os.execv(program, [program, "-e", "stderr", "-p", str(work), "-c", str(work / "nginx.conf")])  # noqa: S606
