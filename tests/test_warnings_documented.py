"""Every code of a warning stands in docs/warnings.md, and every code there is given somewhere."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
GIVERS = {"ScanWarning": 0, "_told": 1}  # which argument of a call is the code


def strings_of(node: ast.expr, module: ast.Module) -> set[str]:
    """Return the strings that an argument can be: a literal, or a name's assignments in the module."""
    if isinstance(node, ast.Name):
        values = [
            statement.value
            for statement in ast.walk(module)
            if isinstance(statement, ast.Assign | ast.AnnAssign)
            and statement.value is not None
            and node.id in {t.id for t in ast.walk(statement) if isinstance(t, ast.Name)}
        ]
        return {found for value in values for found in strings_of(value, module)}
    if isinstance(node, ast.IfExp):
        return strings_of(node.body, module) | strings_of(node.orelse, module)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def codes_given() -> set[str]:
    codes = set()
    for path in (ROOT / "src").rglob("*.py"):
        module = ast.parse(path.read_text(encoding="utf-8"))
        for call in ast.walk(module):
            name = call.func.id if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else None
            if name in GIVERS and len(call.args) > GIVERS[name]:
                codes |= strings_of(call.args[GIVERS[name]], module)
    return codes


def test_every_warning_is_documented_and_none_else():
    text = (ROOT / "docs" / "warnings.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    told = set(re.findall(r"`([a-z-]+)`", " ".join(rows)))
    told |= set(re.findall(r"`([a-z-]+)`", text.splitlines()[-1].replace("`canalis compare`", "")))
    given = codes_given()
    assert len(given) >= 35
    assert given - told == set()
    assert told - given == set()
