"""What a judge keeps over a restart, as bytes: versioned, bounded, and refused whole where anything in it is odd."""

import zlib
from base64 import b64decode, b64encode
from typing import Annotated, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from edge.errors import SaksiError
from edge.validator.baseline import Light, Reference, Views
from edge.validator.effort import Efforts
from edge.validator.features import THUMBNAIL
from edge.validator.lull import CELLS, Lull
from edge.validator.stillness import Stills
from edge.validator.verdict import Reason

_MOST_BYTES: Final = 64 << 10
_MOST_PLAIN_BYTES: Final = 256 << 10
_MOST_SQUARES: Final = 4096
_ONES: Final = 255

Share = Annotated[float, Field(ge=0, le=1)]
Luma = Annotated[float, Field(ge=0, le=255)]
Seconds = Annotated[float, Field(ge=0, le=2**53)]
Count = Annotated[int, Field(ge=0, le=2**53)]


class StateUnreadableError(SaksiError):
    """What was kept of a channel cannot be read, or is of another version: begin with a new judge."""


class Kept(BaseModel):
    """A group of what is kept; numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class KeptVerdict(Kept):
    """The verdict that stands."""

    reason: Reason
    measured: float
    threshold: float
    since_ms: int


class KeptReference(Kept):
    """What a channel shows in one light."""

    thumbnail: str | None
    steepness: Annotated[float, Field(ge=0, le=10)] | None
    high_luma: Luma
    contrast: Luma
    dazzled_share: Share
    looks: Count
    unlike: Count

    @field_validator("thumbnail")
    @classmethod
    def _whole(cls, text: str | None) -> str | None:
        return _of_size(text, THUMBNAIL)

    @classmethod
    def of(cls, reference: Reference) -> Self:
        """Put a reference down."""
        return cls(
            thumbnail=None if reference.thumbnail is None else _text(reference.thumbnail),
            steepness=reference.steepness,
            high_luma=reference.high_luma,
            contrast=reference.contrast,
            dazzled_share=reference.dazzled_share,
            looks=reference.looks,
            unlike=reference.unlike,
        )

    def reference(self) -> Reference:
        """Take it up again."""
        one = Reference()
        if self.thumbnail is not None:
            one.thumbnail = _plane(self.thumbnail, THUMBNAIL[1])
        one.steepness, one.high_luma, one.dazzled_share = self.steepness, self.high_luma, self.dazzled_share
        one.contrast, one.looks, one.unlike = self.contrast, self.looks, self.unlike
        return one


class KeptViews(Kept):
    """The views of a channel in one light."""

    current: KeptReference
    former: KeptReference | None

    @classmethod
    def of(cls, views: Views) -> Self:
        """Put them down."""
        former = None if views.former is None else KeptReference.of(views.former)
        return cls(current=KeptReference.of(views.current), former=former)

    def views(self) -> Views:
        """Take them up again."""
        return Views(self.current.reference(), None if self.former is None else self.former.reference())


class KeptEfforts(Kept):
    """What coding costs in one light, at the least."""

    resting_bytes: Annotated[float, Field(ge=0, le=2**53)] = 0.0
    quantiser: Annotated[float, Field(ge=-128, le=128)] = 0.0
    finest: Annotated[float, Field(ge=-128, le=128)] = 0.0
    key_quantiser: Annotated[float, Field(ge=-128, le=128)] = 0.0
    looks: Count = 0

    @classmethod
    def of(cls, efforts: Efforts) -> Self:
        """Put it down."""
        return cls(**vars(efforts))

    def efforts(self) -> Efforts:
        """Take it up again."""
        one = Efforts()
        one.resting_bytes, one.quantiser, one.finest = self.resting_bytes, self.quantiser, self.finest
        one.key_quantiser, one.looks = self.key_quantiser, self.looks
        return one


class KeptStills(Kept):
    """What of the picture never moves."""

    usual: Share
    rows: Annotated[int, Field(ge=0, le=_MOST_SQUARES)]
    overlay: Annotated[str, Field(max_length=2 * _MOST_SQUARES)]
    noise: tuple[Luma, Luma] = (0.0, 0.0)
    detail: Luma = 0.0
    looks: Count = 0
    efforts: KeptEfforts = KeptEfforts()

    @field_validator("overlay")
    @classmethod
    def _readable(cls, text: str) -> str:
        _bytes(text)
        return text

    @classmethod
    def of(cls, stills: Stills) -> Self:
        """Put it down."""
        overlay = stills.overlay
        if overlay is None or overlay.size > _MOST_SQUARES:
            overlay = np.empty((0, 0), dtype=np.float32)
        return cls(
            usual=stills.usual,
            rows=overlay.shape[0],
            overlay=_text(overlay * _ONES),
            noise=stills.noise,
            detail=stills.detail,
            looks=stills.looks,
            efforts=KeptEfforts.of(stills.efforts),
        )

    def stills(self) -> Stills:
        """Take it up again."""
        one = Stills()
        one.usual, one.noise, one.detail, one.looks = self.usual, self.noise, self.detail, self.looks
        one.efforts = self.efforts.efforts()
        if self.rows and self.overlay and not len(_bytes(self.overlay)) % self.rows:
            one.overlay = np.asarray(_plane(self.overlay, self.rows) / _ONES, dtype=np.float32)
        return one


class KeptLight(Kept):
    """The light of a channel."""

    infrared: bool | None
    high_luma: Luma
    calm_looks: Count

    @classmethod
    def of(cls, light: Light) -> Self:
        """Put it down."""
        return cls(infrared=light.infrared, high_luma=light.high_luma, calm_looks=light.calm_looks)

    def light(self) -> Light:
        """Take it up again."""
        one = Light()
        one.infrared, one.high_luma, one.calm_looks = self.infrared, self.high_luma, self.calm_looks
        return one


class KeptLull(Kept):
    """How long nothing has happened."""

    cells: str | None = None
    lasted_s: Seconds = 0.0
    longest_s: Seconds = 0.0
    watched_s: Seconds = 0.0
    teaches: bool = True

    @field_validator("cells")
    @classmethod
    def _whole(cls, text: str | None) -> str | None:
        return _of_size(text, CELLS)

    @classmethod
    def of(cls, lull: Lull) -> Self:
        """Put it down."""
        cells = None if lull.cells is None else _text(lull.cells)
        return cls(
            cells=cells,
            lasted_s=lull.lasted_s,
            longest_s=lull.longest_s,
            watched_s=lull.watched_s,
            teaches=lull.teaches,
        )

    def lull(self) -> Lull:
        """Take it up again."""
        one = Lull()
        one.cells = None if self.cells is None else _plane(self.cells, CELLS[1])
        one.lasted_s, one.longest_s, one.watched_s = self.lasted_s, self.longest_s, self.watched_s
        one.teaches = self.teaches
        return one


class Memory(Kept):
    """All that is kept of one channel."""

    version: Literal[1] = 1
    verdict: KeptVerdict | None
    day: KeptViews
    infrared: KeptViews
    day_stills: KeptStills
    infrared_stills: KeptStills
    light: KeptLight
    lull: KeptLull = KeptLull()
    clear_looks_ago: Count

    def dump(self) -> bytes:
        """As bytes."""
        return zlib.compress(self.model_dump_json().encode(), 6)

    @classmethod
    def load(cls, data: bytes) -> Self:
        """From bytes; raises StateUnreadableError."""
        if len(data) > _MOST_BYTES:
            raise StateUnreadableError(f"the state of a channel has {len(data)} bytes, more than {_MOST_BYTES}")
        try:
            return cls.model_validate_json(zlib.decompressobj().decompress(data, _MOST_PLAIN_BYTES))
        except (zlib.error, ValidationError) as error:
            raise StateUnreadableError(f"the state of a channel is damaged or of another version: {error}") from error


def _text(field: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> str:
    return b64encode(np.clip(np.rint(field), 0, _ONES).astype(np.uint8).tobytes()).decode()


def _of_size(text: str | None, size: tuple[int, int]) -> str | None:
    if text is not None and len(_bytes(text)) != size[0] * size[1]:
        raise ValueError("of another size")
    return text


def _bytes(text: str) -> bytes:
    return b64decode(text, validate=True)


def _plane(text: str, rows: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    return np.frombuffer(_bytes(text), dtype=np.uint8).astype(np.float32).reshape(rows, -1)


