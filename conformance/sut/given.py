"""From the command line's options to a PIXIT, and the template that `conformance init` writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from conformance.pcap import CaptureError
from conformance.sut.ics import Ics, IcsError, Subscriber, Subscribers, Sut, Tls, load_ics, split_address
from conformance.template import load_template
from conformance.tester.secure import refusal


@dataclass(frozen=True)
class Options:
    """What a command line says of the SUT. `tls` without `tls_ca`: this machine's authorities certify it."""

    file: Path | None = None
    ocs: str | None = None
    imsi: str | None = None
    msisdn: str | None = None
    apn: str | None = None
    rating_groups: tuple[int, ...] = ()
    tls: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_name: str | None = None


def pixit(options: Options) -> Ics:
    """The PIXIT of a file, with what options say put over it.

    Raises:
        IcsError: every mistake.
    """
    ics = load_ics(options.file) if options.file is not None else Ics()
    mistakes: list[str] = []
    if options.ocs is not None:
        try:
            split_address(options.ocs)
            ics = ics.model_copy(update={"sut": Sut(**{**ics.sut.model_dump(), "address": options.ocs})})
        except ValueError as error:
            mistakes.append(f"--ocs: {error}")
    rich = _rich(options, mistakes)
    if rich is not None:
        roles = {**ics.subscribers.model_dump(), "rich": (rich, *ics.subscribers.rich)}
        ics = ics.model_copy(update={"subscribers": Subscribers.model_validate(roles)})
    tls = _tls(options, ics.tls, mistakes)
    if ics.tester.ccr_template is not None:
        try:
            load_template(ics.tester.ccr_template)
        except CaptureError as error:
            mistakes.append(f"tester.ccr_template: {error}")
    if mistakes:
        raise IcsError(mistakes)
    return ics.model_copy(update={"tls": tls})


def _rich(options: Options, mistakes: list[str]) -> Subscriber | None:
    """The subscriber that options name."""
    imsi, apn = options.imsi, options.apn
    if imsi is None:
        if options.file is None:
            mistakes.append("--imsi and --apn are needed: a subscriber of the SUT with credit (or give a PIXIT file)")
        return None
    if apn is None:
        mistakes.append("--apn is needed with --imsi")
    try:
        groups = options.rating_groups or (1,)
        return Subscriber(imsi=imsi, msisdn=options.msisdn, apn=apn or "-", rating_groups=groups)
    except ValidationError as error:
        mistakes += subscriber_mistakes(error)
        return None


def subscriber_mistakes(error: ValidationError) -> list[str]:
    """What is wrong with the options that name a subscriber, one line for each option."""
    words = {"imsi": "6 to 15 digits", "msisdn": "5 to 15 digits", "rating_groups": "numbers from 0 to 4294967295"}
    wrong = {str(item["loc"][0]): item for item in reversed(error.errors())}
    return [
        f"--{'rg' if name == 'rating_groups' else name} {item['input']}: expected {words.get(name, item['msg'])}"
        for name, item in wrong.items()
    ]


def _tls(options: Options, stated: Tls | None, mistakes: list[str]) -> Tls | None:
    """The PIXIT's, with options over it; its files are looked at, so that mistakes are found before the run."""
    said = {
        "authorities": options.tls_ca,
        "certificate": options.tls_cert,
        "key": options.tls_key,
        "server_name": options.tls_name,
    }
    said = {name: value for name, value in said.items() if value is not None}
    if stated is None and not said and not options.tls:
        return None
    try:
        tls = Tls.model_validate({**(stated or Tls()).model_dump(), **said})
        tls.opened()
    except ValidationError:
        mistakes.append("--tls-cert and --tls-key go together")
        return stated
    except OSError as error:
        files = ", ".join(str(path) for path in (tls.authorities, tls.certificate, tls.key) if path is not None)
        mistakes.append(f"TLS: {files}: cannot be used: {refusal(error)}")
    return tls


TEMPLATE = """\
# What is claimed of the system under test (PICS), and what a tester must know to reach it (PIXIT).
# Everything but sut.address and one rich subscriber may be left out; cases that lack something are N-A and say what.
sut:
  # side: pgw                  # test a gateway: it dials sut.address, where the tester listens
  # alternate: 127.0.0.1:3869  # gateway: where the tester listens as its second OCS
  name: my OCS
  address: {address}          # its Gy listener, TCP
{realm}

tester:
  origin_host: pgw{{n}}.conformance.example   # {{n}} becomes a number: several gateways can be played.
                                            # Without {{n}} there is one connection only; some cases need more.
  origin_realm: conformance.example         # the SUT must take these as peers
  service_context: "{context}"
  # ask_octets: 1000000        # CC-Total-Octets in Requested-Service-Unit; absent: empty, the SUT chooses
{ccr_template}  name_destination_host: true  # whether CCRs name the SUT in Destination-Host

# tls:                         # TLS from the first octet; PEM files, from the folder of this file
#   authorities: ocs-ca.pem    # who certifies the SUT; absent: the authorities of this machine
#   certificate: tester.pem    # what the tester shows, if the SUT asks; an SUT that compares names wants every
#   key: tester.key            # Origin-Host in it, or tester.origin_host without {{n}}
#   server_name: ocs.example   # the name in the SUT's certificate; absent: the host of sut.address

timers:                        # seconds
  answer_seconds: 5            # an answer that takes longer is none
  quiet_seconds: 0.5           # silence of this length counts as "nothing came"
  after_capabilities_seconds: 0  # a pause after its CEA, for an SUT that loses what comes too soon
  capabilities_seconds: 30     # the SUT closes a connection without CER within this time
  watchdog_seconds: 30         # Tw of the SUT
  wait_most_seconds: 20        # cases that wait longer are left out

claims:                        # where standards leave a choice
  tls: false
  peers_restricted: false      # true: only configured peers may connect
  by_msisdn: true              # subscribers are found by E.164 number alone, too
  rating_group_absent: either  # an MSCC without Rating-Group: granted, refused, either
  rating_group_unknown: true   # false: every rating group is served
  barred_codes: [4010]
  unknown_apn_codes: [4010, 5003, 5031]
  apn_selects_payer: true      # false: the APN plays no part
  counts_time: false           # gateway: it takes grants of CC-Time
  credit_pools: false          # gateway: it takes G-S-U-Pool-Reference
  tariff_changes: true         # gateway: it takes Tariff-Time-Change
  events: true                 # CCR-E is supported
  sends_rar: true              # a top-up re-authorises sessions that wait
  ends_reservations: true      # reservations end by themselves
  overrun: either              # recorded: usage above the balance is in the records as overrun (column overrun)
  reservation_grace_seconds: 60  # how long a reservation outlives its Validity-Time
  # mpc_imsi: "999000000000001"  # an internal identity that must be unknown on Gy

# Who is there. A subscriber: imsi, msisdn, apn, rating_groups, balance_octets, split (what hooks call this payer's
# part), context (Service-Context-Id, where it is another), consumer (the other payer of the same SIM: apn,
# rating_groups, balance_octets, split). Roles marked * are used up, one subscriber a case: give as many as you can.
subscribers:
  rich:                        # credit for the whole run; two rating groups let more cases run
{rich}
  # prepaid:                   # * balance_octets known and small (10 MB), 4012 when it is used up
  #   - {{imsi: "001010000000002", apn: {apn}, rating_groups: {groups}, balance_octets: 10000000}}
  # final_unit: []             # * as prepaid; the last grant carries Final-Unit-Indication TERMINATE
  # redirect: []               # * as final_unit with REDIRECT
  # restrict: []               # * as final_unit with RESTRICT_ACCESS
  # short: []                  # * as prepaid; Validity-Time of a few seconds
  # rated: []                  # * as prepaid; grants with Volume-Quota-Threshold, Quota-Holding-Time and Trigger
  # barred: []                 # known, but barred
  # postpaid: []               # never cut off; balance_octets is what its bundle includes
  # split:                     # * enterprise on apn, consumer (prepaid) on another APN
  #   - {{imsi: "001010000000003", apn: fleet, rating_groups: [100], balance_octets: 5000000,
  #      consumer: {{apn: wifi, rating_groups: [200], balance_octets: 10000000, split: wifi}}}}
  # shared: []                 # * as split, both on one APN, told apart by rating group
  # voice: []                  # charged by the second, with its context
  # messages: []               # charged by the message, with its context
  # ordinary: []               # a SIM without any split
  # newcomer: []               # * as prepaid, but not there until hook provision brings it

# How to work the SUT. Each hook is a shell command, or an HTTP request; {{imsi}}, {{msisdn}}, {{split}} and
# {{session_id}} are filled in (shell: quoted). Cases whose hook is missing are N-A "needs hook X".
hooks: {{}}
  # top_up:  {{command: "my-ocs topup {{imsi}} --split {{split}} --volume 10MB", settle_seconds: 0.5}}
  # suspend:                   # other braces stay in a body; in a command or URL they are written twice
  #   http: {{method: POST, url: "http://ocs/api/{{imsi}}/{{split}}/state", body: '{{"state": "suspended"}}',
  #          headers: {{Content-Type: application/json}}}}
  # resume:  {{command: "..."}}
  # edrs:    # prints CSV with a header; columns: our name for yours
  #   command: "my-ocs edrs --imsi {{imsi}}"
  #   columns: {{session_id: sid, request_number: reqno, imsi: imsi, virtual_imsi: vimsi, virtual_iccid: viccid,
  #             rating_group: rg, apn: apn, octets: volume, plan: tariff, subscription: sub, payer: account,
  #             overrun: overrun}}
  # invoices: # prints CSV: what the bills would say if the cycle ended now, a row for each SIM on each document
  #   command: "my-billing preview"
  #   columns: {{document: invoice, payer: account, imsi: imsi, virtual_iccid: viccid, octets: volume,
  #             included: free, overage: excess, period_start: from, period_end: to}}
  # provision: {{command: "my-ocs provision orders/{{what}}{{imsi}}.json"}}   # exit status says accepted or refused
  # alter:   {{command: "my-ocs alter {{imsi}} {{what}}"}}   # group_to_enterprise, new_owner, no_profile
  # kill:    {{command: "kill -9 $(cat ocs.pid)"}}
  # stop:    {{command: "kill $(cat ocs.pid)"}}
  # restart: {{command: "my-ocs start"}}
"""


def provision_rows(ics: Ics) -> list[dict[str, object]]:
    """What the SUT must hold: one row for every payer of every subscriber."""
    rows: list[dict[str, object]] = []
    for role in Subscribers.model_fields:
        for subscriber in getattr(ics.subscribers, role):
            for payer, service in (("", subscriber), ("consumer", subscriber.consumer)):
                if service is not None:
                    rows.append(
                        {
                            "role": role,
                            "imsi": subscriber.imsi,
                            "msisdn": subscriber.msisdn or "",
                            "payer": payer,
                            "apn": service.apn,
                            "rating_groups": " ".join(map(str, service.rating_groups)),
                            "balance_octets": "" if service.balance_octets is None else service.balance_octets,
                            "service_context": subscriber.context or ics.tester.service_context,
                        }
                    )
    return rows


def template(
    address: str,
    rich: Sequence[Subscriber],
    context: str,
    *,
    ccr_template: str | None = None,
    realm: str | None = None,
) -> str:
    """The commented file, filled with what is known. `rich`: one at least; `ccr_template`: a capture beside it."""
    said = f"ccr_template: {ccr_template or 'my-gateway.pcap'}"
    words = "a capture of your own gateway: all CCRs look like its first ones\n"
    served = f"  {'' if realm else '# '}realm: {realm or 'ocs.example'}"
    return TEMPLATE.format(
        address=address,
        rich="\n".join(f"    - {_line(one)}" for one in rich),
        apn=json.dumps(rich[0].apn),
        groups=list(rich[0].rating_groups),
        context=context,
        ccr_template=f"  {'' if ccr_template else '# '}{said}  # {words}",
        realm=f"{served:30} # Destination-Realm of CCRs; absent: the Origin-Realm of its CEA",
    )


def _line(one: Subscriber) -> str:
    number = f'msisdn: "{one.msisdn}", ' if one.msisdn else ""
    groups = list(one.rating_groups)
    return f'{{imsi: "{one.imsi}", {number}apn: {json.dumps(one.apn)}, rating_groups: {groups}}}'
