"""Which seeds render which scenes, so that no network is judged on what it learned from."""

HIGHEST_SEED = 10**9 - 1  # of scenes that networks are judged on; those of all trainings lie above
HELD_OUT_SEED = 424_242  # scenes of the learning curves; the final figures use other ones
GENERATOR_SEED = 2 * HIGHEST_SEED  # far above those of the classifiers' trainings, which begin after the highest
STYLES_SEED = 3 * HIGHEST_SEED
