"""The network: cars that want octets, and the packet gateway that passes them and asks the OCS for quota over Gy.

- `fleet` vehicles, trips, traffic, drivers: demand for octets, knows nothing of Gy.
- `pgw` the gateway's charging trigger function, without I/O; its real-time skin drives cars against any OCS
  (`splitsim pgw`).
- `load` sessions of many SIMs at a rate, against any OCS (`splitsim load`).
- `signals` SMS centre and call control: messages and calls of the physical SIM.
- `fidelity` how near a generated fleet comes to what was measured on real ones (`splitsim fleet fidelity`).
- `truth` counts in the data path what each car really moved; it never reads a counter of PGW or OCS.
- `link` joins gateway and OCS: in memory, or real Gy over TCP, in virtual time either way; `foreign` joins an OCS that
  is not ours, in real or scaled time.
- `octets` writes and reads the messages of some cars on their way, where all others pass typed.
- `shards` runs a fleet in parts that leave folders of files; `cluster` has the workers of a Dask cluster do it.
- `faults` what can go wrong between them, as data and as chances; `weather` has it happen.
- `world` puts cars, gateway, link and clock together on SimPy; `connection` is one PDN connection of one car in it.

Imports `ocs.gy` and the engine's door (`ocs.charging.engine`, `ocs.charging.commands`). Start with `world`.
"""
