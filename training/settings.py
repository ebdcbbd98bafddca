"""What is asked of a training: frozen dataclasses, one field a flag, so that Python can ask, too. Nothing heavy."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every training takes."""

    output: Path
    iterations: int
    learning_rate: float
    seed: int = 0
    fresh: bool = False

    @property
    def outputs(self) -> tuple[Path, ...]:
        """All files that will be written."""
        endings = (".checkpoint.pt", "_learning_curve.png", "_learning_curve.csv")
        return (self.output, *(self.output.with_name(f"{self.output.stem}{ending}") for ending in endings))


@dataclass(frozen=True, kw_only=True)
class SceneSettings(Settings):
    """What a training takes besides that learns from rendered scenes, on the CPU."""

    workers: int = 1
    precision: str = "bfloat16"


@dataclass(frozen=True, kw_only=True)
class ClassifierSettings(SceneSettings):
    """The length of the perturbations, and whether the labels mean nothing."""

    perturbation: float
    shuffle_labels: bool = False


@dataclass(frozen=True, kw_only=True)
class RobustSettings(SceneSettings):
    """The attack: grey levels of 255, and gradients for each perturbation."""

    bound: float = 4.0
    inner_iterations: int = 1


@dataclass(frozen=True, kw_only=True)
class NoiseSettings(SceneSettings):
    """The noise's standard deviation; white is 1."""

    noise: float = 0.12


@dataclass(frozen=True, kw_only=True)
class StylesSettings(Settings):
    """What it learns from, and the rest of its recipe, which training.styles explains."""

    styles: tuple[str, ...]
    images: tuple[str, ...]
    weights: str
    device: str
    batch: int
    side: int
    style_size: int
    content_weight: float
    style_weight: float
    tv_weight: float
    evaluate_every: int

    @property
    def outputs(self) -> tuple[Path, ...]:
        return (*super().outputs, self.output.with_name(f"{self.output.stem}_samples.png"))


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """Which network is to name which scenes."""

    output: Path
    weights: str
    scenes: int
    seed: int
    size: int

    @property
    def outputs(self) -> tuple[Path, ...]:
        """All files that will be written."""
        return (self.output,)
