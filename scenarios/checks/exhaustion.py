"""What must hold when a driver's allowance ends: the cut itself, how it is told, and how Wi-Fi comes back."""

from __future__ import annotations

from collections import Counter
from itertools import zip_longest
from typing import Literal

from ocs.catalogue.plans import PrepaidIndividual
from ocs.files import Duration
from scenarios.checks.allowance import stories
from scenarios.checks.base import Check, Judgement
from scenarios.evidence import Ask, Evidence, Share, is_initial, is_last

SUCCESS = 2001
CREDIT_LIMIT_REACHED = 4012
SECOND = 1_000_000
TOLD_WITHIN = 60 * SECOND
"""Microseconds after a cut within which the gateway's report must come (it reports at once)."""


class NoOctetAfterTheLast(Check):
    """No consumer octet passes after the one that used up the allowance: ground truth against what was bought.

    On a network that goes wrong more passes by as much as was never reported, or reported so late that it is on record
    as overrun; no octet beyond.
    """

    check: Literal["no_octet_after_the_last"]
    needs = ("cuts",)
    on_gy = True

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        overrun: Counter[tuple[str, str]] = Counter()
        for edr in evidence.edrs:
            overrun[evidence.vehicle_of.get(edr.physical_imsi, ""), edr.split_id or ""] += edr.octets_overrun
        for story in stories(evidence):
            judgement.count("cuts", len(story.cuts))
            judgement.count("consumer octets", story.used)
            over = sum(octets for _, octets in story.stolen)
            if evidence.faulty:
                key = (story.share.vehicle, story.share.split_id)
                over -= evidence.unreported_by_share.get(key, 0) + overrun[key]
            if over > 0:
                step, times = story.stolen[0][0], len(story.stolen)
                what = f"{over:,} octets of {step.apn} / RG {step.rating_group} passed after the allowance was used up"
                judgement.wrong(step.vehicle, step.end, over, f"{what} ({times} times in all)" if times > 1 else what)


class CutsFollowThePlan(Check):
    """Every used-up allowance ends as its plan says: by 4012, or by final units and their report. None ends early."""

    check: Literal["cuts_follow_the_plan"]
    needs = ("cuts",)
    on_gy = True

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        for story in stories(evidence):
            share = story.share
            asks = evidence.asks_by_share.get((share.vehicle, share.split_id), [])
            for cut in story.cuts:
                if cut < evidence.ends - TOLD_WITHIN:
                    self._look_at_cut(evidence, judgement, share, asks, cut)
            for ask in asks:
                if ask.result == CREDIT_LIMIT_REACHED and not any(dry.start <= ask.at <= dry.end for dry in story.dry):
                    what = f"{_service(ask)} got 4012 although the allowance was not used up"
                    judgement.wrong(ask.vehicle, ask.at, ask.used, what)

    def _look_at_cut(self, evidence: Evidence, judgement: Judgement, share: Share, asks: list[Ask], cut: int) -> None:
        plan = share.plan
        assert isinstance(plan, PrepaidIndividual)
        place = next((place for place, ask in enumerate(asks) if ask.at >= cut and ask.reported), None)
        if place is None or asks[place].at > cut + TOLD_WITHIN:
            judgement.wrong(share.vehicle, cut, 0, "the allowance was used up and no report told of it")
            return
        report = asks[place]
        grant = next((ask for ask in reversed(asks[:place]) if ask.granted), None)
        final = grant is not None and grant.final_unit is not None
        judgement.count("cuts")
        if plan.end_signal == "final_unit":
            judgement.count("by final units")
            right = final and not report.asked and report.result == SUCCESS
            expected = "final units, then a report that asks for nothing, answered 2001"
        else:
            whole = plan.on_exhaustion == "end_session" and evidence.parties_on(report.vehicle, report.apn) == {"b2c"}
            judgement.count("by 4012 for the session" if whole else "by 4012 for the rating group")
            refused = report.asked and report.result == CREDIT_LIMIT_REACHED
            right = refused and not final and report.command_level == whole
            expected = f"4012 {'for the whole session' if whole else 'in the MSCC alone'}, and no final units before"
        if not right:
            level = "for the whole session" if report.command_level else "in the MSCC"
            told = f"{'final units, then ' if final else ''}{report.result} {level}"
            what = (
                f"{_service(report)} reported {report.used:,} octets and got {told}; plan {plan.id!r} says {expected}"
            )
            judgement.wrong(report.vehicle, report.at, report.used, what)


class NextAttemptIsRefused(Check):
    """From the cut until the driver buys, every attempt to get units is answered 4012."""

    check: Literal["next_attempt_is_refused"]
    needs = ("attempts while empty",)
    on_gy = True

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        for story in stories(evidence):
            asks = evidence.asks_by_share.get((story.share.vehicle, story.share.split_id), [])
            for dry in story.dry:
                for ask in asks:
                    if not (dry.start < ask.at < dry.end and ask.asked) or is_last(ask):
                        continue
                    judgement.count("attempts while empty")
                    if ask.result != CREDIT_LIMIT_REACHED or ask.granted:
                        granted = ask.granted or 0
                        told = f"got {ask.result} with {granted:,} octets instead of 4012"
                        what = f"{_service(ask)} asked with an empty allowance and {told}"
                        judgement.wrong(ask.vehicle, ask.at, granted, what)


class WifiReturnsAfterTopUp(Check):
    """After a purchase the driver's next attempt is granted, and octets flow again.

    A session that stayed open is asked for anew within `reauthorised_within` seconds.
    """

    check: Literal["wifi_returns_after_top_up"]
    reauthorised_within: Duration = 60
    needs = ("top-ups after a cut", "returns", "octets after a return")

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        for story in stories(evidence):
            share = story.share
            asks = evidence.asks_by_share.get((share.vehicle, share.split_id), [])
            steps = evidence.steps_by_share.get((share.vehicle, share.split_id), [])
            for dry, following in zip_longest(story.dry, story.dry[1:]):
                if dry.end >= evidence.ends:
                    continue
                judgement.count("top-ups after a cut")
                until = following.start if following else evidence.ends
                if self._look_at_return(evidence, judgement, asks, dry.end):
                    moved = sum(step.octets for step in steps if dry.end <= step.end <= until)
                    judgement.count("octets after a return", moved)

    def _look_at_return(self, evidence: Evidence, judgement: Judgement, asks: list[Ask], bought: int) -> bool:
        """Whether units were granted after the purchase."""
        following = next((ask for ask in asks if ask.at >= bought and ask.asked), None)
        before = next((ask for ask in reversed(asks) if ask.at < bought), None)
        deadline = bought + self.reauthorised_within * SECOND
        waits = before is not None and evidence.open_at(before.exchange.request.session_id, bought, deadline)
        if before is not None and waits and (following is None or following.at > deadline):
            what = f"the driver bought, and {_service(before)}, whose session was open, was not asked for again"
            judgement.wrong(before.vehicle, bought, 0, f"{what} within {self.reauthorised_within} s")
            return False
        if following is None:
            return False
        if not following.granted:
            when = f"asked after the top-up of {evidence.local(bought)}"
            what = f"{_service(following)} {when} and got {following.result} without units"
            judgement.wrong(following.vehicle, following.at, 0, what)
            return False
        judgement.count("returns")
        judgement.count("in a new session" if is_initial(following) else "in the open session")
        return True


def _service(ask: Ask) -> str:
    return f"{ask.apn} / RG {ask.rating_group}"
