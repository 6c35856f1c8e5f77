"""The OpenAPI 3.1 document, made from the contract: the table of endpoints and the models.

    python -m engine.verifier.openapi > docs/openapi/openapi.yaml

Source: OpenAPI Specification 3.1.1; RFC 9457 for problem documents, RFC 6750 for bearer tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import yaml
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from engine.__version__ import __version__
from engine.verifier.auth.scopes import Scope
from engine.verifier.contract.endpoint import Answer, Endpoint, Link, Parameter
from engine.verifier.contract.endpoints import ENDPOINTS
from engine.verifier.contract.problem import Problem

OPENAPI_VERSION: Final = "3.1.1"
PROBLEM: Final = "application/problem+json"

SCOPES: Final[Mapping[Scope, str]] = {
    Scope.VERIFY_RUN: "Verify contexts.",
    Scope.POLICY_COMPILE: "Compile policies, and publish them.",
    Scope.POLICY_READ: "Read published policies.",
    Scope.ADAPT_PLAN: "Make adaptive plans.",
    Scope.ADAPT_RUN: "Decide with options of one's own, without effect.",
    Scope.ROLLOUT_READ: "See rollouts, gates and drift.",
    Scope.ROLLOUT_WRITE: "Change rollouts, through the gate.",
    Scope.ROLLOUT_OVERRIDE: "Pass a gate that is not open, with a reason.",
    Scope.METRICS_READ: "Read metrics where they are exposed.",
}

TAGS: Final = {
    "verification": "Contexts against policies.",
    "adaptation": "Contexts decided with options of one's own, without effect.",
    "policies": "Compiled policies.",
    "rollout": "From shadow to enforced, and back.",
    "status": "What a verifier says about itself.",
}

_INFO: Final = {
    "title": "CAP verifier",
    "version": __version__,
    "summary": "Checks suppliers against compliance policies, and enforces the verdicts step by step.",
    "description": "Every refusal is a problem document (RFC 9457) with a stable `code`; programs decide on the code, "
    "people read `detail` and `hint`. Beside the statuses listed, 404 (`http.not_found`) answers an unknown path and "
    "405 (`http.method_not_allowed`) a method that a path does not have.\n\n"
    "Bodies are strict JSON: UTF-8, each key once, finite numbers, nested at most 64 deep, at most 2 MiB.",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}

_HEADERS: Final = {
    "RequestId": {
        "description": "Names the request in the service's log: the caller's, where it was acceptable.",
        "schema": {"type": "string"},
    },
    "RetryAfter": {
        "description": "Seconds after which to try again.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "Challenge": {"description": "What kind of token is needed (RFC 6750, section 3).", "schema": {"type": "string"}},
}

_REQUEST_ID: Final = Parameter(
    "X-Request-ID",
    "header",
    "A name for the request, 1 to 64 letters, digits, `.`, `_` or `-`; another one is replaced.",
    {"type": "string"},
    example="run-4711",
)


class _Schemas(GenerateJsonSchema):
    """Schemas without what only repeats the names of members."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic asks for each field
        return False


class _Dumper(yaml.SafeDumper):
    """Writes a value that stands in several places out in each of them."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML asks for each value
        return True


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _write_text)


def openapi_document() -> dict[str, Any]:
    """The document as JSON data; the same for the same version of the contract."""
    return {
        "openapi": OPENAPI_VERSION,
        "info": _INFO,
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "headers": _HEADERS,
            "parameters": {"RequestId": _parameter(_REQUEST_ID)},
            "securitySchemes": _security_schemes(),
        },
    }


def openapi_yaml() -> bytes:
    """The document as it is committed."""
    text: str = yaml.dump(openapi_document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text.encode()


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        item = paths.setdefault(endpoint.path, {"parameters": [{"$ref": "#/components/parameters/RequestId"}]})
        item[endpoint.method.lower()] = _operation(endpoint)
    return paths


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.id,
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "description": endpoint.description,
        "security": _security(endpoint),
    }
    if endpoint.parameters:
        operation["parameters"] = [_parameter(parameter) for parameter in endpoint.parameters]
    if endpoint.body is not None:
        content = {"schema": _reference(endpoint.body.__name__), "examples": _examples(endpoint.examples)}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    operation["responses"] = _responses(endpoint)
    return operation


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    responses = {status: _answer(answer) for status, answer in endpoint.answers.items()}
    for status, codes in endpoint.problems.items():
        problem = _problem(status, codes)
        if status in responses:
            # One status, two kinds of body: readiness has its own 503.
            responses[status]["content"] |= problem["content"]
        else:
            responses[status] = problem
    return {str(status): responses[status] for status in sorted(responses)}


def _answer(answer: Answer) -> dict[str, Any]:
    headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()}
    response: dict[str, Any] = {"description": answer.summary, "headers": {**_request_id(), **headers}}
    if answer.model is not None:
        content: dict[str, Any] = {"schema": _reference(answer.model.__name__)}
        if answer.examples:
            content["examples"] = _examples(answer.examples)
        response["content"] = {answer.media_type: content}
    elif answer.text_types:
        response["content"] = {media_type: {"schema": {"type": "string"}} for media_type in answer.text_types}
    if answer.links:
        response["links"] = {link.name: _link(link) for link in answer.links}
    return response


def _problem(status: int, codes: tuple[str, ...]) -> dict[str, Any]:
    headers = _request_id()
    if status in (429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    if status == 401:
        headers["WWW-Authenticate"] = {"$ref": "#/components/headers/Challenge"}
    narrowed = {"properties": {"status": {"const": status}, "code": _code_schema(codes)}}
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(f'`{code}`' for code in codes)}.",
        "headers": headers,
        "content": {PROBLEM: {"schema": {"allOf": [_reference(Problem.__name__), narrowed]}}},
    }


def _code_schema(codes: tuple[str, ...]) -> dict[str, Any]:
    if not any(code.endswith("*") for code in codes):
        return {"enum": list(codes)}
    patterns = (re.escape(code).replace(r"\*", "[a-z_]+") for code in codes)
    return {"pattern": f"^({'|'.join(patterns)})$"}


def _link(link: Link) -> dict[str, Any]:
    document: dict[str, Any] = {"operationId": link.operation, "description": link.description}
    if link.parameters:
        document["parameters"] = link.parameters
    if link.body is not None:
        document["requestBody"] = link.body
    return document


def _parameter(parameter: Parameter) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "schema": parameter.schema,
    }
    if parameter.required:
        document["required"] = True
    if parameter.example:
        document["example"] = parameter.example
    return document


def _request_id() -> dict[str, Any]:
    return {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}


def _examples(examples: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"value": value} for name, value in examples.items()}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _security(endpoint: Endpoint) -> list[dict[str, list[str]]]:
    if endpoint.scope is None:
        return []
    scopes = [endpoint.scope.value]
    nothing: list[dict[str, list[str]]] = [{}] if endpoint.may_be_open else []
    # In OpenAPI 3.1 a scheme that is no OAuth2 may name the roles it needs as well (section 4.8.30).
    return [
        *nothing,
        {"oauth2": scopes},
        {"bearer": scopes},
        {"oauth2": scopes, "mutualTLS": []},
        {"bearer": scopes, "mutualTLS": []},
    ]


def _security_schemes() -> dict[str, Any]:
    return {
        "oauth2": {
            "type": "oauth2",
            "description": "Client credentials at the environment's identity provider. The access token is a JWT "
            "(RFC 9068) signed with RS256, ES256 or Ed25519.",
            "flows": {
                "clientCredentials": {
                    "tokenUrl": "https://identity-provider.example/oauth2/token",
                    "scopes": {scope.value: text for scope, text in SCOPES.items()},
                }
            },
        },
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The same access token, however it was got: `Authorization: Bearer ...` (RFC 6750).",
        },
        "mutualTLS": {
            "type": "mutualTLS",
            "description": "Where an environment asks for it: a client certificate with an allowed subject "
            "alternative name, beside the token.",
        },
    }


def _schemas() -> dict[str, Any]:
    bodies = [endpoint.body for endpoint in ENDPOINTS]
    answers = [answer.model for endpoint in ENDPOINTS for answer in endpoint.answers.values()]
    models: set[type[BaseModel]] = {Problem, *filter(None, (*bodies, *answers))}
    wanted = sorted(models, key=lambda model: model.__name__)
    mode: JsonSchemaMode = "validation"
    _, document = models_json_schema(
        [(model, mode) for model in wanted],
        by_alias=True,
        ref_template="#/components/schemas/{model}",
        schema_generator=_Schemas,
    )
    schemas: dict[str, Any] = document["$defs"]
    return schemas


if __name__ == "__main__":
    import sys

    sys.stdout.buffer.write(openapi_yaml())
