"""How the page is started: `python -m explorer --help`. Imports nothing heavy."""

from studies.shared.network_flags import add_network
from studies.shared.options import Parser, whole_number

PORT = 7860


def parser() -> Parser:
    """The flags of the page."""
    result = Parser(prog="python -m explorer", description=__doc__.partition(":")[0] + ".")
    add = result.add_argument
    add_network(result, any_network=True, several=False, weights=True)
    add("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="where to compute")
    add("--host", default="127.0.0.1", metavar="ADDRESS", help="who may look: 127.0.0.1 this machine, 0.0.0.0 all")
    add("--port", type=whole_number(0, 65535), default=PORT, metavar="N", help="the port; 0 takes a free one")
    add("--open", action="store_true", help="open the browser, too")
    return result
