"""The words in which H.264 and H.265 tell the video track how their NAL units lie in RTP packets."""

from abc import ABC, abstractmethod
from enum import Enum, auto
from typing import ClassVar


class Payload(Enum):
    """How an RTP payload is made."""

    WHOLE = auto()
    BUNDLE = auto()
    FRAGMENT = auto()
    REFUSED = auto()
    """A form that no camera is known to send; what it holds is lost."""


class Kind(Enum):
    """What a NAL unit is to a recorder."""

    PICTURE = auto()
    """A slice that may begin a picture."""
    PICTURE_REST = auto()
    """A part of a picture that never begins one."""
    RANDOM_ACCESS = auto()
    """A slice of a picture at which a decoder can start."""
    PARAMETER_SET = auto()
    LEADING = auto()
    """Belongs to the picture that follows."""
    ATTACHED = auto()
    """Goes with the open picture, whether it stands before, between or behind the slices."""
    DROPPED = auto()
    """Says nothing that a file needs."""


VCL = (Kind.PICTURE, Kind.PICTURE_REST, Kind.RANDOM_ACCESS)


class NalRules(ABC):
    """What differs between the codecs; everything else of a video track is one code."""

    codec: ClassVar[str]
    fragment_header_bytes: ClassVar[int]
    nal_header_bytes: ClassVar[int]
    parameter_set_order: ClassVar[tuple[int, ...]]
    """NAL types of the parameter sets that a decoder needs, in the order of the sample entry."""

    @abstractmethod
    def nal_type(self, first_byte: int) -> int:
        """Type of a NAL unit by its first byte."""

    @abstractmethod
    def kind(self, nal_type: int) -> Kind:
        """What a NAL unit of a type is to a recorder."""

    @abstractmethod
    def payload(self, first_byte: int) -> Payload:
        """How an RTP payload that begins with a byte is made."""

    @abstractmethod
    def fragment(self, head: bytes) -> tuple[bool, bool, bytes]:
        """Start bit, end bit and NAL header of a fragment by its first `fragment_header_bytes`."""

    @abstractmethod
    def middle(self, head: bytes) -> bytes:
        """The first bytes of the middle fragments of the same NAL unit."""

    @abstractmethod
    def starts_picture(self, nal: bytes | bytearray) -> bool:
        """Whether a slice is the first of its picture."""

    @abstractmethod
    def recovery_frames(self, nal: bytes | bytearray) -> int | None:
        """Frames until a decoder that starts at this recovery point shows a whole picture."""

    @abstractmethod
    def parameter_id(self, nal: bytes) -> int:
        """The id of a parameter set; raises CodecError where it has none or cannot be read."""

    @abstractmethod
    def is_intra(self, nal: bytes | bytearray) -> bool:
        """Whether a slice needs no other picture."""

    @abstractmethod
    def has_fields(self, parameter_sets: tuple[bytes, ...]) -> bool:
        """Whether a picture may be two fields under one timestamp."""
