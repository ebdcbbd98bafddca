"""What is asked of a study: frozen dataclasses, one field a flag, so that Python or a page can ask, too."""

import argparse
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from core.defaults import SHARED, SIDE
from core.errors import UsageError

LIST = "list"  # in the place of a layer
Asked = TypeVar("Asked", bound="Settings")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every study takes. A study adds its own fields in a subclass."""

    output: Path
    model: str = SHARED  # torchvision's name, timm:NAME, or package.module:function
    weights: str = "auto"
    classes: str | None = None  # a file of the classes' names; none: those that come with the weights
    device: str = "auto"
    seed: int = 0
    # Of a study that needs SqueezeNet's form: why, and what to use instead for another network.
    only_squeezenet: ClassVar[str] = ""
    # What is written: `output` (""), the same with something after its stem ("_map"), another file beside it (".md").
    endings: ClassVar[tuple[str, ...]] = ("",)
    at_layer: ClassVar[bool] = False  # whether maps of a layer are drawn: of the network's last one where none is named

    def __post_init__(self) -> None:
        if self.only_squeezenet and self.model != SHARED:
            raise UsageError(f"model: '{self.model}' is not for this study: {self.only_squeezenet}")

    @property
    def asks_for_layers(self) -> bool:
        """Whether a list of the network's layers is asked for, as `--layer list`, and not the study."""
        named = (getattr(self, field, None) or () for field in ("layer", "layers"))
        return any(LIST in ((each,) if isinstance(each, str) else each) for each in named)

    @property
    def outputs(self) -> tuple[Path, ...]:
        """All files that will be written, as far as the flags tell; a study tells `Report.expect` the others."""
        return tuple(self.beside(ending) for ending in self.endings)

    def beside(self, ending: str) -> Path:
        """The file of this ending: one with a dot takes the place of the output's own."""
        return self.output.with_name(f"{self.output.stem}{ending}{'' if '.' in ending else self.output.suffix}")

    @classmethod
    def of(cls: type[Asked], options: argparse.Namespace, **instead: Any) -> Asked:
        """The settings that a command line asks for: each field from the flag of its name, lists as tuples.

        instead: what `options` has not, or has in another form.
        """
        values = {}
        for field in fields(cls):
            value = instead[field.name] if field.name in instead else getattr(options, field.name, None)
            if value is None and field.default is not MISSING:  # a flag that was not given, or that the study has not
                value = field.default
            values[field.name] = tuple(value) if isinstance(value, list) else value
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class SizedSettings(Settings):
    """What a study takes besides that shows a network squares."""

    size: int | None = None  # pixels: the side of the squares; none: that of `prefers`, else the network's own
    prefers: ClassVar[int | None] = None  # for a network that takes any size

    @property
    def side(self) -> int:
        """The side for what is told before a network is loaded."""
        return self.size or self.prefers or SIDE


@dataclass(frozen=True, kw_only=True)
class PictureSettings(SizedSettings):
    """What a study of pictures takes besides."""

    images: tuple[str, ...] = ()  # files, folders, shards, lists, photographs; none: all of these last, or scenes
    labels: tuple[str, ...] = ()  # names or numbers; none: the predicted classes
