"""The form of a process, derived from its declaration, and what comes back from it."""

from collections.abc import Sequence
from typing import Any

from api.accounts.roles import Permission, Principal
from api.processes.base import Process
from api.processes.describe import Fault, InputField, input_fields
from api.routes.services import Services

Given = Sequence[tuple[str, str]]


def form_page(
    services: Services, process: Process[Any], given: Given, principal: Principal, faults: Sequence[Fault] = ()
) -> str:
    """Return the page with the form, filled with what was given, and the faults beside their fields."""
    fields = input_fields(process)
    by_field: dict[str, list[Fault]] = {}
    for fault in faults:
        by_field.setdefault(fault.field.split(".")[0], []).append(fault)
    known = {field.name for field in fields}
    return services.templates.get_template("process.html").render(
        process=process,
        fields=fields,
        shown={field.name: _shown(field, given) for field in fields},
        faults=by_field,
        other_faults=[fault for name, found in by_field.items() if name not in known for fault in found],
        layers=services.records(),
        principal=principal,
        may_run=principal.may(Permission.RUN),
    )


def form_values(process: Process[Any], given: Given) -> dict[str, Any]:
    """Return the values that a form holds: empty fields are not given, a field of several values is a list."""
    fields = {field.name: field for field in input_fields(process)}
    values: dict[str, Any] = {}
    for name, text in given:
        text = text.strip()
        if not text:
            continue
        field = fields.get(name)
        if field is not None and field.several:
            values.setdefault(name, []).extend([text] if field.choices else _parts(text))
        else:
            values[name] = text
    return values


def _shown(field: InputField, given: Given) -> list[str]:
    """Return the texts with which a field appears: what was given, else its default."""
    texts = [text for name, text in given if name == field.name and text]
    if texts or given:
        return texts
    if field.default is None:
        return []
    listed = field.default if isinstance(field.default, list | tuple) else [field.default]
    return [_text(value) for value in listed]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _parts(text: str) -> list[str]:
    return text.replace(",", " ").replace("，", " ").split()
