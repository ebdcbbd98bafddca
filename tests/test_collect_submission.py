"""The hand-in: what is packed in each edition, how the edition is found, and what is said of an unfinished folder.

The students' folders are made up here, of small modules without torch: each import takes a fraction of a second.
"""

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import collect_submission
from collect_submission import EDITIONS, Refused, collect, find_edition, main, make_plan, matches
from core.defaults import ROOT

PROJECT = EDITIONS[0]
ARCHIVES = {edition.name: edition.archive for edition in EDITIONS}


def cls(name: str, *methods: str) -> str:
    body = "".join(f"    def {method}(self, *given):\n        raise NotImplementedError\n" for method in methods)
    return f"class {name}:\n{body or '    pass'}\n"


def functions(*names: str) -> str:
    return "".join(f"def {name}(*given):\n    raise NotImplementedError\n\n\n" for name in names)


STYLE_MODULES = {
    "style_modules/__init__.py": "from .content_loss import ContentLoss\nfrom .style_loss import StyleLoss\n"
    "from .tv_loss import TotalVariationLoss\n",
    "style_modules/content_loss.py": cls("ContentLoss", "forward"),
    "style_modules/style_loss.py": cls("StyleLoss", "gram_matrix", "forward"),
    "style_modules/tv_loss.py": cls("TotalVariationLoss", "__call__"),
}
STYLE_UTILS = functions("features_from_img", "extract_features", "rel_error", "style_transfer")
CLASS_VISUALIZATION = cls("ClassVisualization", "jitter", "blur_image", "create_class_visualization")
SALIENCY_MAP = cls("SaliencyMap", "compute_saliency_maps", "show_saliency_maps")
WORKS_WHEN_IMPORTED = "raise SystemExit('a client of the course: it starts its work when imported')\n"

VISUALIZERS_PYTHON = {  # what the later collector of this edition names
    "gradcam.py": WORKS_WHEN_IMPORTED,
    "saliency_map.py": WORKS_WHEN_IMPORTED,
    "style_utils.py": "from image_utils import SIZE\n\n\n" + STYLE_UTILS,
    "image_utils.py": "SIZE = 224\n",
    "visualizers/__init__.py": "from visualizers.class_visualization import ClassVisualization\n"
    "from visualizers.fooling_image import FoolingImage\nfrom visualizers.gradcam import GradCam\n"
    "from visualizers.saliency_map import SaliencyMap\n",
    "visualizers/class_visualization.py": CLASS_VISUALIZATION,
    "visualizers/fooling_image.py": cls("FoolingImage", "make_fooling_image"),
    "visualizers/gradcam.py": cls("GradCam", "guided_backprop", "grad_cam"),
    "visualizers/saliency_map.py": SALIENCY_MAP,
    **STYLE_MODULES,
}
VISUALIZERS_SHELL = {  # the earlier one packs every root script
    **VISUALIZERS_PYTHON,
    "class_visualization.py": WORKS_WHEN_IMPORTED,
    "fooling_image.py": WORKS_WHEN_IMPORTED,
    "style_transfer.py": WORKS_WHEN_IMPORTED,
    "captum_utils.py": "",
    "data_utils.py": "",
    "data/style-transfer-checks.npz": "numbers",
}
HELPERS = {
    "saliency_visualization.py": f"from helpers.image_utils import SIZE\n\n\n{SALIENCY_MAP}\n\n"
    "if __name__ == '__main__':\n    raise SystemExit(3)\n",
    "class_visualization.py": CLASS_VISUALIZATION,
    "gradcam_visualization.py": cls("GradCAM", "gradcam"),
    "fooling_visualization.py": "",
    "style_transfer.py": "",
    "helpers/image_utils.py": "SIZE = 224\n",
    "helpers/data_utils.py": "",
    "helpers/style_utils.py": STYLE_UTILS,
    "data/imagenet_val_25.npz": "numbers",
    "styles_images/tubingen.jpg": "a picture",
    "visualization/saliency_visualization.png": "a picture",
    **STYLE_MODULES,
}
CS231N = {
    "cs231n/__init__.py": "",
    "cs231n/image_utils.py": "SQUEEZENET_MEAN = 1\n",
    "cs231n/classifiers/rnn.py": "",
    "cs231n/net_visualization_pytorch.py": "from .image_utils import SQUEEZENET_MEAN\n\n\n"
    + functions("compute_saliency_maps", "make_fooling_image", "class_visualization_update_step"),
    "cs231n/style_transfer_pytorch.py": functions("content_loss", "gram_matrix", "style_loss", "tv_loss"),
    "Network_Visualization.ipynb": "{}",
    "Style_Transfer.ipynb": "{}",
}
EECS498 = {
    "network_visualization.py": functions(
        "compute_saliency_maps", "make_adversarial_attack", "class_visualization_step"
    ),
    "style_transfer.py": "from eecs598.utils import reset_seed\n\n\n"
    + functions("content_loss", "gram_matrix", "style_loss", "tv_loss", "guided_gram_matrix", "guided_style_loss"),
    "eecs598/__init__.py": "",
    "eecs598/utils.py": functions("reset_seed"),
    "network_visualization.ipynb": "{}",
    "style_transfer.ipynb": "{}",
    "saliency_maps_results.jpg": "a picture",
    "style_transfer_result.jpg": "a picture",
}
STRAY = {  # of every folder: what no hand-in holds
    ".git/config": "",
    "__pycache__/style_utils.cpython-311.pyc": "",
    ".ipynb_checkpoints/old.py": "",
    "venv/lib/module.py": "",
    "my-env/pyvenv.cfg": "",
    "my-env/module.py": "",
    "assignment_3_submission.zip": "the one of yesterday",
    "notes.docx": "mine",
}
HAND_INS = {
    "cs7643-visualizers, shell": ("cs7643-visualizers", VISUALIZERS_SHELL),
    "cs7643-visualizers, Python": ("cs7643-visualizers", VISUALIZERS_PYTHON),
    "cs7643-helpers": ("cs7643-helpers", HELPERS),
    "cs231n": ("cs231n", CS231N),
    "eecs498": ("eecs498", EECS498),
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def student(tmp_path):
    """A finished folder of the edition with visualizers/, somewhere else than the current folder."""
    return write(tmp_path / "student", VISUALIZERS_PYTHON)


def names_in(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as packed:
        assert packed.testzip() is None
        return packed.namelist()


def refused(folder: Path, capsys, *flags, code: int = 1) -> str:
    """What is said of a folder that is not packed."""
    before = sorted(Path().rglob("*"))
    assert main([str(folder), *flags]) == code
    assert sorted(Path().rglob("*")) == before, "something was written"
    words = capsys.readouterr().err
    assert "Traceback" not in words
    return words


# Every edition


@pytest.mark.parametrize("case", HAND_INS)
def test_each_editions_folder_is_packed_as_that_edition_is_handed_in(case, tmp_path, capsys):
    edition, files = HAND_INS[case]
    folder = write(tmp_path / "a", {**STRAY, **files})
    assert main([str(folder)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert f"edition: {edition}, in {folder}" in said.out
    stray = {"notes.docx"} if edition == "cs7643-helpers" else set()  # that one packs the whole folder
    assert set(names_in(tmp_path / ARCHIVES[edition])) == {*files, *stray}


@pytest.mark.parametrize("case", HAND_INS)
def test_what_is_packed_can_be_imported_elsewhere(case, tmp_path):
    edition, files = HAND_INS[case]
    collect(write(tmp_path / "a", files))
    elsewhere = tmp_path / "elsewhere"
    with zipfile.ZipFile(ARCHIVES[edition]) as packed:
        packed.extractall(elsewhere)
    row = next(each for each in EDITIONS if each.name == edition)
    there = [name for name in row.modules if (elsewhere / name.replace(".", "/")).with_suffix(".py").exists()]
    assert len(there) >= 2
    code = f"import {', '.join(there)}"
    subprocess.run([sys.executable, "-c", code], cwd=elsewhere, check=True)


@pytest.mark.parametrize("case", HAND_INS)
def test_each_file_that_an_edition_asks_for_is_missed_by_name(case, tmp_path, capsys):
    edition, files = HAND_INS[case]
    row = next(each for each in EDITIONS if each.name == edition)
    for wanted in row.files:
        folder = write(tmp_path / wanted.replace("/", "-"), files)
        gone = [name for name in files if any(matches(name, each.strip()) for each in wanted.split("|"))]
        assert gone
        for name in gone:
            (folder / name).unlink()
        assert f"missing: {wanted.replace(' | ', ' or ')}" in refused(folder, capsys, "--edition", edition)


@pytest.mark.parametrize("case", HAND_INS)
def test_the_edition_is_found_although_one_of_its_files_is_missing(case, tmp_path):
    edition, files = HAND_INS[case]
    for gone in files:
        if gone in ("network_visualization.py", "cs231n/net_visualization_pytorch.py"):
            continue  # what these editions are known by
        folder = write(tmp_path / gone.replace("/", "-"), files)
        (folder / gone).unlink()
        assert find_edition(folder).name == edition, gone


def test_style_utils_may_lie_at_the_root_as_in_the_newest_text(tmp_path):
    files = {name: text for name, text in HELPERS.items() if not name.startswith("helpers/style")}
    assert collect(write(tmp_path / "a", {**files, "style_utils.py": STYLE_UTILS})) == 0


def test_a_file_that_only_some_years_have_is_told_and_not_missed(tmp_path, capsys):
    files = {name: text for name, text in CS231N.items() if "tyle" not in name}
    assert main([str(write(tmp_path / "a", files))]) == 0
    assert "not asked for in every year: cs231n/style_transfer_pytorch.py" in capsys.readouterr().out


def test_a_folder_of_no_edition_is_told_in_one_sentence_what_was_looked_for(tmp_path, capsys):
    words = refused(write(tmp_path / "a", {"notes.txt": ""}), capsys, code=2)
    assert words.count("\n") == 1
    for mark in ("visualizers/", "gradcam_visualization.py", "network_visualization.py", "cs231n/net_visualization"):
        assert mark in words


def test_the_folder_above_the_hand_in_is_sent_to_the_right_one(tmp_path, capsys):
    write(tmp_path / "course" / "assignment3", CS231N)
    words = refused(tmp_path / "course", capsys, code=2)
    assert words.count("\n") == 1
    assert "'assignment3' does" in words


def test_the_script_packs_the_folder_that_it_was_copied_to(student):
    (student / "collect_submission.py").write_bytes((ROOT / "collect_submission.py").read_bytes())
    command = [sys.executable, student / "collect_submission.py"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "wrote assignment_3_submission.zip: 14 files" in result.stdout
    assert "collect_submission.py" in names_in(Path("assignment_3_submission.zip"))  # it is one of the root's *.py


def test_only_the_standard_library_is_used():
    tree = ast.parse((ROOT / "collect_submission.py").read_text(encoding="utf-8"), feature_version=(3, 9))
    trees = [tree, ast.parse(collect_submission.IMPORT_ONE, feature_version=(3, 9))]
    nodes = [node for each in trees for node in ast.walk(each)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


# What is wrong with a folder


def test_a_missing_class_is_named_and_the_one_that_was_meant(student, capsys):
    write(student, {"visualizers/gradcam.py": cls("GradCAM", "guided_backprop", "grad_cam")})
    write(student, {"visualizers/__init__.py": ""})
    words = refused(student, capsys)
    assert "visualizers/gradcam.py: no class GradCam (there is GradCAM)\n" in words
    assert "visualizers/__init__.py: no class SaliencyMap\n" in words


def test_a_missing_method_is_named(student, capsys):
    write(student, {"style_modules/style_loss.py": cls("StyleLoss", "gram_matrix")})
    words = refused(student, capsys)
    assert words.splitlines()[0].endswith("style_modules/style_loss.py: class StyleLoss has no method forward")
    assert len(words.splitlines()) == 2


def test_a_missing_function_is_named(tmp_path, capsys):
    write(tmp_path / "a", {**EECS498, "network_visualization.py": functions("compute_saliency_maps")})
    words = refused(tmp_path / "a", capsys)
    assert "network_visualization.py: no function make_adversarial_attack\n" in words
    assert "network_visualization.py: no function class_visualization_step\n" in words


def test_a_method_that_torch_alone_has_is_missed(student, capsys):
    torch = "class Module:\n    def forward(self):\n        pass\n"
    loss = "from torch import Module\n\n\nclass ContentLoss(Module):\n    pass\n"
    write(student, {"torch.py": torch, "style_modules/content_loss.py": loss})
    assert "class ContentLoss has no method forward" in refused(student, capsys)


def test_an_import_that_fails_is_told_once_with_the_students_own_line(student, capsys):
    write(student, {"visualizers/gradcam.py": "import json\n\nLAYER = json.loads(x)\n"})
    words = refused(student, capsys)
    assert "visualizers.saliency_map" in words  # their package imports all four
    assert words.count("visualizers/gradcam.py line 3: NameError: name 'x' is not defined\n") == 1


def test_an_error_below_the_students_line_is_told_at_that_line(student, capsys):
    write(student, {"visualizers/gradcam.py": "import json\n\njson.loads('{')\n"})
    assert "visualizers/gradcam.py line 3: JSONDecodeError: " in refused(student, capsys)


def test_a_package_that_nobody_knows_is_an_error(student, capsys):
    write(student, {"style_utils.py": "import tortch\n"})
    assert "style_utils.py line 1: ModuleNotFoundError: No module named 'tortch'" in refused(student, capsys)


def test_where_torch_is_not_installed_the_hand_in_is_packed_and_says_so(student, capsys, monkeypatch):
    monkeypatch.setattr(collect_submission, "PACKAGES", "no_such_torch")
    write(student, {"style_utils.py": "import no_such_torch.nn\n"})
    assert main([str(student)]) == 0
    said = capsys.readouterr().out
    assert "style_utils.py: not checked: no_such_torch is not installed here" in said
    assert said.splitlines()[-1].endswith("; modules not checked: 1")


def test_a_file_that_does_not_compile_is_named_with_its_line(student, capsys):
    write(student, {"captum_utils.py": "x = 1\ndef broken(:\n", "nul.py": "x = '\0'\n"})
    words = refused(student, capsys)
    assert "does not compile: captum_utils.py line 2: " in words
    assert "does not compile: nul.py" in words


def test_a_module_that_never_ends_is_stopped(student, capsys):
    write(student, {"style_utils.py": "while True:\n    pass\n"})
    assert collect(student, limit=1) == 1
    assert "style_utils: still not imported after 1 s; does it start its work when imported?" in capsys.readouterr().err


@pytest.mark.parametrize("end", ["import os\nos._exit(0)", "import os\nos.abort()"])
def test_a_module_that_ends_its_process_is_named(end, student, capsys):
    write(student, {"style_utils.py": end})
    assert "style_utils: the process that imported it ended by itself" in refused(student, capsys)


def test_a_module_that_leaves_or_asks_when_imported_is_named(student, capsys):
    write(student, {"style_utils.py": "input('name? ')\n", "style_modules/tv_loss.py": "exit()\n"})
    words = refused(student, capsys)
    assert "style_utils.py line 1: EOFError: " in words
    assert "style_modules/tv_loss.py line 1: SystemExit" in words


def test_an_own_module_that_is_imported_later_but_not_there_is_named(student, capsys):
    late = "def load():\n    from visualizers.gone import nothing\n"
    write(student, {"style_utils.py": late + STYLE_UTILS})
    assert "missing: visualizers/gone.py, which style_utils.py imports" in refused(student, capsys)


def test_what_lies_in_the_folder_but_was_not_packed_cannot_be_imported(student, capsys, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(student))
    code = "from pathlib import Path\n\nSIZES = Path(__file__).with_name('sizes.txt').read_text()\n"
    write(student, {"sizes.txt": "1 2", "image_utils.py": "SIZE = 1\n" + code})
    assert "image_utils.py line 4: FileNotFoundError" in refused(student, capsys)
    write(student, {"image_utils.py": "import importlib\n\nSIZE = importlib.import_module('my' + 'sizes')\n"})
    write(student, {"visualizers/deep/mysizes.py": ""})
    assert "No module named 'mysizes'" in refused(student, capsys)


def test_modules_that_packed_ones_import_are_packed_too(student):
    code = "from .deep.maps import gather\n" + cls("GradCam", "guided_backprop", "grad_cam")
    write(student, {"visualizers/gradcam.py": code, "visualizers/deep/maps.py": functions("gather")})
    write(student, {"visualizers/deep/unused.py": ""})
    assert collect(student) == 0
    names = names_in(Path("assignment_3_submission.zip"))
    assert "visualizers/deep/maps.py" in names
    assert "visualizers/deep/unused.py" not in names


def test_force_packs_all_the_same_and_says_what_is_wrong(student, capsys):
    (student / "gradcam.py").unlink()
    write(student, {"style_utils.py": "x = y\n"})
    assert main([str(student), "--force"]) == 0
    said = capsys.readouterr()
    assert "missing: gradcam.py" in said.err
    assert "style_utils.py line 1: NameError" in said.err
    assert said.out.splitlines()[-1].endswith("; problems: 2")
    assert len(names_in(Path("assignment_3_submission.zip"))) == len(VISUALIZERS_PYTHON) - 1


# What is left out


def test_a_link_out_of_the_folder_is_left_out_and_named(tmp_path, capsys):
    folder = write(tmp_path / "a", HELPERS)
    write(tmp_path / "b", {"secret.txt": "not the student's to hand in"})
    (folder / "secret.txt").symlink_to(tmp_path / "b" / "secret.txt")
    (folder / "more").symlink_to(tmp_path / "b")
    (folder / "gone.txt").symlink_to(folder / "nowhere.txt")
    (folder / "loop.txt").symlink_to(folder / "loop.txt")
    (folder / "copy.jpg").symlink_to(folder / "styles_images" / "tubingen.jpg")
    assert main([str(folder)]) == 0
    said = capsys.readouterr().out
    assert "left out: secret.txt (a link that leads out of the folder)" in said
    assert "left out: more/ (a link to a folder; put the folder itself there)" in said
    assert "left out: gone.txt (not a file that can be read)" in said
    assert set(names_in(Path("assignment_3_submission.zip"))) == {*HELPERS, "copy.jpg"}


def test_large_files_that_are_no_code_are_left_out_and_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(collect_submission, "MOST_OTHER", 1000)
    folder = write(tmp_path / "a", {**HELPERS, "model.pth": "x" * 1001, "long.ipynb": "x" * 1001})
    assert main([str(folder)]) == 0
    assert "left out: model.pth (1.0 KB; only code may be larger than 1.0 KB)" in capsys.readouterr().out
    assert set(names_in(Path("assignment_3_submission.zip"))) == {*HELPERS, "long.ipynb"}


def test_an_archive_too_large_to_upload_names_its_largest_files(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(collect_submission, "MOST_ARCHIVE", 1000)
    assert main([str(write(tmp_path / "a", {**HELPERS, "large.txt": "x" * 5000}))]) == 0
    assert "may be too large to upload; its largest files: large.txt (5.0 KB)" in capsys.readouterr().err


def test_an_archive_is_never_packed_into_another(tmp_path, capsys):
    folder = write(tmp_path / "a", {**HELPERS, "assignment_3_submission.zip": "old", "sub/data.zip": "data"})
    assert main([str(folder), "--output", str(folder / "assignment_3_submission.zip")]) == 0
    assert set(names_in(folder / "assignment_3_submission.zip")) == set(HELPERS)
    said = capsys.readouterr().out
    assert "left out: sub/data.zip (an archive)" in said
    assert "left out: assignment_3_submission.zip" not in said


def test_names_with_spaces_and_other_letters_are_packed(tmp_path):
    folder = write(tmp_path / "Übung 3", {**HELPERS, "styles_images/grüne Wiese 草.jpg": "a picture"})
    assert collect(folder, tmp_path / "dépôt à rendre.zip") == 0
    assert "styles_images/grüne Wiese 草.jpg" in names_in(tmp_path / "dépôt à rendre.zip")


def test_a_name_that_the_terminal_cannot_show_is_no_error(tmp_path):
    write(tmp_path / "a", {**HELPERS, "styles_images/草.jpg": "a picture"})
    command = [sys.executable, ROOT / "collect_submission.py", tmp_path / "a"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    subprocess.run(command, env=environment, capture_output=True, check=True)


# The archive


def test_the_same_content_gives_the_same_bytes(student, tmp_path):
    assert collect(student, tmp_path / "a.zip") == 0
    copy = tmp_path / "copy"
    with zipfile.ZipFile("a.zip") as packed:
        packed.extractall(copy)
    os.utime(copy / "style_utils.py", (0, 0))
    (copy / "style_utils.py").chmod(0o700)
    assert collect(copy, tmp_path / "b.zip") == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_refused_folder_leaves_the_archive_of_before(student, capsys):
    Path("assignment_3_submission.zip").write_text("the one of yesterday")
    write(student, {"style_utils.py": "x = y\n"})
    refused(student, capsys)
    assert Path("assignment_3_submission.zip").read_text() == "the one of yesterday"


def test_wrong_use_is_one_sentence(student, tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    for given, words in {
        ("no such folder",): "'no such folder' is not a folder",
        (str(student), "--output", "folder"): "'folder' is a folder; give --output a file, such as folder/assignment_3",
        (str(student), "--output", "nowhere/a.zip"): "'nowhere' is not a folder",
    }.items():
        said = refused(given[0], capsys, *given[1:], code=2)
        assert words in said
        assert said.count("\n") == 1
    with pytest.raises(SystemExit, match="2"):
        main([str(student), "--edition", "no such edition"])
    assert capsys.readouterr().err.count("\n") == 1


def test_a_place_that_cannot_be_written_is_one_sentence(student, capsys):
    said = refused(student, capsys, "--output", "a" * 300 + ".zip")
    assert "cannot be written (File name too long); choose another --output" in said
    assert said.count("\n") == 1


def test_a_file_that_cannot_be_read_is_named(student, capsys, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "captum_utils.py" not in (said := refused(student, capsys))
    assert said.endswith("cannot be read (Permission denied); nothing was written\n")


def test_an_interrupted_check_writes_nothing_and_leaves_no_process(student, capsys, monkeypatch):
    write(student, {"style_utils.py": "while True:\n    pass\n"})
    started, start = [], subprocess.Popen

    def record(*arguments, **settings):
        started.append(start(*arguments, **settings))
        return started[-1]

    def interrupt(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", record)
    monkeypatch.setattr(collect_submission.time, "sleep", interrupt)
    assert "stopped; nothing was written" in refused(student, capsys, code=130)
    assert started
    assert all(process.returncode is not None for process in started)


def test_patterns_stand_for_folders_as_they_say():
    assert matches("a.py", "*.py")
    assert not matches("a/b.py", "*.py")
    assert matches("a/b.py", "a/*.py")
    assert not matches("a/b/c.py", "a/*.py")
    assert matches("a.py", "**/*.py")
    assert matches("a/b/c.py", "**/*.py")
    assert matches("a/c.py", "a/**/*.py")
    assert not matches("b/c.py", "a/**/*.py")


# This project's own


@pytest.fixture(scope="module")
def own_plan(tmp_path_factory):
    return make_plan(ROOT, PROJECT, tmp_path_factory.mktemp("own") / "a.zip")


def test_the_projects_own_hand_in_holds_what_the_course_asks_for_and_no_more(own_plan, tmp_path):
    assert own_plan.problems == []
    assert own_plan.left == {}
    names = own_plan.names
    assert [name for name in names if name.endswith(".safetensors")] == ["weights/squeezenet1_1.safetensors"]
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "visualization/", "."))]
    for module in (*PROJECT.modules, "core.squeezenet"):
        path = module.replace(".", "/")
        assert f"{path}.py" in names or f"{path}/__init__.py" in names
    collect_submission.write_archive(ROOT, names, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").stat().st_size < 3_000_000


def test_the_projects_own_hand_in_is_the_same_when_packed_again_elsewhere(own_plan, tmp_path):
    collect_submission.write_archive(ROOT, own_plan.names, tmp_path / "a.zip")
    with zipfile.ZipFile("a.zip") as packed:
        packed.extractall("copy")
    assert find_edition(tmp_path / "copy") is PROJECT
    again = make_plan(tmp_path / "copy", PROJECT, tmp_path / "b.zip")
    assert again.names == own_plan.names
    collect_submission.write_archive(tmp_path / "copy", again.names, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_network_is_packed_only_if_a_packed_module_names_its_file(tmp_path):
    files = {
        "core/squeezenet.py": "FILE = 'net.safetensors'\n",
        "visualizers/noise.py": "import core.squeezenet\n\nSHOWN = 'harbour', 'noise', 'patterns/third.safetensors'\n",
        "patterns/net.safetensors": "",
        "patterns/noise.safetensors": "",
        "patterns/third.safetensors": "",
        "images/content/harbour.jpg": "",
        "images/content/lake.jpg": "",
    }
    plan = make_plan(write(tmp_path / "a", files), PROJECT, tmp_path / "a.zip")
    assert [name for name in plan.names if not name.endswith(".py")] == [
        "images/content/harbour.jpg",
        "patterns/net.safetensors",
        "patterns/third.safetensors",
    ]


def test_modules_that_a_table_names_are_packed(tmp_path):
    files = {
        "core/squeezenet.py": "",
        "visualizers/__init__.py": "TABLE = {'one': 'makers.one.study.run', 'two': 'makers.two'}\n",
        "makers/__init__.py": "",
        "makers/one/__init__.py": "",
        "makers/one/study.py": "",
        "makers/two.py": "",
        "makers/three.py": "",
    }
    plan = make_plan(write(tmp_path / "a", files), PROJECT, tmp_path / "a.zip")
    assert set(plan.names) == set(files) - {"makers/three.py"} - {"core/squeezenet.py"}


@pytest.mark.slow
def test_the_projects_own_hand_in_passes_its_checks_and_a_script_runs_elsewhere(tmp_path, capsys):
    assert main([]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "not checked" not in said.out
    with zipfile.ZipFile("assignment_3_submission.zip") as packed:
        packed.extractall("elsewhere")
        modules = [name[:-3].replace("/", ".") for name in packed.namelist() if name.endswith(".py")]
    modules = ", ".join(name for name in modules if not name.endswith("__init__"))
    quiet = {"cwd": tmp_path / "elsewhere", "capture_output": True, "text": True, "check": False}
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", f"import {modules}"], **quiet)
    assert result.returncode == 0, result.stderr
    for script, flags in {
        "saliency_visualization.py": ("--size", "64"),
        "style_transfer.py": ("--preset", "swirling_night", "--iterations", "1", "--size", "64", "--style-size", "64"),
    }.items():
        given = [sys.executable, script, "--weights", "patterns", *flags, "--output", "a.png"]
        result = subprocess.run(given, **quiet)
        assert result.returncode == 0, result.stderr
        assert (tmp_path / "elsewhere" / "a.png").stat().st_size > 0
        (tmp_path / "elsewhere" / "a.png").unlink()


def test_what_is_wrong_is_one_sentence_wherever_it_is_raised(tmp_path):
    with pytest.raises(Refused, match="is not a folder") as raised:
        collect(tmp_path / "nowhere")
    assert raised.value.code == 2
