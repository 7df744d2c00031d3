"""The peer state machine as data (RFC 6733 5.6, RFC 3539 3.4): all that decides about transitions is in this file."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a connection stands (RFC 6733 5.6).

    The standard's R- and I- forms are one here, as `initiator` tells them apart. Which of two connections with the
    same peer stays is a matter above one connection (`peers`): until it is decided the new one is HELD, the standard's
    Wait-Returns.
    """

    NEW = "no transport yet"
    WAIT_CER = "the first message of the peer has to be a CER"
    HELD = "CER received, not yet admitted"
    WAIT_CEA = "CER sent"
    OPEN = "open"
    SUSPECT = "open, but silent since a DWR"
    CLOSING = "DPR or DPA sent"
    DRAINING = "DPA received, but requests are still to be answered"
    CLOSED = "the transport is to be closed"


class Input(StrEnum):
    """What can happen to a connection."""

    ACCEPTED = "transport opened by the peer"
    CONNECTED = "transport opened by us"
    ADMITTED = "the owner wants this peer"
    REJECTED = "the owner does not want this peer"
    CER = "CER"
    CEA = "CEA"
    DWR = "DWR"
    DWA = "DWA"
    DPR = "DPR"
    DPA = "DPA"
    REQUEST = "any other request"
    ANSWER = "any other answer"
    PROBED = "the owner wants to know whether the peer is alive"
    TIMEOUT = "the deadline of the state has come"
    STALLED = "a message begun and not finished in time"
    ANSWERED = "the last request in hand has its answer"
    STOP = "the owner wants to disconnect"
    LOST = "the transport is gone"
    BROKEN = "octets that are not Diameter"


# The peer state machine: (state, input) -> (action, next state). An action is a method of `Peer`. It ends in another
# state than the table's only where what it reads is not acceptable (a CER without a common application closes).
#
#     NEW -> WAIT_CER -> HELD or WAIT_CEA -> OPEN <-> SUSPECT -> CLOSING -> DRAINING -> CLOSED
#
# What is not in the table closes the connection: a peer whose first message is not a CER (RFC 6733 5.6.1), anything
# but a CEA after our CER (5.6, I-Rcv-Non-CEA), lost transports, garbage, and deadlines that pass.
#
# OPEN and SUSPECT are OKAY and SUSPECT of the watchdog (RFC 3539 3.4.1): silence for Tw sends a DWR, for another Tw
# makes the peer suspect, for a third closes. Any message makes it good again, so that with steady traffic there is no
# watchdog at all. A probe is a DWR whose peer is suspect at once and has less time.
#
# Answers that nobody waits for are discarded, base answers too (6.2.1).
#
# In CLOSING, requests already on their way are still served, and after the DPA the transport stays until all requests
# in hand have their answer (RFC 6733 5.4).
TRANSITIONS: Final[dict[tuple[State, Input], tuple[str, State]]] = {
    (State.NEW, Input.ACCEPTED): ("await_cer", State.WAIT_CER),
    (State.NEW, Input.CONNECTED): ("send_cer", State.WAIT_CEA),
    (State.WAIT_CER, Input.CER): ("hear_cer", State.HELD),
    (State.HELD, Input.ADMITTED): ("answer_cer", State.OPEN),
    (State.HELD, Input.REJECTED): ("turn_away", State.CLOSED),
    (State.WAIT_CEA, Input.CEA): ("take_cea", State.OPEN),
    (State.OPEN, Input.CER): ("refuse_cer", State.OPEN),
    (State.OPEN, Input.CEA): ("discard", State.OPEN),
    (State.OPEN, Input.DWR): ("answer_dwr", State.OPEN),
    (State.OPEN, Input.DWA): ("take_dwa", State.OPEN),
    (State.OPEN, Input.DPR): ("answer_dpr", State.CLOSING),
    (State.OPEN, Input.DPA): ("discard", State.OPEN),
    (State.OPEN, Input.REQUEST): ("take_request", State.OPEN),
    (State.OPEN, Input.ANSWER): ("take_answer", State.OPEN),
    (State.OPEN, Input.STOP): ("send_dpr", State.CLOSING),
    (State.OPEN, Input.PROBED): ("probe", State.SUSPECT),
    (State.OPEN, Input.TIMEOUT): ("watch", State.OPEN),
    (State.SUSPECT, Input.CER): ("refuse_cer", State.OPEN),
    (State.SUSPECT, Input.CEA): ("discard", State.OPEN),
    (State.SUSPECT, Input.DWR): ("answer_dwr", State.OPEN),
    (State.SUSPECT, Input.DWA): ("take_dwa", State.OPEN),
    (State.SUSPECT, Input.DPR): ("answer_dpr", State.CLOSING),
    (State.SUSPECT, Input.DPA): ("discard", State.OPEN),
    (State.SUSPECT, Input.REQUEST): ("take_request", State.OPEN),
    (State.SUSPECT, Input.ANSWER): ("take_answer", State.OPEN),
    (State.SUSPECT, Input.STOP): ("send_dpr", State.CLOSING),
    (State.SUSPECT, Input.PROBED): ("probe", State.SUSPECT),
    (State.CLOSING, Input.DWR): ("answer_dwr", State.CLOSING),
    (State.CLOSING, Input.DWA): ("take_dwa", State.CLOSING),
    (State.CLOSING, Input.DPR): ("confirm_dpr", State.CLOSING),
    (State.CLOSING, Input.DPA): ("take_dpa", State.DRAINING),
    (State.CLOSING, Input.LOST): ("finish", State.CLOSED),
    (State.CLOSING, Input.REQUEST): ("take_request", State.CLOSING),
    (State.CLOSING, Input.ANSWER): ("take_answer", State.CLOSING),
    (State.CLOSING, Input.STOP): ("discard", State.CLOSING),
    (State.DRAINING, Input.DWR): ("answer_dwr", State.DRAINING),
    (State.DRAINING, Input.DWA): ("take_dwa", State.DRAINING),
    (State.DRAINING, Input.ANSWER): ("take_answer", State.DRAINING),
    (State.DRAINING, Input.STOP): ("discard", State.DRAINING),
    (State.DRAINING, Input.ANSWERED): ("finish", State.CLOSED),
    (State.DRAINING, Input.LOST): ("finish", State.CLOSED),
}

BASE_INPUTS: Final = {
    (257, True): Input.CER,
    (257, False): Input.CEA,
    (280, True): Input.DWR,
    (280, False): Input.DWA,
    (282, True): Input.DPR,
    (282, False): Input.DPA,
}
"""What a base command is, by (command code, R bit); any other is REQUEST or ANSWER."""
