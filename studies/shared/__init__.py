"""What studies share: the command line, the network and pictures asked for, interruption, progress."""
