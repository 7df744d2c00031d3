"""The fast way of reading (`shapes`) gives what the plain one gives: the same message, or nothing."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocs.gy import codec
from ocs.gy.avp import Failure
from ocs.gy.codec import decode, encode
from ocs.gy.fast import fast
from ocs.gy.framing import HEADER_OCTETS
from ocs.gy.grammar import STRICT, FaultError
from ocs.gy.layout import Layout, layout_of
from ocs.gy.messages import Ccr, Message
from ocs.gy.shapes import CompiledReader, Shapes
from tests.gy import captures, octets
from tests.gy.strategies import header_of, messages


def plain(message: bytes, layout: Layout) -> tuple[Any, tuple[bytes, ...]] | Failure:
    try:
        return codec._read(message, HEADER_OCTETS, len(message), layout, STRICT, STRICT)
    except FaultError as fault:
        return fault.failure


MAKERS = [CompiledReader, *([fast.FastReader] if fast is not None else [])]
"""The twins."""


def taught(layout: Layout, *lesson: bytes, make: Any = None) -> Shapes:
    """Shapes that have met each message often enough."""
    shapes = Shapes(layout, make)
    for message in lesson:
        for _ in range(8):
            shapes.learn(message)
    return shapes


CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=4)


@settings(max_examples=150, deadline=None)
@given(messages(), st.lists(CHANGES, max_size=6))
def test_any_message_and_what_becomes_of_it(message: Message, mutations: list[list[tuple[float, int]]]) -> None:
    written = encode(message, header_of(message))
    layout = layout_of(type(message))
    twins = [taught(layout, written, make=make) for make in MAKERS]
    for shapes in twins:
        assert shapes.read(written) == plain(written, layout) == (message, ())
    for changes in mutations:
        mutated = bytearray(written)
        for place, bits in changes:
            position = HEADER_OCTETS + int(place * (len(written) - HEADER_OCTETS))
            if position < len(written):
                mutated[position] ^= bits
        first, *others = [shapes.read(bytes(mutated)) for shapes in twins]
        assert first is None or first == plain(bytes(mutated), layout)
        assert all(other == first for other in others)


@pytest.mark.parametrize("seed", range(3))
def test_captured_messages_sound_and_spoilt(seed: int) -> None:
    """The codec as it runs: after it has met all captures, and then thousands that look like them."""
    for _ in range(40):
        for capture in captures.ALL:
            decode(capture.octets)
    requests = codec._REQUESTS[272, 4]
    sound = [capture.octets for capture in captures.ALL if capture.command == "CCR"]
    assert sum(requests.read(message) is not None for message in sound) == 50
    source = random.Random(seed)
    agreed = 0
    for _ in range(2_000):
        spoilt = bytearray(source.choice(sound))
        for _ in range(source.randint(0, 3)):
            spoilt[source.randrange(HEADER_OCTETS, len(spoilt))] ^= 1 << source.randrange(8)
        fast = decode(bytes(spoilt))
        slow = plain(bytes(spoilt), requests.layout)
        if isinstance(slow, Failure):
            assert fast.failure == slow
        else:
            assert (fast.message, fast.proxy_info) == slow
            agreed += 1
    assert agreed > 500


# A shape is the sequence of headers; each of these has the length of the sound message, and another meaning.
SOUND = octets.ccr(octets.u32(278, 5), octets.u32(55, 7), octets.avp(443, octets.u32(450, 1) + octets.text(444, "001")))
OTHERS = {
    "two AVPs changed places": octets.ccr(
        octets.u32(55, 7), octets.u32(278, 5), octets.avp(443, octets.u32(450, 1) + octets.text(444, "001"))
    ),
    "twice the same AVP": octets.ccr(
        octets.u32(278, 5), octets.u32(278, 7), octets.avp(443, octets.u32(450, 1) + octets.text(444, "001"))
    ),
    "an unknown AVP with M": octets.ccr(
        octets.u32(9999, 5), octets.u32(55, 7), octets.avp(443, octets.u32(450, 1) + octets.text(444, "001"))
    ),
    "the group one AVP shorter, its AVP at top level": octets.ccr(
        octets.u32(278, 5), octets.u32(55, 7), octets.avp(443, octets.u32(450, 1)), octets.text(444, "001")
    ),
    "another flag": octets.ccr(
        octets.u32(278, 5),
        octets.u32(55, 7, flags=0),
        octets.avp(443, octets.u32(450, 1) + octets.text(444, "001")),
    ),
    "another length in the same place": octets.ccr(
        octets.u32(278, 5), octets.u32(55, 7), octets.avp(443, octets.u32(450, 1) + octets.text(444, "0012"))
    ),
    "an unknown member": octets.ccr(
        octets.u32(278, 5), octets.u32(55, 7), octets.avp(443, octets.u32(450, 9) + octets.text(444, "001"))
    ),
    "not UTF-8": octets.ccr(
        octets.u32(278, 5), octets.u32(55, 7), octets.avp(443, octets.u32(450, 1) + octets.avp(444, b"\xff01"))
    ),
    "another application": octets.ccr(
        octets.u32(278, 5),
        octets.u32(55, 7),
        octets.avp(443, octets.u32(450, 1) + octets.text(444, "001")),
        _258=octets.u32(258, 5),
    ),
}


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_look_alikes(other: bytes, make: Any) -> None:
    layout = layout_of(Ccr)
    shapes = taught(layout, SOUND, make=make)
    assert len(other) in {len(SOUND), len(SOUND) + 8}
    assert shapes.read(SOUND) is not None
    read = shapes.read(other)
    assert read is None or read == plain(other, layout)
    failure = plain(other, layout)
    if isinstance(failure, Failure):
        assert read is None
        for _ in range(20):
            assert decode(other).failure == failure


def test_a_shape_with_proxy_info_keeps_it() -> None:
    proxies = (
        octets.avp(284, octets.text(280, "a.example") + octets.avp(33, b"one")),
        octets.avp(284, octets.text(280, "bb.example") + octets.avp(33, b"state")),
    )
    message = octets.ccr(*proxies)
    for _ in range(20):
        assert decode(message).proxy_info == proxies


def test_padding_belongs_to_no_shape() -> None:
    message = octets.ccr(octets.text(1, "user1"))
    layout = layout_of(Ccr)
    odd = bytearray(message)
    odd[-3:] = b"\1\2\3"
    assert taught(layout, message).read(bytes(odd)) == plain(message, layout)


def test_learning_has_its_bounds() -> None:
    """At most 512 lengths are taken note of, 8 shapes for each, and no message above 8,192 octets."""
    layout = layout_of(Ccr)
    shapes = Shapes(layout)
    for size in range(600):
        message = octets.ccr(octets.text(1, "x" * 4 * size))
        for _ in range(8):
            shapes.learn(message)
    read = [shapes.read(octets.ccr(octets.text(1, "x" * 4 * size))) is not None for size in range(600)]
    assert read == [True] * 512 + [False] * 88
    shapes = Shapes(layout)
    places = [octets.ccr(*[octets.u32(439 if place == n else 27, 1) for place in range(10)]) for n in range(10)]
    for message in places:
        for _ in range(8):
            shapes.learn(message)
    assert sum(shapes.read(message) is not None for message in places) == 8
    assert taught(layout, octets.ccr(octets.text(1, "x" * 9_000))).read(octets.ccr(octets.text(1, "x" * 9_000))) is None
