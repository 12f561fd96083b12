"""Which part of the package may import which, and what `import canalis` must not load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import canalis

SOURCE = Path(canalis.__file__).parent
STAGES = ["read", "segment", "refine", "measurement", "report"]  # left to right
ASIDE = ["phantom", "cohort", "train", "evaluate", "chain", "batch", "cli"]  # no stage imports these
HEAVY = {"torch", "openvino", "onnxruntime", "matplotlib", "pandas", "statsmodels", "highdicom"}


def imported_by(path):
    """Dotted names that a module imports anywhere in it, those for type checkers left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(folder):
    return sorted((SOURCE / folder).rglob("*.py"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_only_from_stages_to_its_left(stage):
    right = set(STAGES[STAGES.index(stage) + 1 :]) | set(ASIDE)
    breaches = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for path in modules(stage)
        for name in imported_by(path)
        if name.split(".")[0] == "canalis" and {*name.split(".")[1:2]} & right
    ]
    assert modules(stage) != []
    assert breaches == []


def test_torch_is_imported_in_train_alone():
    users = {
        path.relative_to(SOURCE).parts[0]
        for path in SOURCE.rglob("*.py")
        if any(name.split(".")[0] == "torch" for name in imported_by(path))
    }
    assert users <= {"train"}


def loaded_after(statement):
    """Top-level packages in a new interpreter after a statement."""
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_importing_canalis_loads_nothing_heavy():
    loaded = loaded_after("import canalis; assert canalis.__version__")
    assert "canalis" in loaded
    assert loaded & (HEAVY | {"numpy", "scipy", "pydicom"}) == set()


def test_the_command_line_starts_without_anything_heavy():
    assert loaded_after("import canalis.cli") & HEAVY == set()


def test_info_loads_nothing_heavy():
    assert loaded_after("from canalis.cli.info import gather; gather()") & HEAVY == set()


def test_the_public_names_are_sorted_and_are_there():
    assert canalis.__all__ == sorted(canalis.__all__)
    for name in canalis.__all__:
        assert getattr(canalis, name).__name__ == name
    assert set(dir(canalis)) == {*canalis.__all__, "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        canalis.nonsense  # noqa: B018 - the look-up is what fails
