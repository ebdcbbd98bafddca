"""Flags that only some of a study's choices have, as data, and the refusal of one that would be ignored.

A flag that nothing looks at is worse than one that is refused: its owner believes that it has done something.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from core.errors import UsageError


@dataclass(frozen=True)
class Choice:
    """What is chosen among, and the flags that belong to some of it; flags that are not named belong to all of it.

    flag: the one that chooses, "technique". uses: {one of its values: its flags}, both as fields of the settings are
    spelt. What is no value of the flag is told by words that say it: "a run without --technique", "--images".
    """

    flag: str
    uses: Mapping[str, Collection[str]]

    def refuse_ignored(self, given: Collection[str], chosen: Iterable[str]) -> None:
        """Raise UsageError for the first flag given that none of what is chosen has; it names what has it."""
        chosen = list(chosen)
        used = {name for each in chosen for name in self.uses[each]}
        for name in dict.fromkeys(name for names in self.uses.values() for name in names):
            if name in given and name not in used:
                owners = [each for each, names in self.uses.items() if name in names]
                lacks = f"{self.words(chosen, 'and')} {'has' if len(chosen) == 1 else 'have'} no such setting"
                raise UsageError(f"{name}: {lacks}; it belongs to {self.words(owners, 'or')}")

    def words(self, values: Collection[str], last: str) -> str:
        """ "--technique ascent, pgd or noise"; words that are no values of the flag stand for themselves."""
        values = sorted(values, key=self.is_value, reverse=True)  # stable: the values first, the words after them
        if values and self.is_value(values[0]):
            values[0] = f"--{self.flag} {values[0]}"
        return f" {last} ".join(filter(None, [", ".join(values[:-1]), values[-1]]))

    def is_value(self, text: str) -> bool:
        """Whether the flag takes it."""
        return " " not in text and not text.startswith("--")
