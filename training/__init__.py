"""How the networks in weights/ were trained, and the one command that trains each of them again."""
