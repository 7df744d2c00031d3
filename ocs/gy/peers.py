"""Who is connected: one connection for each Origin-Host, and the way to every host behind a relay (RFC 6733 2.1, 5.6).

A new connection whose CER bears the name of a host that is connected already is held, and challenges the old one. The
old one is probed: if it lives, the new one goes; if it is dead, or says nothing in time, the new one takes its place.
Where the old one is our own, still on its way to the same peer, the election of RFC 6733 5.6.4 decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ocs.gy.avp import Failure
from ocs.gy.messages import ResultCode
from ocs.gy.node import Limits
from ocs.gy.transitions import State

if TYPE_CHECKING:
    from ocs.gy.connection import Connection

_ROUTES_MAX: Final = 65_536
"""Hosts behind relays that are remembered."""


def wins_election(local: str, peer: str) -> bool:
    """Whether the local Origin-Host is the higher one, octet by octet, ASCII letters without case (RFC 6733 5.6.4)."""
    return local.lower().encode() > peer.lower().encode()


class PeerTable:
    """The connections that have a name."""

    def __init__(self, local_host: str, limits: Limits) -> None:
        self._local_host = local_host
        self._limits = limits
        self._incumbents: dict[str, Connection] = {}
        self._challengers: dict[str, Connection] = {}
        self._behind: dict[str, Connection] = {}

    def __contains__(self, host: str) -> bool:
        """Whether there is a connection with that host, open or on its way."""
        return host.lower() in self._incumbents

    def connected(self) -> list[str]:
        """The hosts whose connection is open."""
        return [host for host, connection in self._incumbents.items() if connection.link.peer.is_open]

    def expect(self, host: str, connection: Connection) -> None:
        """A connection of our own to that host is on its way; if there is another one by now, it ends at once."""
        connection.name = host.lower()
        if connection.name in self._incumbents:
            connection.link.peer.lost(0, "connected already")
        else:
            self._incumbents[connection.name] = connection

    def offered(self, host: str, connection: Connection) -> None:
        """A CER with that Origin-Host has come: decides, now or later, what becomes of its connection."""
        connection.name = host = host.lower()
        incumbent = self._incumbents.get(host)
        if incumbent is None and len(self._incumbents) >= self._limits.peers:
            connection.link.reject(Failure(ResultCode.UNABLE_TO_COMPLY, b"", "no room for another peer"))
        elif incumbent is None:
            self._incumbents[host] = connection
            connection.link.admit()
        elif host in self._challengers:
            connection.link.reject(None)
        else:
            self._challengers[host] = connection
            if incumbent.link.peer.state is not State.WAIT_CEA:
                incumbent.link.probe()
            elif wins_election(self._local_host, host):
                # The winner closes the connection that it initiated; its end lets the challenger in.
                incumbent.link.abort()

    def alive(self, connection: Connection) -> None:
        """A connection has opened or recovered: whoever challenged it goes."""
        if self._incumbents.get(connection.name) is connection and connection.name in self._challengers:
            self._challengers.pop(connection.name).link.reject(None)

    def gone(self, connection: Connection) -> None:
        """A connection has ended: whoever challenged it takes its place."""
        for behind in connection.behind:
            if self._behind.get(behind) is connection:
                del self._behind[behind]
        host = connection.name
        if self._challengers.get(host) is connection:
            del self._challengers[host]
        elif self._incumbents.get(host) is connection:
            del self._incumbents[host]
            challenger = self._challengers.pop(host, None)
            if challenger is not None:
                self._incumbents[host] = challenger
                challenger.link.admit()

    # --- ways ---------------------------------------------------------------------------------------------------------

    def heard(self, origin_host: str, connection: Connection) -> None:
        """A request with that Origin-Host has come on a connection, perhaps that of a relay."""
        host = origin_host.lower()
        if self._behind.get(host) is not connection and len(self._behind) < _ROUTES_MAX:
            self._behind[host] = connection
            connection.behind.add(host)

    def way_to(self, host: str) -> Connection | None:
        """The open connection with that host, else the one on which it was last heard."""
        host = host.lower()
        for ways in (self._incumbents, self._behind):
            connection = ways.get(host)
            if connection is not None and connection.link.peer.is_open:
                return connection
        return None
