"""The check of a hand-in: every edition's finished and unfinished folders, faults, and attacks."""

import io
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import hand_ins
import numpy as np
import pytest

from core.defaults import ROOT
from core.errors import UsageError
from course.check import check_submission
from course.command import main
from course.parts import PARTS
from course.sandbox import Sandbox, read_arrays
from course.submission import editions_of, open_submission
from course.unwritten import blocks_of

EDITIONS = ("cs7643-visualizers", "cs7643-helpers", "cs231n", "eecs498")
QUICK = ["content_loss", "gram_matrix", "saliency"]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def plain_sandbox():
    """Where the system allows no namespaces."""
    with Sandbox(apart=False) as running:
        yield running


def lay(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def check(tmp_path, sandbox):
    """Check a folder of these files -> {part: result}."""

    def run(files, parts=None, *, time_limit=30.0, box=sandbox):
        folder = lay(tmp_path / "mine", files)
        return {each.part: each for each in check_submission(folder, parts, time_limit=time_limit, sandbox=box)}

    return run


def statuses(results):
    return {part: result.status for part, result in results.items()}


def asked(edition):
    return [key for key, part in PARTS.items() if any(p.edition == edition and not p.given for p in part.places)]


@pytest.mark.slow
def test_this_project_is_right_in_all_parts(sandbox):
    results = check_submission(ROOT, sandbox=sandbox)
    assert [result.part for result in results] == list(PARTS)
    assert {result.part: result.sentence for result in results if result.status != "right"} == {}
    assert not any(result.notes for result in results)


def test_this_project_is_right_in_some_parts(sandbox):
    results = check_submission(ROOT, ["gram_matrix", "grad_cam"], sandbox=sandbox)
    assert [(result.status, result.notes) for result in results] == [("right", ())] * 2


@pytest.mark.slow
@pytest.mark.parametrize("edition", EDITIONS)
def test_a_finished_hand_in_is_right_in_all_parts(edition, check):
    results = check(hand_ins.right(edition))
    assert set(results) >= set(asked(edition))
    assert {part: each.sentence for part, each in results.items() if each.status != "right"} == {}


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_finished_hand_in_is_right_in_some_parts(edition, check):
    assert set(statuses(check(hand_ins.right(edition), QUICK)).values()) == {"right"}


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_skeleton_is_not_written_yet_in_all_parts(edition, check):
    results = check(hand_ins.skeleton(edition))
    assert set(results) >= set(asked(edition))
    assert set(statuses(results).values()) == {"not written"}
    assert all("TODO" in result.sentence for result in results.values())


@pytest.mark.parametrize(
    "body", ["raise NotImplementedError", "pass", "...", "'''later'''", "loss = None\n        return loss", "return 0"]
)
def test_what_computes_nothing_is_not_written_yet(body, check):
    assert statuses(check(with_tv(body), ["tv_loss"])) == {"tv_loss": "not written"}


def with_tv(body, head=""):
    head = f"import torch\nfrom torch import nn\n{head}\n\nclass TotalVariationLoss(nn.Module):\n"
    return hand_ins.style_modules() | {
        "style_modules/tv_loss.py": f"{head}    def forward(self, img, tv_weight):\n        {body}\n"
    }


def only_tv(check, body, head="", **settings):
    """What is said of a total variation with this body; the Gram matrix beside it must be right all the same."""
    results = check(with_tv(body, head), ["gram_matrix", "tv_loss"], **settings)
    assert results["gram_matrix"].status == "right", results["gram_matrix"].sentence
    return results["tv_loss"]


FAULTS = {
    "return img.sum() / helper": ("crashed", "style_modules/tv_loss.py line 7: return img.sum() / helper: NameError"),
    "import sys; sys.exit()": ("crashed", "it ends Python"),
    "import os; os._exit(0)": ("crashed", "ended by itself"),
    "import os; os.abort()": ("crashed", "no result came back"),
    "x = img.sum()": ("wrong", "is there a `return`"),
    "return (img.sum() * 0).item() + 3.0": ("wrong", "No gradient"),
    "return 'right'": ("crashed", "numbers are needed"),
    "return torch.full((2, 3), torch.nan) * img.sum()": ("wrong", ""),
    "x = torch.ones(25 * 10**9); return x.sum()": ("crashed", "25 * 10**9"),
    "for i in range(200000): print('x' * 50)\n        return img.sum()": ("wrong", ""),
}


@pytest.mark.parametrize("body", FAULTS)
def test_faults_of_one_part_are_told_and_harm_no_other(body, check):
    status, words = FAULTS[body]
    result = only_tv(check, body)
    assert (result.status, words in result.sentence) == (status, True), result.sentence
    assert len(result.output) < 13_000


def test_a_file_that_does_not_compile_harms_no_other(check):
    result = only_tv(check, "return img[")
    assert result.status == "crashed"
    assert result.sentence.startswith("style_modules/tv_loss.py line 7")
    assert "SyntaxError" in result.sentence


def test_an_endless_loop_is_too_slow(check):
    result = only_tv(check, "while True: pass", time_limit=2)
    assert result.status == "too slow"
    assert "2 s" in result.sentence


def test_a_bare_except_does_not_keep_a_climb_alive(check):
    files = hand_ins.right("cs231n")
    name = "cs231n/net_visualization_pytorch.py"
    files[name] = files[name].replace(
        "        scores = model(X_fooling)\n",
        "        try:\n            scores = model(X_fooling)\n        except:\n            continue\n",
    )
    assert statuses(check(files, ["fooling"])) == {"fooling": "right"}


ATTACKS = {
    "fork": "import os\n        while True:\n            try: os.fork()\n            except OSError: pass",
    "torch": "torch.sum = torch.Tensor.sum = torch.equal = lambda *a, **k: 0\n        return img.sum()",
    "builtins": "import builtins; builtins.len = builtins.print = builtins.isinstance = None; return img.sum()",
    "writers": "import json, numpy, zipfile; json.dumps = numpy.savez = numpy.array = lambda *a, **k: 'right'; "
    "zipfile.ZipFile = None; return img.sum()",
    "pipe": "import os\n        for fd in range(3, 60):\n            try: os.write(fd, b'right' * 9999)\n"
    "            except OSError: pass\n        os._exit(0)",
    "parent": "import os, signal; os.kill(os.getppid(), signal.SIGKILL); return img.sum()",
    "large file": "f = open('big', 'wb')\n        while True: f.write(bytes(10**6))",
    "many files": "for i in range(1000): open(f'big{i}', 'wb').write(bytes(5 * 10**7))",
    "orphan": "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(7654)'], "
    "start_new_session=True); return img.sum()",
}


@pytest.mark.parametrize("box", ["sandbox", pytest.param("plain_sandbox", marks=pytest.mark.slow)])
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_harms_neither_the_others_nor_the_verdict(attack, box, check, request):
    result = only_tv(check, ATTACKS[attack], box=request.getfixturevalue(box), time_limit=4)
    assert result.status in ("wrong", "crashed", "too slow")
    if sys.platform == "linux":
        commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
        assert not any(b"time.sleep(7654)" in words for words in commands)


def test_a_forged_result_is_compared_like_any_other(check):
    body = (
        "import io, os, numpy as np\n        b = io.BytesIO()\n"
        '        f = b\'{"notes": [], "right": true, "status": "right"}\'\n'
        "        z = np.zeros(img.shape, np.float32); s = np.zeros((), np.float32)\n"
        "        np.savez(b, **{'0/loss': s, '0/gradient': z, '1/loss': s, '1/gradient': z, "
        "'facts': np.frombuffer(f, np.uint8)})\n        os.write(3, b.getvalue()); os._exit(0)"
    )
    assert only_tv(check, body).status == "wrong"


READING = """import os, socket
        print("variable", os.environ.get("A_SECRET"), os.environ["HOME"].startswith(os.getcwd()))
        for path in (OUTSIDE, "../escaped"):
            try:
                open(path, "w").close()
                print("written")
            except OSError:
                print("refused")
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                print("A_SECRET" in open(f"/proc/{pid}/environ").read() and "seen")
            except OSError:
                pass
        try:
            socket.create_connection(("127.0.0.1", 9), 1)
        except OSError as error:
            print(error)
        return img.sum()"""


@LINUX
def test_secrets_files_and_the_network_are_out_of_reach(check, tmp_path, monkeypatch):
    monkeypatch.setenv("A_SECRET", "xyzzy")
    outside = tmp_path / "outside"
    outside.mkdir()
    os.chmod(outside, 0o755)
    result = only_tv(check, READING.replace("OUTSIDE", repr(str(outside / "file"))))
    assert "variable None True" in result.output
    assert "seen" not in result.output
    assert "no network" in result.output
    assert not list(outside.iterdir()) or os.getuid() != 0  # an ordinary user without namespaces can write there


PLANTED = {  # part: file, what stands there, what is put there
    "gram_matrix": ("style_modules/style_loss.py", "gram / (C * H * W)", "gram / (H * W)"),
    "tv_loss": ("style_modules/tv_loss.py", "(down.sum() + right.sum())", "down.sum()"),
    "saliency": ("visualizers/saliency_map.py", "X.grad.abs().max(dim=1)[0]", "X.grad.max(dim=1)[0]"),
}


@pytest.mark.parametrize("part", PLANTED)
def test_a_planted_mistake_is_named(part, check):
    name, old, new = PLANTED[part]
    files = hand_ins.right("cs7643-visualizers")
    assert old in files[name]
    (result,) = check(files | {name: files[name].replace(old, new)}, [part]).values()
    assert result.status == "wrong"
    assert result.mistakes
    assert result.sentence


def test_a_right_result_with_side_effects_gets_notes(check):
    files = hand_ins.right("cs7643-visualizers")
    name = "visualizers/saliency_map.py"
    files[name] = (
        files[name]
        .replace(
            "        model.eval()\n",
            "        model.train(); model.features[0].weight.requires_grad_(True)\n"
            "        model.classifier[0] = torch.nn.Identity()\n"
            "        model.features[3].register_forward_hook(print)\n",
        )
        .replace("        return ", "        y += 1\n        return ")
    )
    (result,) = check(files, ["saliency"]).values()
    for words in (
        "y was changed in place",
        "hook is left",
        "train or eval mode",
        "requires_grad",
        "Identity",
        "(.grad)",
    ):
        assert any(words in note for note in result.notes), (words, result.notes)


def test_images_that_are_mixed_in_a_batch_are_noted(check):
    files = hand_ins.right("cs7643-visualizers")
    name = "visualizers/saliency_map.py"
    files[name] = files[name].replace("X.grad.abs()", "(X.grad - X.grad.mean(dim=0, keepdim=True) / 2).abs()")
    (result,) = check(files, ["saliency"]).values()
    assert result.status == "wrong"
    assert any("mixed" in note for note in result.notes)


def test_what_is_missing_is_named_with_what_is_near(check):
    files = hand_ins.right("cs7643-visualizers")
    files["visualizers/saliency_maps.py"] = files.pop("visualizers/saliency_map.py")
    files["style_modules/style_loss.py"] = files["style_modules/style_loss.py"].replace("gram_matrix", "gram_matrices")
    files["visualizers/gradcam.py"] = files["visualizers/gradcam.py"].replace("class GradCam", "class GradCAM")
    results = check(files, ["saliency", "gram_matrix", "grad_cam"])
    assert set(statuses(results).values()) == {"missing"}
    for part, near in (("saliency", "saliency_maps.py"), ("gram_matrix", "gram_matrices"), ("grad_cam", "GradCAM")):
        assert near in results[part].sentence


def test_given_files_that_need_what_is_not_installed_do_no_harm(check):
    files = hand_ins.right("cs7643-visualizers")
    files["image_utils.py"] = (
        "from future import standard_library\nfrom six.moves.urllib import request\nfrom builtins import range\n"
        "import numpy as np\nSQUEEZENET_MEAN = np.array([0.485, 0.456, 0.406])\n"
        "SQUEEZENET_STD = np.array([0.229, 0.224, 0.225])\ndef deprocess(img):\n    return img\n"
    )
    assert statuses(check(files, ["class_visualization"])) == {"class_visualization": "right"}


def test_a_script_that_fails_after_its_class_is_checked_all_the_same(check):
    files = hand_ins.right("cs7643-helpers")
    files["saliency_visualization.py"] += "\nX, y = open('data/pictures.npz')\n"
    (result,) = check(files, ["saliency"]).values()
    assert result.status == "right"
    assert any("FileNotFoundError" in note for note in result.notes)


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_edition_is_found_also_in_a_zip_with_a_folder_around_it(edition, tmp_path):
    folder = lay(tmp_path / "mine", hand_ins.right(edition))
    assert editions_of(folder) == (edition,)
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for path in folder.rglob("*.py"):
            archive.write(path, Path("Ada Lovelace") / path.relative_to(folder))
        archive.writestr("__MACOSX/._mine", "")
    assert open_submission(tmp_path / "mine.zip", tmp_path / "copy").editions == (edition,)


def entry(name, mode=0o100644):
    result = zipfile.ZipInfo(name)
    result.external_attr = mode << 16
    return result


BAD_ENTRIES = {
    "above": (entry("../evil.py"), "leads out"),
    "absolute": (entry("/tmp/evil.py"), "leads out"),
    "windows": (entry("C:\\evil.py"), "leads out"),
    "link": (entry("style_modules/tv_loss.py", 0o120777), "is a link"),
    "device": (entry("zero", 0o020666), "no plain file"),
}


@pytest.mark.parametrize("kind", BAD_ENTRIES)
def test_a_zip_with_a_bad_entry_is_refused(kind, tmp_path):
    bad, words = BAD_ENTRIES[kind]
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        archive.writestr("style_modules/__init__.py", "")
        archive.writestr(bad, "/etc/passwd")
    with pytest.raises(UsageError, match=words):
        open_submission(tmp_path / "mine.zip", tmp_path / "copy")
    assert not (tmp_path / "evil.py").exists()


def test_a_zip_bomb_too_many_entries_and_what_is_no_zip_are_refused(tmp_path):
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("style_modules/big.py", "w") as file:
        for _ in range(210):
            file.write(bytes(1_000_000))
    with pytest.raises(UsageError, match="larger than 200 MB"):
        open_submission(path, tmp_path / "a")
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(20_001):
            archive.writestr(f"style_modules/{i}.py", "")
    with pytest.raises(UsageError, match="more than 20000 files"):
        open_submission(path, tmp_path / "b")
    data = bytearray(path.read_bytes()[:30_000])
    path.write_bytes(data)
    with pytest.raises(UsageError, match="neither a folder nor a zip"):
        open_submission(path, tmp_path / "c")


def test_an_encrypted_and_a_damaged_zip_are_refused(tmp_path):
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("style_modules/a.py", "pass\n" * 1000)
    whole = path.read_bytes()
    data = bytearray(whole)
    data[6] |= 1
    data[data.rindex(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(UsageError, match="encrypted"):
        open_submission(path, tmp_path / "a")
    data = bytearray(whole)
    data[60:70] = bytes(10)
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"mine\.zip"):
        open_submission(path, tmp_path / "b")


def test_links_of_a_folder_lead_nowhere(tmp_path):
    secret = lay(tmp_path / "elsewhere", {"secret.py": "x = 1"})
    folder = lay(tmp_path / "mine", hand_ins.style_modules())
    (folder / "out.py").symlink_to(secret / "secret.py")
    (folder / "folder").symlink_to(secret)
    (folder / "loop").symlink_to(folder)
    copied = open_submission(folder, tmp_path / "copy").root
    assert sorted(path.name for path in copied.iterdir()) == ["style_modules"]


def test_arrays_of_objects_and_lying_headers_are_refused():
    def stored(data, name="a.npy"):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(name, data)
        return buffer.getvalue()

    def header(text):
        words = text.encode()
        return b"\x93NUMPY\x01\x00" + len(words).to_bytes(2, "little") + words

    good = header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}") + np.float32([1, 2]).tobytes()
    assert read_arrays(stored(good))["a"].tolist() == [1, 2]
    for text in (
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (10**12,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False}",
        "__import__('os').abort()",
    ):
        with pytest.raises((ValueError, KeyError)):
            read_arrays(stored(header(text) + bytes(8)))


def test_a_block_counts_as_written_once_a_statement_is_in_it(tmp_path):
    path = tmp_path / "a.py"
    text = "def f(x):\n    # TODO: this\n    for i in x:\n        {}\n    # END OF YOUR CODE\n    return x\n"
    path.write_text(text.format("pass"))
    assert blocks_of(path, "f").untouched
    path.write_text(text.format("x = x + i"))
    assert not blocks_of(path, "f").untouched


@pytest.mark.parametrize("argument", ["nothing", "--only=sums", "--time-limit=0", "--weights=nothing.pth"])
def test_wrong_use_is_one_sentence_and_exit_code_2(argument, tmp_path, capsys):
    folder = lay(tmp_path / "mine", hand_ins.style_modules())
    with pytest.raises(SystemExit, match="2"):
        sys.exit(main([str(folder), argument] if argument.startswith("-") else [argument]))
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow  # each starts torch anew
def test_the_command_tells_a_line_a_part_and_its_exit_code(tmp_path, capsys):
    folder = lay(tmp_path / "mine", with_tv("return tv_weight * img.abs().sum()"))
    assert main([str(folder), "--only", "gram_matrix"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Gram matrix")
    assert "right" in said[0]
    assert said[1] == "1 of 1 parts are right"
    assert main([str(folder), "--only", "tv_loss"]) == 1


def test_help_answers_without_torch():
    code = f"""
import runpy, sys
sys.argv[1:] = ["--help"]
try:
    runpy.run_path({str(ROOT / "check_submission.py")!r}, run_name="__main__")
finally:
    assert "torch" not in sys.modules and "numpy" not in sys.modules
"""
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert "--time-limit" in said.stdout


@LINUX
@pytest.mark.slow  # it imports torch anew
def test_a_server_that_is_killed_is_started_anew(check, sandbox):
    os.kill(sandbox.process.pid, signal.SIGKILL)
    assert statuses(check(hand_ins.style_modules(), ["gram_matrix"])) == {"gram_matrix": "right"}
