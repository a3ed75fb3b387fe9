"""Whether what a server says about itself is well-formed, and true."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import requests
import schemathesis
from hypothesis import Phase, given, settings
from hypothesis.errors import Unsatisfiable
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Err
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

# Beyond this the HTTP library refuses a request line, in words of its own.
LONGEST_TARGET = 60_000
SHOWN = 2_000


def check_openapi(document: dict[str, Any]) -> int:
    """Raises for a document that is not OpenAPI 3.1, or has an example its schema refuses; how many it has."""
    OpenAPIV31SpecValidator(document).validate()
    count = 0
    for schema, example in _examples(document):
        OAS31Validator({**schema, "components": document["components"]}).validate(example)
        count += 1
    return count


def check_asyncapi(document: dict[str, Any], definition: Path) -> int:
    """Raises for a document that is not AsyncAPI 3.0, or has an example its schema refuses; how many it has."""
    jsonschema.Draft7Validator(json.loads(definition.read_text())).validate(document)
    count = 0
    for channel in document["channels"].values():
        for message in channel["messages"].values():
            for example in message["examples"]:
                schema = {**message["payload"], "components": document["components"]}
                OAS31Validator(schema).validate(example["payload"])
                count += 1
    return count


def explore(url: str, ids: Mapping[str, str], examples: int) -> dict[int, int]:
    """Ask every operation of /openapi.json for right things and wrong ones.

    `ids`: of a record there is, by service. Raises AssertionError where an answer is not as the document has it;
    else how many answers there were by status.
    """
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    seen: dict[int, int] = {}
    with requests.Session() as session:
        for found in schema.get_all_operations():
            if isinstance(found, Err):
                raise found.err()
            operation = found.ok()
            assert operation.tags
            known = ids.get(operation.tags[0]) if "{id}" in operation.path else None
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                path = {"id": known} if known is not None and mode is GenerationMode.POSITIVE else None
                strategy = operation.as_strategy(generation_mode=mode, path_parameters=path)
                try:
                    _explore(strategy, url, session, examples, seen)
                except Unsatisfiable:
                    # Where nothing is looked at, nothing can be wrong.
                    assert mode is GenerationMode.NEGATIVE, operation.label
    return seen


def _explore(strategy: Any, url: str, session: requests.Session, examples: int, seen: dict[int, int]) -> None:
    @settings(max_examples=examples, phases=[Phase.generate])
    @given(strategy)
    def ask(case: schemathesis.Case[Any]) -> None:
        request = requests.Request(**case.as_transport_kwargs(base_url=url)).prepare()
        if len(request.url or "") > LONGEST_TARGET:
            return
        response = case.call(base_url=url, session=session)
        seen[response.status_code] = seen.get(response.status_code, 0) + 1
        try:
            case.validate_response(response, checks=CHECKS)
        except BaseExceptionGroup as problems:
            # Its words, bounded: an arbitrary request may be long.
            raise AssertionError(str(problems)[:SHOWN]) from None

    ask()


def _examples(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Every (schema, example) that stand beside each other."""
    if isinstance(node, dict):
        if isinstance(node.get("schema"), dict) and "example" in node:
            yield node["schema"], node["example"]
        for part in node.values():
            yield from _examples(part)
    elif isinstance(node, list):
        for part in node:
            yield from _examples(part)
