"""Sends the octets of one case again and says whether the answers are as they were. Needs only Python.

    python3 replay.py [HOST:PORT]

Session-Ids get the present time in place of the old one, so that nothing is taken for a repetition. What the case used
up is used up: give the subscriber its balance back first. Exit status: 0 the same results, 1 others, 3 not reachable.
"""

import re
import socket
import ssl
import sys
import time

CASE = "CASE"
ADDRESS = "ADDRESS"
WAIT_SECONDS = 5.0
TLS: "dict[str, str] | None" = None
STEPS: list[list[object]] = []


def connect(host: str, port: int) -> socket.socket:
    """A connection as the case had it: TCP, or TLS with the same files."""
    connection = socket.create_connection((host, port), timeout=WAIT_SECONDS)
    if TLS is None:
        return connection
    context = ssl.create_default_context(cafile=TLS.get("authorities"))
    if "certificate" in TLS:
        context.load_cert_chain(TLS["certificate"], TLS.get("key"))
    return context.wrap_socket(connection, server_hostname=TLS.get("server_name", host))


def read(connection: socket.socket, buffer: bytearray, deadline: float) -> "bytes | None":
    """The next message of a connection; None if it is closed or the time is over."""
    while True:
        if len(buffer) >= 4:
            length = int.from_bytes(buffer[1:4], "big")
            if 20 <= length <= len(buffer):
                message = bytes(buffer[:length])
                del buffer[:length]
                return message
        connection.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            octets = connection.recv(65536)
        except OSError:
            return None
        if not octets:
            return None
        buffer += octets


def results(message: bytes) -> "list[int]":
    """Every Result-Code of a message, those inside MSCCs too."""
    found = []

    def walk(octets: bytes) -> None:
        offset = 0
        while offset + 8 <= len(octets):
            code = int.from_bytes(octets[offset : offset + 4], "big")
            flags = octets[offset + 4]
            length = int.from_bytes(octets[offset + 5 : offset + 8], "big")
            header = 12 if flags & 0x80 else 8
            if length < header:
                return
            data = octets[offset + header : offset + length]
            if code == 268 and not flags & 0x80 and len(data) == 4:
                found.append(int.from_bytes(data, "big"))
            elif code == 456 and not flags & 0x80:
                walk(data)
            offset += length + -length % 4

    walk(message[20:])
    return found


def main() -> int:
    """Replays the case."""
    host, _, port = (sys.argv[1] if len(sys.argv) > 1 else ADDRESS).rpartition(":")
    fresh = str(int(time.time())).encode()
    connections: dict[object, socket.socket] = {}
    buffers: dict[object, bytearray] = {}
    renamed: dict[bytes, bytes] = {}
    different = 0
    print("case", CASE)
    for line, what, text in STEPS:
        octets = bytes.fromhex(str(text))
        if what == "open":
            try:
                connections[line] = connect(host, int(port))
            except OSError as error:
                print("not reachable:", error)
                return 3
            buffers[line] = bytearray()
        elif what == "close" and line in connections:
            connections.pop(line).close()
        elif what == "send" and line in connections:
            octets = re.sub(rb"(?<=;)\d{10}(?=;)", fresh, octets)
            if not octets[4:5] or not octets[4] & 0x80:  # our answer to a request of theirs: their new ids
                octets = octets[:12] + renamed.get(octets[12:20], octets[12:20]) + octets[20:]
            try:
                connections[line].sendall(octets)
            except OSError as error:
                print(f"[{line}] cannot send: {error}")
        elif what == "expect" and line in connections:
            seen = read(connections[line], buffers[line], time.monotonic() + WAIT_SECONDS)
            if seen is None:
                print(f"[{line}] then {results(octets)}, now nothing")
                different += 1
                continue
            renamed[octets[12:20]] = seen[12:20]
            same = results(seen) == results(octets)
            different += not same
            print(f"[{line}] then {results(octets)}, now {results(seen)}{'' if same else '   <-- other'}")
    print("the same" if not different else f"{different} answers differ")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
