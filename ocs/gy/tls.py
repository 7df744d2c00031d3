"""TLS under Gy: started before any Diameter message, with certificates on both sides if wanted (RFC 6733 13.1)."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path


def server_context(certificate: Path, key: Path, clients: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or later with that certificate chain; `clients`: the authorities by which peers have to be certified.

    OSError (ssl.SSLError is one) for files that cannot be read or do not fit together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(authorities: Path, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or later to servers certified by those authorities, with a certificate of our own if given."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def certified_names(transport: asyncio.BaseTransport | None) -> frozenset[str] | None:
    """The DNS names, lower case, of the peer's verified certificate; None if it has shown none."""
    certificate = transport.get_extra_info("peercert") if transport is not None else None
    if not certificate:
        return None
    return frozenset(name.lower() for kind, name in certificate.get("subjectAltName", ()) if kind == "DNS")
