"""How the networks in weights/ were trained, and the commands that train them again."""
