"""Hooks as a user writes them: shell commands and HTTP requests, what they refuse, what is an error of the test bed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from conformance.sut.given import template
from conformance.sut.hooks import HookFailed, HookMissing, Hooks
from conformance.sut.ics import HookSpec, Http, Subscriber, load_ics

IMSI = "001010000000001"


class Door(HTTPServer):
    """An operator's API that keeps what it was told, and answers as the path says."""

    told: list[tuple[str, str, str, str]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        assert isinstance(self.server, Door)
        self.server.told.append((self.command, self.path, body, self.headers.get("Content-Type", "")))
        self.send_response(int(self.path.split("/")[1]))
        self.end_headers()
        self.wfile.write(b"session,octets\nabc,7\n")

    do_GET = do_PUT = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    with Door(("127.0.0.1", 0), Answer) as server:
        server.told = []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def over(door: Door, path: str, **more: object) -> Hooks:
    return Hooks({"provision": HookSpec(http=Http.model_validate({"url": door.url + path, **more}))})


def test_a_request_has_the_values_of_the_case(door: Door) -> None:
    body = '{"imsi": "{imsi}", "order": {"name": "{what}"}}'
    hooks = over(door, "/200/{imsi}/{split}", method="PUT", body=body, headers={"Content-Type": "application/json"})
    assert hooks.attempt("provision", imsi=IMSI, split="a b/c", what="x")
    method, path, told, kind = door.told[-1]
    assert (method, path, kind) == ("PUT", f"/200/{IMSI}/a%20b/c", "application/json")
    assert json.loads(told) == {"imsi": IMSI, "order": {"name": "x"}}


def test_columns_get_our_names(door: Door) -> None:
    spec = HookSpec(http=Http(url=door.url + "/200", method="GET"), columns={"session_id": "session"})
    assert Hooks({"edrs": spec}).rows("edrs") == [{"session_id": "abc", "octets": "7"}]


@pytest.mark.parametrize("status", [400, 409, 422])
def test_an_api_that_says_no(door: Door, status: int) -> None:
    assert not over(door, f"/{status}").attempt("provision")


@pytest.mark.parametrize("path", ["/404", "/500", "/503"])
def test_an_api_that_does_not_work_is_no_refusal(door: Door, path: str) -> None:
    with pytest.raises(HookFailed, match=f"HTTP {path[1:]}"):
        over(door, path).attempt("provision")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"http": {"url": "http://127.0.0.1:1/"}}, "Connection refused"),
        ({"http": {"url": "nowhere"}}, "unknown url type"),
        ({"http": {"url": "http://x/{nobody}"}}, "nobody"),
        ({"command": "no-such-command-here"}, "exit status 127"),
        ({"command": "echo {nobody}"}, "nobody"),
        ({"command": "kill -9 $$"}, "exit status -9"),
        ({}, "neither a command nor an HTTP request"),
    ],
)
def test_a_hook_that_cannot_be_worked_is_an_error(spec: dict[str, object], words: str) -> None:
    with pytest.raises(HookFailed, match=words):
        Hooks({"provision": HookSpec.model_validate(spec)}).attempt("provision")


def test_commands_are_quoted_and_may_refuse(tmp_path: Path) -> None:
    spec = HookSpec(command=f"cd {tmp_path} && echo {{split}} > told && exit {{status}}")
    assert Hooks({"provision": spec}).attempt("provision", split="$(date); x", status=0)
    assert (tmp_path / "told").read_text() == "$(date); x\n"
    assert not Hooks({"provision": spec}).attempt("provision", split="y", status=1)
    with pytest.raises(HookMissing, match="needs hook top_up"):
        Hooks({}).call("top_up")


def test_the_hooks_of_the_template_are_good_once_the_marks_are_gone(tmp_path: Path) -> None:
    text = template("127.0.0.1:3868", [Subscriber(imsi=IMSI, apn="internet")], "32251@3gpp.org")
    head, hooks = text.split("hooks: {}\n")
    path = tmp_path / "pixit.yaml"
    path.write_text(head + "hooks:\n" + "\n".join(line.replace("  # ", "  ", 1) for line in hooks.splitlines()) + "\n")
    specs = load_ics(path).hooks
    assert {"top_up", "suspend", "edrs"} <= set(specs)
    assert specs["suspend"].http is not None
    assert json.loads(specs["suspend"].http.body or "") == {"state": "suspended"}
