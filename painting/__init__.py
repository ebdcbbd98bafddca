"""What drives a style transfer: targets, the objective, sizes from coarse to fine, the forecast of its cost."""
