"""The rule that only the transitions in dalston/db write a status."""

import ast
import re
from collections.abc import Iterator

from scripts.check_source import Source, Violation, called, imported

STATUS_WRITERS = tuple(
    f"dalston/db/{folder}{name}.py"
    for name in ("jobs", "planned", "reopening", "overdue")
    for folder in ("", "definitions/")
)
"""The transitions and nothing else: `jobs.py` and what was split from it by subject."""
COMPILED = "dalston/db/compiled"
"""Holds what follows from the definitions, which are looked at; another check compares the two."""


def names_status(node: ast.AST | None) -> bool:
    """Tells whether an expression is the word "status" or a column of that name."""
    return (isinstance(node, ast.Constant) and node.value == "status") or (
        isinstance(node, ast.Attribute) and node.attr == "status"
    )


def status_in_call(call: ast.Call) -> bool:
    """Tells whether a call hands a status to a statement, a mapping or a copy of a record."""
    name = called(call)
    if name == "setattr":
        return any(names_status(argument) for argument in call.args[1:2])
    if name not in {"values", "ordered_values", "update", "execute", "executemany", "replace"}:
        return False
    if any(keyword.arg == "status" for keyword in call.keywords):
        return True
    inside = (node for argument in call.args for node in ast.walk(argument))
    return any(isinstance(n, ast.Dict) and any(map(names_status, n.keys)) for n in inside)


def hidden_columns(tree: ast.Module) -> Iterator[ast.Call]:
    """Yields the calls that write to `jobs` or `tasks` in a way that doesn't show the columns."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    roots = {name.split(".")[0] for node in ast.walk(tree) for name in imported(node)}
    if "sqlalchemy" not in roots:
        return

    def writes(call: ast.Call, verb: str) -> bool:
        owner = [call.func.value] if isinstance(call.func, ast.Attribute) else []
        tables = {getattr(n, "attr", getattr(n, "id", "")) for n in [*call.args, *owner]}
        return verb in called(call) and bool(tables & {"jobs", "tasks"})

    yield from (call for call in calls if writes(call, "insert"))
    if any(writes(call, "update") for call in calls):
        for call in calls:
            plain = not call.args and all(keyword.arg for keyword in call.keywords)
            if called(call) == "values" and not plain:
                yield call


def assigns_status(node: ast.AST) -> bool:
    """Tells whether a statement sets a status of something else than `self`.

    Giving a status that was read its type, as in `row["status"] = TaskStatus(row["status"])`, is
    no change of it.
    """
    if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        return False
    match node.value:
        case ast.Call(func=ast.Name(id="JobStatus" | "TaskStatus"), args=[source]):
            read = source.slice if isinstance(source, ast.Subscript) else source
            if names_status(read):
                return False
    for target in ast.walk(
        ast.Tuple(node.targets if isinstance(node, ast.Assign) else [node.target])
    ):
        match target:
            case ast.Attribute(attr="status", value=owner, ctx=ast.Store()):
                if getattr(owner, "id", "") != "self":
                    return True
            case ast.Subscript(slice=key, ctx=ast.Store()) if names_status(key):
                return True
    return False


def pattern_of(parts: list[ast.expr]) -> str:
    """Returns the text of an f-string with `?` for each value in it."""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "?" for part in parts)


def check_status_writes(sources: list[Source]) -> Iterator[Violation]:
    """Only `STATUS_WRITERS` write a status.

    Elsewhere in dalston/ these are refused: a status as keyword or key in `.values()`, `.update()`,
    `.execute()` or `replace()`; an assignment to `x.status` or `x["status"]`; `setattr` of it; SQL
    text that sets it; an insertion into `jobs` or `tasks`, which always carries one; and, beside an
    `update(jobs)` or `update(tasks)`, a `.values()` that doesn't name its columns.
    """
    sql = re.compile(
        r"\bupdate\b.+\bset\b.+\bstatus\s*=|\binsert\s+into\b.+\bstatus\b",
        re.IGNORECASE | re.DOTALL,
    )
    for source in sources:
        if source.path in STATUS_WRITERS or not source.below("dalston") or source.below(COMPILED):
            continue
        found: set[int] = {call.lineno for call in hidden_columns(source.tree)}
        prose = {id(n.value) for n in ast.walk(source.tree) if isinstance(n, ast.Expr)}
        for node in ast.walk(source.tree):
            match node:
                case ast.Call() if status_in_call(node):
                    found.add(node.lineno)
                case ast.Assign() | ast.AugAssign() | ast.AnnAssign() if assigns_status(node):
                    found.add(node.lineno)
                case ast.JoinedStr(values=parts) if sql.search(pattern_of(parts)):
                    found.add(node.lineno)
                case ast.Constant(value=str(text)) if id(node) not in prose and sql.search(text):
                    found.add(node.lineno)
        for line in found:
            text = f"only {STATUS_WRITERS[0]} writes a status: call a transition there"
            yield Violation(source.path, line, text)
