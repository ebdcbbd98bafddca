"""The page in a real browser: each tab shows what was computed for it, to two people at once, and to hostile ones."""

import csv
import io
import re
import socket
import threading
import time
from importlib.util import find_spec
from shutil import which

import numpy as np
import pytest
from conftest import odd_jpeg
from PIL import Image

from core.images import as_picture
from explorer.answers import look, paint, unit
from explorer.world import World, scene, uploaded
from studies.shared.runner import run_study

CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
ALONE = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ALONE += ["--disable-component-update", "--disable-sync"]  # of the browser itself: it asks nobody for anything
MILLISECONDS = 60_000  # that an answer may take on a machine with other things to do
STAR = "scene: star"

missing = [name for name in ("gradio", "playwright") if find_spec(name) is None]
missing += [] if CHROMIUM else ["chromium"]
if missing:
    pytest.skip(f"needs {', '.join(missing)}: see requirements-page.txt", allow_module_level=True)

from playwright.sync_api import expect, sync_playwright  # noqa: E402 (after the skip)

from explorer.page import launch  # noqa: E402


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """The browser and the page talk to each other, and to nobody else."""
    connect = socket.socket.connect

    def loopback_alone(self, address):
        if self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1", "localhost"):
            return connect(self, address)
        raise OSError("the tests run without a network")

    monkeypatch.setattr(socket.socket, "connect", loopback_alone)


@pytest.fixture(scope="module")
def world():
    return World("patterns", "cpu")


@pytest.fixture(scope="module")
def asked(world):
    return world.ask(next(iter(world.networks)), scene("star", 0))


@pytest.fixture(scope="module")
def address(world):
    page = launch(world, host="127.0.0.1", port=0)
    yield page.local_url
    page.close()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ALONE)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address):
    """A function that opens the page, each time as somebody else. Requests to others than the page fail the test."""
    contexts, strangers = [], []

    def open_page(width=1280, height=900):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}))
        page = contexts[-1].new_page()
        page.set_default_timeout(MILLISECONDS)
        page.on("request", lambda request: note(request.url))
        page.goto(address)
        expect(page.get_by_label("Class asked about")).to_have_value("star 94 %", timeout=MILLISECONDS)
        return page

    def note(url):
        if not url.startswith((address, "data:", "blob:")):
            strangers.append(url)

    yield open_page
    for context in contexts:
        context.close()
    assert not strangers


def open_tab(page, name):
    page.get_by_role("tab", name=name).click()


def picture(page, label, *, not_like=None):
    """The picture in the box of this label, once it is there, and is another than `not_like`."""
    boxes = page.locator(".block", has=page.get_by_text(label, exact=True)).filter(visible=True)
    box = boxes.filter(has=page.locator("img")).last
    until = time.monotonic() + MILLISECONDS / 1000
    while time.monotonic() < until:
        shown = box.locator("img")
        if shown.count() and (address := shown.first.get_attribute("src")):
            answer = page.request.get(address)
            if answer.ok:
                found = Image.open(io.BytesIO(answer.body()))
                pixels = np.asarray(found.convert("RGB"))
                if not_like is None or not np.array_equal(pixels, not_like):
                    return pixels, found.info
        page.wait_for_timeout(50)
    raise AssertionError(f"no picture in '{label}'")


def expected_maps(world, asked, names, *, layer="features.12", strength=0.65):
    maps = look.compute(world, asked, names, layer=layer)
    return [shown.pixels for shown in look.show(asked, maps, together=False, strength=strength)]


def test_the_first_tab_shows_four_maps_that_are_right_and_say_how_they_were_made(visit, world, asked):
    page = visit()
    names = ["grad-cam", "gradient", "guided-backprop", "guided-grad-cam"]
    labels = ["Grad-CAM, features.12", "gradient (saliency)", "guided backprop", "guided Grad-CAM, features.12"]
    for label, pixels in zip(labels, expected_maps(world, asked, names), strict=True):
        found, facts = picture(page, label)
        assert np.array_equal(found, pixels)
        assert facts["Weights"] == world.networks[asked.network].weights_name
    assert page.get_by_text("May I believe it?").filter(visible=True).count() == 4
    assert "python -m studies gradcam" in page.locator(".cm-content").filter(visible=True).first.inner_text()


def test_the_slider_leads_through_the_layers(visit, world, asked):
    page = visit()
    first, _ = picture(page, "Grad-CAM, features.12")
    page.get_by_label("number input for Layer").fill("10")
    page.keyboard.press("Tab")
    found, _ = picture(page, "Grad-CAM, features.9", not_like=first)
    assert np.array_equal(found, expected_maps(world, asked, ["grad-cam"], layer="features.9")[0])


def test_the_maps_can_be_downloaded_as_numbers(visit, world, asked):
    page = visit()
    picture(page, "Grad-CAM, features.12")
    with page.expect_download() as download:
        page.get_by_role("button", name="The maps as numbers").click()
    (one,) = look.compute(world, asked, ["grad-cam"], layer="features.12")
    with np.load(download.value.path()) as numbers:
        assert np.array_equal(numbers["grad-cam"], one.raw.numpy())


def test_two_classes_are_compared(visit, world, asked):
    page = visit()
    open_tab(page, "Why this and not that?")
    expect(page.get_by_role("heading", name="Why star 94 %, and not")).to_be_visible()
    other = world.classes(asked)[1][1]
    maps = look.compute(world, asked, ["grad-cam"], layer="features.12", versus=other)
    (shown,) = look.show(asked, maps, together=False, strength=0.9, both_signs=True)
    found, _ = picture(page, "Red speaks for the first, blue for the second")
    assert np.array_equal(found, shown.pixels)


def test_painting_over_the_picture_changes_what_the_network_says(visit):
    page = visit()
    open_tab(page, "What if I cover it?")
    before, _ = picture(page, "Grad-CAM before")
    canvas = page.locator("canvas").filter(visible=True).first
    page.wait_for_timeout(500)
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.5 * box["height"])  # one stroke: each takes a while
    page.mouse.up()
    after, _ = picture(page, "Grad-CAM after", not_like=before)
    assert not np.array_equal(before, after)
    expect(page.get_by_text("of it painted over")).not_to_contain_text("with 0 %")


def test_a_click_on_a_cell_shows_what_the_unit_sees(visit, world, asked):
    page = visit()
    open_tab(page, "What does this unit see?")
    first, _ = picture(page, "What the unit sees")
    page.get_by_text("Its map: click on a cell").wait_for()
    box = page.locator(".block", has=page.get_by_text("Its map: click on a cell")).last.locator("img").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    found, facts = picture(page, "What the unit sees", not_like=first)
    expect(page.get_by_text("row 13, column 13")).to_be_visible()
    layer = "features.6"
    channel = unit.channels_by_strength(world, asked, layer)[0]
    assert np.array_equal(found, unit.unit(world, asked, layer, channel, 13, 13).picture)
    assert '"column": 13' in facts["Settings"]


def test_a_dream_is_seen_while_it_climbs_and_stops_when_told(visit):
    page = visit()
    open_tab(page, "What does it dream?")
    page.get_by_role("button", name="Dream", exact=True).click()
    first, _ = picture(page, "The picture so far")
    picture(page, "The picture so far", not_like=first)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("stopped after")).to_be_visible(timeout=MILLISECONDS)


def test_leaving_the_page_ends_its_dream(visit):
    page = visit()
    open_tab(page, "What does it dream?")
    page.get_by_label("number input for Steps").fill("512")
    page.get_by_role("button", name="Dream", exact=True).click()
    expect(page.get_by_text(re.compile(r"step \d+ of 512"))).to_be_visible(timeout=MILLISECONDS)
    page.close()
    until = time.monotonic() + 20
    while any(thread.name == "watched" for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.1)


def test_an_attack_shows_both_pictures_and_what_is_seen_in_them(visit, asked):
    page = visit()
    open_tab(page, "Fool it")
    page.get_by_role("button", name="Attack").click()
    before, _ = picture(page, "Before")
    after, _ = picture(page, "After")
    assert np.array_equal(before, asked.chosen.pixels)
    assert 0 < np.abs(before.astype(int) - after).max() <= 4
    expect(page.get_by_text("read back from a PNG")).to_be_visible()


def test_the_picture_is_painted_at_once_and_step_by_step(visit, asked):
    page = visit()
    open_tab(page, "Paint it")
    quick, _ = picture(page, "At once, by the network that learned to paint")
    assert np.array_equal(quick, paint.at_once(asked, paint.STYLES[-1], "cpu").pixels)
    page.get_by_role("button", name="Paint", exact=True).click()
    picture(page, "Step by step")
    page.get_by_role("button", name="Stop").filter(visible=True).click()
    expect(page.get_by_text("stopped at size")).to_be_visible(timeout=MILLISECONDS)


@pytest.mark.parametrize("kind", ["grey", "CMYK", "turned"])
def test_an_uploaded_picture_is_seen_as_the_studies_see_it(visit, tmp_path, kind):
    path = odd_jpeg(tmp_path, kind)
    page = visit()
    first, _ = picture(page, "What the network sees")
    page.locator("input[type=file]").first.set_input_files(path)
    found, _ = picture(page, "What the network sees", not_like=first)
    assert np.array_equal(found, uploaded(path, path.name).pixels)


def test_an_upload_goes_before_a_named_picture_until_one_is_named_again(visit, tmp_path, asked):
    path = odd_jpeg(tmp_path, "grey")
    page = visit()
    first, _ = picture(page, "What the network sees")
    named = page.get_by_label("Picture", exact=True)
    page.locator("input[type=file]").first.set_input_files(path)
    found, _ = picture(page, "What the network sees", not_like=first)
    expect(named).to_have_value("", timeout=MILLISECONDS)
    named.click()
    page.get_by_role("option", name="scene: star", exact=True).click()
    again, _ = picture(page, "What the network sees", not_like=found)
    assert np.array_equal(again, asked.chosen.pixels)
    expect(named).to_have_value("scene: star")
    expect(page.locator("input[type=file]").first).to_be_attached(timeout=MILLISECONDS)  # to take another one


def test_a_broken_file_is_told_in_one_sentence_and_the_page_goes_on(visit, tmp_path, world, asked):
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    page = visit()
    page.locator("input[type=file]").first.set_input_files(path)
    told = page.locator(".prose.told")
    expect(told).to_contain_text("broken.png", timeout=MILLISECONDS)
    assert str(tmp_path) not in told.inner_text()
    found, _ = picture(page, "Grad-CAM, features.12")
    assert np.array_equal(found, expected_maps(world, asked, ["grad-cam"])[0])


def test_two_people_see_their_own_pictures(visit, world):
    pages = [visit(), visit()]
    network = next(iter(world.networks))
    boxes = [page.get_by_label("Seed of the scene") for page in pages]
    firsts = [picture(page, "Grad-CAM, features.12")[0] for page in pages]
    for seed, box in enumerate(boxes, start=5):
        box.fill(str(seed))
        box.press("Tab")
    for seed, (page, first) in enumerate(zip(pages, firsts, strict=True), start=5):
        expected = expected_maps(world, world.ask(network, scene("star", seed)), ["grad-cam"])[0]
        assert np.array_equal(picture(page, "Grad-CAM, features.12", not_like=first)[0], expected)


@pytest.mark.parametrize(
    "path", ["/etc/hostname", "..%2f..%2f..%2fetc%2fhostname", "/tmp/../etc/hostname", "README.md"]
)
def test_no_file_of_the_machine_can_be_read_through_the_page(visit, address, path):
    page = visit()
    for way in ("gradio_api/file=", "file=", "static/", "assets/", "gradio_api/file/"):
        answer = page.request.get(f"{address}{way}{path}")
        assert not answer.ok or socket.gethostname() not in answer.text()
        assert "What a CNN sees\n\nWhy did" not in answer.text()  # how the README begins


def test_the_page_can_be_used_on_a_phone(visit):
    page = visit(390, 844)
    picture(page, "Grad-CAM, features.12")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_page_listens_to_this_machine_alone(address):
    assert address.startswith("http://127.0.0.1:")
    port = int(address.rsplit(":", 1)[1].strip("/"))
    with socket.socket() as other:
        other.settimeout(2)
        mine = socket.gethostbyname(socket.gethostname())
        if not mine.startswith("127."):
            assert other.connect_ex((mine, port)) != 0


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    """The page of a folder of four scenes of two classes."""
    folder, output = tmp_path_factory.mktemp("pictures"), tmp_path_factory.mktemp("out") / "explained"
    for name, seed in (("star", 0), ("star", 1), ("fish", 0), ("spiral", 2)):
        as_picture(scene(name, seed).pixels).save(folder / f"{name}{seed}.png")
    asked = ["--images", str(folder), "--weights", "patterns", "--report", "--output", str(output)]
    assert run_study("explain", asked) == 0
    return output / "explained.html"


def test_the_report_is_filtered_and_its_counts_are_right(browser, explained):
    with (explained.parent / "explained.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    page = browser.new_page()
    page.goto(explained.as_uri())
    cards, count = page.locator("article"), page.locator("output")
    expect(count).to_have_text("4 of 4 pictures")
    for name in {row["predicted_name"] for row in rows}:
        page.get_by_label("Predicted class").select_option(label=name)
        right = sum(row["predicted_name"] == name for row in rows)
        expect(count).to_have_text(f"{right} of 4 pictures")
        assert cards.filter(visible=True).count() == right
    page.get_by_label("Predicted class").select_option(label="all")
    page.get_by_label("Probability from, in per cent").fill("50")
    likely = sum(float(row["probability"]) >= 0.5 for row in rows)
    expect(count).to_have_text(f"{likely} of 4 pictures")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_is_for_people_of_all_abilities(browser, explained, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe: see requirements-page.txt")
    page = browser.new_page(color_scheme=scheme)
    page.goto(explained.as_uri())
    found = axe.Axe().run(page).response["violations"]
    assert not [(each["id"], each["nodes"][0]["html"][:200]) for each in found]
    page.close()


def test_the_report_can_be_read_on_a_phone(browser, explained):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(explained.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
