"""What each training costs, from its recipe: steps, rendered scenes, and looks at held-out ones."""

from dataclasses import replace

from core.generator import SIZE
from patterns.scenes import CLASS_NAMES
from studies.shared.cost import GRADIENT_BYTES, Cost, forwards, rendering
from training.flags import HELD_OUT
from training.generator import GeneratorRecipe
from training.recipe import Recipe
from training.robust import RobustRecipe
from training.settings import EvaluationSettings, Settings, StylesSettings
from training.squares import ROUNDS, SCENE_SIZE, STEPS_PER_ROUND
from training.style_pictures import HELD_OUT_SIZE

LEARNING = 1.6  # of a step: forward and back for the weights as well, beside a plain gradient
LEARNING_BYTES = {True: 0.7 * GRADIENT_BYTES, False: 1.3 * GRADIENT_BYTES}  # for each pixel of a batch, bfloat16 or not
POOL, HELD = 3, 15  # bytes for each pixel of the scenes that are learned from, and that are held out
GENERATING = 1.6  # of a generator's step
GENERATING_BYTES = {True: 0.5 * GRADIENT_BYTES, False: GRADIENT_BYTES}  # likewise
PAINTING, PAINTING_BYTES = 4.5, 3000  # a picture painted, seen by the loss network, and the way back through both
STYLE_BYTES, ASPECT = 300, 1.4  # for each pixel of a style, which is seen whole; its longer side by the shorter
CHUNK = 36  # scenes named at a time


def cost(settings: Settings | EvaluationSettings, recipe: Recipe | GeneratorRecipe | None = None) -> Cost:
    """recipe: of the trainings on scenes; None: what `python -m training` makes of the settings."""
    if isinstance(settings, EvaluationSettings):
        return of_evaluation(settings)
    if isinstance(settings, StylesSettings):
        return of_styles(settings)
    work = of_generator(recipe) if isinstance(recipe, GeneratorRecipe) else of_recipe(recipe)
    return work + Cost(flags=("iterations",))


def of_recipe(recipe: Recipe) -> Cost:
    """A classifier, its stages one after the other."""
    classes, first, total = len(recipe.classes), recipe.first_steps(), Cost()
    attack = 0.5 if recipe.perturbation else 0.0  # gradients of a batch besides
    if isinstance(recipe, RobustRecipe):
        attack = float(recipe.inner_steps * bool(recipe.linf))
    for stage, begin, end in zip(recipe.stages, first, first[1:], strict=False):
        steps, scene = end - begin, stage.size**2
        pool = POOL * recipe.rounds * classes * scene
        work = Cost(gradient=(LEARNING + attack) * steps * stage.batch * scene)
        total += replace(work, at_once=LEARNING_BYTES[recipe.half_precision] * stage.batch * scene + pool)
        total += rendering((recipe.rounds + steps / recipe.steps_per_round) * classes, stage.size)
    held, last = recipe.held_out_rounds * classes, recipe.stages[-1].size
    looks = -(-recipe.steps // recipe.evaluate_every)
    total += rendering(held, last) + Cost(held=HELD * held * last**2)
    return total + forwards(looks * held, last**2, together=min(CHUNK, max(1, held)))


def of_generator(recipe: GeneratorRecipe) -> Cost:
    """A generator, which learns on one size."""
    classes, scene = len(recipe.classes), SIZE**2
    pixels, held = recipe.batch * scene, recipe.held_out_rounds * classes
    scenes = (recipe.rounds + recipe.steps / recipe.steps_per_round) * classes
    work = Cost(gradient=GENERATING * recipe.steps * pixels, held=POOL * recipe.rounds * classes * scene)
    work = replace(work, at_once=GENERATING_BYTES[recipe.half_precision] * pixels)
    looks = -(-recipe.steps // recipe.evaluate_every)
    return work + rendering(scenes + held, SIZE) + forwards(looks * held, scene, together=recipe.batch)


def of_styles(settings: StylesSettings) -> Cost:
    """A network that paints: squares of pictures, and the held-out pictures now and then in each style."""
    pixels, styles = settings.batch * settings.side**2, len(settings.styles)
    looks = -(-settings.iterations // settings.evaluate_every)
    work = Cost(gradient=PAINTING * settings.iterations * pixels, at_once=PAINTING_BYTES * pixels)
    work += Cost(at_once=STYLE_BYTES * ASPECT * settings.style_size**2)
    work += Cost(gradient=2 * styles * len(HELD_OUT) * looks * ASPECT * HELD_OUT_SIZE**2)
    if not settings.images:
        scenes = (ROUNDS + settings.iterations / STEPS_PER_ROUND) * len(CLASS_NAMES)
        work += rendering(scenes, max(SCENE_SIZE, settings.side))
    work += Cost(held=4 * 3 * styles * ASPECT * settings.style_size**2)
    return work + Cost(flags=("iterations", "batch", "side", "style_size"))


def of_evaluation(settings: EvaluationSettings) -> Cost:
    """Scenes rendered and named."""
    work = rendering(settings.scenes, settings.size)
    together = min(CHUNK, settings.scenes)
    return work + forwards(settings.scenes, settings.size**2, together=together) + Cost(flags=("scenes", "size"))
