"""What both API documents share: the schemas that services were registered with, as named components."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from agor_core.feathers.describe import COMPONENTS, RecordOf
from agor_core.feathers.examples import example_of
from agor_core.feathers.methods import Method
from agor_core.feathers.service import ServiceHandle

Schema = dict[str, Any]


class Spec(APISpec):
    """A document under construction, and which schema is which component."""

    def __init__(self, title: str, version: str, description: str = "") -> None:
        marshmallow = MarshmallowPlugin(schema_name_resolver=_nested_name)
        super().__init__(
            title=title,
            version=version,
            openapi_version="3.1.0",
            info={"description": description} if description else {},
            plugins=[marshmallow],
        )
        self._converter: Any = marshmallow.converter
        self._named: dict[Any, str] = {}

    @property
    def schemas(self) -> Mapping[str, Schema]:
        """The components so far."""
        found: Mapping[str, Schema] = self.components.schemas
        return found

    def registered(self, service: ServiceHandle, name: str) -> Schema | None:
        """What was registered for `name`: a JSON schema as it is, a marshmallow schema as a component."""
        schema = service.schemas.get(name)
        if schema is None:
            return None
        if isinstance(schema, dict | RecordOf):
            found: Schema = self._resolved(service, schema)
            return found
        if name != "record":
            return self._component(schema, f"{service.path}.{name}")
        component = re.sub(r"\W+", "_", f"{service.path}.{name}")
        if component not in self.schemas:
            # A record is apart, as the JSON schema that it is now: what is answered is looser than what is taken.
            self.components.schema(component, self._converter.schema2jsonschema(schema))
        return {"$ref": COMPONENTS + component}

    def record(self, service: ServiceHandle, method: str = "") -> Schema | None:
        """A record as `method` answers with it: with `$select` it has less, and hooks may add to it."""
        reference = self.registered(service, "record")
        if reference is not None and "$ref" in reference:
            self.schemas[reference["$ref"].rpartition("/")[2]].pop("required", None)
            self._open(reference)
        besides = service.schemas.get(f"record:{method}")
        if reference is None or not besides:
            return reference
        return {"allOf": [reference, {"type": "object", "properties": self._resolved(service, besides)}]}

    def taken(self, service: ServiceHandle, method: Method) -> Schema:
        """What a method takes as data."""
        found = self.registered(service, method.name)
        if found is not None:
            return found
        record = self.record(service)
        if method.name in ("update", "patch") and record is not None:
            # What of it may be changed is the service's to say.
            return record
        one: Schema = {"type": "object"}
        return {"anyOf": [one, {"type": "array", "items": one}]} if method.name == "create" else one

    def example(self, schema: Schema, *, sent: bool = False) -> Any:
        """A value that a schema allows; `sent` as a client sends it."""
        return example_of(schema, self.schemas, sent=sent)

    def _resolved(self, service: ServiceHandle, node: Any) -> Any:
        """A copy of a JSON schema, with references in the place of records and marshmallow schemas."""
        if isinstance(node, RecordOf):
            named = service.app.services.get(node.path)
            return (self.record(named, node.as_in) if named is not None else None) or {"type": "object"}
        if isinstance(node, dict):
            return {key: self._resolved(service, part) for key, part in node.items()}
        if isinstance(node, list):
            return [self._resolved(service, part) for part in node]
        if isinstance(node, type):
            return self._component(node, f"{service.path}.{node.__name__}")
        return node

    def _component(self, schema: Any, proposal: str) -> Schema:
        """A marshmallow schema as a component. One may stand for several things; the first of them names it."""
        name = self._named.setdefault(schema, re.sub(r"\W+", "_", proposal))
        if name not in self.schemas:
            self.components.schema(name, schema=schema)
        return {"$ref": COMPONENTS + name}

    def _open(self, schema: Any) -> None:
        """Let objects in a schema, and in what it refers to, have more than it says."""
        waiting, seen = [schema], set()
        while waiting:
            node = waiting.pop()
            if isinstance(node, list):
                waiting.extend(node)
            elif isinstance(node, dict):
                if node.get("additionalProperties") is False:
                    del node["additionalProperties"]
                waiting.extend(node.values())
                name = str(node.get("$ref", "")).rpartition("/")[2]
                if name and name not in seen:
                    seen.add(name)
                    waiting.append(self.schemas[name])


def _nested_name(schema: Any) -> str:
    """The component of a schema that is found inside another."""
    if isinstance(schema, str):
        return schema
    kind = schema if isinstance(schema, type) else type(schema)
    return re.sub(r"\W+", "_", str(kind.__qualname__.removesuffix("Schema") or kind.__qualname__))
