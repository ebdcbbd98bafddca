"""`python -m explorer`, or `make page`: the page in the browser."""

import argparse
import sys
from importlib import import_module
from importlib.util import find_spec

from core.errors import UsageError
from explorer.flags import parser
from studies.shared.options import run_script
from studies.shared.starting import loading


def main(options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    if find_spec("gradio") is None:
        raise UsageError("page: it is drawn by Gradio, which is not installed; run `make page`, which installs it")
    with loading():
        page = import_module("explorer.page")
    return page.serve(options)


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
