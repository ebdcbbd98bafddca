"""Pictures of every kind come in as RGB; those that cannot are refused in one sentence that names the file."""

import struct

import numpy as np
import pytest
import torch
import torchvision.transforms as T
from PIL import Image

from core import images, picture_files
from core.errors import UsageError

RGB = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def saved(tmp_path, image, name="picture.png", **settings):
    path = tmp_path / name
    image.save(path, **settings)
    return path


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16", "F"])
def test_every_mode_is_read_as_rgb(mode, tmp_path):
    if mode == "I;16":
        image = Image.fromarray((RGB[..., 0].astype(np.uint16)) * 257)
    elif mode in {"I", "F"}:
        deep = RGB[..., 0].astype(np.int32) * 257
        image = Image.fromarray(deep if mode == "I" else (deep / 65535).astype(np.float32))
    else:
        image = Image.fromarray(RGB).convert(mode)
    loaded = images.load_image(saved(tmp_path, image, "picture.tiff" if mode in {"I", "F"} else "picture.png"))
    assert (loaded.mode, loaded.size) == ("RGB", (60, 40))
    assert np.asarray(loaded).std() > 20


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_jpegs_of_other_colour_models_are_read(mode, tmp_path):
    path = saved(tmp_path, Image.fromarray(np.full_like(RGB, 200)).convert(mode), "picture.jpg")
    assert np.asarray(images.load_image(path)).mean() == pytest.approx(200, abs=3)


def test_sixteen_bit_grey_keeps_its_eight_high_bits(tmp_path):
    deep = Image.fromarray(RGB[..., 0].astype(np.uint16) * 257)
    assert np.array_equal(np.asarray(images.load_image(saved(tmp_path, deep)))[..., 1], RGB[..., 0])


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_deep_grey_of_any_depth_spans_black_to_white(bits, tmp_path):
    deep = Image.fromarray(np.linspace(0, 2**bits - 1, 4000).reshape(40, 100).astype(np.int32))
    loaded = np.asarray(images.load_image(saved(tmp_path, deep, "deep.tiff")))
    assert (loaded.min(), loaded.max()) == (0, 255)


@pytest.mark.parametrize("kind", [np.int32, np.float32], ids=["whole", "float"])
def test_numbers_below_zero_are_kept_apart_from_least_to_largest(kind, tmp_path):
    heights = np.linspace(-1024, 3071, 4000).reshape(40, 100).astype(kind)  # as of a CT
    loaded = np.asarray(images.load_image(saved(tmp_path, Image.fromarray(heights), "ct.tiff")))[..., 0]
    wanted = 255 * (heights - heights.min()) / (heights.max() - heights.min())
    assert np.abs(loaded - wanted).max() <= 0.51


@pytest.mark.parametrize("largest", [1.0001, 3.0, 40.0, 300.0, 5000.0])
def test_a_picture_in_units_of_its_own_is_not_left_black(largest, tmp_path):
    ramp = np.linspace(0, largest, 100, dtype=np.float32).reshape(10, 10)
    loaded = np.asarray(images.load_image(saved(tmp_path, Image.fromarray(ramp), "units.tiff")))[..., 0]
    assert np.abs(loaded - 255 * ramp / largest).max() <= 0.51


@pytest.mark.parametrize(("largest", "white"), [(255, 255), (4000, 4000), (5000, 65535), (65535, 65535)])
def test_a_png_of_sixteen_bits_is_stretched_only_where_it_would_be_black(largest, white, tmp_path):
    ramp = np.linspace(0, largest, 100).astype(np.uint16).reshape(10, 10)
    loaded = np.asarray(images.load_image(saved(tmp_path, Image.fromarray(ramp))))[..., 0]
    assert np.abs(loaded - 255 * ramp.astype(float) / white).max() <= 0.51


def test_the_transparent_number_of_deep_greys_is_white(tmp_path):
    deep = RGB[..., 0].astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "a.png", transparency=int(deep[0, 0]))
    loaded = np.asarray(images.load_image(tmp_path / "a.png"))[..., 0]
    assert np.array_equal(loaded, np.where(deep == deep[0, 0], 255, RGB[..., 0]))


def tiff(path, numbers, tags):
    """Write numbers (H, W), or planes (3, H, W), as an uncompressed TIFF file, with these tags besides the usual."""
    height, width = numbers.shape[-2:]
    data, bits = numbers.tobytes(), numbers.dtype.itemsize * 8
    entries = {256: (3, 1, width), 257: (3, 1, height), 258: (3, 1, bits), 259: (3, 1, 1), 262: (3, 1, 1)}
    entries |= {273: (4, 1, 8), 277: (3, 1, 1), 278: (3, 1, height), 279: (4, 1, len(data))} | tags
    more = b""
    if numbers.ndim == 3:
        at, plane = 8 + len(data), len(data) // 3
        more = struct.pack("<3H2x3I3I", bits, bits, bits, *(8 + plane * each for each in range(3)), *[plane] * 3)
        entries |= {258: (3, 3, at), 273: (4, 3, at + 8), 277: (3, 1, 3), 279: (4, 3, at + 20), 262: (3, 1, 2)}
    rows = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in sorted(entries.items()))
    head = b"II*\0" + struct.pack("<I", 8 + len(data) + len(more))
    path.write_bytes(head + data + more + struct.pack("<H", len(entries)) + rows + bytes(4))
    return path


def test_a_tiff_means_what_its_tags_say(tmp_path):
    grey = RGB[..., 0]
    deep = grey.astype("<u4") * 16843009  # above 2 ** 31, too
    white_is_zero = tiff(tmp_path / "w.tif", 65535 - grey.astype("<u2") * 257, {262: (3, 1, 0)})
    without_sign = tiff(tmp_path / "u.tif", deep, {339: (3, 1, 1)})
    for path in (white_is_zero, without_sign):
        assert np.array_equal(np.asarray(images.load_image(path))[..., 0], grey)


def test_what_pillow_misreads_is_refused(tmp_path):
    planes = tiff(
        tmp_path / "planes.tif", np.ascontiguousarray(RGB.transpose(2, 0, 1)).astype("<u2") * 257, {284: (3, 1, 2)}
    )
    signed = tiff(tmp_path / "signed.tif", RGB[..., 0].astype("<i1"), {339: (3, 1, 2)})
    for path in (planes, signed):
        with pytest.raises(UsageError, match=f"'.*{path.name}' has .* cannot be read here; save it as PNG first"):
            images.load_image(path)


def test_sixteen_bits_with_a_sign_are_numbers_with_a_sign(tmp_path):
    ramp = np.linspace(-1000, 1000, 100).astype(np.int16).reshape(10, 10)
    entries = {256: (3, 10), 257: (3, 10), 258: (3, 16), 259: (3, 1), 262: (3, 1), 273: (4, 8), 278: (3, 10)}
    entries |= {279: (4, 200), 339: (3, 2)}  # samples are signed
    data = ramp.astype("<i2").tobytes()
    rows = b"".join(
        struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", value) for tag, (kind, value) in entries.items()
    )
    directory = struct.pack("<H", len(entries)) + rows + bytes(4)
    (tmp_path / "ct.tif").write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory)
    loaded = np.asarray(images.load_image(tmp_path / "ct.tif"))[..., 0]
    assert np.abs(loaded - 255 * (ramp + 1000.0) / 2000).max() <= 0.51


def test_what_is_no_number_is_black_and_moves_nothing_else(tmp_path):
    ramp = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)
    plain = np.asarray(images.load_image(saved(tmp_path, Image.fromarray(ramp), "plain.tiff")))
    ramp[0, :3] = np.nan, np.inf, -np.inf
    holes = np.asarray(images.load_image(saved(tmp_path, Image.fromarray(ramp), "holes.tiff")))
    assert (holes[0, :3] == 0).all()
    assert np.array_equal(holes[1:], plain[1:])
    with pytest.raises(UsageError, match="holds no number"):
        images.load_image(saved(tmp_path, Image.fromarray(np.full_like(ramp, np.nan)), "none.tiff"))


def test_the_number_that_a_map_has_for_nothing_is_no_height(tmp_path):
    heights = np.linspace(-50, 50, 100, dtype=np.float32).reshape(10, 10)
    heights[0, 0] = -32768
    path = saved(tmp_path, Image.fromarray(heights), "map.tiff", tiffinfo={42113: "-32768"})
    loaded = np.asarray(images.load_image(path))[..., 0]
    assert (loaded[0, 0], loaded[0, 1], loaded[-1, -1]) == (0, 0, 255)
    assert 126 <= np.median(loaded) <= 130


def test_transparency_is_laid_over_white(tmp_path):
    clear = Image.new("RGBA", (5, 5), (0, 0, 0, 0))
    assert np.asarray(images.load_image(saved(tmp_path, clear))).min() == 255


def test_a_transparent_palette_is_laid_over_white(tmp_path):
    palette = Image.new("P", (5, 5), 0)
    palette.putpalette([10, 20, 30])
    assert np.asarray(images.load_image(saved(tmp_path, palette, transparency=0))).min() == 255


def test_exif_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise
    assert images.load_image(saved(tmp_path, Image.fromarray(RGB), "picture.jpg", exif=exif)).size == (40, 60)


@pytest.mark.parametrize("ending", ["png", "webp", "tiff", "jpg"])
def test_exif_rotation_is_applied_in_every_kind_of_file_and_a_broken_entry_is_none(ending, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = images.load_image(saved(tmp_path, Image.fromarray(RGB), f"turned.{ending}", exif=exif))
    assert turned.size == (40, 60)
    if ending == "png":
        assert np.array_equal(np.asarray(turned), np.rot90(RGB, -1))
        broken = saved(tmp_path, Image.fromarray(RGB), "broken.png", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
        assert np.array_equal(np.asarray(images.load_image(broken)), RGB)


def test_a_layered_file_is_read_as_its_composite(tmp_path):
    """Photoshop's; its frames are layers, and number 0 is none of them."""
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 40, 60, 8, 3)
    (tmp_path / "layers.psd").write_bytes(header + bytes(12) + bytes(2) + RGB.transpose(2, 0, 1).tobytes())
    assert np.array_equal(np.asarray(images.load_image(tmp_path / "layers.psd")), RGB)


def test_a_palette_with_steps_of_transparency_is_laid_over_white(tmp_path):
    palette = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8))
    palette.putpalette([0, 0, 0] * 3)
    loaded = np.asarray(images.load_image(saved(tmp_path, palette, transparency=bytes([0, 128, 255]))))
    assert loaded[0, :, 0].tolist() == [255, 127, 0]


def test_of_several_pages_the_first_is_taken(tmp_path):
    pages = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    path = saved(tmp_path, pages[0], "pages.tiff", save_all=True, append_images=pages[1:])
    assert np.asarray(images.load_image(path))[0, 0].tolist() == [255, 0, 0]
    assert images.load_image(saved(tmp_path, pages[0], "big.tiff", big_tiff=True)).size == (8, 8)


def test_a_picture_of_one_pixel_is_read(tmp_path):
    assert images.load_image(saved(tmp_path, Image.new("1", (1, 1), 1))).getpixel((0, 0)) == (255, 255, 255)
    assert images.centre_crop(Image.new("RGB", (1, 1))).size == (224, 224)


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    path = saved(tmp_path, frames[0], "moving.gif", save_all=True, append_images=frames[1:])
    assert np.asarray(images.load_image(path))[0, 0].tolist() == [255, 0, 0]


def test_bad_files_are_named_in_one_sentence(tmp_path):
    text = tmp_path / "text.png"
    text.write_text("not a picture")
    empty = tmp_path / "empty.jpg"
    empty.touch()
    whole = saved(tmp_path, Image.fromarray(RGB), "whole.png")
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole.read_bytes()[:2000])
    thin = saved(tmp_path, Image.new("L", (3000, 2)), "thin.png")
    cases = {text: "not a picture", empty: "0 bytes", cut: "damaged", thin: "3000 x 2", tmp_path: "a folder"}
    for path, words in {**cases, tmp_path / "none.png": "not there"}.items():
        with pytest.raises(UsageError, match=words) as refusal:
            images.load_image(path)
        assert path.name in str(refusal.value)
        assert "\n" not in str(refusal.value)


def test_an_absurdly_large_file_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_files, "MOST_PIXELS", 1000)
    with pytest.raises(UsageError, match="60 x 40 pixels; at most 1000 are allowed"):
        images.load_image(saved(tmp_path, Image.fromarray(RGB)))


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    path = saved(tmp_path, Image.fromarray(RGB))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UsageError, match="is larger than"):
        images.load_image(path)


def test_folders_are_expanded_in_order_and_an_empty_one_is_refused(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in images.list_image_files([tmp_path])] == ["a.JPG", "b.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no picture"):
        images.list_image_files([tmp_path / "empty"])


def test_cropping_and_preprocessing_are_torchvisions():
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (300, 451, 3), dtype=np.uint8))
    steps = [T.Resize(256), T.CenterCrop(224), T.ToTensor(), T.Normalize(images.IMAGENET_MEAN, images.IMAGENET_STD)]
    ours = images.preprocess(images.centre_crop(image))
    torch.testing.assert_close(ours, T.Compose(steps)(image)[None], rtol=1e-6, atol=1e-6)


def test_preprocessing_and_back_gives_the_same_bytes():
    assert np.array_equal(images.deprocess(images.preprocess(RGB))[0], RGB)
    assert images.preprocess([RGB, RGB]).shape == (2, 3, 40, 60)


def test_preprocessing_refuses_what_is_not_8_bit_rgb():
    with pytest.raises(UsageError, match=r"uint8 arrays of shape \(H, W, 3\) are needed, got float64 \(4, 4, 3\)"):
        images.preprocess(np.zeros((4, 4, 3)))


def test_the_default_photographs_are_named_as_they_should_be(imagenet, photograph_labels):
    names = [imagenet.class_names[label] for label in photograph_labels]
    assert names == ["Egyptian cat", "espresso", "missile", "moped", "monastery"]
