"""Addresses as people type them: `HOST:PORT` and the URLs of stores."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit


class Address(NamedTuple):
    """A TCP address; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address(text: str) -> Address:
    """`127.0.0.1:3868`, `localhost:3868` or `[::1]:3868`.

    Raises:
        ValueError: not of that form.
    """
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"expected HOST:PORT such as 127.0.0.1:3868 or [::1]:3868 (got {text!r})")
    return Address(host, int(port))


def store_path(url: str) -> Path:
    """The file that `sqlite:///relative.db` or `sqlite:////absolute.db` names.

    Raises:
        ValueError: not of that form.
    """
    parts = urlsplit(url)
    path = unquote(parts.path).removeprefix("/")
    if parts.scheme != "sqlite" or parts.netloc or not path:
        raise ValueError(f"expected sqlite:///FILE, or sqlite:////PATH for an absolute path (got {url!r})")
    return Path(path)
