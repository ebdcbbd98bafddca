"""What a study draws by chance, it draws by --seed: another seed, another figure; the same seed, the same one."""

from hashlib import sha256

import pytest
from conftest import replace_everywhere, run
from PIL import Image, ImageSequence

from patterns.scenes import render_indexed
from training.biased import make_recipe
from visualizers.segmentation import segment

SMALL = ["--size", "64"]
DREAM = ["--images", "PICTURE", *SMALL, "--layer", "features.6", "--octaves", "1", "--iterations", "2"]
PLAIN = [*SMALL, "--iterations", "1"]
SCALES = ["--size", "36", "--iterations", "1", "--smallest", "36"]
FEW = ["--draws", "1", "--stages", "3", "--technique", "gradient"]
NEAREST = ["--technique", "neighbours", "--neighbours", "2"]
PHOTOGRAPHS = ["chelsea", "coffee", "rocket", "motorcycle", "china"]
FIGURES = {  # what is drawn by chance: the study, with quick settings
    "noisy copies": ["saliency", "--images", "PICTURE", *SMALL, "--technique", "smoothgrad", "--samples", "2"],
    "masks": ["saliency", "--images", "PICTURE", *SMALL, "--technique", "rise", "--masks", "4"],
    "the jitter of a dream": ["deepdream", *DREAM],
    "the jitter of a way into a dream": ["deepdream", *DREAM, "--zoom", "2"],
    "the start of an inversion": ["inversion", "--images", "PICTURE", *PLAIN, "--layers", "features.9"],
    "a texture": ["textures", "--images", "cracks", "--sample-size", "48", "--iterations", "1", "--window", "5"],
    "the start of a painting": ["style", "--content", "PICTURE", "--style", "PICTURE", *SCALES, "--start", "noise"],
    "the start of a preset": ["style", "--preset", "swirling_night", *PLAIN, "--start", "noise"],
    "a start beside others": ["tradeoffs", *SCALES, "--figure", "start"],
    "a dream beside a painting": ["tradeoffs", *SCALES, "--figure", "dream"],
    "the images to be found again": ["embedding", "--images", *PHOTOGRAPHS, *SMALL, *NEAREST],
    "random networks": ["trust", "--images", "PICTURE", *SMALL, *FEW],
}


def hash_of_frames(path) -> str:
    """Of what a picture or an animation shows, whatever it says of itself."""
    with Image.open(path) as figure:
        return sha256(b"".join(frame.convert("RGB").tobytes() for frame in ImageSequence.Iterator(figure))).hexdigest()


@pytest.mark.parametrize(
    "drawn", [pytest.param(name, marks=[pytest.mark.slow] * (name == "random networks")) for name in FIGURES]
)
def test_another_seed_gives_another_figure_and_the_same_seed_the_same(drawn, weights, picture, tmp_path):
    study, *flags = [picture if word == "PICTURE" else word for word in FIGURES[drawn]]
    made = {}
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        ending = "gif" if "--zoom" in flags else "png"
        assert run(study, *flags, "--seed", seed, "--output", tmp_path / f"{name}.{ending}") == 0
        made[name] = [hash_of_frames(path) for path in sorted(tmp_path.glob(f"{name}*.{ending}"))]
    assert made["again"] == made["first"]
    assert all(one != other for one, other in zip(made["first"], made["other"], strict=True))


@pytest.mark.parametrize(
    ("function", "flags"),
    [
        (segment, ["segmentation", "--images", "PICTURE", *SMALL]),
        (render_indexed, ["embedding", "--scenes", "20", *SMALL, "--technique", "pca"]),
        (render_indexed, ["trust", "--scenes", "1", *SMALL, *FEW]),
        (make_recipe, ["bias", *PLAIN]),
    ],
    ids=["segmentation", "embedding", "trust", "bias"],
)
def test_what_draws_by_itself_is_handed_the_seed(function, flags, weights, picture, monkeypatch):
    class Enough(Exception):
        pass

    def record(*_arguments, seed, **_settings):
        seeds.append(seed)
        raise Enough

    seeds = []
    replace_everywhere(monkeypatch, function, record)
    monkeypatch.setenv("DEBUG", "1")  # the study's exception itself
    with pytest.raises(Enough):
        run(*[picture if word == "PICTURE" else word for word in flags], "--seed", 7)
    assert seeds == [7]
