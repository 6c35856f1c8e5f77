"""An AWS KMS that makes and uses real Ed25519 keys, behind botocore's Stubber.

No emulator makes such keys, so the answers are made here, from the request, just before the Stubber asks for one: it
checks every request and every answer against the service's own model, and that no call is made that is not meant.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from botocore.client import BaseClient
from botocore.stub import Stubber
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PAGE = 2
"""Entries of a page; few, so that there are several."""


class Failure(Exception):
    """What KMS answers instead, by its code."""


@dataclass
class SoftKey:
    """One key, as KMS describes it, with its private half."""

    private: Ed25519PrivateKey
    metadata: dict[str, Any]
    tags: list[dict[str, str]]


@dataclass
class SoftKms:
    """The keys of one account."""

    keys: dict[str, SoftKey] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """Code to answer with, by operation."""
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def attach(self, client: BaseClient) -> None:
        """Answer for a client from now on."""
        stubber = Stubber(client)
        stubber.activate()

        def answer(params: dict[str, Any], model: Any, **_: object) -> None:
            self.requests.append((model.name, params))
            method = _method(model.name)
            try:
                answered = self.failures.get(model.name) or getattr(self, method)(**params)
            except Failure as failure:
                answered = str(failure)
            if isinstance(answered, str):
                stubber.add_client_error(method, answered, expected_params=params)
            else:
                stubber.add_response(method, answered, params)

        client.meta.events.register("provide-client-params.kms.*", answer)
        call, lock = client._make_api_call, Lock()

        def call_alone(*args: Any) -> Any:
            # The Stubber has one queue of answers: threads would take each other's.
            with lock:
                return call(*args)

        client._make_api_call = call_alone

    def reset(self) -> None:
        """Forget every key, and answer everything."""
        for memory in (self.keys, self.aliases, self.failures, self.requests):
            memory.clear()

    def create_key(self, **request: Any) -> dict[str, Any]:
        key_id = str(uuid.uuid4())
        metadata = {"KeyId": key_id, "KeySpec": request["KeySpec"], "KeyUsage": request["KeyUsage"]}
        metadata |= {"KeyState": "Enabled", "Origin": "AWS_KMS", "Enabled": True}
        self.keys[key_id] = SoftKey(Ed25519PrivateKey.generate(), metadata, request["Tags"])
        return {"KeyMetadata": metadata}

    def describe_key(self, **request: Any) -> dict[str, Any]:
        return {"KeyMetadata": self._key(request["KeyId"]).metadata}

    def get_public_key(self, **request: Any) -> dict[str, Any]:
        key = self._enabled(request["KeyId"])
        encoded = key.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        algorithms = ["ED25519_SHA_512", "ED25519_PH_SHA_512"]
        return {"PublicKey": encoded, "KeySpec": key.metadata["KeySpec"], "SigningAlgorithms": algorithms}

    def sign(self, **request: Any) -> dict[str, Any]:
        if (request["MessageType"], request["SigningAlgorithm"]) != ("RAW", "ED25519_SHA_512"):
            raise Failure("ValidationException")
        return {"Signature": self._enabled(request["KeyId"]).private.sign(request["Message"])}

    def create_alias(self, **request: Any) -> dict[str, Any]:
        self.aliases[request["AliasName"]] = self._enabled(request["TargetKeyId"]).metadata["KeyId"]
        return {}

    def disable_key(self, **request: Any) -> dict[str, Any]:
        self._enabled_or_disabled(request["KeyId"]).metadata["KeyState"] = "Disabled"
        return {}

    def schedule_key_deletion(self, **request: Any) -> dict[str, Any]:
        assert 7 <= request["PendingWindowInDays"] <= 30, "what the service takes; its model says less"
        self._enabled_or_disabled(request["KeyId"]).metadata["KeyState"] = "PendingDeletion"
        return {"KeyId": request["KeyId"], "KeyState": "PendingDeletion"}

    def list_keys(self, **request: Any) -> dict[str, Any]:
        return _page("Keys", [{"KeyId": key_id} for key_id in sorted(self.keys)], request)

    def list_aliases(self, **request: Any) -> dict[str, Any]:
        unused = [{"AliasName": "alias/aws/never-used"}]  # of a service that was never turned on: without a key
        named = [{"AliasName": name, "TargetKeyId": key_id} for name, key_id in sorted(self.aliases.items())]
        return _page("Aliases", unused + named, request)

    def list_resource_tags(self, **request: Any) -> dict[str, Any]:
        return _page("Tags", self._key(request["KeyId"]).tags, request)

    def _key(self, key_id: str) -> SoftKey:
        if key_id not in self.keys:
            raise Failure("NotFoundException")
        return self.keys[key_id]

    def _enabled(self, key_id: str) -> SoftKey:
        key = self._enabled_or_disabled(key_id)
        if key.metadata["KeyState"] != "Enabled":
            raise Failure("DisabledException")
        return key

    def _enabled_or_disabled(self, key_id: str) -> SoftKey:
        key = self._key(key_id)
        if key.metadata["KeyState"] == "PendingDeletion":
            raise Failure("KMSInvalidStateException")
        return key


def _page(member: str, entries: list[dict[str, str]], request: dict[str, Any]) -> dict[str, Any]:
    start = int(request.get("Marker", "0"))
    more = start + PAGE < len(entries)
    page: dict[str, Any] = {member: entries[start : start + PAGE], "Truncated": more}
    return page | {"NextMarker": str(start + PAGE)} if more else page


def _method(operation: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in operation).lstrip("_")
