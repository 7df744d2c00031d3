"""The AVPs that the suite names, as data: code, M rule, format, name. `M`: sent with the M bit; `-`: without.

A dictionary of its own, so that a mistake in that of a system under test does not hide itself here. Formats: u32, u64,
i32, i64, enum, time, utf8, id (DiameterIdentity), octets, address, group.
"""

from __future__ import annotations

from typing import Final, NamedTuple

VENDOR_3GPP: Final = 10415


class Definition(NamedTuple):
    """One AVP. `vendor` 0 is the IETF."""

    code: int
    vendor: int
    name: str
    format: str
    mandatory: bool


_IETF = """
8    M octets  Framed-IP-Address
11   M utf8    Filter-Id
25   M octets  Class
30   M utf8    Called-Station-Id
33   M octets  Proxy-State
55   M time    Event-Timestamp
1    M utf8    User-Name
257  M address Host-IP-Address
258  M u32     Auth-Application-Id
259  M u32     Acct-Application-Id
260  M group   Vendor-Specific-Application-Id
261  M enum    Redirect-Host-Usage
262  M u32     Redirect-Max-Cache-Time
263  M utf8    Session-Id
264  M id      Origin-Host
265  M u32     Supported-Vendor-Id
266  M u32     Vendor-Id
267  - u32     Firmware-Revision
268  M u32     Result-Code
269  - utf8    Product-Name
273  M enum    Disconnect-Cause
277  M enum    Auth-Session-State
278  M u32     Origin-State-Id
279  M group   Failed-AVP
280  M id      Proxy-Host
281  - utf8    Error-Message
282  M id      Route-Record
283  M id      Destination-Realm
284  M group   Proxy-Info
285  M enum    Re-Auth-Request-Type
292  M utf8    Redirect-Host
293  M id      Destination-Host
294  - id      Error-Reporting-Host
295  M enum    Termination-Cause
296  M id      Origin-Realm
297  M group   Experimental-Result
298  M u32     Experimental-Result-Code
299  M u32     Inband-Security-Id
301  - enum    DRMP
411  M octets  CC-Correlation-Id
412  M u64     CC-Input-Octets
413  M group   CC-Money
414  M u64     CC-Output-Octets
415  M u32     CC-Request-Number
416  M enum    CC-Request-Type
417  M u64     CC-Service-Specific-Units
418  M enum    CC-Session-Failover
419  M u64     CC-Sub-Session-Id
420  M u32     CC-Time
421  M u64     CC-Total-Octets
422  M enum    Check-Balance-Result
423  M group   Cost-Information
424  M utf8    Cost-Unit
425  M u32     Currency-Code
426  M enum    Credit-Control
427  M enum    Credit-Control-Failure-Handling
428  M enum    Direct-Debiting-Failure-Handling
429  M i32     Exponent
430  M group   Final-Unit-Indication
431  M group   Granted-Service-Unit
432  M u32     Rating-Group
433  M enum    Redirect-Address-Type
434  M group   Redirect-Server
435  M utf8    Redirect-Server-Address
436  M enum    Requested-Action
437  M group   Requested-Service-Unit
438  M utf8    Restriction-Filter-Rule
439  M u32     Service-Identifier
440  M group   Service-Parameter-Info
441  M u32     Service-Parameter-Type
442  M octets  Service-Parameter-Value
443  M group   Subscription-Id
444  M utf8    Subscription-Id-Data
445  M group   Unit-Value
446  M group   Used-Service-Unit
447  M i64     Value-Digits
448  M u32     Validity-Time
449  M enum    Final-Unit-Action
450  M enum    Subscription-Id-Type
451  M time    Tariff-Time-Change
452  M enum    Tariff-Change-Usage
453  M u32     G-S-U-Pool-Identifier
454  M enum    CC-Unit-Type
455  M enum    Multiple-Services-Indicator
456  M group   Multiple-Services-Credit-Control
457  M group   G-S-U-Pool-Reference
458  M group   User-Equipment-Info
459  M enum    User-Equipment-Info-Type
460  M octets  User-Equipment-Info-Value
461  M utf8    Service-Context-Id
621  - group   OC-Supported-Features
622  - u64     OC-Feature-Vector
623  - group   OC-OLR
649  - id      SourceID
650  - group   Load
651  - enum    Load-Type
652  - u64     Load-Value
653  - group   User-Equipment-Info-Extension
659  - group   Subscription-Id-Extension
660  - utf8    Subscription-Id-E164
661  - utf8    Subscription-Id-IMSI
665  - group   Redirect-Server-Extension
669  - group   QoS-Final-Unit-Indication
"""

_3GPP = """
1    M utf8    3GPP-IMSI
2    M u32     3GPP-Charging-Id
3    M enum    3GPP-PDP-Type
10   M octets  3GPP-NSAPI
12   M utf8    3GPP-Selection-Mode
13   M utf8    3GPP-Charging-Characteristics
18   M utf8    3GPP-SGSN-MCC-MNC
21   M octets  3GPP-RAT-Type
22   M octets  3GPP-User-Location-Info
23   M octets  3GPP-MS-TimeZone
847  M address GGSN-Address
868  M u32     Time-Quota-Threshold
869  M u32     Volume-Quota-Threshold
870  M enum    Trigger-Type
871  M u32     Quota-Holding-Time
872  M enum    Reporting-Reason
873  M group   Service-Information
874  M group   PS-Information
881  M u32     Quota-Consumption-Time
1016 M group   QoS-Information
1028 M enum    QoS-Class-Identifier
1034 - group   Allocation-Retention-Priority
1040 - u32     APN-Aggregate-Max-Bitrate-DL
1041 - u32     APN-Aggregate-Max-Bitrate-UL
1046 - u32     Priority-Level
1047 - enum    Pre-emption-Capability
1048 - enum    Pre-emption-Vulnerability
1226 M u32     Unit-Quota-Threshold
1227 M address PDP-Address
1228 M address SGSN-Address
1258 M time    Event-Charging-TimeStamp
1264 M group   Trigger
1266 M group   Envelope
1268 M enum    Envelope-Reporting
1270 M group   Time-Quota-Mechanism
1276 M group   AF-Correlation-Information
505  M octets  AF-Charging-Identifier
1249 M group   Service-Specific-Info
2000 M group   SMS-Information
2007 M enum    SM-Message-Type
2019 M u32     Number-of-Messages-Sent
2020 M enum    Low-Balance-Indication
2021 M group   Remaining-Balance
2022 M octets  Refund-Information
2054 M group   AoC-Information
2055 M enum    AoC-Request-Type
3904 M group   Announcement-Information
4407 M u32     Unused-Quota-Timer
"""


def _definitions(vendor: int, table: str) -> list[Definition]:
    rows = (line.split() for line in table.strip().splitlines())
    return [Definition(int(code), vendor, name, form, rule == "M") for code, rule, form, name in rows]


DEFINITIONS: Final = (*_definitions(0, _IETF), *_definitions(VENDOR_3GPP, _3GPP))
BY_CODE: Final = {(definition.code, definition.vendor): definition for definition in DEFINITIONS}
BY_NAME: Final = {definition.name: definition for definition in DEFINITIONS}
