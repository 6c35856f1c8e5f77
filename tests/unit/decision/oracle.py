"""A slow, obviously correct interpreter of policies, to hold the compiled evaluation against.

It is written from docs/architecture.md, shares nothing with the compiler but the reading of date and duration literals,
and looks at everything again each time it is asked. A value is a pair (kind, payload); an expression either has one or
raises `NoValue` with a reason code.
"""

from __future__ import annotations

import math

from engine.decision.verdict import Outcome, Verdict, Violation
from engine.errors import InvalidInput
from engine.policy.ir import PolicyIR
from engine.policy.literals import parse_date, parse_duration

NAMED_LISTS = {"supplier_hashes": "string", "ubo_hashes": "string", "supplier_regions": "string", "audit_dates": "date"}
ROOTS = ("sanctions_root", "high_risk_root")
TIMES = ("date", "duration")


class NoValue(Exception):
    """An expression has no value, for this reason."""


def judge(ir: PolicyIR, context, sets, now, order) -> tuple[Outcome, Outcome]:
    """What every rule, and what the active rules say."""
    predicates = {p.id: predicate_value(ir, p.id, context, now) for p in ir.predicates}
    found = {}
    for rule in ir.rules:
        reason = why_not(rule, context, sets, now)
        if reason:
            found[rule.id] = (Violation(rule.id, reason), severity(rule, reason), not is_unknown(reason))
    everything = [found[id] for id in order if id in found]
    switching = sorted({a.when for a in ir.activations if a.rules})
    unknown = [id for id in switching if isinstance(predicates[id], str)]
    active = [(Violation(id, predicates[id]), Verdict.FAIL, False) for id in unknown]
    for id in order:
        switches = [a.when for a in ir.activations if id in a.rules]
        if id in found and (not switches or any(predicates[switch] is not False for switch in switches)):
            active.append(found[id])
    return total(everything), total(active)


def total(found) -> Outcome:
    verdict = max([verdict for _, verdict, _ in found], default=Verdict.OK)
    return Outcome(verdict, tuple(v for v, _, _ in found), all(evaluated for _, _, evaluated in found))


def severity(rule, reason) -> Verdict:
    return Verdict.WARN if rule.severity == "warn" and not is_unknown(reason) else Verdict.FAIL


def is_unknown(reason) -> bool:
    return reason not in (
        "member_found",
        "intersection_found",
        "not_equal",
        "not_in",
        "below_minimum",
        "above_maximum",
        "below_threshold",
    )


def predicate_value(ir, id, context, now):
    """True, False, or the reason why neither."""
    [expr] = [p.expr for p in ir.predicates if p.id == id]
    try:
        kind, value = Interpreter(context, now, ir).value(expr)
    except NoValue as why:
        return str(why)
    return value if kind == "bool" else "wrong_type"


def why_not(rule, context, sets, now):
    """The reason why a rule does not hold, None if it does."""
    interpreter = Interpreter(context, now, None)
    try:
        lhs = interpreter.value(rule.lhs)
        rhs = interpreter.value(rule.rhs)
        return OPERATORS[rule.op](lhs, rhs, sets)
    except NoValue as why:
        return str(why)


class Interpreter:
    def __init__(self, context, now, ir) -> None:
        self.context = context if type(context) is dict else {}
        variables = self.context.get("variables")
        self.variables = variables if type(variables) is dict else {}
        self.now = now
        self.ir = ir

    def value(self, ast):  # noqa: C901 - the table of docs/architecture.md, row by row
        match ast:
            case {"const": constant}:
                return raw_value(constant)
            case {"decimal": text}:
                return "number", float(text)
            case {"date": text}:
                return "date", parse_date(text)
            case {"duration": text}:
                return "duration", parse_duration(text)
            case {"list": items}:
                return "list", [self.value(item) for item in items]
            case {"var": name}:
                return self.variable(name)
            case {"func": "now"}:
                return "date", self.now
            case {"func": name, "args": args}:
                return FUNCTIONS[name](*[self.value(arg) for arg in args])
            case {"cmp": sign, "args": [left, right]}:
                return "bool", COMPARISONS[sign](self.value(left), self.value(right))
            case {"and": parts}:
                return "bool", all(self.condition(part) for part in parts)
            case {"or": parts}:
                return "bool", any(self.condition(part) for part in parts)
            case {"not": part}:
                return "bool", not self.condition(part)
        raise AssertionError(ast)

    def condition(self, ast) -> bool:
        kind, value = self.value(ast)
        if kind != "bool":
            raise NoValue("wrong_type")
        return value

    def variable(self, name):
        if self.ir is not None and name in [p.id for p in self.ir.predicates]:
            value = predicate_value(self.ir, name, self.context, self.now)
            if isinstance(value, str):
                raise NoValue(value)
            return "bool", value
        if name in NAMED_LISTS:
            return self.named_list(name)
        missing = "missing_root" if name in ROOTS or name.endswith("_root") else "missing_input"
        raw = self.context.get(name) if name in ROOTS else self.variables.get(name)
        if raw is None:
            raise NoValue(missing)
        return raw_value(raw)

    def named_list(self, name):
        raw = self.context.get(name)
        if raw is None:
            raise NoValue("missing_input")
        if type(raw) is not list:
            raise NoValue("wrong_type")
        items = [self.named_item(item, NAMED_LISTS[name]) for item in raw]
        if any(kind == "date" and date > self.now for kind, date in items):
            raise NoValue("date_in_future")
        return "list", items

    def named_item(self, raw, kind):
        if type(raw) is not str:
            raise NoValue("wrong_type")
        return ("string", raw) if kind == "string" else ("date", date_of(raw))


def raw_value(raw):
    """The value of JSON data. The items of a list are looked at by `items_of`."""
    match raw:
        case bool():
            return "bool", raw
        case int():
            return "number", raw
        case float():
            if math.isnan(raw) or math.isinf(raw):
                raise NoValue("not_finite")
            return "number", raw
        case str():
            return "string", raw
        case list():
            return "list", raw
    raise NoValue("wrong_type")


def items_of(value):
    """The items of a list, all of one kind, and that kind."""
    kind, items = value
    if kind != "list":
        raise NoValue("wrong_type")
    read = []
    for item in items:
        pair = item if type(item) is tuple else raw_value(item)
        if pair[0] == "list" or (read and pair[0] != read[0][0]):
            raise NoValue("wrong_type")
        read.append(pair)
    return (read[0][0] if read else None), read


def date_of(text):
    try:
        return parse_date(text)
    except InvalidInput:
        raise NoValue("bad_date") from None


def duration_of(text):
    try:
        return parse_duration(text)
    except InvalidInput:
        raise NoValue("wrong_type") from None


def as_kind(value, kind):
    """A string as what the other side is, if that is a time."""
    if value[0] == "string" and kind == "date":
        return "date", date_of(value[1])
    if value[0] == "string" and kind == "duration":
        return "duration", duration_of(value[1])
    return value


def as_time(value):
    if value[0] != "string":
        return value
    return ("duration", duration_of(value[1])) if value[1][:1] == "P" else ("date", date_of(value[1]))


def same_kind(a, b):
    a, b = as_kind(a, b[0]), as_kind(b, a[0])
    if a[0] != b[0]:
        raise NoValue("wrong_type")
    return a, b


def equal(a, b) -> bool:
    if a[0] == b[0] == "list":
        (_, left), (_, right) = items_of(a), items_of(b)
        return len(left) == len(right) and all(list(map(equal, left, right)))
    a, b = same_kind(a, b)
    return a[1] == b[1]


def ordered(a, b):
    if a[0] == b[0] == "string":
        a, b = as_time(a), as_time(b)
    a, b = same_kind(a, b)
    if a[0] not in ("number", "date", "duration"):
        raise NoValue("wrong_type")
    return a[1], b[1]


def less(a, b) -> bool:
    x, y = ordered(a, b)
    return x < y


def at_most(a, b) -> bool:
    x, y = ordered(a, b)
    return x <= y


COMPARISONS = {
    "==": equal,
    "!=": lambda a, b: not equal(a, b),
    "<": less,
    "<=": at_most,
    ">": lambda a, b: less(b, a),
    ">=": lambda a, b: at_most(b, a),
}


def length(value):
    if value[0] != "list":
        raise NoValue("wrong_type")
    return "number", len(value[1])


def extreme(choose):
    def function(*values):
        kind, items = items_of(values[0]) if len(values) == 1 else items_of(("list", list(values)))
        if kind == "string":
            kind, items = items_of(("list", [as_time(item) for item in items]))
        if kind is None:
            raise NoValue("empty_input")
        if kind not in ("number", "date", "duration"):
            raise NoValue("wrong_type")
        return kind, choose(item for _, item in items)

    return function


def total_of(value):
    kind, items = items_of(value)
    if kind not in (None, "number"):
        raise NoValue("wrong_type")
    numbers = [item for _, item in items]
    return computed("number", lambda: sum(numbers) if all(type(n) is int for n in numbers) else math.fsum(numbers))


def arithmetic(table, compute):
    def function(a, b):
        if not {a[0], b[0]} & {"number", "bool", "list"}:
            a, b = as_time(a), as_time(b)
        kind = table.get((a[0], b[0]))
        if kind is None:
            raise NoValue("wrong_type")
        return computed(kind, lambda: compute(a[1], b[1]))

    return function


def computed(kind, compute):
    try:
        result = compute()
    except OverflowError:
        raise NoValue("not_finite") from None
    if isinstance(result, float) and not math.isfinite(result):
        raise NoValue("not_finite")
    return kind, result


def product(a, b):
    if a[0] != "number" or b[0] != "number":
        raise NoValue("wrong_type")
    return computed("number", lambda: a[1] * b[1])


def absolute(value):
    if value[0] not in ("number", "duration"):
        raise NoValue("wrong_type")
    return value[0], abs(value[1])


SUMS = {
    ("number", "number"): "number",
    ("duration", "duration"): "duration",
    ("date", "duration"): "date",
    ("duration", "date"): "date",
}
DIFFERENCES = {
    ("number", "number"): "number",
    ("duration", "duration"): "duration",
    ("date", "duration"): "date",
    ("date", "date"): "duration",
}
FUNCTIONS = {
    "len": length,
    "max": extreme(max),
    "min": extreme(min),
    "sum": total_of,
    "add": arithmetic(SUMS, lambda a, b: a + b),
    "sub": arithmetic(DIFFERENCES, lambda a, b: a - b),
    "mul": product,
    "abs": absolute,
}


def in_common(lhs, rhs, sets) -> bool:
    """Whether a list has something in common with a list or with the set that a root names."""
    if rhs[0] == "string":
        if rhs[1] not in sets:
            raise NoValue("unknown_root")
        members = sets[rhs[1]]
        kind, items = items_of(lhs)
        if kind not in (None, "string"):
            raise NoValue("wrong_type")
        return any(item in members for _, item in items)
    if rhs[0] != "list":
        raise NoValue("wrong_type")
    kind, items = items_of(lhs)
    other_kind, others = items_of(rhs)
    if kind is None or other_kind is None:
        return False
    if {kind, other_kind} == {"string", "date"}:
        items, others = ([as_kind(x, "date") for x in side] for side in (items, others))
    elif {kind, other_kind} == {"string", "duration"}:
        items, others = ([as_kind(x, "duration") for x in side] for side in (items, others))
    elif kind != other_kind:
        raise NoValue("wrong_type")
    return any(x == y for _, x in items for _, y in others)


def check_set(rhs, sets) -> None:
    if rhs[0] not in ("list", "string"):
        raise NoValue("wrong_type")
    if rhs[0] == "string" and rhs[1] not in sets:
        raise NoValue("unknown_root")


def non_membership(lhs, rhs, sets):
    check_set(rhs, sets)
    if lhs[0] == "string":
        lhs = ("list", [lhs])
    return "member_found" if in_common(lhs, rhs, sets) else None


def non_intersection(lhs, rhs, sets):
    check_set(rhs, sets)
    return "intersection_found" if in_common(lhs, rhs, sets) else None


def contained(lhs, rhs, sets):
    check_set(rhs, sets)
    if lhs[0] == "list":
        raise NoValue("wrong_type")
    return None if in_common(("list", [lhs]), rhs, sets) else "not_in"


def each(lhs):
    if lhs[0] != "list":
        return [lhs]
    _, items = items_of(lhs)
    if not items:
        raise NoValue("empty_input")
    return items


def range_min(lhs, rhs, _sets):
    pairs = [ordered(item, rhs) for item in each(lhs)]
    return "below_minimum" if any(a < b for a, b in pairs) else None


def range_max(lhs, rhs, _sets):
    pairs = [ordered(item, rhs) for item in each(lhs)]
    return "above_maximum" if any(a > b for a, b in pairs) else None


def threshold(lhs, rhs, _sets):
    if lhs[0] != "number" or rhs[0] != "number":
        raise NoValue("wrong_type")
    return "below_threshold" if lhs[1] < rhs[1] else None


OPERATORS = {
    "non_membership": non_membership,
    "non_intersection": non_intersection,
    "eq": lambda lhs, rhs, _sets: None if equal(lhs, rhs) else "not_equal",
    "in": contained,
    "range_min": range_min,
    "range_max": range_max,
    "threshold": threshold,
}
