"""TLS under the tester's connections, from the first octet (RFC 6733 13), and why a handshake failed, in words."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NAME_MISMATCHES: Final = {62, 64}
"""X.509 verify codes: the certificate is for another host name, or another IP address."""
_UNKNOWN_ISSUERS: Final = {2, 18, 19, 20, 21}
_EXPIRED: Final = 10


class HandshakeFailed(ConnectionError):  # noqa: N818
    """TCP was there, TLS was not. `hint` says where to look."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(f"the TLS handshake failed: {why}")
        self.hint = hint


@dataclass(frozen=True)
class Security:
    """How connections are secured. `server_name`: what the certificate must be for; absent: the host dialled."""

    context: ssl.SSLContext
    server_name: str | None = None

    def secured(self, connection: socket.socket, host: str) -> ssl.SSLSocket:
        """The connection after a handshake; it is closed if that fails.

        Raises:
            HandshakeFailed.
        """
        try:
            return self.context.wrap_socket(connection, server_hostname=self.server_name or host)
        except (OSError, ValueError) as error:
            connection.close()
            raise _failed(error) from None


def security(
    authorities: Path | None,
    certificate: Path | None = None,
    key: Path | None = None,
    server_name: str | None = None,
) -> Security:
    """TLS 1.2 or later to an SUT that those authorities certify (the system's if None), with our certificate if given.

    Raises:
        OSError: a file cannot be read, or certificate and key do not fit together (ssl.SSLError is one).
    """
    context = ssl.create_default_context(cafile=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return Security(context, server_name)


def _failed(error: Exception) -> HandshakeFailed:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _NAME_MISMATCHES:
            hint = "its certificate is for another name: say which with --tls-name (tls.server_name)"
        elif error.verify_code in _UNKNOWN_ISSUERS:
            hint = "give the authority that issued its certificate: --tls-ca (tls.authorities)"
        elif error.verify_code == _EXPIRED:
            hint = "its certificate has expired"
        else:
            hint = "its certificate does not stand the check"
        return HandshakeFailed(error.verify_message, hint)
    if isinstance(error, TimeoutError):
        return HandshakeFailed("no answer", "is this its TLS listener? One for plain Diameter waits for a CER")
    if isinstance(error, ssl.SSLEOFError | ConnectionError):
        return HandshakeFailed(
            "the connection was closed", "is this its TLS listener? One for plain Diameter closes on such octets"
        )
    if isinstance(error, ssl.SSLError):
        reason = refusal(error)
        if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL"):
            return HandshakeFailed(reason, "what answers there does not speak TLS")
        return HandshakeFailed(
            reason,
            "the SUT refuses: does it want a certificate (--tls-cert, --tls-key), or other versions and ciphers?",
        )
    return HandshakeFailed(str(error), "look into the SUT's log")


def refusal(error: OSError) -> str:
    """What ended a connection: the alert or error of TLS in words, or that of the system."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return "TLS: " + error.reason.lower().replace("_", " ")
    return error.strerror or type(error).__name__
