"""The options of `splitsim serve`, described once: for its command line, its configuration file, and its template."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from re import fullmatch
from textwrap import wrap
from typing import Annotated, Any, Final, Literal, TypeVar

import typer
from pydantic import Field, PlainValidator

from ocs.address import Address, Store, address, store
from ocs.files import FileError, FileModel, Mistake, in_order, read_yaml, validate

_WIDTH: Final = 100
T = TypeVar("T")


def _read_by(reader: Callable[[str], T]) -> PlainValidator:
    """What `reader` makes of a text; its message without the text, which every mistake is told with anyway."""

    def read(value: object) -> T:
        try:
            return reader(str(value))
        except ValueError as error:
            raise ValueError(str(error).partition(" (got ")[0]) from None

    return PlainValidator(read)


def _identity(text: str) -> str:
    if not fullmatch("[!-~]+", text):
        raise ValueError("expected a host name such as ocs.example")
    return text


_Address = Annotated[Address, _read_by(address)]
_Name = Annotated[str, _read_by(_identity)]


class ServeOptions(FileModel):
    """Every option. `model_fields_set` has those that were given."""

    provision: Path | None = Field(
        default=None,
        description="Accounts, plans, profiles, SIMs and peers; without one a demo catalogue is served.",
        examples=["/etc/splitsim/catalogue.yaml"],
    )
    db: Annotated[Store, _read_by(store)] | None = Field(
        default=None,
        description="The store: sqlite:///FILE or postgresql://USER@HOST:PORT/DATABASE. Without one, in memory only.",
        examples=["sqlite:////var/lib/splitsim/ocs.db"],
    )
    gy: _Address = Field(
        default=Address("127.0.0.1", 3868),
        description="Where Gy clients connect; port 0: any.",
        examples=["0.0.0.0:3868", "[::]:3868"],
    )
    control: Path | None = Field(
        default=None,
        description="The control socket. Without a path: beside the store, or in the folder for temporary files.",
        examples=["/run/splitsim/control"],
    )
    http: _Address | None = Field(
        default=None,
        description="Where /metrics, /health and /ready are asked for over HTTP; without one, nowhere.",
        examples=["127.0.0.1:9868"],
    )
    origin_host: _Name = Field(default="ocs.example", description="Our DiameterIdentity.")
    origin_realm: _Name = Field(default="example", description="Our realm.")
    known_peers: bool = Field(default=False, description="Only the provisioned peers may connect; others get 3010.")
    tls_cert: Path | None = Field(
        default=None, description="Our certificate chain (PEM): Gy over TLS.", examples=["/etc/splitsim/ocs.pem"]
    )
    tls_key: Path | None = Field(default=None, description="Its key (PEM).", examples=["/etc/splitsim/ocs.key"])
    tls_clients: Path | None = Field(
        default=None,
        description="Authorities (PEM) by which peers have to be certified; without any, they need no certificate.",
        examples=["/etc/splitsim/gateways-ca.pem"],
    )
    standby: bool = Field(default=False, description="Wait until no other process owns the store, then take over.")
    log: Literal["text", "json"] = Field(
        default="text", description="Lines of the log on standard error: text or json."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="How much is told: debug (each request), info (refusals, pushes, peers), warning or error.",
    )


def option(name: str, metavar: str | None = None) -> Any:
    """The command line's form of one option."""
    field = ServeOptions.model_fields[name]
    switch = name.replace("_", "-")
    if field.annotation is bool:
        return typer.Option(f"--{switch}/--no-{switch}", help=field.description, show_default=False)
    shown = f" Default: {field.default}." if field.default is not None else ""
    return typer.Option(f"--{switch}", metavar=metavar, help=f"{field.description}{shown}", show_default=False)


def options(file: Path | None, given: Mapping[str, object], mistakes: list[str]) -> ServeOptions:
    """What `file` and the command line say together; `given` on the command line (not None) wins.

    Every mistake goes to `mistakes`, those of the command line with the option's name.
    """
    said = {name: value for name, value in given.items() if value is not None}
    from_file = ServeOptions()
    if file is not None:
        try:
            from_file, wrong = _sound(read_yaml(file) or {}, str(file))
        except FileError as error:
            wrong = error.mistakes
        mistakes += map(str, wrong)
    from_line, wrong = _sound(said, "")
    mistakes += [f"--{item.field.replace('_', '-')}: {item.message}" for item in wrong]
    return from_file.model_copy(update={name: getattr(from_line, name) for name in from_line.model_fields_set})


def _sound(tree: Any, file: str) -> tuple[ServeOptions, list[Mistake]]:
    """The options of `tree` that are sound in themselves, and every mistake in order of the lines."""
    try:
        return validate(ServeOptions, tree, file), []
    except FileError as error:
        wrong = {item.field for item in error.mistakes}
        rest = {name: value for name, value in tree.items() if name not in wrong} if isinstance(tree, dict) else {}
        return ServeOptions.model_validate(rest), in_order(error.mistakes)


def template() -> str:
    """A configuration file that says what holds without one, with a comment for every option."""
    return "\n".join(_template()) + "\n"


def _template() -> Iterator[str]:
    yield "# Configuration of `splitsim serve --config FILE`. Every option stands here with its default."
    yield "# Options on the command line win over this file. Relative paths begin in the folder where serve is started."
    for name, field in ServeOptions.model_fields.items():
        yield ""
        yield from (f"# {line}" for line in wrap(field.description or "", _WIDTH))
        if field.examples:
            yield f"# Such as {' or '.join(json.dumps(example) for example in field.examples)}."
        value = str(field.default) if isinstance(field.default, Address) else field.default
        yield f"{name}: {json.dumps(value)}"
