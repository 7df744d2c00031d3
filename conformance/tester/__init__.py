"""A peer of our own over TCP: any octets at any pace, a deadline on every wait, and a trace of everything."""
