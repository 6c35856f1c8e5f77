"""decide() beside other policy engines from PyPI, on W1: goals P3 and P4.

Every peer answers the eight rules and the predicate; putting the two verdicts together is the same Python for all of
them. What they do is what "evaluation alone" does: no bucket, no drift, no record. The set look-up runs in a Python set
where the engine can call back or be given the answer (the fastest way for each), and an engine that cannot read RFC
3339 gets seconds that were computed before the clock started. Who gives a wrong answer is not measured.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import import_module
from typing import Any

from engine.decision import Decider
from engine.drift.recorder import DriftRecorder
from tests.bench.measure import alternate
from tests.bench.workload import CONTEXTS, CURRENCIES, HIGH_RISK, NOW, YEAR, Workload, floor, workload

BLOCKS = 40
NOW_S = int(NOW.timestamp())
YEAR_S = int(YEAR.total_seconds())
WARNINGS = frozenset({"R3", "R4", "R7"})

Context = dict[str, Any]
Flags = Sequence[Any]
"""Whether R1 to R8 hold, then whether the audit is recent."""
Ask = Callable[[Context], Flags]


def run() -> str:
    """Measure and return the table, and say which engines are missing."""
    load = workload(10_000)
    decider = Decider(load.ir, load.reference_sets, salt=bytes(32))
    work: dict[str, Callable[[], object]] = {OURS: _ours(load, decider), "evaluation alone": _alone(load, decider)}
    absent = []
    for name, prepare in PEERS.items():
        try:
            ask = prepare(load)
        except ImportError as error:
            absent.append(f"- {name}: not measured, {error.name or error} is not installed")
            continue
        _check_answers(name, ask, load)
        work[name] = _asking(ask, [_with_seconds(context) for context in load.contexts])
    timings = alternate(OURS, work, calls=CONTEXTS, blocks=BLOCKS)
    lines = ["| W1 | best µs | median µs | × decide() |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {name} | {t.best_us:.1f} | {t.median_us:.1f} | {t.ratio:.1f} |" for name, t in timings.items()]
    return "\n".join((*lines, "", *absent))


OURS = "decide() with drift record"


def _alone(load: Workload, decider: Decider) -> Callable[[], object]:
    evaluate = decider._baseline.evaluate

    def work() -> None:
        for context in load.contexts:
            evaluate(context, NOW)

    return work


def _ours(load: Workload, decider: Decider) -> Callable[[], object]:
    recorder = DriftRecorder(time.monotonic)
    recorder.begin_step(load.ir.policy_id, "step", 1)

    def work() -> None:
        for context in load.contexts:
            decision = decider.decide(context, at=NOW, enforce=True, basis_points=2_500, unit="request-1")
            recorder.record(decision, step_id="step")

    return work


def _asking(ask: Ask, contexts: list[Context]) -> Callable[[], object]:
    def work() -> None:
        for context in contexts:
            _verdicts(ask(context))

    return work


def _verdicts(flags: Flags) -> tuple[int, int, list[str]]:
    """(shadow, enforced, violated rules), as `workload.floor` gives them."""
    violated = [f"R{number}" for number, holds in enumerate(flags[:8], 1) if not holds]
    weights = [(id, 1 if id in WARNINGS else 2) for id in violated]
    shadow = max((weight for _, weight in weights), default=0)
    enforced = max((weight for id, weight in weights if id != "R8" or flags[8]), default=0)
    return shadow, enforced, violated


def _check_answers(name: str, ask: Ask, load: Workload) -> None:
    for context in load.contexts:
        answer = _verdicts(ask(_with_seconds(context)))
        if answer != floor(context, load.sanctions):
            raise AssertionError(f"{name} gives a wrong answer: {answer}")


def _with_seconds(context: Context) -> Context:
    """The context with its audit dates as epoch seconds beside them, for engines without dates."""
    return context | {"audits": [int(datetime.fromisoformat(text).timestamp()) for text in context["audit_dates"]]}


def _cel(load: Workload) -> Ask:
    cel: Any = import_module("cel")
    program = cel.compile(
        "[unlisted(supplier_hashes), unlisted(ubo_hashes), safe(supplier_regions),"
        " variables.grievance_channel == true, variables.risk_score <= 80,"
        ' variables.currency in ["EUR", "CHF", "USD"], variables.coverage >= 0.35, variables.tier <= 3,'
        f' audit_dates.exists(d, timestamp("{NOW.isoformat()}") - timestamp(d) < duration("{YEAR_S}s"))]'
    )
    functions = {"unlisted": load.sanctions.isdisjoint, "safe": HIGH_RISK.isdisjoint}
    return lambda context: program.execute({**context, **functions})


LOGIC = [
    {"unlisted": [{"var": "supplier_hashes"}]},
    {"unlisted": [{"var": "ubo_hashes"}]},
    {"safe": [{"var": "supplier_regions"}]},
    {"===": [{"var": "variables.grievance_channel"}, True]},
    {"<=": [{"var": "variables.risk_score"}, 80]},
    {"in": [{"var": "variables.currency"}, sorted(CURRENCIES)]},
    {">=": [{"var": "variables.coverage"}, 0.35]},
    {"<=": [{"var": "variables.tier"}, 3]},
    {"<": [{"-": [NOW_S, {"latest": [{"var": "audits"}]}]}, YEAR_S]},
]


def _datalogic(load: Workload) -> Ask:
    datalogic: Any = import_module("datalogic_py")
    operators = {
        "unlisted": lambda args: json.dumps(load.sanctions.isdisjoint(json.loads(args)[0])),
        "safe": lambda args: json.dumps(HIGH_RISK.isdisjoint(json.loads(args)[0])),
        "latest": lambda args: json.dumps(max(json.loads(args)[0])),
    }
    evaluate: Ask = datalogic.Engine(custom_operators=operators).compile(LOGIC).evaluate
    return evaluate


def _panzi(load: Workload) -> Ask:
    json_logic: Any = import_module("json_logic")
    builtins: Any = import_module("json_logic.builtins").BUILTINS
    operations = {
        **builtins,
        "unlisted": lambda _data, items: load.sanctions.isdisjoint(items),
        "safe": lambda _data, items: HIGH_RISK.isdisjoint(items),
        "latest": lambda _data, items: max(items),
    }
    return lambda context: json_logic.jsonLogic(LOGIC, context, operations)


def _zen(load: Workload) -> Ask:
    zen: Any = import_module("zen")
    expression = zen.compile_expression(
        "[suppliers_unlisted, owners_unlisted, regions_safe, variables.grievance_channel == true,"
        ' variables.risk_score <= 80, variables.currency in ["EUR", "CHF", "USD"], variables.coverage >= 0.35,'
        f" variables.tier <= 3, {NOW_S} - max(audits) < {YEAR_S}]"
    )

    def ask(context: Context) -> Flags:
        answers: Flags = expression.evaluate(
            {
                "variables": context["variables"],
                "audits": context["audits"],
                "suppliers_unlisted": load.sanctions.isdisjoint(context["supplier_hashes"]),
                "owners_unlisted": load.sanctions.isdisjoint(context["ubo_hashes"]),
                "regions_safe": HIGH_RISK.isdisjoint(context["supplier_regions"]),
            }
        )
        return answers

    return ask


def _rule_engine(load: Workload) -> Ask:
    rule_engine: Any = import_module("rule_engine")
    texts = (
        "variables.grievance_channel == true",
        "variables.risk_score <= 80",
        'variables.currency in ["EUR", "CHF", "USD"]',
        "variables.coverage >= 0.35",
        "variables.tier <= 3",
        f"{NOW_S} - latest < {YEAR_S}",
    )
    rules = [rule_engine.Rule(text) for text in texts]

    def ask(context: Context) -> Flags:
        facts = {"variables": context["variables"], "latest": max(context["audits"])}
        looked_up = [
            load.sanctions.isdisjoint(context["supplier_hashes"]),
            load.sanctions.isdisjoint(context["ubo_hashes"]),
            HIGH_RISK.isdisjoint(context["supplier_regions"]),
        ]
        return [*looked_up, *(rule.matches(facts) for rule in rules)]

    return ask


def _cedar(load: Workload) -> Ask:
    cedarpy: Any = import_module("cedarpy")
    conditions = (
        "resource.sanctions.containsAny(context.supplier_hashes)",
        "resource.sanctions.containsAny(context.ubo_hashes)",
        "resource.high_risk.containsAny(context.supplier_regions)",
        "context.variables.grievance_channel != true",
        "context.variables.risk_score > 80",
        '!(["EUR", "CHF", "USD"].contains(context.variables.currency))',
        'context.variables.coverage.lessThan(decimal("0.35"))',
        "context.variables.tier > 3",
        f"{NOW_S} - context.latest >= {YEAR_S}",
    )
    policies = cedarpy.PolicySet.from_str(
        "\n".join(f"forbid(principal, action, resource) when {{ {condition} }};" for condition in conditions)
    )
    lists = {"sanctions": sorted(load.sanctions), "high_risk": sorted(HIGH_RISK)}
    entities = cedarpy.Entities.from_json_str(
        json.dumps([{"uid": {"type": "Lists", "id": "all"}, "attrs": lists, "parents": []}])
    )

    def ask(context: Context) -> Flags:
        coverage = {"__extn": {"fn": "decimal", "arg": f"{context['variables']['coverage']:.4f}"}}
        request = {
            "principal": 'Service::"verifier"',
            "action": 'Action::"verify"',
            "resource": 'Lists::"all"',
            "context": {
                "supplier_hashes": context["supplier_hashes"],
                "ubo_hashes": context["ubo_hashes"],
                "supplier_regions": context["supplier_regions"],
                "variables": context["variables"] | {"coverage": coverage},
                "latest": max(context["audits"]),
            },
        }
        broken = set(cedarpy.is_authorized(request, policies, entities).diagnostics.reasons)
        return [f"policy{number}" not in broken for number in range(len(conditions))]

    return ask


def _regorus(load: Workload) -> Ask:
    regorus: Any = import_module("regorus")
    engine = regorus.Engine()
    engine.add_policy(
        "bench.rego",
        f"""package bench
import rego.v1
latest := max([time.parse_rfc3339_ns(d) | some d in input.audit_dates])
flags := [
  count([h | some h in input.supplier_hashes; data.sanctions[h]]) == 0,
  count([h | some h in input.ubo_hashes; data.sanctions[h]]) == 0,
  count([r | some r in input.supplier_regions; data.high_risk[r]]) == 0,
  input.variables.grievance_channel == true,
  input.variables.risk_score <= 80,
  input.variables.currency in {{"EUR", "CHF", "USD"}},
  input.variables.coverage >= 0.35,
  input.variables.tier <= 3,
  ({NOW_S}000000000 - latest) < {YEAR_S}000000000,
]
""",
    )
    lists = {"sanctions": dict.fromkeys(load.sanctions, True), "high_risk": dict.fromkeys(HIGH_RISK, True)}
    engine.add_data_json(json.dumps(lists))

    def ask(context: Context) -> Flags:
        engine.set_input_json(json.dumps(context))
        flags: Flags = engine.eval_rule("data.bench.flags")
        return flags

    return ask


PEERS: dict[str, Callable[[Workload], Ask]] = {
    "zen-engine, host look-ups, epochs": _zen,
    "datalogic-py, host operators, epochs": _datalogic,
    "panzi-json-logic, host operators, epochs": _panzi,
    "common-expression-language (Rust CEL), host function": _cel,
    "rule-engine, host look-ups, epochs": _rule_engine,
    "cedarpy (Rust Cedar), latest audit by the host": _cedar,
    "regorus (Rust Rego)": _regorus,
}
