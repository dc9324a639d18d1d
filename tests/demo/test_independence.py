"""The store knows the product only from outside."""

import ast
from pathlib import Path

import demo


def test_the_store_imports_nothing_of_the_product() -> None:
    files = list(Path(demo.__path__[0]).rglob("*.py"))
    assert len(files) > 10
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] in ("backend", "widget")], file
