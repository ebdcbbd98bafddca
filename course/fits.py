"""How a result that no known mistake explains differs from the right one."""

from torch import nn


def describe_difference(part, case_results, network: nn.Module | None) -> str:
    return "differs from the right result"
