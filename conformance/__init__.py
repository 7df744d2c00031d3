"""The room of the conformance suite: requirements of Gy and of split billing, put to any OCS or any PGW over the network.

The suite itself is not here yet: no requirement, no case, no verdict. What is fixed is the rule of the room. Nothing in
it imports `ocs`, `sim` or `scenarios`; a system under test, ours too, is a process behind an address, met by a peer
with its own octets. Requirements, the tester, cases, verdicts and the report each get a module of their own.

Until then `scenarios/__init__.py` is where the rules are checked, on our own OCS and our own fleet.
"""
