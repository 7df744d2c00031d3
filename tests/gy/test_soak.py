"""Long runs of what the other files try in short: `pytest -m soak tests/gy`."""

from __future__ import annotations

import gc
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocs.gy import codec
from ocs.gy.codec import decode, encode
from ocs.gy.framing import HEADER_OCTETS, frames
from ocs.gy.layout import layout_of
from ocs.gy.messages import Ccr, Message
from ocs.gy.transitions import State
from tests.gy import captures
from tests.gy.line import opened
from tests.gy.serving import Raw, serving, until, wired
from tests.gy.strategies import header_of, messages
from tests.gy.test_server import numbered
from tests.gy.test_shapes import CHANGES, plain, taught

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("seed", range(10))
def test_a_million_spoilt_messages(seed: int) -> None:
    """Each reads the same both ways, and each request gets one answer that can be read, or ends its connection."""
    source = random.Random(seed)
    sound = [capture.octets for capture in captures.ALL if capture.command in captures.CLIENT]
    layout = layout_of(Ccr)
    line = opened()
    ends = answers = 0
    for _ in range(100_000):
        spoilt = captures.spoilt(source, source.choice(sound))
        decoded = decode(spoilt)
        assert (decoded.message is None) is (decoded.failure is not None)
        read = codec._REQUESTS[272, 4].read(spoilt)
        assert read is None or read == plain(spoilt, layout)
        line.peer.receive(spoilt, 0)
        written, failure = frames(bytearray(line.peer.outgoing()))
        assert failure is None
        for answer in written:
            answers += 1
            answered = decode(answer)
            assert answered.failure is None
            assert not answered.header.request
        line.peer.events()
        # What is left in the inbox would swallow the next message.
        if line.state is not State.OPEN or line.peer._inbox.begun_at is not None or line.peer.in_hand > 1_000:
            ends += 1
            line = opened()
    assert answers > 10_000
    assert ends > 1_000


@settings(max_examples=10_000, deadline=None)
@given(messages(), st.lists(CHANGES, max_size=10))
def test_any_message_both_ways(message: Message, mutations: list[list[tuple[float, int]]]) -> None:
    written = encode(message, header_of(message))
    assert decode(written).message == message
    layout = layout_of(type(message))
    shapes = taught(layout, written)
    assert shapes.read(written) == plain(written, layout)
    for changes in mutations:
        mutated = bytearray(written)
        for place, bits in changes:
            mutated[HEADER_OCTETS + int(place * (len(written) - HEADER_OCTETS)) if len(written) > 20 else 0] ^= bits
        read = shapes.read(bytes(mutated))
        assert read is None or read == plain(bytes(mutated), layout)


def resident_octets() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@wired
async def _churn(connections: int) -> None:
    async with serving() as served, await Raw.opened(served.server.port, "good.example") as good:
        for number in range(connections):
            async with await Raw.opened(served.server.port, f"pgw{number}.example") as raw:
                await raw.send(*numbered(20))
                for _ in range(20):
                    await raw.receive()
            served.taken.clear()
            if number % 100 == 0:
                assert await good.alive()
        await until(lambda: len(served.server._connections) == 1)
        assert len(served.server._peers._incumbents) == 1
        assert not served.server._peers._behind


def test_thousands_of_connections_leave_nothing_behind() -> None:
    _churn(1_000)
    memory, handles = resident_octets(), len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        _churn(1_000)
    assert len(os.listdir("/proc/self/fd")) == handles
    assert resident_octets() - memory < 8 * 2**20
