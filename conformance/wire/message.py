"""Diameter messages (RFC 6733 3): the header, right or wrong, and what a tester asks of a message it has got."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from conformance.wire.avp import Avp, Tree
from conformance.wire.dictionary import BY_CODE

R_FLAG: Final = 0x80
P_FLAG: Final = 0x40
E_FLAG: Final = 0x20
T_FLAG: Final = 0x10

CER: Final = 257
RAR: Final = 258
CCR: Final = 272
ASR: Final = 274
DWR: Final = 280
DPR: Final = 282

GY: Final = 4
BASE: Final = 0
HEADER: Final = 20

_NAMES: Final = {CER: "CE", RAR: "RA", CCR: "CC", ASR: "AS", DWR: "DW", DPR: "DP", 271: "AC", 275: "ST"}
_TYPES: Final = {1: "I", 2: "U", 3: "T", 4: "E"}


def build(
    command: int,
    avps: bytes,
    *,
    flags: int = R_FLAG | P_FLAG,
    application: int = GY,
    hop_by_hop: int = 0,
    end_to_end: int = 0,
    version: int = 1,
    length: int | None = None,
) -> bytes:
    """A message. `length` lies about the Message Length."""
    size = HEADER + len(avps) if length is None else length
    return (
        struct.pack(
            ">IIIII",
            version << 24 | size & 0xFFFFFF,
            flags << 24 | command,
            application,
            hop_by_hop & 0xFFFFFFFF,
            end_to_end & 0xFFFFFFFF,
        )
        + avps
    )


@dataclass(frozen=True)
class Service:
    """One MSCC of an answer, as a tester reads it."""

    rating_group: int | None
    service_identifiers: tuple[int, ...]
    result_code: int | None
    granted: bool
    """Whether it holds a Granted-Service-Unit."""
    total_octets: int | None
    time_seconds: int | None
    specific_units: int | None
    validity_seconds: int | None
    final_action: int | None
    """Final-Unit-Action; None without Final-Unit-Indication."""
    tree: Tree


class Message:
    """A message that has been received, or is about to be sent. Nothing that it holds can make reading it fail."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        head = octets[:HEADER].ljust(HEADER, b"\0")
        first, second, self.application, self.hop_by_hop, self.end_to_end = struct.unpack(">IIIII", head)
        self.version, self.length = first >> 24, first & 0xFFFFFF
        self.flags, self.command = second >> 24, second & 0xFFFFFF

    @cached_property
    def tree(self) -> Tree:
        """Its AVPs."""
        return Tree(self.octets[HEADER:])

    @property
    def is_request(self) -> bool:
        """The R bit."""
        return bool(self.flags & R_FLAG)

    @property
    def is_error(self) -> bool:
        """The E bit."""
        return bool(self.flags & E_FLAG)

    @property
    def result_code(self) -> int | None:
        """Result-Code at command level."""
        return self.tree.number("Result-Code")

    @property
    def session_id(self) -> str | None:
        """Session-Id."""
        return self.tree.text("Session-Id")

    @cached_property
    def services(self) -> list[Service]:
        """Its MSCCs."""
        return [_service(mscc) for mscc in self.tree.all("Multiple-Services-Credit-Control")]

    def service(self, rating_group: int | None) -> Service | None:
        """The MSCC of a rating group; if it has none, that of the only MSCC without Rating-Group."""
        return next((service for service in self.services if service.rating_group == rating_group), None)

    @property
    def granted_octets(self) -> int:
        """CC-Total-Octets of all grants, at command level too."""
        outside = self.tree.number("Granted-Service-Unit", "CC-Total-Octets") or 0
        return outside + sum(service.total_octets or 0 for service in self.services)

    @property
    def any_grant(self) -> bool:
        """Whether it grants anything anywhere."""
        return self.tree.first("Granted-Service-Unit") is not None or any(s.granted for s in self.services)

    @property
    def title(self) -> str:
        """For ladders: `CCR-U #1`, `CCA-I #0 2001 [200: 2001 +4000000]`."""
        name = _NAMES.get(self.command, str(self.command)) + ("R" if self.is_request else "A")
        kind = self.tree.number("CC-Request-Type")
        if kind is not None:
            name += f"-{_TYPES.get(kind, kind)} #{self.tree.number('CC-Request-Number')}"
        if self.flags & T_FLAG:
            name += " T"
        if not self.is_request:
            name += f" {self.result_code}" + (" E" if self.is_error else "")
        services = [_brief(service) for service in self.services]
        return name + (f" [{'; '.join(services)}]" if services else "")

    def dump(self) -> list[str]:
        """Every AVP on a line of its own, groups indented."""
        head = f"{self.title}  flags {self.flags:#04x} hop {self.hop_by_hop:#x} end {self.end_to_end:#x}"
        return [head, *_dump(self.tree, "  ")]


def _service(mscc: Avp) -> Service:
    tree = mscc.tree
    grant = tree.first("Granted-Service-Unit")
    units = grant.tree if grant is not None else Tree(b"")
    final = tree.first("Final-Unit-Indication")
    return Service(
        tree.number("Rating-Group"),
        tuple(item.number or 0 for item in tree.all("Service-Identifier")),
        tree.number("Result-Code"),
        grant is not None,
        units.number("CC-Total-Octets"),
        units.number("CC-Time"),
        units.number("CC-Service-Specific-Units"),
        tree.number("Validity-Time"),
        None if final is None else final.tree.number("Final-Unit-Action"),
        tree,
    )


def _brief(service: Service) -> str:
    text = f"{service.rating_group}:" if service.rating_group is not None else ":"
    if service.result_code is not None:
        text += f" {service.result_code}"
    for used in service.tree.all("Used-Service-Unit"):
        text += f" used {used.tree.number('CC-Total-Octets')}"
    if service.tree.first("Requested-Service-Unit") is not None:
        text += " asks"
    if service.granted:
        amounts = [service.total_octets, service.time_seconds, service.specific_units]
        text += f" +{next((amount for amount in amounts if amount is not None), 'nothing')}"
    return text + (f" FUI {service.final_action}" if service.final_action is not None else "")


def _dump(tree: Tree, indent: str) -> list[str]:
    lines = []
    for item in tree:
        flags = "".join(letter if item.flags & bit else "-" for letter, bit in (("V", 0x80), ("M", 0x40), ("P", 0x20)))
        known = BY_CODE.get((item.code, item.vendor))
        head = f"{indent}{item.name}({item.code}{f'/{item.vendor}' if item.vendor else ''})[{flags}]"
        if known is not None and known.format == "group":
            lines += [f"{head} {{", *_dump(item.tree, indent + "  "), f"{indent}}}"]
        elif item.number is not None:
            lines.append(f"{head} = {item.number}")
        elif known is not None and known.format in ("utf8", "id"):
            lines.append(f"{head} = {item.text!r}")
        else:
            lines.append(f"{head} = 0x{item.data.hex()}")
    if tree.fault is not None:
        lines.append(f"{indent}!! {tree.fault}")
    return lines
