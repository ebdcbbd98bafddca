"""Whether a function is still the one that the course handed out. The file is read as text; nothing of it runs."""

import ast
import io
import re
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path

BEGINS = re.compile(r"\bTODO\b|YOUR CODE HERE|START OF YOUR CODE|BEGIN YOUR CODE", re.IGNORECASE)
ENDS = re.compile(r"END OF YOUR CODE|\bEND\b.*(CODE|TODO)|^#*\s*END\s*#*$")
MOST_BYTES = 2_000_000


@dataclass(frozen=True)
class Blocks:
    """What is left of the skeleton in one function."""

    empty: tuple[int, ...]  # lines of the TODO blocks in which nothing was written
    written: int  # TODO blocks in which something was
    trivial: bool  # the whole body computes nothing

    @property
    def untouched(self) -> bool:
        return self.trivial or (bool(self.empty) and not self.written)


def function_at(tree: ast.AST, name: str, line: int | None) -> ast.FunctionDef | None:
    """A function by "Class.method" or by its name, else the one that begins at a line."""
    *outer, last = name.split(".")
    either = {last, "__call__"} if last == "forward" else {last}
    found = None
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and outer and node.name == outer[0]:
            methods = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name in either]
            found = methods[0] if methods else found
        elif isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if (not outer and node.name == last) or first == line:
                found = found or node
    return found


def blocks_of(file: Path, name: str, line: int | None = None) -> Blocks | None:
    """What is left of the skeleton; None where the file cannot be read or has no such function."""
    try:
        if file.stat().st_size > MOST_BYTES:
            return None
        text = file.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function = function_at(ast.parse(text), name, line)
            comments = [
                (token.start[0], token.string)
                for token in tokenize.generate_tokens(io.StringIO(text).readline)
                if token.type == tokenize.COMMENT
            ]
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return None
    if function is None:
        return None
    inside = [(row, words) for row, words in comments if function.lineno <= row <= function.end_lineno + 3]
    busy = {row for node in working(function) for row in range(node.lineno, node.end_lineno + 1)}
    empty, written, begun = [], 0, None
    for row, words in inside:
        if ENDS.search(words) and begun is not None:
            if busy & set(range(begun, row)):
                written += 1
            else:
                empty.append(begun)
            begun = None
        elif BEGINS.search(words) and begun is None:
            begun = row
    return Blocks(tuple(empty), written, is_trivial(function))


def working(function: ast.FunctionDef) -> list[ast.stmt]:
    """Statements that are more than a place for some: simple ones, and the heads of compound ones are left out."""
    result = []
    for node in ast.walk(function):
        simple = isinstance(node, ast.stmt) and not hasattr(node, "body")
        if simple and not is_filler(node):
            result.append(node)
    return result


def is_filler(node: ast.stmt) -> bool:
    if isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return True
    if isinstance(node, ast.Raise):
        name = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return isinstance(name, ast.Name) and name.id == "NotImplementedError"
    if isinstance(node, ast.Assign):
        return isinstance(node.value, ast.Constant) and node.value.value in (None, 0)
    return False


def is_trivial(function: ast.FunctionDef) -> bool:
    """Whether the body holds nothing but fillers, constants and a return of one of them."""
    nothing = {
        target.id
        for node in function.body
        if isinstance(node, ast.Assign) and is_filler(node)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in function.body:
        returned = isinstance(node, ast.Return) and (
            node.value is None
            or (isinstance(node.value, ast.Constant) and node.value.value in (None, 0))
            or (isinstance(node.value, ast.Name) and node.value.id in nothing)
        )
        if not (is_filler(node) or returned):
            return False
    return True
