"""Procedural pictures of 36 patterns and objects, each with its exact mask.

    from patterns.scenes import CLASS_NAMES, render_batch, render_pair, render_scene

    scene = render_scene("fish", seed=7)               # .image, .mask, .label
    images, masks = render_batch(["fish", 3], seed=7, size=112)
    pair = render_pair("fish", "maze", seed=7)         # .image, .masks, .labels

`textures` and `objects` hold one function per class, `backgrounds` what lies behind them, `canvas`
the coordinates, noise and signed distances, `colours` the palettes, `scenes` the composition.
`dataset` gives the scenes as tensors; `kinds` plants known kinds of scenes within a class. `paintings` makes the style
and content pictures in images/. `python -m studies scenes` shows every class; the networks that learned the scenes lie
in weights/, and `python -m training` trains them again.
"""
