"""The contract of the HTTP service, as a document."""

from typing import TYPE_CHECKING

from engine.ops.spec import operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.openapi import OpenApi


@operation("openapi.show", writes_document=True)
def show(
    ctx: "EngineContext",  # noqa: ARG001 - every operation takes it
) -> "OpenApi":
    """Show the OpenAPI document of the verifier's HTTP API.

    Text and -o FILE are YAML; with --output json it is the same document as JSON.
    """
    from engine.ops.results.openapi import OpenApi
    from engine.verifier.openapi import openapi_document, openapi_yaml

    return OpenApi(openapi_document(), openapi_yaml())
