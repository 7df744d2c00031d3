"""The messages of one connection on their way in: octets cut anywhere to whole messages, and how long one takes."""

from __future__ import annotations

from collections import deque

from ocs.gy.framing import frames


class Inbox:
    """Whole messages in order, and the start of the next. Holds no more than it was given at once and one message."""

    def __init__(self) -> None:
        self.begun_at: int | None = None
        """When the message that is not whole yet began to arrive; None if none has."""
        self._broken = False
        self._buffer = bytearray()
        self._messages: deque[bytes] = deque()

    def __len__(self) -> int:
        """Whole messages that wait."""
        return len(self._messages)

    def put(self, octets: bytes, now: int) -> None:
        """Octets of the stream."""
        self._buffer += octets
        messages, failure = frames(self._buffer)
        self._messages += messages
        self._broken = failure is not None
        if not self._buffer:
            self.begun_at = None
        elif messages or self.begun_at is None:
            self.begun_at = now

    def take(self) -> bytes:
        """The next whole message; IndexError if there is none."""
        return self._messages.popleft()

    @property
    def broken(self) -> bool:
        """All messages are taken, and what comes behind them is not Diameter."""
        return self._broken and not self._messages

    def clear(self) -> None:
        """Throws all away."""
        self.begun_at = None
        self._broken = False
        self._buffer.clear()
        self._messages.clear()
