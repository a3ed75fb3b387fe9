"""Validation by marshmallow schemas: the same ones that the API documents show."""

from __future__ import annotations

from collections.abc import Callable

from marshmallow import Schema, ValidationError

from agor_core.errors import BadRequest
from agor_core.feathers.params import HookContext


def validate(schema: type[Schema] | Schema, *, partial: bool = False) -> Callable[[HookContext], None]:
    """A before hook: the data, or each record of a list, has to fit `schema`, and becomes what the schema loads.

    With `partial` nothing is required, as for a patch. Raises BadRequest with `errors` by field; for a list by index.
    """
    loader = schema() if isinstance(schema, type) else schema

    def check(context: HookContext) -> None:
        data = context.data
        if not isinstance(data, dict | list):
            raise BadRequest("the data must be an object")
        try:
            context.data = loader.load(data, many=isinstance(data, list), partial=partial)
        except ValidationError as error:
            raise BadRequest("validation failed", errors=error.messages) from error

    return check
