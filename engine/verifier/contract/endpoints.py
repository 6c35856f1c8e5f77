"""The table of endpoints: what each takes, needs and answers. The OpenAPI document says nothing else.

Whoever adds a route adds it here; the test that compares this table with the running service does not pass otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from engine.policy.names import ID_PATTERN
from engine.verifier.contract import examples
from engine.verifier.contract.adaptation import Adaptation, AdaptivePlan, AdaptRequest
from engine.verifier.contract.base import anchored
from engine.verifier.contract.codes import (
    ASKS_THE_REGISTRY,
    EVERY_REQUEST,
    GIVEN_IR,
    WITH_BODY,
    WITH_TOKEN,
    problems,
)
from engine.verifier.contract.endpoint import Answer, Endpoint, Link, Parameter
from engine.verifier.contract.policy import CompileAnswer, CompileRequest, PolicyIr
from engine.verifier.contract.rollout import DriftAnswer, RolloutAnswer, RolloutChange, RolloutChanged
from engine.verifier.contract.status import Health, KeySet, Readiness
from engine.verifier.contract.verification import VerifyAnswer, VerifyRequest

OPENMETRICS: Final = "application/openmetrics-text"
PROMETHEUS_TEXT: Final = "text/plain"


POLICY_QUERY: Final = Parameter(
    "policy_id",
    "query",
    "The policy; may be left out while one alone has a rollout.",
    {"type": "string", "pattern": anchored(ID_PATTERN.pattern)},
    example="lksg.v1",
)
REVISION_TAG: Final = {"ETag": "The rollout's revision, for `If-Match`."}

IR_TAG: Final = 'The hash of the IR: `"ir:sha3-256:..."`.'

ADAPTS: Final = problems(
    EVERY_REQUEST,
    WITH_TOKEN,
    WITH_BODY,
    ASKS_THE_REGISTRY,
    GIVEN_IR,
    {
        404: "policy.unknown",
        422: "adapt.malformed adapt.unused_weights adapt.drift_max_range context.malformed time.malformed "
        "decision.unknown_selector decision.unknown_weight decision.bad_weight "
        "rollout.percent_malformed rollout.percent_range rollout.percent_resolution",
    },
)

ENDPOINTS: Final = (
    Endpoint(
        id="getHealth",
        method="GET",
        path="/healthz",
        tag="status",
        summary="The process is alive.",
        description="Answers while the process can answer at all, whatever else is wrong.",
        answers={200: Answer("It is alive.", Health, examples={"alive": {"status": "ok"}})},
        problems=EVERY_REQUEST,
    ),
    Endpoint(
        id="getReadiness",
        method="GET",
        path="/readyz",
        tag="status",
        summary="Whether traffic may be sent here.",
        description="Looks at the registry, the policies, the rollout, and where configured at the gate. A token is "
        "tolerated and not looked at.",
        answers={
            200: Answer("Ready.", Readiness, examples={"ready": examples.READY}),
            503: Answer("Not ready, with the reasons.", Readiness, examples={"starting": examples.NOT_READY}),
        },
        problems=EVERY_REQUEST,
    ),
    Endpoint(
        id="getMetrics",
        method="GET",
        path="/metrics",
        tag="status",
        summary="Metrics for Prometheus.",
        description="In the format that `Accept` prefers: OpenMetrics, or the Prometheus text format. A token is asked "
        "for where the endpoint is exposed beyond the cluster.",
        may_be_open=True,
        answers={200: Answer("The metrics.", text_types=(PROMETHEUS_TEXT, OPENMETRICS))},
        problems=problems(EVERY_REQUEST, WITH_TOKEN),
    ),
    Endpoint(
        id="getResultKeys",
        method="GET",
        path="/.well-known/jwks.json",
        tag="status",
        summary="The public keys that results verify against.",
        description="A JWK Set. A new key stands in it before it signs, and an old one stays while what it signed is "
        "accepted.",
        answers={
            200: Answer(
                "The keys.",
                KeySet,
                media_type="application/jwk-set+json",
                headers={"Cache-Control": "How long the set may be kept."},
                examples={"one": examples.KEYS},
            )
        },
        problems=EVERY_REQUEST,
    ),
    Endpoint(
        id="verify",
        method="POST",
        path="/verify",
        tag="verification",
        summary="Verify suppliers against a policy.",
        description="Decides a context against a published policy as its rollout says, or against an IR that comes "
        "with the request. What prevents an evaluation is no problem but the verdict `fail` with a reason code.",
        body=VerifyRequest,
        examples={
            "demo": examples.VERIFY_DEMO,
            "aggregate": examples.VERIFY_AGGREGATE,
            "inline": examples.VERIFY_INLINE,
        },
        answers={200: Answer("The result.", VerifyAnswer, examples={"ok": examples.VERIFIED})},
        problems=problems(
            EVERY_REQUEST,
            WITH_TOKEN,
            WITH_BODY,
            GIVEN_IR,
            {
                404: "policy.unknown",
                422: "verify.malformed verify.options_not_allowed verify.backend_unavailable context.malformed "
                "time.malformed decision.bad_percent decision.bad_ratio",
                503: "verifier.not_ready",
            },
        ),
    ),
    Endpoint(
        id="compilePolicy",
        method="POST",
        path="/policy/compile",
        tag="policies",
        summary="Compile a policy, and publish it.",
        description="Lints a policy and compiles it to IR v1. With `persist` it is published under its id, which then "
        "stands for this content for ever: the same again changes nothing, other content is a conflict.",
        body=CompileRequest,
        examples={"yaml": examples.COMPILE_YAML, "json": examples.COMPILE_JSON},
        answers={
            200: Answer(
                "Compiled.",
                CompileAnswer,
                headers={"ETag": IR_TAG},
                examples={"compiled": examples.COMPILED},
                links=(
                    Link(
                        "readPolicy",
                        "getPolicy",
                        "The policy as it is published, where `persist` was set.",
                        parameters={"policy_id": "$response.body#/policy_id"},
                    ),
                ),
            )
        },
        problems=problems(
            EVERY_REQUEST,
            WITH_TOKEN,
            WITH_BODY,
            ASKS_THE_REGISTRY,
            {
                400: "json.not_canonical",
                409: "policy.id_taken",
                422: "compile.malformed compile.persist_strictly policy.lint",
            },
        ),
    ),
    Endpoint(
        id="getPolicy",
        method="GET",
        path="/policy/{policy_id}",
        tag="policies",
        summary="Read a published policy.",
        description="The IR as its canonical bytes. The `ETag` is made of them alone, so that it stays when the "
        "policy is signed anew.",
        parameters=(
            Parameter("policy_id", "path", "The policy's id.", {"type": "string"}, required=True, example="lksg.v1"),
            Parameter("If-None-Match", "header", "Tags of versions the caller has.", {"type": "string"}),
        ),
        answers={
            200: Answer(
                "The IR.",
                PolicyIr,
                headers={"ETag": IR_TAG, "Cache-Control": "`no-cache`: ask again, with the tag."},
                examples={"small": examples.IR},
            ),
            304: Answer("The caller has it.", headers={"ETag": "The same tag."}),
        },
        problems=problems(EVERY_REQUEST, WITH_TOKEN, {404: "policy.unknown http.not_found"}),
    ),
    Endpoint(
        id="planAdaptation",
        method="POST",
        path="/adapt/plan",
        tag="adaptation",
        summary="Make the adaptive plan of a context.",
        description="Answers what `capctl adapt --dry-run -o` writes, byte for byte. Nothing is decided or counted.",
        body=AdaptRequest,
        examples={"demo": examples.ADAPT_DEMO},
        answers={200: Answer("The plan.", AdaptivePlan)},
        problems=ADAPTS,
    ),
    Endpoint(
        id="runAdaptation",
        method="POST",
        path="/adapt/run",
        tag="adaptation",
        summary="Decide a context with options of one's own.",
        description="Answers what `capctl adapt -o` writes, byte for byte: the plan, the pair of verdicts, and a gate "
        "that has seen this one request. It has no effect on any rollout and is not signed.",
        body=AdaptRequest,
        examples={"demo": examples.ADAPT_DEMO},
        answers={200: Answer("The plan and the decision.", Adaptation)},
        problems=ADAPTS,
    ),
    Endpoint(
        id="getRollout",
        method="GET",
        path="/rollout",
        tag="rollout",
        summary="Where a rollout stands.",
        description="The rollout of a policy, and what its gate says now.",
        parameters=(POLICY_QUERY,),
        answers={
            200: Answer(
                "The rollout.",
                RolloutAnswer,
                headers=REVISION_TAG,
                links=(
                    Link(
                        "rollBack",
                        "changeRollout",
                        "Going back is always possible, based on this revision.",
                        parameters={"If-Match": "$response.header.ETag"},
                        body={"percent": 0, "reason": "as an example"},
                    ),
                ),
            )
        },
        problems=problems(
            EVERY_REQUEST, WITH_TOKEN, ASKS_THE_REGISTRY, {404: "rollout.none rollout.which", 422: "rollout.malformed"}
        ),
    ),
    Endpoint(
        id="changeRollout",
        method="PUT",
        path="/rollout",
        tag="rollout",
        summary="Change a rollout.",
        description="Set the percentage, pause or go on. Going up passes the gate, which stands behind this endpoint "
        "and cannot be walked around. Going to 0 always works, and needs no `If-Match`.",
        parameters=(
            Parameter(
                "If-Match",
                "header",
                "The revision the change is based on, as `ETag` of `GET /rollout`. May be left out when going to 0.",
                {"type": "string", "pattern": '^"[0-9]{1,15}"$'},
                example='"3"',
            ),
        ),
        body=RolloutChange,
        examples={"up": examples.TO_QUARTER, "back": examples.ROLL_BACK, "pause": examples.PAUSE},
        answers={200: Answer("The rollout after the change.", RolloutChanged, headers=REVISION_TAG)},
        problems=problems(
            EVERY_REQUEST,
            WITH_TOKEN,
            WITH_BODY,
            ASKS_THE_REGISTRY,
            {
                400: "rollout.if_match",
                403: "rollout.gate_hold rollout.gate_closed rollout.not_possible rollout.frozen rollout.not_signed "
                "rollout.second_person rollout.complete",
                404: "rollout.none rollout.which",
                409: "rollout.revision_conflict",
                422: "rollout.malformed rollout.reason_needed rollout.percent_malformed rollout.percent_range "
                "rollout.percent_resolution",
            },
        ),
    ),
    Endpoint(
        id="getDrift",
        method="GET",
        path="/drift",
        tag="rollout",
        summary="Drift, and what it rests on.",
        description="Windows, the evidence of the current step, the gate, the rules behind the drift, the replicas.",
        parameters=(replace(POLICY_QUERY, description="The policy; every policy with a rollout when left out."),),
        answers={200: Answer("Drift by policy.", DriftAnswer)},
        problems=problems(
            EVERY_REQUEST, WITH_TOKEN, ASKS_THE_REGISTRY, {404: "rollout.none", 422: "rollout.malformed"}
        ),
    ),
)
"""By subject, reading before changing."""
