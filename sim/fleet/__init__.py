"""Vehicles, their trips, what their applications and drivers want: demand for octets, which knows nothing of Gy.

- `streams`: a random stream of its own for each vehicle and purpose, so that nothing depends on order or shard.
- `trips`: when a car drives.
- `traffic`: flows of octets that follow from trips: telematics, and Wi-Fi of those who ride along.
- `drivers`: what a driver does when Wi-Fi ends.

Parameters and their sources stand beside the code that uses them.
"""
