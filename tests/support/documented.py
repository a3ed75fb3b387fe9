"""The operations of an OpenAPI document, asked as it says, and whether what comes is what it says."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from openapi_schema_validator import OAS31Validator

from agor_core.feathers.querystring import format_query

JSON = "application/json"


@dataclass(frozen=True)
class Operation:
    """One operation; `document` is the whole it is part of."""

    path: str
    verb: str
    spec: dict[str, Any] = field(repr=False)
    document: dict[str, Any] = field(repr=False)

    @property
    def id(self) -> str:
        """Its `operationId`."""
        return str(self.spec["operationId"])

    @property
    def service(self) -> str:
        """The path of its service."""
        return str(self.spec["tags"][0])

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """Those of the query string and the headers, by name."""
        return {one["name"]: one for one in self.spec["parameters"] if one["in"] != "path"}

    @property
    def example_body(self) -> Any:
        """What the document says to send; None for nothing."""
        return self.spec.get("requestBody", {}).get("content", {}).get(JSON, {}).get("example")

    @property
    def status(self) -> int:
        """Of an answer when all went well."""
        return int(next(iter(self.spec["responses"])))

    @property
    def example_answer(self) -> Any:
        """What the document says to expect."""
        return self.spec["responses"][str(self.status)]["content"][JSON]["example"]

    def url(self, ids: Mapping[str, str]) -> str:
        """Its path, with what the document proposes where `ids` say nothing."""
        found = self.path
        for one in self.spec["parameters"]:
            if one["in"] == "path":
                found = found.replace(f"{{{one['name']}}}", quote(str(ids.get(one["name"], one["example"])), safe=""))
        return found

    def check(self, status: int, answer: Any) -> None:
        """Raises for an answer that is not documented."""
        assert str(status) in self.spec["responses"], f"{self.id} answered {status}: {answer}"
        response = self.spec["responses"][str(status)]
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        if "content" in response:
            schema = {**response["content"][JSON]["schema"], "components": self.document["components"]}
            OAS31Validator(schema).validate(answer)
        else:
            assert answer is None


def operations_of(document: dict[str, Any]) -> Iterator[Operation]:
    """All of them."""
    for path, operations in document["paths"].items():
        for verb, spec in operations.items():
            yield Operation(path, verb.upper(), spec, document)


def query_of(parameter: Mapping[str, Any], value: Any) -> str:
    """A query string with one parameter, written as its description asks for."""
    if "content" in parameter:
        return f"{quote(parameter['name'])}={quote(json.dumps(value))}"
    if isinstance(value, bool):
        value = "true" if value else "false"
    return format_query({parameter["name"]: value})


def example_of(parameter: Mapping[str, Any]) -> Any:
    """The example of a parameter."""
    return parameter["content"][JSON]["example"] if "content" in parameter else parameter["example"]


def same_shape(example: Any, real: Any, free: Collection[str], where: str = "") -> None:
    """Raises where an example has other keys than the real thing. Below a key in `free` anything goes."""
    if isinstance(example, dict) and isinstance(real, dict):
        assert example.keys() == real.keys(), f"{where}: {sorted(example.keys() ^ real.keys())}"
        for key in example:
            if key not in free:
                same_shape(example[key], real[key], free, f"{where}.{key}")
    elif isinstance(example, list) and isinstance(real, list):
        if example and real:
            same_shape(example[0], real[0], free, f"{where}[0]")
    else:
        assert not isinstance(example, dict | list) or real is None, f"{where}: {example!r} for {real!r}"
