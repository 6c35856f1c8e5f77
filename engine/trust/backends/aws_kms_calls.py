"""AWS's key management service: how it is reached, and what its refusals mean for people.

Credentials are found the way every AWS tool finds them (variables, profile, web identity, the machine's role), so none
is ever a setting here.

Source: the API reference of AWS KMS, as botocore's service model has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from engine.errors import EngineError, InvalidInput, NotFound, Refused, Unavailable
from engine.settings import REGION_PATTERN

if TYPE_CHECKING:
    from botocore.client import BaseClient  # type: ignore[import-untyped]

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

CONNECT_S: Final = 2.0
ANSWER_S: Final = 5.0
ATTEMPTS: Final = 2
"""One more where the first was throttled or lost, after at most a second. A key made twice is listed as an orphan."""

_CREDENTIALS: Final = frozenset(
    {
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "NotAuthorized", "OptInRequired"})
_THROTTLED: Final = frozenset({"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"})
_UNABLE: Final = frozenset({"UnsupportedOperationException", "ValidationError", "ValidationException"})
_UNUSABLE: Final = frozenset({"DisabledException", "InvalidKeyUsageException", "KMSInvalidStateException"})


def kms_client(region: str, endpoint: str, environ: Mapping[str, str]) -> BaseClient:
    """A client of the service.

    Args:
        region: Where the keys lie; empty: what `AWS_REGION` or `AWS_DEFAULT_REGION` says.
        endpoint: Base URL of the service; empty: the region's own.
        environ: May hold the region.

    Raises:
        InvalidInput: No region is configured, or the endpoint is not encrypted.
        Unavailable: The configuration that AWS's tools share cannot be used.
    """
    region = region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    if not REGION_PATTERN.fullmatch(region) or not region:
        raise InvalidInput("keys.aws_no_region", "No AWS region is configured", "Set aws_region: eu-central-1.")
    parts = urlsplit(endpoint)
    if endpoint and parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise InvalidInput("keys.aws_in_clear", "The AWS endpoint is not encrypted", "Give an https aws_endpoint.")
    with told_to_people():
        from botocore.config import Config  # type: ignore[import-untyped]
        from botocore.session import get_session  # type: ignore[import-untyped]

        config = Config(
            connect_timeout=CONNECT_S,
            read_timeout=ANSWER_S,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        )
        return get_session().create_client("kms", region_name=region, endpoint_url=endpoint or None, config=config)


@contextmanager
def told_to_people() -> Iterator[None]:
    """Tell what goes wrong inside as an EngineError: Unavailable, or Refused where the service says no."""
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
    from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

    try:
        yield
    except ClientError as error:
        raise _answered(str(error.response.get("Error", {}).get("Code", ""))) from error
    except BotoCoreError as error:
        # What failed on its way still carries its headers, and with them a session's token.
        raise _unanswered(error) from None
    except (ResponseParserError, KeyError):
        raise Refused(
            "keys.aws_not_kms", "What answers at the AWS endpoint is not AWS KMS", "Check aws_endpoint."
        ) from None


def _answered(code: str) -> EngineError:
    """What an answer that is an error means."""
    if code == "NotFoundException":
        return NotFound("keys.aws_no_key", "The key is not in AWS KMS", "Check aws_region, or rotate to another key.")
    if code in _DENIED:
        return Refused(
            "keys.aws_denied",
            "AWS does not let us: neither the key's policy nor ours allows this",
            "Let one of them allow it: docs/trust.md names the actions.",
        )
    if code in _CREDENTIALS:
        return Refused("keys.aws_credentials", "AWS does not accept the credentials", "Renew them.")
    if code in _UNABLE:
        return Refused(
            "keys.aws_unable",
            "AWS KMS does not make or use such a key here",
            "Ed25519 keys (ECC_NIST_EDWARDS25519) must be known in this region and at aws_endpoint.",
        )
    if code in _UNUSABLE:
        return Refused(
            "keys.aws_unusable", "The key in AWS KMS is disabled, or to be deleted", "Rotate to another one."
        )
    if code == "LimitExceededException":
        return Refused("keys.aws_quota", "AWS KMS makes no more keys in this account", "Have its quota raised.")
    if code in _THROTTLED:
        return Unavailable("keys.aws_throttled", "AWS KMS gets too many requests", "Try again a little later.")
    return Unavailable("keys.aws_failed", "AWS KMS cannot do it now", "Try again; see AWS's status page.")


def _unanswered(error: Any) -> EngineError:
    """What it means that no answer came."""
    from botocore import exceptions as aws  # type: ignore[import-untyped]

    if isinstance(error, aws.ProfileNotFound | aws.ConfigParseError | aws.ConfigNotFound):
        return Unavailable("keys.aws_profile", "The profile for AWS cannot be read", "Check AWS_PROFILE and its file.")
    if isinstance(
        error,
        aws.NoCredentialsError
        | aws.PartialCredentialsError
        | aws.CredentialRetrievalError
        | aws.TokenRetrievalError
        | aws.NoAuthTokenError
        | aws.SSOError,
    ):
        return Unavailable(
            "keys.aws_no_credentials",
            "There are no credentials for AWS",
            "Give this process a role, a profile (AWS_PROFILE), or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )
    if isinstance(error, aws.SSLError):
        return Unavailable(
            "keys.aws_untrusted",
            "The server at the AWS endpoint does not prove to be AWS",
            "Name the authority of its certificate in AWS_CA_BUNDLE, and check aws_endpoint.",
        )
    if isinstance(error, aws.ReadTimeoutError | aws.ConnectTimeoutError):
        return Unavailable("keys.aws_silent", "AWS KMS does not answer in time", "Try again.")
    return Unavailable("keys.aws_unreachable", "AWS KMS cannot be reached", "Check the network, and aws_endpoint.")
