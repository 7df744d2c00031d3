"""Where to look when an OCS refuses: what its Result-Code most often means between a tester and a new SUT."""

from __future__ import annotations

from typing import Final

CER_HINTS: Final = {
    3010: "the SUT knows only configured peers: add the tester's Origin-Host and address to its peer table",
    5005: "the SUT misses an AVP in the CER: see Failed-AVP in the trace",
    5010: "the SUT does not offer application 4 (credit control) on this listener",
    5012: "the SUT refuses this peer for a reason of its own: look into its log",
    5017: "the SUT insists on TLS",
}
CCR_HINTS: Final = {
    3001: "the SUT does not know CCR here: is this its Gy listener?",
    3002: "the SUT is not, and does not reach, the host named in Destination-Host",
    3003: "the SUT does not serve this realm: state sut.realm in the PIXIT",
    3004: "the SUT says that it is overloaded",
    3007: "the SUT does not serve application 4",
    4010: "the service is denied: no plan or split for this APN, or the subscriber is barred",
    4011: "the service is free: choose a rating group that is charged",
    4012: "the subscriber has no credit: top it up",
    5001: "the SUT does not know an AVP that the tester sent: Failed-AVP in the trace names it",
    5003: "the subscriber is not permitted to use this service",
    5004: "the SUT dislikes a value: Failed-AVP in the trace names it",
    5005: "the SUT misses an AVP: Failed-AVP in the trace names it",
    5012: "the SUT gives no reason: look into its log",
    5030: "the SUT does not know this IMSI: is it provisioned, and is that the identity it charges by?",
    5031: "the SUT cannot rate this: check --apn and --rg, and the Service-Context-Id",
}
OF_PIXIT: Final = frozenset({3003, 4010, 4011, 4012, 5003, 5030, 5031})
"""Refusals of a subscriber who should have credit that say more of the PIXIT than of the SUT."""
