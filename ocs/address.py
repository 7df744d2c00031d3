"""Addresses as people type them: `HOST:PORT` and the URLs of stores."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
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


@dataclass(frozen=True)
class Database:
    """A PostgreSQL database, as libpq's URL names it. As text it has no password."""

    url: str

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        user, _, host = parts.netloc.rpartition("@")
        name, _, _ = user.partition(":")
        return f"postgresql://{name + '@' if name else ''}{host}{parts.path}"

    @property
    def key(self) -> str:
        """For the names of files that belong to it on this machine."""
        return sha256(f"{self} {urlsplit(self.url).query}".encode()).hexdigest()[:16]


Store = Path | Database
"""Where a store is: a SQLite file, or a PostgreSQL database."""


def store(url: str) -> Store:
    """What `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user@host:5432/database` names.

    Raises:
        ValueError: of neither form.
    """
    parts = urlsplit(url)
    path = unquote(parts.path).removeprefix("/")
    if parts.scheme in ("postgresql", "postgres") and path:
        return Database(url)
    if parts.scheme != "sqlite" or parts.netloc or not path:
        expected = "sqlite:///FILE, sqlite:////PATH for an absolute path, or postgresql://USER@HOST:PORT/DATABASE"
        raise ValueError(f"expected {expected} (got {url!r})")
    return Path(path)
