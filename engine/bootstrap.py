"""The composition root: the one module that knows which adapter is plugged into which port."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.clock import Clock, SystemClock
from engine.context import EngineContext, Progress, ignore_progress, nobody_answers
from engine.errors import InvalidInput, NotFound
from engine.settings import SOURCES, Settings, load_settings

if TYPE_CHECKING:
    from engine.ports import AuditLog, AuditWitness, DriftSource, EntrySealer, KeyringStore, Store
    from engine.rollout.authority import Readiness

CONFIG_FILE = "capctl.toml"
"""Read from the working directory, unless `CAPCTL_CONFIG` names another file."""

METRICS_TOKEN = "CAPCTL_METRICS_TOKEN"  # noqa: S105 - the name of a variable
"""May hold the access token for metrics that are exposed, where no file does."""


def load(
    flags: Mapping[str, Any] | None = None, *, environ: Mapping[str, str] = os.environ, directory: Path | None = None
) -> Settings:
    """The settings of this process: flag, then variable, then file, then default.

    Args:
        flags: What was given on the command line, by the setting's name; None values are ignored.
        environ: The process environment.
        directory: Where `capctl.toml` is looked for; the working directory when None.

    Raises:
        NotFound: `CAPCTL_CONFIG` names a file that does not exist.
        InvalidInput: A key is unknown or a value is impossible; the message names the layer.
    """
    named = environ.get("CAPCTL_CONFIG", "")
    file = Path(named) if named else (directory or Path()) / CONFIG_FILE
    if named and not file.exists():
        raise NotFound(
            "settings.no_file",
            f"{file} does not exist",
            f"CAPCTL_CONFIG must name a file; without it, {CONFIG_FILE} in the working directory is read.",
        )
    return load_settings(environ, file, flags or {})


def open_context(
    settings: Settings,
    *,
    actor: str | None = None,
    read_only: bool = False,
    emit: Callable[[Progress], None] = ignore_progress,
    ask_passphrase: Callable[[str], str | None] = nobody_answers,
    clock: Clock | None = None,
    random_bytes: Callable[[int], bytes] = os.urandom,
    environ: Mapping[str, str] = os.environ,
) -> EngineContext:
    """Everything an operation needs, with the embedded adapters plugged in. Touches no file until it is used.

    Args:
        settings: Of the environment to act in.
        actor: Who asks; `current_actor()` when None.
        read_only: Refuse every change.
        emit: Where progress goes.
        ask_passphrase: Asks whoever is there for the passphrase of a key that a person signs with.
        clock: The machine's own when None.
        random_bytes: Source of salts and secrets.
        environ: May hold the passphrase of the private keys.
    """
    time = clock or SystemClock()

    def open_witness(trail: AuditLog) -> AuditWitness:
        from engine.trust.checkpoint_file import CheckpointFile
        from engine.trust.checkpointing import CheckpointWitness, open_checkpoint_key

        file = CheckpointFile(settings.checkpoint_path)
        return CheckpointWitness(trail, file, lambda: open_checkpoint_key(settings, environ, random_bytes), time)

    def open_sealer(keys: KeyringStore) -> EntrySealer:
        from engine.trust.custody import Custody
        from engine.trust.entries import RegistrySealer

        who = actor or current_actor()
        return RegistrySealer(Custody(settings, keys, time, actor=who, environ=environ, random_bytes=random_bytes))

    def open_store() -> Store:
        from engine.registry.sqlite import SqliteStore

        return SqliteStore(
            settings.store_path,
            time,
            read_only=read_only,
            random_bytes=random_bytes,
            open_witness=open_witness,
            open_sealer=open_sealer,
        )

    def open_readiness(store: Store) -> Readiness:
        from engine.readiness import SignedReadiness
        from engine.trust.custody import Custody

        who = actor or current_actor()
        custody = Custody(settings, store, time, actor=who, environ=environ, random_bytes=random_bytes)
        return SignedReadiness(store, custody, settings)

    return EngineContext(
        settings=settings,
        actor=actor or current_actor(),
        open_store=open_store,
        open_source=lambda name: open_source(settings, time, name, environ),
        open_readiness=open_readiness,
        clock=time,
        random_bytes=random_bytes,
        read_only=read_only,
        emit=emit,
        ask_passphrase=ask_passphrase,
    )


def open_source(
    settings: Settings, clock: Clock, name: str, environ: Mapping[str, str] = os.environ
) -> DriftSource | None:
    """Where a console reads evidence; None for `embedded`, the registry. Connects to nothing until it is asked.

    Args:
        settings: Of the environment.
        clock: Wall time and ages.
        name: One of `SOURCES`.
        environ: May hold the access token for exposed metrics.

    Raises:
        InvalidInput: There is no source of that name.
    """
    if name not in SOURCES:
        raise InvalidInput("settings.unknown_source", f"There is no source {name!r}", f"Known: {', '.join(SOURCES)}.")
    if name == "embedded":
        return None
    from engine.telemetry.attended import AttendedSource

    source: DriftSource
    if name == "prometheus":
        from engine.telemetry.prometheus_source import PrometheusSource, ask_prometheus

        source = PrometheusSource(ask_prometheus(settings.prometheus_url), clock, match=settings.prometheus_match)
    else:
        from engine.telemetry.scrape_source import ScrapeSource, fetch_metrics, replica_name

        url, token = settings.verifier_url, partial(read_metrics_token, settings, environ)
        source = ScrapeSource(fetch_metrics(url, token), clock, replica=replica_name(url))
    return AttendedSource(source, clock)


def read_metrics_token(settings: Settings, environ: Mapping[str, str]) -> str:
    """The access token for metrics that are exposed; empty where none is configured.

    Read anew each time: whoever renews the token replaces the file and restarts nothing.

    Raises:
        EngineError: The file is missing, open to others, or not one line of ASCII.
    """
    if settings.metrics_token_file is None:
        return environ.get(METRICS_TOKEN, "").strip()
    from engine.sap.private import read_private

    token = read_private(settings.metrics_token_file, what="metrics token file").strip()
    if not token or not token.isascii() or len(token.split()) > 1:
        hint = "Write the token alone in it, as 'capctl token mint' prints it."
        raise InvalidInput("settings.metrics_token", "The metrics token file does not hold one token", hint)
    return token.decode("ascii")


def current_actor(environ: Mapping[str, str] = os.environ) -> str:
    """Who acts: `CAPCTL_ACTOR`, or the login name of the user this process runs as."""
    named = environ.get("CAPCTL_ACTOR", "").strip()
    if named:
        return named
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a user that no file names
        return f"uid-{os.getuid()}"
