"""What every technique stands on: the network, images, activations, gradients, the pixel loop, figures."""
