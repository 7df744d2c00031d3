"""Vehicles, their trips, what their applications and drivers want: demand for octets, which knows nothing of Gy.

- `cars`: one vehicle, and what it does on each of its connections. Start here.
- `classes`: commuters, company cars, vans, trucks: published figures as data. `trips`: when one of them drives.
- `applications`: telematics, Wi-Fi, navigation, campaigns and the like: traffic models as data; `traffic`: what they
  have in common.
- `drivers`: what a driver does when Wi-Fi ends: price, worth and patience.
- `places`: serving nodes, RATs and countries on the way. `signals`: wake-up messages and breakdown calls.
- `streams`: a random stream of its own for each vehicle and purpose, so that nothing depends on order or shard.

Parameters and their sources stand beside the code that uses them.
"""
