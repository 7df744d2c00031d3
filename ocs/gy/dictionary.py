"""The AVP dictionary: every AVP that is known on this Gy, as data.

One line is one AVP as the tables of the standards give it: code, M rule, format, name. `M`: sent with the M bit; `-`:
sent without. What a peer sets is not held against it (RFC 6733 4.1 lets an M bit differ between applications); only
the V bit and the Vendor-Id tell AVPs apart. A known AVP that no message of `messages` names is skipped on receipt
without an error, because a gateway may send it with M set; an AVP that is not here is unknown (5001 if M is set).

Formats are those of RFC 6733 4.2 and 4.3. Where the sources leave two readings, the comment beside the table says which
was taken; the test against python-diameter's dictionary lists each difference with its reason.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ocs.gy.messages import VENDOR_3GPP

VENDOR_3GPP2: Final = 5535


class AvpDefinition(NamedTuple):
    """One AVP: `vendor` 0 is the IETF, `mandatory` is the M bit that we send, `format` a name of RFC 6733 4.2/4.3."""

    code: int
    vendor: int
    name: str
    format: str
    mandatory: bool


# RFC 6733 4.5 and 8; Session-Timeout and its kind from the RADIUS range (RFC 7155 4.4).
_RFC_6733 = """
1     M  UTF8String        User-Name
25    M  OctetString       Class
27    M  Unsigned32        Session-Timeout
33    M  OctetString       Proxy-State
44    M  OctetString       Acct-Session-Id
50    M  UTF8String        Acct-Multi-Session-Id
55    M  Time              Event-Timestamp
85    M  Unsigned32        Acct-Interim-Interval
257   M  Address           Host-IP-Address
258   M  Unsigned32        Auth-Application-Id
259   M  Unsigned32        Acct-Application-Id
260   M  Grouped           Vendor-Specific-Application-Id
261   M  Enumerated        Redirect-Host-Usage
262   M  Unsigned32        Redirect-Max-Cache-Time
263   M  UTF8String        Session-Id
264   M  DiameterIdentity  Origin-Host
265   M  Unsigned32        Supported-Vendor-Id
266   M  Unsigned32        Vendor-Id
267   -  Unsigned32        Firmware-Revision
268   M  Unsigned32        Result-Code
269   -  UTF8String        Product-Name
270   M  Unsigned32        Session-Binding
271   M  Enumerated        Session-Server-Failover
272   M  Unsigned32        Multi-Round-Time-Out
273   M  Enumerated        Disconnect-Cause
274   M  Enumerated        Auth-Request-Type
276   M  Unsigned32        Auth-Grace-Period
277   M  Enumerated        Auth-Session-State
278   M  Unsigned32        Origin-State-Id
279   M  Grouped           Failed-AVP
280   M  DiameterIdentity  Proxy-Host
281   -  UTF8String        Error-Message
282   M  DiameterIdentity  Route-Record
283   M  DiameterIdentity  Destination-Realm
284   M  Grouped           Proxy-Info
285   M  Enumerated        Re-Auth-Request-Type
287   M  Unsigned64        Accounting-Sub-Session-Id
291   M  Unsigned32        Authorization-Lifetime
292   M  DiameterURI       Redirect-Host
293   M  DiameterIdentity  Destination-Host
294   -  DiameterIdentity  Error-Reporting-Host
295   M  Enumerated        Termination-Cause
296   M  DiameterIdentity  Origin-Realm
297   M  Grouped           Experimental-Result
298   M  Unsigned32        Experimental-Result-Code
299   M  Unsigned32        Inband-Security-Id
300   M  Grouped           E2E-Sequence
480   M  Enumerated        Accounting-Record-Type
483   M  Enumerated        Accounting-Realtime-Required
485   M  Unsigned32        Accounting-Record-Number
"""

# RFC 7155 (NASREQ): the few that PS-Information and a USU borrow, and Filter-Id for FUI.
_RFC_7155 = """
8     M  OctetString       Framed-IP-Address
11    M  UTF8String        Filter-Id
30    M  UTF8String        Called-Station-Id
31    M  UTF8String        Calling-Station-Id
97    M  OctetString       Framed-IPv6-Prefix
363   M  Unsigned64        Accounting-Input-Octets
364   M  Unsigned64        Accounting-Output-Octets
"""

# RFC 8506 8; from 653 on "M bit MUST NOT be set", so that servers of RFC 4006 ignore them.
_RFC_8506 = """
411   M  OctetString       CC-Correlation-Id
412   M  Unsigned64        CC-Input-Octets
413   M  Grouped           CC-Money
414   M  Unsigned64        CC-Output-Octets
415   M  Unsigned32        CC-Request-Number
416   M  Enumerated        CC-Request-Type
417   M  Unsigned64        CC-Service-Specific-Units
418   M  Enumerated        CC-Session-Failover
419   M  Unsigned64        CC-Sub-Session-Id
420   M  Unsigned32        CC-Time
421   M  Unsigned64        CC-Total-Octets
422   M  Enumerated        Check-Balance-Result
423   M  Grouped           Cost-Information
424   M  UTF8String        Cost-Unit
425   M  Unsigned32        Currency-Code
426   M  Enumerated        Credit-Control
427   M  Enumerated        Credit-Control-Failure-Handling
428   M  Enumerated        Direct-Debiting-Failure-Handling
429   M  Integer32         Exponent
430   M  Grouped           Final-Unit-Indication
431   M  Grouped           Granted-Service-Unit
432   M  Unsigned32        Rating-Group
433   M  Enumerated        Redirect-Address-Type
434   M  Grouped           Redirect-Server
435   M  UTF8String        Redirect-Server-Address
436   M  Enumerated        Requested-Action
437   M  Grouped           Requested-Service-Unit
438   M  IPFilterRule      Restriction-Filter-Rule
439   M  Unsigned32        Service-Identifier
440   M  Grouped           Service-Parameter-Info
441   M  Unsigned32        Service-Parameter-Type
442   M  OctetString       Service-Parameter-Value
443   M  Grouped           Subscription-Id
444   M  UTF8String        Subscription-Id-Data
445   M  Grouped           Unit-Value
446   M  Grouped           Used-Service-Unit
447   M  Integer64         Value-Digits
448   M  Unsigned32        Validity-Time
449   M  Enumerated        Final-Unit-Action
450   M  Enumerated        Subscription-Id-Type
451   M  Time              Tariff-Time-Change
452   M  Enumerated        Tariff-Change-Usage
453   M  Unsigned32        G-S-U-Pool-Identifier
454   M  Enumerated        CC-Unit-Type
455   M  Enumerated        Multiple-Services-Indicator
456   M  Grouped           Multiple-Services-Credit-Control
457   M  Grouped           G-S-U-Pool-Reference
458   M  Grouped           User-Equipment-Info
459   M  Enumerated        User-Equipment-Info-Type
460   M  OctetString       User-Equipment-Info-Value
461   M  UTF8String        Service-Context-Id
653   -  Grouped           User-Equipment-Info-Extension
654   -  OctetString       User-Equipment-Info-IMEISV
655   -  OctetString       User-Equipment-Info-MAC
656   -  OctetString       User-Equipment-Info-EUI64
657   -  OctetString       User-Equipment-Info-ModifiedEUI64
658   -  OctetString       User-Equipment-Info-IMEI
665   -  Grouped           Redirect-Server-Extension
666   -  Address           Redirect-Address-IPAddress
667   -  UTF8String        Redirect-Address-URL
668   -  UTF8String        Redirect-Address-SIP-URI
669   -  Grouped           QoS-Final-Unit-Indication
659   -  Grouped           Subscription-Id-Extension
660   -  UTF8String        Subscription-Id-E164
661   -  UTF8String        Subscription-Id-IMSI
662   -  UTF8String        Subscription-Id-SIP-URI
663   -  UTF8String        Subscription-Id-NAI
664   -  UTF8String        Subscription-Id-Private
"""

# Overload, priority and load (RFC 7683 7, RFC 7944 9, RFC 8583 7): carried on any application, never with M.
_OVERLOAD = """
621   -  Grouped           OC-Supported-Features
622   -  Unsigned64        OC-Feature-Vector
623   -  Grouped           OC-OLR
624   -  Unsigned64        OC-Sequence-Number
625   -  Unsigned32        OC-Validity-Duration
626   -  Enumerated        OC-Report-Type
627   -  Unsigned32        OC-Reduction-Percentage
301   -  Enumerated        DRMP
649   -  DiameterIdentity  SourceID
650   -  Grouped           Load
651   -  Enumerated        Load-Type
652   -  Unsigned64        Load-Value
"""

# TS 29.061 16.4.7. 3GPP-Charging-Id is printed there as an OctetString of four octets that hold an UINT32: read as a
# number here.
_TS_29_061 = """
1     M  UTF8String        3GPP-IMSI
2     M  Unsigned32        3GPP-Charging-Id
3     M  Enumerated        3GPP-PDP-Type
5     M  UTF8String        3GPP-GPRS-Negotiated-QoS-Profile
6     M  OctetString       3GPP-SGSN-Address
7     M  OctetString       3GPP-GGSN-Address
8     M  UTF8String        3GPP-IMSI-MCC-MNC
9     M  UTF8String        3GPP-GGSN-MCC-MNC
10    M  OctetString       3GPP-NSAPI
11    M  UTF8String        3GPP-Session-Stop-Indicator
12    M  UTF8String        3GPP-Selection-Mode
13    M  UTF8String        3GPP-Charging-Characteristics
18    M  UTF8String        3GPP-SGSN-MCC-MNC
20    M  OctetString       3GPP-IMEISV
21    M  OctetString       3GPP-RAT-Type
22    M  OctetString       3GPP-User-Location-Info
23    M  OctetString       3GPP-MS-TimeZone
29    M  OctetString       3GPP-TWAN-Identifier
30    M  OctetString       3GPP-User-Location-Info-Time
31    M  OctetString       3GPP-Secondary-RAT-Usage
32    M  OctetString       3GPP-UE-Local-IP-Address
33    M  OctetString       3GPP-UE-Source-Port
4     M  OctetString       3GPP-CG-Address
14    M  OctetString       3GPP-CG-IPv6-Address
15    M  OctetString       3GPP-SGSN-IPv6-Address
16    M  OctetString       3GPP-GGSN-IPv6-Address
"""

# TS 29.212 5.3 (Gx). The M bit of the retention priority and the APN rates is clear there ("V" only).
_TS_29_212 = """
1004  M  UTF8String        Charging-Rule-Base-Name
1005  M  OctetString       Charging-Rule-Name
1016  M  Grouped           QoS-Information
1025  M  Unsigned32        Guaranteed-Bitrate-DL
1026  M  Unsigned32        Guaranteed-Bitrate-UL
1027  M  Enumerated        IP-CAN-Type
1028  M  Enumerated        QoS-Class-Identifier
1032  -  Enumerated        RAT-Type
1034  -  Grouped           Allocation-Retention-Priority
1040  -  Unsigned32        APN-Aggregate-Max-Bitrate-DL
1041  -  Unsigned32        APN-Aggregate-Max-Bitrate-UL
1046  -  Unsigned32        Priority-Level
1047  -  Enumerated        Pre-emption-Capability
1048  -  Enumerated        Pre-emption-Vulnerability
1058  -  Grouped           Flow-Information
1066  M  OctetString       Monitoring-Key
1080  -  Enumerated        Flow-Direction
1088  -  OctetString       TDF-Application-Identifier
1091  -  Address           TDF-IP-Address
1095  -  UTF8String        ADC-Rule-Base-Name
2812  -  Time              User-Location-Info-Time
2821  -  OctetString       Presence-Reporting-Area-Identifier
2822  -  Grouped           Presence-Reporting-Area-Information
2823  -  Enumerated        Presence-Reporting-Area-Status
"""

# TS 29.214 5.3 (Rx), inside AF-Correlation-Information and Flows.
_TS_29_214 = """
502   M  Grouped           Access-Network-Charging-Identifier
505   M  OctetString       AF-Charging-Identifier
509   M  Unsigned32        Flow-Number
510   M  Grouped           Flows
518   M  Unsigned32        Media-Component-Number
531   M  UTF8String        Sponsor-Identity
532   M  UTF8String        Application-Service-Provider-Identity
"""

# TS 29.229 6.3 and TS 29.272 7.3: what Terminal-Information and User-CSG-Information hold.
_TS_29_272 = """
628   M  Grouped           Supported-Features
629   M  Unsigned32        Feature-List-ID
630   M  Unsigned32        Feature-List
1401  M  Grouped           Terminal-Information
1402  M  UTF8String        IMEI
1403  M  UTF8String        Software-Version
1437  M  Unsigned32        CSG-Id
2317  -  Enumerated        CSG-Access-Mode
2318  -  Enumerated        CSG-Membership-Indication
2319  -  Grouped           User-CSG-Information
"""

# TS 32.299 7.2: "the M bit shall be set" for all of its own AVPs.
_TS_32_299 = """
823   M  Grouped           Event-Type
829   M  Enumerated        Role-Of-Node
846   M  Address           CG-Address
847   M  Address           GGSN-Address
862   M  Enumerated        Node-Functionality
863   M  UTF8String        Service-Specific-Data
864   M  Enumerated        Originator
865   M  Grouped           PS-Furnish-Charging-Information
866   M  OctetString       PS-Free-Format-Data
867   M  Enumerated        PS-Append-Free-Format-Data
868   M  Unsigned32        Time-Quota-Threshold
869   M  Unsigned32        Volume-Quota-Threshold
870   M  Enumerated        Trigger-Type
871   M  Unsigned32        Quota-Holding-Time
872   M  Enumerated        Reporting-Reason
873   M  Grouped           Service-Information
874   M  Grouped           PS-Information
875   M  Grouped           WLAN-Information
876   M  Grouped           IMS-Information
877   M  Grouped           MMS-Information
878   M  Grouped           LCS-Information
879   M  Grouped           PoC-Information
880   M  Grouped           MBMS-Information
881   M  Unsigned32        Quota-Consumption-Time
1226  M  Unsigned32        Unit-Quota-Threshold
1227  M  Address           PDP-Address
1228  M  Address           SGSN-Address
1247  M  Enumerated        PDP-Context-Type
1249  M  Grouped           Service-Specific-Info
1256  M  Grouped           Service-Generic-Information
1257  M  Unsigned32        Service-Specific-Type
1258  M  Time              Event-Charging-TimeStamp
1263  M  UTF8String        Access-Network-Information
1264  M  Grouped           Trigger
1265  M  Unsigned32        Base-Time-Interval
1266  M  Grouped           Envelope
1267  M  Time              Envelope-End-Time
1268  M  Enumerated        Envelope-Reporting
1269  M  Time              Envelope-Start-Time
1270  M  Grouped           Time-Quota-Mechanism
1271  M  Enumerated        Time-Quota-Type
1276  M  Grouped           AF-Correlation-Information
1278  M  Grouped           Offline-Charging
2000  M  Grouped           SMS-Information
2001  M  Enumerated        Data-Coding-Scheme
2002  M  Grouped           Destination-Interface
2003  M  UTF8String        Interface-Id
2004  M  UTF8String        Interface-Port
2005  M  UTF8String        Interface-Text
2006  M  Enumerated        Interface-Type
2007  M  Enumerated        SM-Message-Type
2008  M  Address           Originator-SCCP-Address
2009  M  Grouped           Originator-Interface
2010  M  Address           Recipient-SCCP-Address
2011  M  Enumerated        Reply-Path-Requested
2012  M  Time              SM-Discharge-Time
2013  M  OctetString       SM-Protocol-ID
2014  M  OctetString       SM-Status
2015  M  OctetString       SM-User-Data-Header
2016  M  Enumerated        SMS-Node
2017  M  Address           SMSC-Address
2019  M  Unsigned32        Number-of-Messages-Sent
2020  M  Enumerated        Low-Balance-Indication
2021  M  Grouped           Remaining-Balance
2022  M  OctetString       Refund-Information
2026  M  Grouped           Recipient-Info
2037  M  Enumerated        Change-Condition
2038  M  Time              Change-Time
2039  M  Enumerated        Diagnostics
2040  M  Grouped           Service-Data-Container
2041  M  Time              Start-Time
2042  M  Time              Stop-Time
2043  M  Time              Time-First-Usage
2044  M  Time              Time-Last-Usage
2045  M  Unsigned32        Time-Usage
2046  M  Grouped           Traffic-Data-Volumes
2047  M  Enumerated        Serving-Node-Type
2050  M  Unsigned32        PDN-Connection-Charging-ID
2051  M  Enumerated        Dynamic-Address-Flag
2052  M  Grouped           Accumulated-Cost
2053  M  Grouped           AoC-Cost-Information
2054  M  Grouped           AoC-Information
2055  M  Enumerated        AoC-Request-Type
2056  M  Grouped           Current-Tariff
2057  M  Grouped           Next-Tariff
2058  M  Grouped           Rate-Element
2059  M  Grouped           Scale-Factor
2060  M  Grouped           Tariff-Information
2061  M  Grouped           Unit-Cost
2062  M  Grouped           Incremental-Cost
2063  M  Unsigned32        Local-Sequence-Number
2064  M  UTF8String        Node-Id
2065  M  Enumerated        SGW-Change
2066  M  Enumerated        Charging-Characteristics-Selection-Mode
2067  M  Address           SGW-Address
2068  M  Enumerated        Dynamic-Address-Flag-Extension
2308  M  Enumerated        IMSI-Unauthenticated-Flag
2601  M  UTF8String        IMS-Application-Reference-Identifier
2602  M  Enumerated        Low-Priority-Indicator
2606  M  Unsigned32        PDP-Address-Prefix-Length
2713  M  UTF8String        IMS-Visited-Network-Identifier
2714  M  Grouped           TWAN-User-Location-Info
2716  M  UTF8String        BSSID
3421  M  Enumerated        CN-Operator-Selection-Entity
3425  M  Address           ePDG-Address
3901  M  Grouped           Enhanced-Diagnostics
3902  M  Enumerated        Inter-UE-Transfer
3903  M  Address           TWAG-Address
3904  M  Grouped           Announcement-Information
3905  M  Unsigned32        Announcement-Identifier
3906  M  Unsigned32        Announcement-Order
3911  M  Unsigned32        Time-Indicator
3912  M  Enumerated        Quota-Indicator
3918  M  Grouped           UWAN-User-Location-Info
3925  M  Grouped           Related-Change-Condition-Information
3926  M  Grouped           Related-Trigger
3929  M  OctetString       Serving-Node-Identity
3930  M  Enumerated        CP-CIoT-EPS-Optimisation-Indicator
3931  M  Enumerated        SGi-PtP-Tunnelling-Method
3932  M  Enumerated        UNI-PDU-CP-Only-Flag
3933  M  Grouped           APN-Rate-Control
3934  M  Grouped           APN-Rate-Control-Downlink
3935  M  Grouped           APN-Rate-Control-Uplink
3937  M  Unsigned32        Rate-Control-Max-Message-Size
3938  M  Unsigned32        Rate-Control-Max-Rate
3939  M  Unsigned32        Rate-Control-Time-Unit
4400  M  Enumerated        Charging-Per-IP-CAN-Session-Indicator
4401  M  Grouped           Access-Network-Info-Change
4406  M  Enumerated        3GPP-PS-Data-Off-Status
4407  M  Unsigned32        Unused-Quota-Timer
"""

_3GPP2 = """
9010  M  UTF8String        3GPP2-BSID
"""


def _definitions(vendor: int, *tables: str) -> list[AvpDefinition]:
    rows = (line.split() for table in tables for line in table.strip().splitlines())
    return [AvpDefinition(int(code), vendor, name, form, rule == "M") for code, rule, form, name in rows]


AVPS: Final = (
    *_definitions(0, _RFC_6733, _RFC_7155, _RFC_8506, _OVERLOAD),
    *_definitions(VENDOR_3GPP, _TS_29_061, _TS_29_212, _TS_29_214, _TS_29_272, _TS_32_299),
    *_definitions(VENDOR_3GPP2, _3GPP2),
)
"""All of them, in the order of the tables."""

BY_CODE: Final = {(avp.code, avp.vendor): avp for avp in AVPS}
"""The definition of a (code, vendor); vendor 0 when the V bit is clear."""

BY_NAME: Final = {avp.name: avp for avp in AVPS}


# The AVPs with "0" in the CCR column of RFC 8506 10.1 and RFC 6733 10.1: their presence there is an error (5008).
NOT_IN_CCR: Final = frozenset(
    BY_NAME[name].code
    for name in (
        "CC-Session-Failover",
        "Check-Balance-Result",
        "Cost-Information",
        "Credit-Control-Failure-Handling",
        "Direct-Debiting-Failure-Handling",
        "Failed-AVP",
        "Final-Unit-Indication",
        "Granted-Service-Unit",
        "QoS-Final-Unit-Indication",
        "Redirect-Host",
        "Redirect-Host-Usage",
        "Redirect-Max-Cache-Time",
        "Result-Code",
        "Validity-Time",
    )
)
