"""Diameter octets as a tester needs them: built right or wrong on purpose, read without trust."""
