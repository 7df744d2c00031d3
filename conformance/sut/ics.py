"""PICS and PIXIT in one YAML file: what is claimed of a system under test, and what a tester must know to reach it.

Every field has a default except subscribers; `conformance init` writes the file with a comment at each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from conformance.tester.secure import Security, security

Octets = Annotated[int, Field(ge=0, lt=2**63)]
Imsi = Annotated[str, Field(pattern=r"^\d{6,15}$")]
RatingGroup = Annotated[int, Field(ge=0, lt=2**32)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Service(_Model):
    """Where somebody pays: an APN, rating groups on it, and what the payer has at the start."""

    apn: Annotated[str, Field(min_length=1)]
    rating_groups: Annotated[tuple[RatingGroup, ...], Field(min_length=1)] = (1,)
    balance_octets: Octets | None = None
    split: str = ""
    """What hooks call this payer's part of the SIM."""


class Subscriber(Service):
    """A subscriber of the SUT in one role. `consumer`: the other payer of the same SIM, where there are two."""

    imsi: Imsi
    msisdn: Annotated[str, Field(pattern=r"^\d{5,15}$")] | None = None
    context: str | None = None
    """Service-Context-Id, where it is not the tester's."""
    consumer: Service | None = None


class Subscribers(_Model):
    """By role. Those marked "one case each" are used up: their balance must be as stated when the run begins."""

    rich: tuple[Subscriber, ...] = ()
    """Credit for the whole run; shared by all cases. Two rating groups let more cases run."""
    prepaid: tuple[Subscriber, ...] = ()
    """`balance_octets` known; refused with 4012 when it is used up. One case each."""
    final_unit: tuple[Subscriber, ...] = ()
    """As prepaid, but the last grant carries Final-Unit-Indication. One case each."""
    redirect: tuple[Subscriber, ...] = ()
    """As final_unit with action REDIRECT. One case each."""
    restrict: tuple[Subscriber, ...] = ()
    """As final_unit with action RESTRICT_ACCESS. One case each."""
    short: tuple[Subscriber, ...] = ()
    """As prepaid, with a Validity-Time of a few seconds. One case each."""
    barred: tuple[Subscriber, ...] = ()
    """Known, but barred from the service (4010)."""
    postpaid: tuple[Subscriber, ...] = ()
    """Never cut off; `balance_octets` is what its bundle includes."""
    split: tuple[Subscriber, ...] = ()
    """Enterprise on `apn`, `consumer` (prepaid) on another APN. One case each."""
    shared: tuple[Subscriber, ...] = ()
    """Enterprise and `consumer` (prepaid) on one APN, by rating group. One case each."""
    voice: tuple[Subscriber, ...] = ()
    """Charged by the second (CC-Time), in the service context stated."""
    messages: tuple[Subscriber, ...] = ()
    """Charged by the message (CC-Service-Specific-Units, events), in the service context stated."""
    rated: tuple[Subscriber, ...] = ()
    """As prepaid, with Quota-Holding-Time, thresholds and triggers in its grants. One case each."""
    newcomer: tuple[Subscriber, ...] = ()
    """As prepaid, but not there yet: hook provision brings it. One case takes four of them, another one."""
    pooled: tuple[Subscriber, ...] = ()
    """Several SIMs of one payer in a Fixed Pool: `balance_octets`, alike in all, is what the pool includes."""
    ordinary: tuple[Subscriber, ...] = ()
    """A SIM without any split."""


class Sut(_Model):
    """What is tested, and where."""

    name: str = "the OCS"
    side: Literal["ocs", "pgw"] = "ocs"
    address: str = "127.0.0.1:3868"
    alternate: str | None = None
    """Of a gateway: where the tester listens as a second OCS, if the gateway knows one."""
    realm: str | None = None
    """Destination-Realm of requests; absent: the Origin-Realm of its CEA."""

    @field_validator("address", "alternate")
    @classmethod
    def _address(cls, text: str | None) -> str | None:
        if text is not None:
            split_address(text)
        return text


class Tester(_Model):
    """Who the tester says it is."""

    origin_host: str = "pgw{n}.conformance.example"
    """`{n}` becomes a number, so that several gateways can be played; without it there is only one connection."""
    origin_realm: str = "conformance.example"
    service_context: str = "32251@3gpp.org"
    ask_octets: Octets | None = None
    """CC-Total-Octets in Requested-Service-Unit; absent: it is sent empty and the SUT chooses."""
    ccr_template: Path | None = None
    """A capture of the user's own gateway whose CCRs all requests are built from; from the folder of the PIXIT."""
    ocs_host: str = "ocs.conformance.example"
    """Who it is where it plays the OCS for a gateway."""
    name_destination_host: bool = True
    """Whether CCRs name the SUT in Destination-Host."""


class Tls(_Model):
    """TLS under every connection, from the first octet (RFC 6733 13). Files: PEM, from the folder of the PIXIT."""

    authorities: Path | None = None
    """Who certifies the SUT; absent: the authorities of this machine."""
    certificate: Path | None = None
    """What the tester shows when it is asked for a certificate (RFC 6733 13.1)."""
    key: Path | None = None
    server_name: str | None = None
    """The name in the SUT's certificate; absent: the host of its address."""

    @model_validator(mode="after")
    def _together(self) -> Tls:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self

    def beside(self, folder: Path) -> Tls:
        """With paths that stand from a folder."""
        files = {name: path for name in ("authorities", "certificate", "key") if (path := getattr(self, name))}
        return self.model_copy(update={name: folder / path for name, path in files.items()})

    def opened(self) -> Security:
        """What connections need.

        Raises:
            OSError: a file cannot be used.
        """
        return security(self.authorities, self.certificate, self.key, self.server_name)


class Timers(_Model):
    """Waits, in seconds."""

    answer_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    quiet_seconds: Annotated[float, Field(gt=0, le=60)] = 0.5
    """How long silence must last before it counts as "nothing came"."""
    after_capabilities_seconds: Annotated[float, Field(ge=0, le=10)] = 0.0
    """How long the tester waits after a CEA before it sends anything: for an SUT that loses what comes too soon."""
    capabilities_seconds: Annotated[float, Field(gt=0, le=300)] = 30.0
    """Within this time the SUT closes a connection on which no CER comes."""
    watchdog_seconds: Annotated[float, Field(gt=0, le=300)] = 30.0
    """Tw of the SUT (RFC 3539)."""
    tx_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Tx of a gateway (RFC 8506 13)."""
    reconnect_seconds: Annotated[float, Field(gt=0, le=300)] = 30.0
    """Tc of a gateway: how soon it dials again (RFC 6733 2.1)."""
    wait_most_seconds: Annotated[float, Field(ge=0)] = 20.0
    """Cases that must wait longer than this are left out (N-A), unless the budget is given."""


class Claims(_Model):
    """PICS: what the SUT is said to do where standards leave a choice."""

    tls: bool = False
    peers_restricted: bool = False
    by_msisdn: bool = True
    rating_group_absent: Literal["granted", "refused", "either"] = "either"
    rating_group_unknown: bool = True
    """False: every rating group is served, so that none is unknown."""
    barred_codes: tuple[int, ...] = (4010,)
    unknown_apn_codes: tuple[int, ...] = (4010, 5003, 5031)
    apn_selects_payer: bool = True
    """False: the APN does not choose a payer; cases about unknown APNs are left out."""
    events: bool = True
    """CCR-E (direct debiting, refund, balance check, price enquiry)."""
    sends_rar: bool = True
    ends_reservations: bool = True
    """Reservations end by themselves (validity and grace)."""
    overrun: Literal["recorded", "either"] = "either"
    reservation_grace_seconds: Annotated[float, Field(ge=0)] = 60.0
    """How long a reservation outlives its Validity-Time."""
    keeps_sessions_over_restart: bool = True
    counts_time: bool = False
    """A gateway that takes grants of CC-Time."""
    credit_pools: bool = False
    """A gateway that takes G-S-U-Pool-Reference."""
    tariff_changes: bool = True
    """A gateway that takes Tariff-Time-Change; one that does not must end the session with BAD_ANSWER."""
    mpc_imsi: Imsi | None = None
    """An internal identity that must be unknown on Gy, if one is known."""


class Http(_Model):
    """A hook as an HTTP request; `{name}` stands for a value of the case."""

    url: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    body: str | None = None
    headers: dict[str, str] = {}


class HookSpec(_Model):
    """How to work the SUT: a shell command, or an HTTP request. What it prints is its result."""

    command: str | None = None
    http: Http | None = None
    columns: dict[str, str] = {}
    """For exports (CSV): the SUT's column by our name."""
    settle_seconds: Annotated[float, Field(ge=0, le=300)] = 0.0
    """How long the SUT needs until the effect is there."""


HookName = Literal[
    "provision", "top_up", "suspend", "resume", "balance", "edrs", "invoices", "restart", "stop", "kill", "attach",
    "use", "detach", "change", "alter",
]  # fmt: skip


class Ics(_Model):
    """The file."""

    sut: Sut = Sut()
    tester: Tester = Tester()
    tls: Tls | None = None
    timers: Timers = Timers()
    claims: Claims = Claims()
    subscribers: Subscribers = Subscribers()
    hooks: dict[HookName, HookSpec] = {}


class IcsError(Exception):
    """A file that cannot be used: one line per mistake."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def split_address(text: str) -> tuple[str, int]:
    """HOST:PORT.

    Raises:
        ValueError: it is not.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError(f"expected HOST:PORT, got {text!r}")
    return host.strip("[]"), int(port)


def load_ics(path: Path) -> Ics:
    """The file at `path`.

    Raises:
        IcsError: every mistake in it, with line and field.
    """
    try:
        tree = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise IcsError([f"{path}: cannot be read: {reason}"]) from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise IcsError([f"{path}:{line}: not valid YAML: {error.problem}"]) from None
    except YAMLError as error:
        raise IcsError([f"{path}: not valid YAML: {error}"]) from None
    try:
        ics = Ics.model_validate(tree if tree is not None else {})
    except ValidationError as error:
        raise IcsError([_mistake(path, tree, dict(item)) for item in error.errors()]) from None
    return _beside(ics, path.parent)


def _beside(ics: Ics, folder: Path) -> Ics:
    """With the files that it names from a folder."""
    changes: dict[str, object] = {}
    if ics.tls is not None:
        changes["tls"] = ics.tls.beside(folder)
    if ics.tester.ccr_template is not None:
        changes["tester"] = ics.tester.model_copy(update={"ccr_template": folder / ics.tester.ccr_template})
    return ics.model_copy(update=changes)


def _mistake(path: Path, tree: Any, item: dict[str, Any]) -> str:
    line, node = 1, tree
    for key in item["loc"]:
        if isinstance(node, CommentedMap) and key in node:
            line = node.lc.key(key)[0] + 1
        elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
            line = node.lc.item(key)[0] + 1
        else:
            break
        node = node[key]
    kind = item["type"]
    message = {"extra_forbidden": "unknown field", "missing": "required field is missing"}.get(kind, item["msg"])
    return f"{path}:{line}: {'.'.join(map(str, item['loc']))}: {message.removeprefix('Value error, ')}"


def save_ics(ics: Ics, path: Path) -> None:
    """Writes what differs from the defaults."""
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(ics.model_dump(mode="json", exclude_defaults=True), file)
