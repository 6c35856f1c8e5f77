"""The console as its user meets it: what a key does, what is asked, what is shown when things go wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from capctl.tui.bind import APP_BINDINGS, SCREEN_BINDINGS, help_rows, key_hints
from capctl.tui.messages import Call, SampleFailed, SnapshotTaken
from capctl.tui.modals.confirm import ConfirmDialog
from capctl.tui.modals.form import FormDialog
from capctl.tui.poller import Poller
from capctl.tui.runner import Runner
from capctl.tui.screens.help import HelpScreen
from capctl.tui.theme_files import load_themes, shipped_directory
from capctl.tui.widgets.key_bar import fitted
from capctl.tui.widgets.slider import RolloutSlider
from engine.drift.gate import Answer
from engine.errors import Conflict
from engine.ops.catalogue import REGISTRY
from engine.ops.spec import Operation
from engine.rollout.snapshot import ControlSnapshot
from engine.rollout.state import Phase
from tests.tui import scenes
from tests.tui.conftest import Opened, text_of, toasts

Open = Callable[..., Opened]


class Box:
    """A mailbox that keeps nothing."""

    def post_message(self, message: object) -> bool:
        """Take a message."""
        return True


class Ledger:
    """Stands where operations run, and notes what would have run."""

    def __init__(self, error: Exception | None = None) -> None:
        self.ran: list[tuple[str, dict[str, Any]]] = []
        self._error = error

    def __call__(self, op: Operation, ctx: object, /, **arguments: Any) -> None:
        self.ran.append((op.id, arguments))
        if self._error:
            raise self._error


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Every operation goes into this book instead of the engine."""
    book = Ledger()
    monkeypatch.setattr("capctl.tui.runner.run", book)
    return book


async def test_two_keys_bring_enforcement_back_to_nothing(opened: Open, ledger: Ledger) -> None:
    """`b` asks, `y` does it: the fastest way back to safety."""
    async with opened(scenes.closed) as (_, pilot):
        await pilot.press("b", "y")
        assert ledger.ran == [("rollout.rollback", {"policy": "lksg.v1"})]


@pytest.mark.parametrize("keys", [("question_mark",), ("exclamation_mark", "tab"), ("p",), ("t", "question_mark")])
async def test_rolling_back_works_from_everywhere(opened: Open, ledger: Ledger, keys: tuple[str, ...]) -> None:
    """Help, a dialog, another theme: `b` and `y` roll back all the same."""
    async with opened(scenes.hold if keys[0] == "exclamation_mark" else scenes.open_gate) as (_, pilot):
        await pilot.press(*keys)
        await pilot.press("b")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        assert [op_id for op_id, _ in ledger.ran] == ["rollout.rollback"]


@pytest.mark.parametrize("key", ["b", "p", "i"])
async def test_enter_confirms_nothing(opened: Open, ledger: Ledger, key: str) -> None:
    """Cancel has the focus: Enter, and the key that asked, lead out of the question and change nothing."""
    async with opened(scenes.open_gate) as (app, pilot):
        await pilot.press(key)
        assert isinstance(app.screen, ConfirmDialog)
        await pilot.press("enter")
        assert not isinstance(app.screen, ConfirmDialog)
        assert ledger.ran == []


async def test_tab_and_enter_confirm_nothing(opened: Open, ledger: Ledger) -> None:
    """Wherever the focus goes in a question, Enter never says yes."""
    async with opened(scenes.open_gate) as (_, pilot):
        await pilot.press("p", "tab", "tab", "enter", "enter")
        await pilot.pause()
        assert ledger.ran == []


async def test_promoting_names_policy_environment_step_and_gate(opened: Open, ledger: Ledger) -> None:
    """The question says what will happen to what, where, on which evidence; the revision on the screen goes along."""
    async with opened(scenes.open_gate) as (app, pilot):
        await pilot.press("p")
        shown = text_of(app)
        assert "Promote lksg.v1 in demo: 25 % → 100 %?" in shown
        assert "Every request will be enforced." in shown
        assert "OPEN, 0 of 1,204 differ" in shown
        await pilot.press("y")
        assert ledger.ran == [("rollout.promote", {"policy": "lksg.v1", "if_revision": 4})]


async def test_a_gate_that_holds_explains_itself(opened: Open, ledger: Ledger) -> None:
    """Pressing a key that makes no sense now says why, and asks nothing."""
    async with opened(scenes.hold) as (app, pilot):
        await pilot.press("p")
        assert not isinstance(app.screen, ConfirmDialog)
        assert any("489 more clean requests" in toast for toast in toasts(app))
        assert ledger.ran == []


async def test_break_glass_needs_a_reason(opened: Open, ledger: Ledger) -> None:
    """Past a gate that is not open leads only a typed reason."""
    async with opened(scenes.hold) as (_, pilot):
        await pilot.press("exclamation_mark", "tab", "y")
        assert ledger.ran == []
        await pilot.press(*"deadline", "enter", "y")
        assert ledger.ran == [
            ("rollout.promote", {"policy": "lksg.v1", "if_revision": 4, "break_glass": True, "reason": "deadline"})
        ]


async def test_production_forward_is_typed_and_backward_is_not(opened: Open, ledger: Ledger) -> None:
    """To 100 % in production an approver and the environment's name are typed; rolling back stays two keys."""
    production = scenes.context(env="prod")
    async with opened(lambda: replace(scenes.open_gate(), env="prod"), ctx=production) as (app, pilot):
        assert "PRODUCTION" in text_of(app)
        assert app.theme.endswith("-prod")
        await pilot.press("p", *"second", "enter", *"dev", "enter")
        assert ledger.ran == []
        await pilot.press("backspace", "backspace", "backspace", *"prod", "enter")
        assert ledger.ran[0][1]["approver"] == "second"
        await pilot.press("b", "y")
        assert [op_id for op_id, _ in ledger.ran] == ["rollout.promote", "rollout.rollback"]


async def test_space_pauses_at_once_and_resumes_on_request(opened: Open, ledger: Ledger) -> None:
    """Stopping needs no question; going on does."""
    moments = [scenes.hold()]
    async with opened(lambda: moments[-1]) as (app, pilot):
        await pilot.press("space")
        moments.append(scenes.snapshot(rollout=scenes.rollout(Phase.PAUSED)))
        app._poller.take()
        await pilot.pause()
        await pilot.press("space")
        assert isinstance(app.screen, ConfirmDialog)
        await pilot.press("y")
        assert [op_id for op_id, _ in ledger.ran] == ["rollout.pause", "rollout.resume"]


async def test_the_slider_chooses_and_enter_asks(opened: Open, ledger: Ledger) -> None:
    """Arrows choose a step, shift a percent; Enter only asks, and the answer becomes the matching operation."""
    async with opened(scenes.open_gate) as (app, pilot):
        slider = app.screen.query_one(RolloutSlider)
        await pilot.press("right")
        assert slider.chosen == 10_000
        await pilot.press("left")
        assert slider.chosen is None
        await pilot.press("less_than_sign", "enter")
        assert "Lower lksg.v1 in demo: 25 % → 24 %?" in text_of(app)
        await pilot.press("y")
        await pilot.press("escape", "left", "enter", "y")
        assert [(op_id, args.get("percent")) for op_id, args in ledger.ran] == [
            ("rollout.set", "24"),
            ("rollout.rollback", None),
        ]


async def test_every_action_shows_its_command(opened: Open, ledger: Ledger) -> None:
    """After an action the screen shows the line that does the same in a shell."""
    async with opened(scenes.open_gate) as (app, pilot):
        await pilot.press("p", "y")
        await pilot.pause()
        assert "capctl rollout promote --policy lksg.v1 --if-revision 4" in text_of(app)


async def test_a_conflict_is_told_and_kept(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """When someone else was faster, the operator reads who and what, and the log keeps it."""
    error = Conflict("rollout.revision_conflict", "second has changed it to 0 % meanwhile", "Look again.")
    monkeypatch.setattr("capctl.tui.runner.run", Ledger(error))
    async with opened(scenes.open_gate) as (app, pilot):
        await pilot.press("p", "y")
        await pilot.pause()
        assert any("second has changed it" in toast for toast in toasts(app))
        assert "second has changed it" in text_of(app)


async def test_an_unforeseen_error_keeps_the_screen_and_its_text_to_itself(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The console survives a bug in an operation and repeats nothing of its text."""
    monkeypatch.setattr("capctl.tui.runner.run", Ledger(RuntimeError("token=abc")))
    async with opened(scenes.open_gate) as (app, pilot):
        await pilot.press("p", "y")
        await pilot.pause()
        assert "RuntimeError" in text_of(app)
        assert "token=abc" not in text_of(app)


async def test_a_dead_source_makes_the_screen_stale_and_says_why(opened: Open) -> None:
    """After three missed samples the word STALE and the age stand where numbers stood; rolling back stays possible."""
    answers: list[Callable[[], ControlSnapshot]] = [scenes.hold]
    ctx = scenes.context()

    def latest() -> ControlSnapshot:
        return answers[-1]()

    async with opened(latest, ctx=ctx) as (app, pilot):
        assert "412" in text_of(app)
        answers.append(scenes.store_locked)
        ctx.clock.advance(16)
        app._poller.take()
        await pilot.pause()
        shown = text_of(app)
        assert "STALE 16 s" in shown
        assert "The store is locked by another program" in shown
        assert "0 of 412" not in shown
        assert "204" not in shown
        hints = {hint.label: hint.reason for hint in key_hints(app.state, app.console_screen)}
        assert hints["promote"]
        assert not hints["roll back"]


async def test_silent_verifiers_are_stale_although_the_store_answers(opened: Open) -> None:
    """Where the rollout stands is known then, what it does is not."""
    silent = replace(scenes.open_gate(), source_age_s=47.0)
    async with opened(lambda: silent) as (app, _):
        assert "STALE 47 s" in text_of(app)
        assert app.state.answer is None
        assert "25 %" in text_of(app)


async def test_before_the_first_sample_nothing_is_claimed(opened: Open) -> None:
    """An unreachable store at the start: the error, and no word about what is enforced."""
    async with opened(scenes.store_locked) as (app, pilot):
        shown = text_of(app)
        assert "The store is locked by another program" in shown
        assert "Nothing is enforced" not in shown
        await pilot.press("p")
        assert any("not known yet" in toast for toast in toasts(app))


async def test_a_raising_sampler_keeps_the_screen_alive(opened: Open) -> None:
    """Even a bug in the sampler leaves a console that answers keys."""

    def broken() -> ControlSnapshot:
        raise ZeroDivisionError("secret")

    async with opened(broken) as (app, pilot):
        assert "ZeroDivisionError" in text_of(app)
        assert "secret" not in text_of(app)
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)


async def test_read_only_says_so_and_changes_nothing(opened: Open, ledger: Ledger) -> None:
    """Every changing key is dim, and explains itself when pressed."""
    async with opened(scenes.open_gate, ctx=scenes.context(read_only=True)) as (app, pilot):
        assert "read-only" in text_of(app)
        await pilot.press("p", "b", "space", "i")
        assert ledger.ran == []
        assert len(toasts(app)) == 4
        assert all("read-only" in toast for toast in toasts(app))


async def test_someone_elses_change_is_called_out(opened: Open) -> None:
    """Two operators: what the other one did, or the automatic hand, is told at once with its reason."""
    moments = [scenes.closed()]
    async with opened(lambda: moments[-1]) as (app, pilot):
        moments.append(scenes.rolled_back())
        app._poller.take()
        await pilot.pause()
        assert any("steward" in toast and "0 %" in toast and "24 of 255" in toast for toast in toasts(app))


async def test_after_a_rollback_nothing_invites_to_go_on(opened: Open) -> None:
    """Even when the gate is open again at 0 %: the badge says what happened, and the reason stands beside it."""
    state = scenes.rolled_back().rollout
    async with opened(lambda: replace(scenes.open_gate(), rollout=state, next_percent=None)) as (app, _):
        shown = text_of(app)
        assert "■  ROLLED BACK" in shown
        assert "Steward: 24 of 255 enforced requests drifted" in shown
        assert "Safe to go on" not in shown


async def test_a_pause_does_not_hide_a_closed_gate(opened: Open) -> None:
    """Paused is calm; a broken limit is not, paused or not."""
    paused = scenes.rollout(Phase.PAUSED, revision=5)
    async with opened(lambda: replace(scenes.open_gate(), rollout=paused)) as (app, _):
        assert "‖  PAUSED" in text_of(app)
    async with opened(lambda: replace(scenes.closed(), rollout=paused)) as (app, _):
        assert "■  CLOSED" in text_of(app)


async def test_break_glass_is_loud(opened: Open) -> None:
    """While it is in force, it stands on the screen with who and why."""
    async with opened(scenes.break_glass) as (app, _):
        assert "BREAK-GLASS until 02:12:07 by oncall: supplier deadline" in text_of(app)


async def test_the_rules_behind_the_drift_are_named(opened: Open) -> None:
    """The screen says why: rule and reason."""
    async with opened(scenes.rolled_back, size=(160, 45)) as (app, _):
        shown = text_of(app)
        assert "21× R3_regions" in shown
        assert "intersection found  over-block" in shown


async def test_the_command_line_takes_words_of_the_shell(opened: Open, ledger: Ledger) -> None:
    """`:rollout set 10` asks and runs like the same words in a shell."""
    async with opened(scenes.open_gate) as (app, pilot):
        await pilot.press("colon", *"rollout", "space", *"set", "space", *"10", "enter")
        assert isinstance(app.screen, ConfirmDialog)
        await pilot.press("y")
        assert ledger.ran == [("rollout.set", {"percent": "10", "policy": "lksg.v1", "if_revision": 4})]


async def test_a_wrong_command_is_explained(opened: Open, ledger: Ledger) -> None:
    """A slip of the tongue changes nothing and suggests what may have been meant."""
    async with opened(scenes.open_gate) as (app, pilot):
        await pilot.press("colon", *"rollout", "space", *"promot", "enter")
        assert any("rollout promote" in toast for toast in toasts(app))
        assert ledger.ran == []


async def test_an_operation_that_needs_a_value_gets_a_form(opened: Open, ledger: Ledger) -> None:
    """The traffic rate is asked for and checked."""
    async with opened(scenes.hold) as (app, pilot):
        await pilot.press("r")
        assert isinstance(app.screen, FormDialog)
        await pilot.press(*"fast", "enter")
        assert "'fast' is not a number" in text_of(app)
        await pilot.press(*["backspace"] * 4, *"500", "enter")
        assert ledger.ran == [("demo.rate", {"requests_per_s": 500.0})]


async def test_words_from_elsewhere_are_never_markup(opened: Open, ledger: Ledger) -> None:
    """Square brackets of a usage line, a policy or a colleague's reason are shown, not interpreted."""
    reason = "see [ticket 7] and [/b]"
    moments = [scenes.closed()]
    async with opened(lambda: moments[-1], size=(160, 45)) as (app, pilot):
        state = scenes.rolled_back().rollout
        assert state is not None
        moments.append(replace(scenes.rolled_back(), rollout=replace(state, reason=reason)))
        app._poller.take()
        await pilot.press("colon", *"rollout", "space", *"set", "enter")
        await pilot.pause()
        shown = text_of(app)
        assert reason in shown
        assert "[--reason TEXT]" in shown
        await pilot.press("slash")
        await pilot.pause()
        assert ledger.ran == []


def test_help_has_every_key_and_every_command() -> None:
    """Nothing can be pressed or typed that help does not explain."""
    rows = help_rows()
    keys = {key for row in rows for key in row.key.split()}
    summaries = " ".join(row.summary for row in rows)
    for op in REGISTRY.values():
        if not op.streams:
            assert op.summary in summaries
        if op.key:
            assert op.key in keys
    assert {"?", ":", "!", "/", "t", "q", "+", "left", "right", "enter", "escape"} <= keys


async def test_every_binding_has_an_id_and_an_explanation(opened: Open) -> None:
    """Keys can be remapped by id, and none is without words."""
    assert all(binding.id and binding.description for binding in (*APP_BINDINGS, *SCREEN_BINDINGS))
    async with opened(scenes.hold) as (app, _):
        ours = [b for _, b in app._bindings if not b.system and b.action != "quit" and b.key != "ctrl+q"]
        assert all(b.id for b in ours), [b for b in ours if not b.id]


async def test_help_is_found_by_typing(opened: Open) -> None:
    """The filter leaves only what matches."""
    async with opened(scenes.hold) as (app, pilot):
        await pilot.press("question_mark", "slash", *"two", "space", *"policies")
        await pilot.pause()
        assert "rollback" not in text_of(app)


@pytest.mark.parametrize("scene", [scenes.hold, scenes.open_gate, scenes.closed, scenes.rolled_back, scenes.empty])
@pytest.mark.parametrize("width", [60, 80, 120])
async def test_the_key_bar_never_overflows(opened: Open, scene: Callable[[], ControlSnapshot], width: int) -> None:
    """At most seven hints and the one for help, all wholly visible, and at 80 columns the ones that matter."""
    async with opened(scene, size=(width, 24)) as (app, _):
        hints = fitted(key_hints(app.state, app.console_screen), width - 2)
        assert sum(hint.cell_length for hint in hints) <= width - 2
        assert len(hints) // 2 <= 7
        words = "".join(str(hint) for hint in hints)
        assert "? help" in words
        if width >= 80:
            assert "b roll" in words
            assert "q quit" in words


@pytest.mark.parametrize("size", [(59, 24), (80, 15)])
async def test_a_tiny_terminal_gets_one_sentence(opened: Open, size: tuple[int, int]) -> None:
    """Below 60x16 nothing is squeezed: one sentence says what is needed."""
    async with opened(scenes.hold, size=size) as (app, pilot):
        await pilot.pause()
        assert "needs a terminal of at least 60x16" in text_of(app).replace("\n", " ")
        assert "HOLD" not in text_of(app)


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 30), (160, 45)])
@pytest.mark.parametrize("answer", list(Answer))
async def test_the_answer_is_a_word_and_a_glyph_at_every_size(
    opened: Open, size: tuple[int, int], answer: Answer
) -> None:
    """Colour is never the only sign."""
    moment = {Answer.OPEN: scenes.open_gate, Answer.HOLD: scenes.hold, Answer.CLOSED: scenes.closed}[answer]
    async with opened(moment, size=size) as (app, _):
        shown = text_of(app).replace(" ", "")
        assert {"open": "○OPEN", "hold": "…HOLD", "closed": "■CLOSED"}[answer.value] in shown


async def test_a_broken_theme_is_told_once_and_replaced(opened: Open, tmp_path: Any) -> None:
    """The console opens in the fall-back theme with one notice."""
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    app = scenes.room(scenes.hold, scenes.context(theme="mine"))
    app._shelf = load_themes([shipped_directory(), tmp_path])
    async with app.run_test(notifications=True) as pilot:
        await pilot.pause()
        assert app.theme == "capctl-dark"
        assert len(toasts(app)) == 1


async def test_t_walks_through_every_theme(opened: Open) -> None:
    """Each shipped theme can be put on, and after the last comes the first."""
    async with opened(scenes.hold) as (app, pilot):
        first, seen = app.theme, set()
        for _ in app._shelf.files:
            await pilot.press("t")
            seen.add(app.theme)
        assert app.theme == first
        assert len(seen) == len(app._shelf.files)


def test_a_poller_backs_off_and_recovers() -> None:
    """Failures double the pause up to a bound; a good sample restores it."""
    answers: list[Callable[[], ControlSnapshot]] = [scenes.store_locked]

    def latest() -> ControlSnapshot:
        return answers[-1]()

    poller = Poller(latest, Box(), interval_s=2.0, taken=SnapshotTaken, failed=SampleFailed)
    pauses = []
    for _ in range(5):
        poller.take()
        pauses.append(poller.pause_s)
    assert pauses == [4.0, 8.0, 16.0, 16.0, 16.0]
    answers.append(scenes.hold)
    poller.take()
    assert poller.pause_s == 2.0


def test_each_operation_gets_a_store_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hanging operation holds no connection that the rollback needs; each is closed after its run."""
    opened_stores: list[Any] = []

    class Store:
        closed = False

        def close(self) -> None:
            self.closed = True

    def open_store() -> Any:
        opened_stores.append(Store())
        return opened_stores[-1]

    monkeypatch.setattr("capctl.tui.runner.run", lambda op, ctx, /, **arguments: ctx.store and None)

    runner = Runner(replace(scenes.context(), open_store=open_store), Box(), spawn=lambda job: job())
    runner.submit(Call(REGISTRY["gate.check"]))
    runner.submit(Call(REGISTRY["gate.check"]))
    assert len(opened_stores) == 2
    assert all(store.closed for store in opened_stores)
