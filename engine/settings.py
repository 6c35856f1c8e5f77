"""What the operator configured: flag, then `CAPCTL_*` variable, then `capctl.toml`, then default.

Kept to plain dataclasses and `tomllib`: settings are read by every command, and start-up is a feature. A value that is
not understood is refused, never replaced by a default: a mistyped environment must not lose production its protection.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from engine.errors import InvalidInput
from engine.service_settings import SERVICE_CONVERTERS, ServiceSettings

PRODUCTION: Final = "prod"
"""What the name of a production environment begins with: `prod`, `production`, `prod-eu`."""

DEFAULT_ENVIRONMENT: Final = "dev"

BUILT_IN_ENVIRONMENTS: Final = frozenset({DEFAULT_ENVIRONMENT, "demo"})
"""Environments that exist without being configured."""

ENV_PATTERN: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
KUBE_NAME_PATTERN: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""A label of RFC 1123: what Kubernetes takes as the name of a namespace."""
CONTEXT_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,252}|")
POLICY_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}|")
THEME_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
RECIPIENT_PATTERN: Final = re.compile(r"age1[a-z0-9]{1,100}")
MATCH_PATTERN: Final = re.compile(r'([A-Za-z_][A-Za-z0-9_]*(=~?|!=|!~)"[^"\\{}\n]*"(,(?!$)|$))*')
"""Label matchers of PromQL, without the braces."""
MOUNT_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
REGION_PATTERN: Final = re.compile(r"([a-z]{2}(-[a-z]+)+-[0-9]{1,2})?")
DIGEST_PATTERN: Final = re.compile(r"(sha3-256:[0-9a-f]{64})?")
IMAGE_PATTERN: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._:/@-]{0,1023})?")
"""The characters of an image's reference: name, tag and digest."""
KEY_BACKENDS: Final = ("file", "pkcs11", "vault", "awskms")
TOKEN_PATTERN: Final = re.compile(r"([!-~]([ -~]{0,30}[!-~])?)?")
"""What labels a PKCS#11 token: at most 32 characters, padded with blanks."""
SOURCES: Final = ("embedded", "scrape", "prometheus")
SHORTEST_POLL_S: Final = 0.1
LONGEST_POLL_S: Final = 60.0
"""A source older than this counts as silent; sampling more rarely would show nothing but silence."""


def default_state_dir() -> Path:
    """`$XDG_STATE_HOME/capctl`, or `~/.local/state/capctl` (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "capctl"


@dataclass(frozen=True, slots=True)
class Settings(ServiceSettings):
    """One environment's settings."""

    env: str = DEFAULT_ENVIRONMENT
    """Name of the environment; one that begins with `prod` asks for more before it lets a rollout forward."""
    state_dir: Path = field(default_factory=default_state_dir)
    """Where the embedded store lives."""
    checkpoint_dir: Path | None = None
    """The second place of the audit trail's checkpoints; None: `checkpoints/` in the state directory."""
    backup_dir: Path | None = None
    """Where backups lie; None: `backups/` in the state directory."""
    backup_recipients: tuple[str, ...] = ()
    """To whom backups are encrypted, `age1…`; none: to the identities of `backup_identity_file`."""
    backup_identity_file: Path | None = None
    """Holds the age identity that opens backups here; None: `backup.identity` in the state directory."""
    backup_max_age_s: float = 86_400.0
    """From this age on, in seconds, the newest backup counts as old."""
    policy: str = ""
    """The policy that commands mean when they name none; empty: the only one there is, else `lksg.v1`."""
    freeze: tuple[str, ...] = ()
    """Freeze windows, `START/END` in RFC 3339: promotions are held inside them, rollbacks are not."""
    enforce_enabled: bool = True
    """Whether anything may be enforced here at all."""
    enforce_rollout_percent: float = 100.0
    """Most that may be enforced here, 0..100: rollouts are not promoted beyond it, verifiers do not go beyond it."""
    drift_max_ratio: float = 0.005
    """Limit on drift of new rollouts that name none, a share."""
    theme: str = "capctl-dark"
    poll_interval_s: float = 2.0
    """How often the console samples."""
    mouse: bool = True
    source: str = "embedded"
    """Where the console reads what the verifiers have measured: `embedded`, `scrape` or `prometheus`."""
    verifier_url: str = "http://127.0.0.1:8080"
    """Base URL of the verifier that `scrape` reads."""
    metrics_token_file: Path | None = None
    """Holds the access token for metrics that are exposed; without it the variable CAPCTL_METRICS_TOKEN may hold it."""
    prometheus_url: str = "http://127.0.0.1:9090"
    prometheus_match: str = ""
    """Label matchers that choose this environment's verifiers in Prometheus, `namespace="cap"`."""
    helm: str = "helm"
    """Name or path of the helm that deploys, 3.12 or newer."""
    kubectl: str = "kubectl"
    kube_context: str = ""
    """The kubeconfig's context to deploy to; empty: the current one, which production does not accept."""
    kube_namespace: str = "cap"
    release_chart: str = ""
    """What the release says its chart is: the digest that `capctl deploy plan` shows; empty: it does not say."""
    release_image: str = ""
    """What the release says its image is, a reference; empty: it does not say."""
    key_backend: str = "file"
    """Where new keys are made when nobody says where: one of `KEY_BACKENDS`."""
    pkcs11_module: Path | None = None
    """The library that speaks to the token that keeps keys; None: there is none."""
    pkcs11_token: str = ""
    """The token's label."""
    pkcs11_pin_file: Path | None = None
    """Holds the token's PIN; without it the variable CAPCTL_PKCS11_PIN may hold it."""
    vault_address: str = ""
    """Base URL of the Vault or OpenBao that keeps keys; empty: there is none."""
    vault_mount: str = "transit"
    """Path of its transit engine."""
    vault_token_file: Path | None = None
    """Holds the token for Vault; without it the variable CAPCTL_VAULT_TOKEN may hold it."""
    aws_region: str = ""
    """Region of the AWS KMS that keeps keys; empty: what AWS_REGION or AWS_DEFAULT_REGION says."""
    aws_endpoint: str = ""
    """Base URL of AWS KMS where it is not the region's own; empty: it is."""

    @property
    def store_path(self) -> Path:
        """The embedded store's file."""
        return self.state_dir / "capctl.sqlite"

    @property
    def checkpoint_path(self) -> Path:
        """The directory of the audit trail's checkpoints."""
        return self.checkpoint_dir or self.state_dir / "checkpoints"

    @property
    def backup_path(self) -> Path:
        """The directory of the backups."""
        return self.backup_dir or self.state_dir / "backups"

    @property
    def backup_identity_path(self) -> Path:
        """The file with the identity that opens backups; it need not exist."""
        return self.backup_identity_file or self.state_dir / "backup.identity"

    @property
    def drill_path(self) -> Path:
        """The directory of the drills' signed reports."""
        return self.state_dir / "drills"

    @property
    def ceiling_basis_points(self) -> int:
        """The largest share of requests that may be enforced here, 0..10000."""
        return round(self.enforce_rollout_percent * 100) if self.enforce_enabled else 0

    @property
    def is_production(self) -> bool:
        """Whether forward needs more than backward here."""
        return self.env.startswith(PRODUCTION)


def load_settings(environ: Mapping[str, str], file: Path | None, flags: Mapping[str, Any]) -> Settings:
    """Merge the layers of configuration.

    Args:
        environ: The process environment. Variables `CAPCTL_*` that are no setting are left alone: Kubernetes makes
            some for every service of that name.
        file: `capctl.toml`; None or absent: skipped. Top-level keys are settings; a table `[env.NAME]` overrides
            them in that environment.
        flags: What was given on the command line; None values are ignored.

    Raises:
        InvalidInput: A key or an environment is unknown, or a value is impossible; the message names the layer.
    """
    layers = {
        "the command line": {name: value for name, value in flags.items() if value is not None},
        "the environment": {
            name: environ[variable] for name in _CONVERTERS if (variable := f"CAPCTL_{name.upper()}") in environ
        },
    }
    chosen = next((str(layer["env"]) for layer in layers.values() if "env" in layer), None)
    if file is not None:
        layers[str(file)] = _read_file(file, env=chosen)
    merged: dict[str, Any] = {}
    for origin, layer in layers.items():
        for name, value in layer.items():
            converted = _convert(name, value, origin)
            merged.setdefault(name, converted)
    return replace(Settings(), **merged)


def _read_file(file: Path, *, env: str | None) -> dict[str, Any]:
    """The settings of a file for an environment; with None, for the one the file itself names, else the default."""
    import tomllib

    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        where = f": {error}" if isinstance(error, tomllib.TOMLDecodeError) else ""
        raise InvalidInput("settings.malformed", f"{file} is not TOML in UTF-8{where}", "Correct that line.") from error
    except OSError as error:
        raise InvalidInput(
            "settings.unreadable", f"{file} cannot be read: {error.strerror}", "It must be a file that you may read."
        ) from error
    environments = document.pop("env", {})
    if isinstance(environments, str):
        return {**document, "env": environments}
    return {**document, **_of_environment(environments, env, file)}


def _of_environment(environments: Any, env: str | None, file: Path) -> dict[str, Any]:
    """What the tables `[env.NAME]` say of one environment."""
    if not isinstance(environments, dict) or not all(isinstance(table, dict) for table in environments.values()):
        raise InvalidInput(
            "settings.wrong_type", f"{file}: env must be a name or tables [env.NAME]", "See docs/configuration.md."
        )
    if env is not None and environments and env not in {*environments, *BUILT_IN_ENVIRONMENTS}:
        raise InvalidInput(
            "settings.unknown_environment",
            f"{file} has no environment {env!r}",
            f"It has {', '.join(sorted(environments))}; add [env.{env}] if that is what you mean.",
        )
    return dict(environments.get(env or DEFAULT_ENVIRONMENT, {}))


def _convert(name: str, value: Any, origin: str) -> Any:
    converter = _CONVERTERS.get(name)
    if converter is None:
        raise InvalidInput(
            "settings.unknown_key",
            f"{origin} has an unknown setting {name!r}",
            f"Known: {', '.join(sorted(_CONVERTERS))}.",
        )
    try:
        return converter(value)
    except (TypeError, ValueError, InvalidInput) as error:
        raise InvalidInput(
            "settings.wrong_type",
            f"Setting {name} from {origin} cannot be {_shown(value)}",
            "See docs/configuration.md.",
        ) from error


def _shown(value: Any) -> str:
    """A value as an error repeats it; not where it looks like a URL with a password in it."""
    return "a URL with credentials" if "://" in str(value) and "@" in str(value) else repr(value)


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], str]:
    def convert(value: Any) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError("not spelt like one")
        return value

    return convert


def _path(value: Any) -> Path:
    if value == "" or not isinstance(value, str | Path):
        raise ValueError("not a path")
    try:
        return Path(value).expanduser()
    except RuntimeError as error:  # no such user's home
        raise ValueError("not a path") from error


def _windows(value: Any) -> tuple[str, ...]:
    windows = tuple(filter(None, value.split(","))) if isinstance(value, str) else tuple(value)
    for window in windows:
        _check_window(window)
    return windows


def _check_window(window: Any) -> None:
    from engine.clock import from_rfc3339

    start, separator, end = str(window).partition("/")
    if not separator or from_rfc3339(start) >= from_rfc3339(end):
        raise ValueError("not a window START/END")


def _interval(value: Any) -> float:
    seconds = math.nan if isinstance(value, bool) else float(value)
    if not SHORTEST_POLL_S <= seconds <= LONGEST_POLL_S:
        raise ValueError("out of range")
    return seconds


def _recipients(value: Any) -> tuple[str, ...]:
    recipients = tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else tuple(value)
    # Spelling only: whether it is a key is found where it is used. An identity is secret, and is no setting.
    if not all(isinstance(text, str) and RECIPIENT_PATTERN.fullmatch(text) for text in recipients):
        raise ValueError("not recipients")
    return recipients


def _max_age(value: Any) -> float:
    seconds = math.nan if isinstance(value, bool) else float(value)
    if not 0 < seconds < math.inf:
        raise ValueError("not an age")
    return seconds


def _percent(value: Any) -> float:
    percent = math.nan if isinstance(value, bool) else float(value)
    # Shares are carried in basis points; a finer one would silently be another.
    if not 0 <= percent <= 100 or abs(percent * 100 - round(percent * 100)) > 1e-6:
        raise ValueError("not a percentage in steps of 0.01")
    return percent


def _ratio(value: Any) -> float:
    ratio = math.nan if isinstance(value, bool) else float(value)
    if not 0 < ratio <= 1:
        raise ValueError("not a share above 0")
    return ratio


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    switch = _SWITCHES.get(str(value).lower())
    if switch is None:
        raise ValueError("neither on nor off")
    return switch


def _program(value: Any) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("not a program")
    return value


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], str]:
    def convert(value: Any) -> str:
        if value not in choices:
            raise ValueError("not one of them")
        return str(value)

    return convert


def _url(value: Any) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(value) if isinstance(value, str) else None
    # Credentials in a URL end up in logs and process lists; a query or a fragment would end up inside the path.
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an HTTP URL")
    if parts.username is not None or parts.query or parts.fragment or parts.port == 0:
        raise ValueError("more than a base URL")
    return str(value).rstrip("/")


def _optional_url(value: Any) -> str:
    return "" if value == "" else _url(value)


_SWITCHES: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}

_CONVERTERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "env": _matching(ENV_PATTERN),
    "state_dir": _path,
    "checkpoint_dir": _path,
    "backup_dir": _path,
    "backup_recipients": _recipients,
    "backup_identity_file": _path,
    "backup_max_age_s": _max_age,
    "policy": _matching(POLICY_PATTERN),
    "freeze": _windows,
    "enforce_enabled": _switch,
    "enforce_rollout_percent": _percent,
    "drift_max_ratio": _ratio,
    "theme": _matching(THEME_PATTERN),
    "poll_interval_s": _interval,
    "mouse": _switch,
    "source": _one_of(SOURCES),
    "verifier_url": _url,
    "metrics_token_file": _path,
    "prometheus_url": _url,
    "prometheus_match": _matching(MATCH_PATTERN),
    "metrics_exposed": _switch,
    "helm": _program,
    "kubectl": _program,
    "kube_context": _matching(CONTEXT_PATTERN),
    "kube_namespace": _matching(KUBE_NAME_PATTERN),
    "release_chart": _matching(DIGEST_PATTERN),
    "release_image": _matching(IMAGE_PATTERN),
    "key_backend": _one_of(KEY_BACKENDS),
    "pkcs11_module": _path,
    "pkcs11_token": _matching(TOKEN_PATTERN),
    "pkcs11_pin_file": _path,
    "vault_address": _optional_url,
    "vault_mount": _matching(MOUNT_PATTERN),
    "vault_token_file": _path,
    "aws_region": _matching(REGION_PATTERN),
    "aws_endpoint": _optional_url,
    **SERVICE_CONVERTERS,
}
