"""The committed document: current, sound in itself, and about the service that runs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from starlette.routing import Route

from engine.verifier.auth.scopes import Scope
from engine.verifier.contract import ENDPOINTS
from engine.verifier.openapi import openapi_document, openapi_yaml
from tests.contract.openapi.caller import Caller
from tests.contract.openapi.document import PATH, CommittedDocument


def test_the_committed_document_is_the_one_the_contract_makes(document: CommittedDocument) -> None:
    """`make docs` was run after the last change of the contract."""
    assert PATH.read_bytes() == openapi_yaml()
    assert document.data == openapi_document()


def test_it_describes_the_routes_that_run_and_no_others(document: CommittedDocument, service: Caller) -> None:
    described = {(method, path) for method, path, _ in document.operations()}
    assert described == set(_routes(service))


def _routes(service: Caller) -> list[tuple[str, str]]:
    starlette: Any = service.app
    while not hasattr(starlette, "routes"):
        starlette = starlette._app
    # Starlette answers HEAD wherever it answers GET; a document does not repeat that.
    return [
        (method, route.path)
        for route in starlette.routes
        if isinstance(route, Route)
        for method in (route.methods or ()) - {"HEAD"}
    ]


def test_every_reference_leads_somewhere_and_every_component_is_used(document: CommittedDocument) -> None:
    referred = set(_references(document.data))
    for reference in referred:
        assert document.resolve({"$ref": reference})
    kinds = {kind: names for kind, names in document.data["components"].items() if kind != "securitySchemes"}
    assert {f"#/components/{kind}/{name}" for kind, names in kinds.items() for name in names} == referred


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [reference for child in node.values() for reference in _references(child)]
    return [reference for child in node for reference in _references(child)] if isinstance(node, list) else []


def test_the_ways_to_authenticate_are_final(document: CommittedDocument) -> None:
    schemes = document.data["components"]["securitySchemes"]
    assert {name: scheme["type"] for name, scheme in schemes.items()} == {
        "oauth2": "oauth2",
        "bearer": "http",
        "mutualTLS": "mutualTLS",
    }
    assert set(schemes["oauth2"]["flows"]["clientCredentials"]["scopes"]) == set(Scope)


def test_operation_ids_are_unique_and_links_lead_to_them(document: CommittedDocument) -> None:
    operations = [operation for _, _, operation in document.operations()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    responses = [response for operation in operations for response in operation["responses"].values()]
    links = [link for response in responses for link in response.get("links", {}).values()]
    assert links
    assert {link["operationId"] for link in links} <= set(ids)


EXAMPLES = [
    pytest.param(model, example, id=f"{endpoint.id}-{where}-{name}")
    for endpoint in ENDPOINTS
    for where, model, examples in (
        ("request", endpoint.body, endpoint.examples),
        *((str(status), answer.model, answer.examples) for status, answer in endpoint.answers.items()),
    )
    if model is not None
    for name, example in examples.items()
]


@pytest.mark.parametrize(("model", "example"), EXAMPLES)
def test_an_example_fits_its_model_and_its_schema(
    document: CommittedDocument, model: type[BaseModel], example: Any
) -> None:
    model.model_validate(example)
    assert document.errors({"$ref": f"#/components/schemas/{model.__name__}"}, example) == []


def test_every_body_has_an_example(document: CommittedDocument) -> None:
    for method, path, operation in document.operations():
        for media in operation.get("requestBody", {}).get("content", {}).values():
            assert media["examples"], f"{method} {path}"
