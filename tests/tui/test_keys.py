"""The Keys screen as somebody meets it who has never rotated a key: on a real registry, with the clock in hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from capctl.tui.modals.confirm import ConfirmDialog
from capctl.tui.widgets.keys_accepted import KeysAccepted
from capctl.tui.widgets.keys_phases import KeysPhases
from engine.ops import keyring
from tests.tui import scenes
from tests.tui.conftest import Opened, text_of, toasts
from tests.tui.trust_world import World, press, settled, world

__all__ = ["world"]

Open = Callable[..., Opened]


async def test_a_whole_rotation_with_one_key_at_80x24(opened: Open, world: World) -> None:
    """g, y at each step; the screen says what to do, what it waits for and how long, and at the end that it is done."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "5")
        assert "○  STEADY" in text_of(app)
        assert "g begins a rotation" in text_of(app)
        await press(pilot, "g", "y")
        assert world.phase() == "prepared"
        assert "g goes on: accept both" in text_of(app)
        assert "not published yet" in text_of(app)
        await press(pilot, "g", "y")
        assert world.phase() == "dual"
        assert "2 of 2 keys" in text_of(app)
        assert "no verifier has reported" in text_of(app)
        world.wait(app, 60)
        await settled(pilot)
        assert "Wait 5 min, then g goes on: switch" in text_of(app)
        world.wait(app, 301)
        await settled(pilot)
        await press(pilot, "g", "y")
        assert world.phase() == "switched"
        world.wait(app, 661)
        await settled(pilot)
        assert "g goes on: decommission" in text_of(app)
        await press(pilot, "g", *"decommission", "enter")
        assert world.phase() == "decommissioned"
        assert "Done: the old key is refused, the new one signs" in text_of(app)
        assert "1 of 2 keys" in text_of(app)


async def test_the_chosen_key_stays_chosen_when_its_line_moves(opened: Open, world: World) -> None:
    """After the switch the new key stands first; whoever looked at the old one still does, and x names it."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        old = keyring.status(world.ctx, "response").signing_kid
        await press(pilot, "5", "g", "y", "g", "y", "down", "up")
        world.wait(app, 60)
        world.wait(app, 301)
        await settled(pilot)
        await press(pilot, "g", "y")
        assert world.phase() == "switched"
        chosen = app.screen.query_one(KeysAccepted).chosen(app.state)
        assert chosen is not None
        assert chosen.kid == old
        await press(pilot, "x")
        assert old[:20] in text_of(app)


async def test_a_mistyped_word_is_named_and_can_be_mended(opened: Open, world: World) -> None:
    """Nothing is done, the field keeps the focus, and the button says which key does it."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "5", "x", *"compromised", "enter")
        await press(pilot, "enter")
        assert "Type revoke to go on." in text_of(app)
        await press(pilot, *"revoce", "enter")
        assert "That is 'revoce': type revoke." in text_of(app)
        assert "Enter  Revoke" in text_of(app)
        assert world.phase() == "steady"
        await press(pilot, "backspace", "backspace", "k", "e", "enter")
        assert world.phase() == "revoked"


async def test_a_step_before_its_time_says_what_is_missing_and_changes_nothing(opened: Open, world: World) -> None:
    """The key is dim, and explains itself when it is pressed."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "5", "g", "y", "g", "y", "g")
        assert not isinstance(app.screen, ConfirmDialog)
        assert any("Not yet: every verifier goes by keyring version" in toast for toast in toasts(app))
        assert world.phase() == "dual"


async def test_a_rotation_is_given_up_before_the_new_key_signs(opened: Open, world: World) -> None:
    """The old key goes on, and the screen offers to begin anew; with nothing to give up the key says so."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "5", "a")
        assert any("No rotation is under way" in toast for toast in toasts(app))
        await press(pilot, "g", "y", "g", "y", "a", "y")
        assert world.phase() == "aborted"
        assert "Given up: the old key goes on; g begins a rotation" in text_of(app)


async def test_revoking_needs_a_reason_and_the_typed_word(opened: Open, world: World) -> None:
    """Enter says no; what it means stands in the question; afterwards another key signs."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "5")
        before = keyring.status(world.ctx, "response").signing_kid
        await press(pilot, "x", *"compromised", "enter")
        assert isinstance(app.screen, ConfirmDialog)
        assert "Nothing it ever signed is accepted" in text_of(app)
        await press(pilot, "tab", "y")
        assert world.phase() == "steady"
        await press(pilot, *"revoke", "tab", "y")
        assert world.phase() == "revoked"
        assert keyring.status(world.ctx, "response").signing_kid != before
        assert "A key was revoked (compromised); another one signs" in text_of(app)
        assert "■ REVOKED: another key signs" in text_of(app)


async def test_each_purpose_has_its_own_rotation(opened: Open, world: World) -> None:
    """Arrows and clicks choose; the review key, which belongs to a person, does not exist yet and can be made."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "5", "right", "g", "y")
        assert (world.phase("registry"), world.phase("response")) == ("prepared", "steady")
        await pilot.click(KeysPhases, offset=(12, 4))
        await settled(pilot)
        assert "There is no orr key yet: g makes one" in text_of(app)
        await press(pilot, "g", "y")
        assert world.phase("orr") == "steady"


async def test_the_registry_key_signs_every_policy_again(opened: Open, world: World) -> None:
    """What is left to sign is counted before the old key may end."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "5", "right", "g", "y", "g", "y")
        world.wait(app, 1)
        await settled(pilot)
        await press(pilot, "g", "y")
        assert world.phase("registry") == "switched"
        entries = keyring.status(world.ctx, "registry").entries
        assert f"{entries} of {entries}" in text_of(app)


async def test_a_key_is_chosen_to_be_looked_at_or_revoked(opened: Open, world: World) -> None:
    """Of several keys the one with the mark is meant; one that is not accepted cannot be revoked."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "5", "g", "y", "down", "x")
        panel = app.screen.query_one(KeysAccepted)
        chosen = panel.chosen(app.state)
        assert chosen is not None
        assert chosen.status == "prepared"
        assert any("there is nothing to revoke" in toast for toast in toasts(app))


async def test_a_read_only_console_only_looks(opened: Open, world: World) -> None:
    """Every key that changes something is refused with the reason."""
    async with opened(scenes.hold, ctx=replace(world.ctx, read_only=True)) as (app, pilot):
        await press(pilot, "5", "g", "a", "x")
        assert sum("read-only" in toast for toast in toasts(app)) == 3
        assert world.phase() == "steady"
        assert "Accepted right now" in text_of(app)
