"""Procedural pictures of 36 patterns and objects, each with its exact mask.

    from patterns.scenes import CLASS_NAMES, render_batch, render_pair, render_scene

    scene = render_scene("fish", seed=7)               # .image, .mask, .label
    images, masks = render_batch(["fish", 3], seed=7, size=112)
    pair = render_pair("fish", "maze", seed=7)         # .image, .masks, .labels

`textures` and `objects` hold one function per class, `backgrounds` what lies behind them, `canvas`
the coordinates, noise and signed distances, `colours` the palettes, `scenes` the composition.
`dataset` is the adapter for torch; `python -m patterns.contact_sheet` shows every class.

`squeezenet1_1.safetensors` is the network trained on them (MODEL_CARD.md). `train` is the command, `training` its
state and recipe, `learning` one step and the folding of BatchNorms, `pool` the scenes in memory; `evaluate`
measures it. `robust_training` and `train_robust` make networks that are hard to fool, `twins` loads them.
`paintings` holds the styles and content pictures in images/.
"""
