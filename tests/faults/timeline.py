"""Lines of a scenario's time line, as files have them."""

from typing import Any

from pydantic import TypeAdapter

from scenarios.schema import Event

_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def event(line: dict[str, Any]) -> Event:
    return _EVENT.validate_python(line)
