"""The ORR screen as somebody meets it who has never reviewed anything: on a real registry, with the clock in hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from capctl.tui.command_line import spell
from capctl.tui.messages import Call, OperationProgressed, OperationStarted
from capctl.tui.modals.answer import AnswerDialog
from capctl.tui.modals.confirm import ConfirmDialog
from capctl.tui.modals.form import FormDialog
from capctl.tui.modals.step import StepDialog
from capctl.tui.orr import look_of
from capctl.tui.widgets.orr_items import OrrItems
from engine.context import Progress
from engine.errors import Unavailable
from engine.ops import keyring, orr_look
from engine.ops.catalogue import REGISTRY
from engine.ops.results.orr import ShownReview
from engine.ops.results.orr_look import OrrLook
from engine.ops.run import run
from engine.readiness.items import Attestation
from engine.trust.keyfile import KeyPurpose
from tests.tui import orr_scenes, scenes
from tests.tui.conftest import Opened, text_of, toasts
from tests.tui.trust_world import World, press, settled

Open = Callable[..., Opened]

SECRET = "correct horse"
"""The passphrase of the tech lead's key in these tests."""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder without a chart, where nobody's passphrase is configured and no tool is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CAPCTL_KEY_PASSPHRASE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "rota.txt").write_text("oncall and second, Saturday from 20:00")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One for each test."""
    made = World(tmp_path)
    yield made
    made.close()


def review(world: World) -> ShownReview:
    """What the engine says."""
    shown: ShownReview = run(REGISTRY["orr.show"], world.ctx)
    return shown


def unblock(world: World, *, but: tuple[str, ...] = ()) -> None:
    """Attest and waive everything that blocks, but for some."""
    for state in review(world).states:
        if not state.blocks or state.item.id in but:
            continue
        if isinstance(state.item.check, Attestation):
            run(REGISTRY["orr.attest"], world.ctx, item=state.item.id, evidence=["rota.txt"])
        else:
            given: dict[str, Any] = {"reason": "no cluster here", "approver": "second", "days": 3}
            run(REGISTRY["orr.waive"], world.ctx, item=state.item.id, **given)


def checked(world: World) -> None:
    """Ask every probe."""
    run(REGISTRY["orr.check"], world.ctx)


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world whose keys are encrypted, ready to be signed; nobody's environment holds the passphrase any more."""
    monkeypatch.setenv("CAPCTL_KEY_PASSPHRASE", SECRET)
    made = World(tmp_path)
    run(REGISTRY["keys.init"], made.ctx, purpose="orr")
    monkeypatch.delenv("CAPCTL_KEY_PASSPHRASE")
    checked(made)
    unblock(made)
    yield made
    made.close()


async def type_in(pilot: Pilot[None], text: str) -> None:
    """Type into the field that has the focus, and go on with Enter."""
    field = pilot.app.focused
    assert isinstance(field, Input)
    field.value = text
    await press(pilot, "enter")


STATES: dict[str, tuple[Callable[[], OrrLook], tuple[str, ...]]] = {
    "nothing": (orr_scenes.nothing, ("·  NOT SIGNED", "49 items, 36 of them HIGH", "g asks 35 probes")),
    "begun": (orr_scenes.begun, ("■  NOT SIGNED", "6 HIGH items not met", "g attests obs.dashboard", "33 of 49 met")),
    "failing": (orr_scenes.failing, ("■  NOT SIGNED", "3 HIGH items not met", "g asks again; or w waives")),
    "ready": (orr_scenes.ready, ("?  READY", "Nothing blocks", "g signs it, after a question")),
    "signed": (orr_scenes.signed, ("○  SIGNED", "until 19 Mar 01:32 UTC, in 5 d 0 h", "10 items below HIGH not met")),
    "ending": (orr_scenes.ending, ("○  SIGNED", "in 4 h 48 min", "s signs it anew")),
    "invalid": (orr_scenes.invalid, ("■  INVALID", "the chart changed, the policy lksg.v1 changed", "g signs it")),
}


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
@pytest.mark.parametrize("state", STATES)
async def test_one_look_says_how_it_stands_and_what_leads_on(
    opened: Open, monkeypatch: pytest.MonkeyPatch, state: str, size: tuple[int, int]
) -> None:
    """In either size, without scrolling."""
    moment, words = STATES[state]
    orr_scenes.seen(monkeypatch, moment)
    async with opened(scenes.hold, size=size) as (app, pilot):
        await press(pilot, "4")
        shown = "".join(text_of(app).split())  # a badge that has room spaces its letters, a long line is wrapped
        assert [word for word in words if "".join(word.split()) not in shown] == []


async def test_production_is_typed_before_the_passphrase(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is bound and both fields are seen in a small terminal; either one empty signs nothing."""
    orr_scenes.seen(monkeypatch, orr_scenes.ready)
    async with opened(scenes.hold, ctx=scenes.context(env="prod")) as (app, pilot):
        await press(pilot, "4", "s")
        shown = text_of(app)
        for words in ("items", "Type prod to go on", "Passphrase of the key", "Esc  Cancel", "Enter  Sign"):
            assert words in shown
        await type_in(pilot, "prod")
        await type_in(pilot, "")
        assert isinstance(app.screen, ConfirmDialog)
        await press(pilot, "escape")
        assert app.state.activities == ()


async def test_from_nothing_to_a_signature_with_one_key(opened: Open, world: World) -> None:
    """One key asks the probes; attests what takes a word; says what most failures have in common; at last it signs."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "4")
        assert "·  NOT SIGNED" in text_of(app)
        assert "g asks 35 probes" in text_of(app)
        await press(pilot, "g")
        assert "HIGH items not met, infra.autoscaling first" in text_of(app)
        assert "g attests sec.personal-data" in text_of(app)
        unblock(world, but=("ops.on-call", "infra.limits", "infra.probes"))
        world.advance(app, 1)
        await settled(pilot)
        assert "g attests ops.on-call" in text_of(app)
        await press(pilot, "g")
        assert isinstance(app.screen, FormDialog)
        assert "on-call schedule" in text_of(app) or "Show:" in text_of(app)
        await type_in(pilot, "rota.txt")
        assert "You give your word" in text_of(app)
        await press(pilot, "y")
        assert "2 HIGH items not met, infra.limits first" in text_of(app)
        assert "Mend it, then g asks again; or w waives. There is no" in text_of(app)
        assert "chart here (2 items)." in text_of(app)
        unblock(world)
        world.advance(app, 1)
        await settled(pilot)
        assert "?  READY" in text_of(app)
        await press(pilot, "g", "y")
        assert "○  SIGNED" in text_of(app)
        assert review(world).signature.holds


async def test_what_a_signature_binds_is_said_before(opened: Open, world: World) -> None:
    """Items, evidence, image, chart, policies, keyring, trail, expiry and key; Enter says no."""
    checked(world)
    unblock(world)
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "4", "s")
        assert isinstance(app.screen, ConfirmDialog)
        shown = text_of(app)
        bound = ("items", "evidence", "image", "chart", "policies", "keyring", "trail", "until", "key")
        assert [name for name in bound if f" {name} " not in shown] == []
        assert "21 Mar 01:32 UTC" in shown
        await press(pilot, "enter")
        assert not look_of(app.state).is_signed  # type: ignore[union-attr]


async def test_only_what_was_shown_is_signed(opened: Open, world: World) -> None:
    """Somebody changes the review while the question is open: nothing is signed, and it says why."""
    checked(world)
    unblock(world)
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "4", "s")
        run(REGISTRY["orr.attest"], world.ctx, item="ops.on-call", evidence=["rota.txt"])
        await press(pilot, "y")
        assert "no longer what was shown" in text_of(app)
        assert not review(world).signature.holds


async def test_the_passphrase_is_typed_unseen_and_stands_nowhere(opened: Open, locked: World) -> None:
    """A wrong one signs nothing and is not tried again; the right one does; neither can be read anywhere."""
    async with opened(scenes.hold, ctx=locked.ctx, size=(160, 45)) as (app, pilot):
        await press(pilot, "4", "s")
        assert "Passphrase of the key" in text_of(app)
        field = app.screen.query_one(Input)
        assert field.password
        await press(pilot, "enter")
        assert isinstance(app.screen, ConfirmDialog)
        await type_in(pilot, " wrong horse")
        assert "cannot be decrypted" in text_of(app)
        assert "NOTSIGNED" in text_of(app).replace(" ", "")
        attempts = [each for each in app.state.activities if each.call.op.id == "orr.sign"]
        assert len(attempts) == 1
        await press(pilot, "s")
        field = app.screen.query_one(Input)
        field.value = SECRET
        await settled(pilot)
        assert SECRET not in text_of(app)
        await press(pilot, "enter")
        assert review(locked).signature.holds
        assert not any("horse" in spell(each.call) or "horse" in repr(each) for each in app.state.activities)
        assert "horse" not in text_of(app)
    assert not any(b"horse" in line for line in locked.ctx.store.audit_lines())


async def test_what_has_changed_since_is_named(opened: Open, world: World, tmp_path: Path) -> None:
    """The chart, the keyring, the evidence: each by its name, and the way to sign anew."""
    checked(world)
    unblock(world)
    run(REGISTRY["orr.sign"], world.ctx)
    async with opened(scenes.hold, ctx=world.ctx, size=(160, 45)) as (app, pilot):
        await press(pilot, "4")
        assert "SIGNED" in text_of(app).replace(" ", "")
        (tmp_path / "helm").mkdir()
        (tmp_path / "helm" / "Chart.yaml").write_text("appVersion: 1.0.0\n")
        (tmp_path / "helm" / "values.yaml").write_text("image: {repository: cap, tag: '2'}\n")
        run(REGISTRY["orr.attest"], world.ctx, item="ops.on-call", evidence=["rota.txt", "rota.txt"])
        keyring.prepare(world.ctx, KeyPurpose.RESPONSE)
        app.look_again()
        await settled(pilot)
        shown = text_of(app)
        assert "INVALID" in shown.replace(" ", "")
        for change in ("the image is cap:2 and was unknown", "the keyring's version is", "ops.on-call rests on other"):
            assert change in shown
        await press(pilot, "v")
        assert isinstance(app.screen, AnswerDialog)


async def test_a_waiver_takes_two_people(opened: Open, world: World) -> None:
    """One who agrees with themselves is refused; with a second person the item no longer blocks."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "4", "home", "down", "w")
        assert isinstance(app.screen, FormDialog)
        for text in ("measured by hand", "oncall", "", "3"):
            await type_in(pilot, text)
        assert "Go without infra.autoscaling in demo for 3 days?" in text_of(app)
        await press(pilot, "y")
        assert any("takes a second person" in toast for toast in toasts(app))
        await press(pilot, "w")
        for text in ("measured by hand", "second", "", "3"):
            await type_in(pilot, text)
        await press(pilot, "y")
        assert "! waived   HIGH infra.autoscaling" in text_of(app)
        await press(pilot, "enter")
        assert "by oncall and second, until 17 Mar 01:32 UTC" in text_of(app)


async def test_keys_say_why_they_do_nothing(opened: Open, world: World) -> None:
    """A word where a probe answers, a signature while something blocks, an area where an item is meant."""
    checked(world)
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "4", "home", "a", "down", "a", "s", "end", "o")
        said = " ".join(toasts(app))
        for words in ("your word is for one", "found out by a probe", "of high severity not met", "a person's word"):
            assert words in said


async def test_what_is_chosen_is_asked_alone(opened: Open, world: World) -> None:
    """An item by itself, an area as a whole; each line of the log works in a shell."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "4", "home", "down", "o")
        assert [spell(each.call) for each in app.state.activities] == ["capctl orr check infra.autoscaling"]
        assert sum(state.finding is not None for state in review(world).states) == 1
        await press(pilot, "left", "o")
        assert spell(app.state.activities[-1].call) == "capctl orr check infrastructure"
        assert sum(state.finding is not None for state in review(world).states) == 10


async def test_while_probes_run_it_says_how_far(opened: Open, world: World) -> None:
    """How many have answered; what is asked is marked, and no second round begins."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "4")
        call = Call(REGISTRY["orr.check"], {"items": ["infrastructure"]})
        app.post_message(OperationStarted(1, call))
        app.post_message(OperationProgressed(1, Progress("probes", 4, 10, "infra.limits: unknown")))
        await settled(pilot)
        assert "4 of 10 probes have answered" in text_of(app)
        assert "… asking   HIGH infra.autoscaling" in text_of(app)
        await press(pilot, "c")
        assert any("under way" in toast for toast in toasts(app))
        await press(pilot, "right")
        assert "· open     HIGH sec.identity-provider" in text_of(app)


async def test_the_list_is_walked_filtered_and_opened(opened: Open, world: World) -> None:
    """The keys go from one that blocks to the next, f lists fewer, Enter shows everything."""
    checked(world)
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "4", "home", "n", "n")
        panel = app.screen.query_one(OrrItems)
        assert panel.chosen_name == "infra.autoscaling-live"
        await press(pilot, "f")
        assert "only: blocking" in text_of(app)
        assert "infra.capacity" not in text_of(app)
        await press(pilot, "f", "f")
        assert "only: a person's word" in text_of(app)
        await press(pilot, "escape", "end", "enter")
        assert isinstance(app.screen, StepDialog)
        assert "ops.change-window" in text_of(app)


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_a_source_that_stops_answering_is_stale_and_keeps_its_reason(
    opened: Open, world: World, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    """What was known stays, the badge says that it is old."""
    async with opened(scenes.hold, ctx=world.ctx, size=size) as (app, pilot):
        await press(pilot, "4")

        def fail(*_: Any) -> None:
            raise Unavailable("store.locked", "The store is locked by another program", "Wait a moment.")

        monkeypatch.setattr(orr_look, "look", fail)
        world.advance(app, 60)
        await settled(pilot)
        assert "STALE" in text_of(app).replace(" ", "")
        assert "The store is locked by another program" in text_of(app)
        assert "infra.autoscaling" in text_of(app)


async def test_a_read_only_console_only_looks(opened: Open, world: World) -> None:
    """Every key that changes something is refused with the reason; everything can be read."""
    async with opened(scenes.hold, ctx=replace(world.ctx, read_only=True)) as (app, pilot):
        await press(pilot, "4", "g", "c", "a", "w", "s", "o")
        assert sum("read-only" in toast for toast in toasts(app)) == 6
        assert review(world).revision == 0
