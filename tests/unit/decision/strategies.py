"""Random policies and contexts: mostly right, so that evaluation gets far before it meets what is wrong."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from engine.policy.ir import Activation, PolicyIR, Predicate, Rule
from tests.unit.decision.policies import REGIONS_ROOT, SANCTIONS_ROOT

DATES = ["2026-01-31", "2026-05-01T08:00:00Z", "2026-05-01T08:00:00+02:00", "2025-06-01T12:00:00.5Z"]
BAD_DATES = ["2026-02-30", "20260131", "2026-01-31T12:00:00", "2026-W05-1", "0001-01-01T00:00:00+23:59", "soon", ""]
FUTURE = "2027-01-01"
DURATIONS = ["P30D", "PT36H", "P2W", "P365D"]
ROOTS = [SANCTIONS_ROOT, REGIONS_ROOT]
TEXTS = ["a", "bad-1", "DE", "XX", "P1Y", "sha3-256:" + "0" * 64]

integers = st.integers(-3, 60) | st.sampled_from([10**400, -(10**400), 2**53])
floats = st.floats() | st.sampled_from([0.35, 1.0, 50.0, 1e308, float("nan"), float("inf")])
texts = st.sampled_from(TEXTS + DATES + BAD_DATES + DURATIONS + ROOTS)
scalars = texts | integers | floats | st.booleans() | st.none()
hostile = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


def lists_of(*good):
    return st.lists(st.sampled_from(good), max_size=5)


GOOD_FIELDS = {
    "supplier_hashes": lists_of("a", "b", "bad-1", "DE"),
    "ubo_hashes": lists_of("a", "u", "bad-2"),
    "supplier_regions": lists_of("DE", "FR", "XX"),
    "audit_dates": lists_of(*DATES),
    "sanctions_root": st.just(SANCTIONS_ROOT),
    "high_risk_root": st.just(REGIONS_ROOT),
}
GOOD_VARIABLES = {
    "number": st.integers(-3, 60) | st.floats(-5, 60),
    "numbers": st.lists(st.integers(-3, 60) | st.floats(-5, 60), max_size=4),
    "text": st.sampled_from(TEXTS),
    "day": st.sampled_from(DATES),
    "days": lists_of(*DATES),
    "span": st.sampled_from(DURATIONS),
    "flag": st.booleans(),
    "own_root": st.sampled_from(ROOTS),
}


@st.composite
def contexts(draw):
    """A context with up to three things wrong in it, or something that is hardly one."""
    if draw(st.integers(0, 19)) == 0:
        return draw(hostile)
    fields = {name: draw(values) for name, values in GOOD_FIELDS.items()}
    variables = {name: draw(values) for name, values in GOOD_VARIABLES.items()}
    for name in draw(st.lists(st.sampled_from([*fields, *variables]), max_size=3)):
        part = fields if name in fields else variables
        match draw(st.sampled_from(["missing", "hostile", "item"])):
            case "missing":
                part.pop(name, None)
            case "hostile":
                part[name] = draw(hostile)
            case "item" if isinstance(part.get(name), list):
                part[name] = [*part[name], draw(scalars | st.just(FUTURE))]
    return {**fields, "variables": draw(hostile) if draw(st.integers(0, 19)) == 0 else variables}


def var(*names):
    return st.sampled_from(names).map(lambda name: {"var": name})


def const(form, *values):
    return st.sampled_from(values).map(lambda value: {form: value})


def call(name, *args):
    return st.tuples(*args).map(lambda given: {"func": name, "args": list(given)})


def one_of(form, *args):
    return st.tuples(*args).map(lambda given: {form: list(given)})


LEAVES = {
    "number": st.integers(-3, 60).map(lambda n: {"const": n})
    | const("decimal", "0.35", "49.5", "-1.5")
    | var("number")
    | call("len", var("supplier_hashes", "audit_dates", "days")),
    "string": const("const", *TEXTS, *DATES) | var("text", "own_root", "sanctions_root"),
    "bool": const("const", True, False) | var("flag"),
    "date": const("date", *DATES) | var("day") | call("now"),
    "duration": const("duration", *DURATIONS) | var("span"),
    "numbers": var("numbers") | st.lists(const("const", 1, 2, 50), max_size=4).map(lambda items: {"list": items}),
    "dates": var("audit_dates", "days") | st.lists(const("date", *DATES), max_size=3).map(lambda i: {"list": i}),
    "durations": st.lists(const("duration", *DURATIONS), max_size=3).map(lambda items: {"list": items}),
    "strings": var("supplier_hashes", "ubo_hashes", "supplier_regions")
    | st.lists(const("const", *TEXTS, *DURATIONS), max_size=4).map(lambda items: {"list": items}),
    "set": var("sanctions_root", "high_risk_root", "own_root") | const("const", *ROOTS),
}
KINDS = list(LEAVES)
SIGNS = ["==", "!=", "<", "<=", ">", ">="]


@cache
def expression(kind, depth=2, extra=()):
    """An expression that is mostly of this kind, with an accident here and there.

    Args:
        kind: A key of `LEAVES`.
        depth: How deep it goes at most.
        extra: Names of predicates that conditions may use.
    """
    leaf = LEAVES[kind]
    if kind == "bool" and extra:
        leaf = leaf | var(*extra)
    if depth == 0:
        return leaf

    def of(inner):
        return expression(inner, depth - 1, extra)

    accident = st.sampled_from(KINDS).flatmap(of)
    return st.one_of(leaf, leaf, *_grown(kind, of), accident)


def _grown(kind, of):
    """Expressions of a kind made of smaller ones."""
    match kind:
        case "number":
            pairs = [call(name, of("number"), of("number")) for name in ("add", "sub", "mul", "max")]
            return [*pairs, call("abs", of("number")), *(call(name, of("numbers")) for name in ("sum", "max", "min"))]
        case "date":
            pairs = [call(name, of("date"), of("duration")) for name in ("add", "sub")]
            return [*pairs, call("max", of("dates")), call("min", of("dates")), call("add", of("duration"), of("date"))]
        case "duration":
            differences = call("sub", of("date"), of("date"))
            return [differences, call("abs", of("duration")), call("add", of("duration"), of("duration"))]
        case "bool":
            compared = [
                st.builds(
                    lambda sign, args: {"cmp": sign, "args": list(args)}, st.sampled_from(SIGNS), st.tuples(*pair)
                )
                for pair in [(of(kind), of(kind)) for kind in ("number", "date", "duration", "string", "numbers")]
            ]
            joined = [one_of("and", of("bool"), of("bool")), one_of("or", of("bool"), of("bool"))]
            return [*compared, *joined, of("bool").map(lambda part: {"not": part})]
    return []


SIDES = {
    "non_membership": [("strings", "set"), ("strings", "strings"), ("string", "strings")],
    "non_intersection": [("strings", "set"), ("strings", "strings"), ("numbers", "numbers"), ("dates", "dates")],
    "eq": [("number", "number"), ("string", "string"), ("bool", "bool"), ("numbers", "numbers"), ("date", "string")],
    "in": [("string", "strings"), ("number", "numbers"), ("date", "dates"), ("string", "set"), ("duration", "strings")],
    "range_min": [("number", "number"), ("numbers", "number"), ("dates", "date"), ("duration", "duration")],
    "range_max": [("number", "number"), ("numbers", "number"), ("dates", "date"), ("duration", "duration")],
    "threshold": [("number", "number")],
}


@st.composite
def rules(draw, id):
    """A rule; often of the plain shapes that shortcuts are written for."""
    op = draw(st.sampled_from(list(SIDES)))
    lhs, rhs = draw(st.sampled_from(SIDES[op]))
    depth = draw(st.integers(0, 2))
    return Rule(
        id, op, draw(expression(lhs, depth)), draw(expression(rhs, depth)), draw(st.sampled_from(["fail", "warn"]))
    )


@st.composite
def policies(draw):
    """A policy whose predicates may name the ones after them, so that there is no circle."""
    rule_ids = [f"R{n}" for n in range(draw(st.integers(1, 5)))]
    used = [f"P{n}" for n in range(draw(st.integers(0, 3)))]
    predicates = tuple(
        Predicate(id, draw(expression("bool", 2, tuple(used[index + 1 :])))) for index, id in enumerate(used)
    )
    activations = tuple(
        Activation(id, tuple(sorted(draw(st.sets(st.sampled_from(rule_ids)))))) for id in used if draw(st.booleans())
    )
    return PolicyIR(
        "random.v1", "sha3-256:" + "00" * 32, tuple(draw(rules(id)) for id in rule_ids), predicates, activations
    )
