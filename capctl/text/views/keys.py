"""How the key commands read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from capctl.text.layout import Block, Cell, Facts, Gap, Line, Raw, Table, Tone, Toned
from capctl.text.views.words import NOTHING, moment
from engine.ops.results.keys import KeyDetail, KeyList, RotationStatus, ShownKey, ShownRequirement

TONES: Final = {
    "active": Tone.GOOD,
    "prepared": Tone.CAUTION,
    "announced": Tone.CAUTION,
    "retiring": Tone.CAUTION,
    "retired": Tone.FAINT,
    "abandoned": Tone.FAINT,
    "revoked": Tone.BAD,
}
HEADINGS: Final = ["purpose", "kid", "status", "accepted", "since", "until"]


def key_list(result: KeyList) -> Iterator[Block]:
    """The keys, then the keyring they stand in, then what belongs to nobody."""
    if result.version == 0:
        yield Line("There is no keyring yet: capctl keys init makes it.")
    else:
        yield Table(HEADINGS, [_row(key) for key in result.keys])
        yield Gap()
        facts: list[tuple[str, Cell]] = [("keyring", f"version {result.version}")]
        if result.expires is not None:
            facts.append(("expires", moment(result.expires)))
        yield Facts(facts)
    for ref in result.orphans:
        yield Line(f"! {ref} is named by no keyring and is never used", Tone.CAUTION)
    for ref in result.undestroyed:
        yield Line(f"! {ref} counts no longer but was not destroyed: take the step that ended it again", Tone.CAUTION)
    for problem in result.unasked:
        yield Line(f"? not asked for keys that should not lie there: {problem}", Tone.CAUTION)


def key_detail(result: KeyDetail) -> Iterator[Block]:
    """Everything about one key."""
    key = result.key
    yield Facts(
        [
            ("kid", key.kid),
            ("purpose", key.purpose),
            ("status", Toned(key.status, TONES[key.status])),
            ("accepted", _accepted(key)),
            ("made", moment(key.not_before)),
            ("signs since", moment(key.sign_from) if key.sign_from else NOTHING),
            ("accepted until", moment(key.verify_until) if key.verify_until else "no end set"),
            ("lies at", key.backend_ref),
        ]
    )
    yield Gap()
    yield Raw(json.dumps(result.jwk))


def rotation(result: RotationStatus) -> Iterator[Block]:
    """The phase, what is accepted right now, and what the next step needs."""
    facts: list[tuple[str, Cell]] = [("purpose", result.purpose), ("phase", Toned(result.phase, Tone.STRONG))]
    if result.since is not None:
        facts.append(("since", moment(result.since)))
    facts.append(("signs", result.signing_kid))
    if result.reason:
        facts.append(("revoked", f"{result.old_kid} ({result.reason})"))
    yield Facts(facts)
    yield Gap()
    yield Line("Accepted right now:")
    yield Table(HEADINGS, [_row(key) for key in result.accepted])
    yield Gap()
    yield Line(f"Next: capctl keys rotate {result.next_step} --purpose {result.purpose}")
    if result.requirements:
        yield Table(["", "needed", "found"], [_needed(needed) for needed in result.requirements])
    if result.can_abort:
        yield Line(f"Or give it up: capctl keys rotate abort --purpose {result.purpose}", Tone.FAINT)


def _row(key: ShownKey) -> list[Cell]:
    since = key.sign_from or key.not_before
    until = moment(key.verify_until) if key.verify_until else NOTHING
    return [key.purpose, key.kid, Toned(key.status, TONES[key.status]), _accepted(key), moment(since), until]


def _accepted(key: ShownKey) -> Cell:
    return Toned("yes", Tone.GOOD) if key.accepted else Toned("no", Tone.FAINT)


def _needed(needed: ShownRequirement) -> list[Cell]:
    mark = Toned("✓", Tone.GOOD) if needed.met else Toned("✗", Tone.CAUTION)
    wait = f", {needed.wait_s:.0f} s left" if needed.wait_s else ""
    return [mark, needed.text, needed.detail + wait]


VIEWS = {
    "keys.list": key_list,
    "keys.show": key_detail,
    "keys.status": rotation,
    "keys.init": key_list,
    "keys.renew": key_list,
    "keys.prepare": rotation,
    "keys.dual_accept": rotation,
    "keys.switch": rotation,
    "keys.decommission": rotation,
    "keys.abort": rotation,
    "keys.revoke": rotation,
}
