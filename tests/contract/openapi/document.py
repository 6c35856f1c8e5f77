"""The committed OpenAPI document, and what it says an answer must look like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import yaml

from engine.canonical import strict_json

PATH = Path(__file__).parents[3] / "docs" / "openapi" / "openapi.yaml"
METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")


@dataclass(frozen=True)
class CommittedDocument:
    """The document as JSON data."""

    data: dict[str, Any]

    @classmethod
    def read(cls) -> CommittedDocument:
        return cls(yaml.safe_load(PATH.read_text("utf-8")))

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Method, path and operation object of everything there is."""
        for path, item in self.data["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method.upper(), path, item[method]

    def operation(self, method: str, path: str) -> dict[str, Any]:
        operation: dict[str, Any] = self.data["paths"][path][method.lower()]
        return operation

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        """What a node is, or refers to."""
        while "$ref" in node:
            found: Any = self.data
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node

    def errors(self, schema: dict[str, Any], instance: Any) -> list[str]:
        """Why an instance does not fit a schema of the document; empty when it does."""
        whole = {"components": self.data["components"], "allOf": [schema]}
        validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        return [
            f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in validator.iter_errors(instance)
        ]

    def check(self, method: str, path: str, answer: httpx.Response) -> None:
        """Hold an answer to the document: its status, headers, media type and body.

        Args:
            method: Of the request.
            path: As the document writes it, with parameters in braces.
            answer: Of the service.
        """
        documented = self.operation(method, path)["responses"]
        where = f"{method} {path} -> {answer.status_code} {answer.text[:300]}"
        assert str(answer.status_code) in documented, f"undocumented status: {where}"
        response = documented[str(answer.status_code)]
        for name, header in response["headers"].items():
            assert name in answer.headers, f"{name} is missing: {where}"
            assert not self.errors(self.resolve(header)["schema"], answer.headers[name]), f"{name}: {where}"
        if "content" not in response:
            assert not answer.content, f"a body nobody announced: {where}"
            return
        media_type = answer.headers["content-type"].partition(";")[0]
        assert media_type in response["content"], f"undocumented media type {media_type}: {where}"
        body = answer.text if media_type.startswith("text/") else strict_json(answer.content)
        assert self.errors(response["content"][media_type]["schema"], body) == [], where
