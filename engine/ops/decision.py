"""One decision, and what a change would have done to many."""

from typing import TYPE_CHECKING, Annotated, Final

from engine.ops.spec import Arg, operation

if TYPE_CHECKING:
    from engine.adaptation import Adaptation
    from engine.context import EngineContext
    from engine.ops.results.decision import Replay

SELECTOR: Final = Arg("The order of rules: by id, or by cost and id.", choices=("basic", "weighted"))
CANDIDATE: Final = Arg("The policy version to try: an id, or a file.", metavar="ID|FILE", suggest="policy")
AT: Final = Arg(
    "The evaluation time, 2026-01-31T12:00:00Z; now without it. With it results are reproducible.", metavar="TIME"
)


@operation("decision.adapt", command="adapt", writes_document=True)
def adapt(
    ctx: "EngineContext",
    *,
    context: Annotated[str, Arg("The context as JSON; - reads stdin.", metavar="FILE", suggest="file")],
    policy: Annotated[str | None, Arg("A published or shipped policy.", metavar="ID", suggest="policy")] = None,
    ir: Annotated[str | None, Arg("A compiled policy instead: IR as JSON.", metavar="FILE", suggest="file")] = None,
    enforce: Annotated[bool, Arg("Let the adaptive plan count for the share given by --rollout.")] = False,
    rollout: Annotated[str, Arg("Share of requests to enforce, 0 to 100.", metavar="PERCENT")] = "0",
    drift_max: Annotated[float, Arg("The gate's limit on drift, 0 to 1.", metavar="R")] = 0.005,
    selector: Annotated[str, SELECTOR] = "basic",
    weights: Annotated[
        str | None, Arg("Costs by rule id, YAML or JSON, for --selector weighted.", metavar="FILE", suggest="file")
    ] = None,
    candidate: Annotated[str | None, CANDIDATE] = None,
    at: Annotated[str | None, AT] = None,
    plan_only: Annotated[bool, Arg("Make the plan only; nothing is decided.", flags=("--dry-run",))] = False,
) -> "Adaptation":
    """Make the adaptive plan for one context and decide: shadow and enforced verdict, drift, gate.

    Exit code 3 when the enforced verdict is fail or the gate is closed. The gate here sees this one request: it is
    closed when the enforced verdict differs from the shadow verdict and --drift-max is below 1.

    The bucket is drawn with a fixed key, so that the same inputs give the same bytes on every machine; a rollout draws
    a key of its own.
    """
    from engine.ops.adaptation import adapt_context

    return adapt_context(
        ctx,
        context=context,
        policy=policy,
        ir=ir,
        enforce=enforce,
        rollout=rollout,
        drift_max=drift_max,
        selector=selector,
        weights=weights,
        candidate=candidate,
        at=at,
        plan_only=plan_only,
    )


@operation("decision.replay", command="replay", writes_document=True)
def replay(
    ctx: "EngineContext",
    *,
    candidate: Annotated[str, CANDIDATE],
    contexts: Annotated[
        str, Arg("Recorded contexts: a JSONL file, or a folder of JSON files.", metavar="JSONL|DIR", suggest="file")
    ],
    policy: Annotated[
        str | None, Arg("The published policy; the only one there is, else lksg.v1.", metavar="ID", suggest="policy")
    ] = None,
    at: Annotated[str | None, AT] = None,
    jobs: Annotated[int, Arg("Processes to use; 0 takes one per processor.", metavar="N")] = 0,
) -> "Replay":
    """Show what a candidate would have changed over recorded contexts: how many, and why.

    Lines that are no context are counted apart and named; exit code 3 when there are any. What 25 % would have changed
    is drawn with the key of the policy's rollout, where one was started.
    """
    from engine.ops.replaying import replay_contexts

    return replay_contexts(ctx, policy=policy, candidate=candidate, contexts=contexts, at=at, jobs=jobs)
