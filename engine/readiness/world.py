"""Looking at the world that a signature binds: what is deployed, which policies and keys count, where the trail is."""

from __future__ import annotations

from engine.ids import hash_json
from engine.ports import Store
from engine.readiness.build import Build
from engine.readiness.statement import World


def observe_world(env: str, store: Store, build: Build, *, keyring_version: int) -> World:
    """Everything that a signature binds, as it is now.

    Args:
        env: The environment.
        store: Its policies and its audit trail.
        build: What is deployed in it.
        keyring_version: Of the keyring that is believed; 0 where there is none.

    Raises:
        Unavailable: The registry cannot be read.
    """
    trail = store.audit_state()
    return World(
        env=env,
        image=build.image,
        chart=build.chart,
        policies={entry.policy_id: entry.ir_hash for entry in store.policies()},
        keyring_version=keyring_version,
        trail_size=trail.tree.size,
        trail_root=trail.tree.root().hex(),
        trail_head=trail.head.hash,
    )


def hash_bound(world: World, revision: int) -> str:
    """A hash over what a signature would bind, to sign what was shown and nothing else.

    The audit trail is not in it: it grows with every look that somebody else has recorded, and only grows.

    Args:
        world: As it is.
        revision: Of the review.
    """
    return hash_json(
        {
            "env": world.env,
            "image": world.image,
            "chart": world.chart,
            "policies": dict(world.policies),
            "keyring_version": world.keyring_version,
            "revision": revision,
        }
    )
