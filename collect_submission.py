"""Pack the hand-in for the autograder: assignment_3_submission.zip, with the folders as they are.

Only the standard library is used, so it runs anywhere Python does. The same content gives the same bytes.
"""

import argparse
import ast
import os
import sys
import zipfile
from contextlib import suppress
from pathlib import Path

ARCHIVE = "assignment_3_submission.zip"
FILES = (
    "requirements.txt",
    "class_visualization.py",
    "fooling_visualization.py",
    "gradcam_visualization.py",
    "saliency_visualization.py",
    "style_transfer.py",
    "style_utils.py",
)
# The course asks for the first two; they stand on core, the scripts on patterns and images.
FOLDERS = {
    "visualizers": {".py"},
    "style_modules": {".py"},
    "core": {".py"},
    "patterns": {".py", ".safetensors"},
    "images": {".jpg", ".md"},
}
EXPECTED = (
    "visualizers/__init__.py",
    "visualizers/class_visualization.py",
    "visualizers/fooling_image.py",
    "visualizers/gradcam.py",
    "visualizers/saliency_map.py",
    "style_modules/__init__.py",
    "style_modules/content_loss.py",
    "style_modules/style_loss.py",
    "style_modules/tv_loss.py",
)
TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # the zip format's earliest: no clock in the bytes


class Missing(Exception):
    """Something that the hand-in needs is not there."""


def find_files(root: Path) -> list[str]:
    """The files to pack, relative to the root, sorted; Missing names all that are not there."""
    missing = [name for name in (*FILES, *EXPECTED) if not (root / name).is_file()]
    missing += [f"{folder}/" for folder in FOLDERS if not (root / folder).is_dir()]
    if missing:
        raise Missing(f"missing: {', '.join(missing)}; put them back and run again")
    found = set(FILES)
    for folder, suffixes in FOLDERS.items():
        for path in (root / folder).rglob("*"):
            hidden = any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(root).parts)
            if path.is_file() and path.suffix in suffixes and not hidden:
                found.add(path.relative_to(root).as_posix())
    return sorted(found)


def check_source(root: Path, names: list[str]) -> None:
    """See to it that every Python file compiles, and finds in the archive what it imports of ours.

    Raises SyntaxError with file and line, or Missing.
    """
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in names}
    ours = {module.split(".")[0] for module in modules}
    for name in names:
        if not name.endswith(".py"):
            continue
        tree = ast.parse((root / name).read_bytes(), name)
        for node in ast.walk(tree):
            wanted = [node.module] if isinstance(node, ast.ImportFrom) else []
            wanted += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for module in wanted:
                if module and module.split(".")[0] in ours and module not in modules:
                    raise Missing(
                        f"missing: {module.replace('.', '/')}.py, which {name} imports; put it back and run again"
                    )


def pack(root: Path, output: Path) -> list[str]:
    """Write the archive beside its place, then rename it; return the names packed."""
    names = find_files(root)
    check_source(root, names)
    beside = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(beside, "w") as archive:
            for name in names:
                entry = zipfile.ZipInfo(name, TIMESTAMP)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                entry.create_system = 3  # else it tells the operating system it was made on
                archive.writestr(entry, (root / name).read_bytes())
        os.replace(beside, output)
    finally:
        with suppress(OSError):
            beside.unlink()
    return names


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(ARCHIVE), help="the archive (default: %(default)s)")
    output = parser.parse_args(arguments).output
    root = Path(__file__).resolve().parent
    try:
        names = pack(root, output)
    except Missing as error:
        print(f"collect_submission.py: {error}", file=sys.stderr)
        return 1
    except (SyntaxError, ValueError) as error:  # ValueError: a file with NUL bytes
        place = f"{error.filename} line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else error
        print(f"collect_submission.py: does not compile, so nothing was packed: {place}", file=sys.stderr)
        return 1
    except OSError as error:
        reason = error.strerror
        print(
            f"collect_submission.py: '{output}' cannot be written ({reason}); choose another --output", file=sys.stderr
        )
        return 1
    print("\n".join(names))
    print(f"wrote {output}: {len(names)} files, {output.stat().st_size / 1024:.0f} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
