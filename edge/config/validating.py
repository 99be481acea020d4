"""The limits that pictures are held against, of which a channel may change some. Judges nothing."""

from pydantic import Field

from edge.config.section import Section


class Thresholds(Section):
    """Limits of the checks; a channel whose view is unusual may need its own."""

    black_luma: float = Field(
        default=20,
        ge=0,
        le=128,
        description="A picture is black while even its brightest parts stay below this (0 to 255); 0 finds none.",
    )
    no_signal_share: float = Field(
        default=0.75,
        ge=0.5,
        le=1,
        description="Share of a picture in one flat colour, or in colour bars, from which on it shows no signal.",
    )
    frozen_share: float = Field(
        default=0.1,
        ge=0.05,
        le=1,
        description="Least share of the parts with detail that must equal the last look to the last bit;"
        " a channel on which more is usual is asked for more.",
    )
    covered_share: float = Field(
        default=0.42,
        ge=0.2,
        le=1,
        description="Share of the parts with detail that must have lost it; less finds smaller covers, and lorries.",
    )
    blurred_ratio: float = Field(
        default=0.55,
        ge=0.1,
        le=0.95,
        description="A picture is blurred while its edges are less sudden than this times what the channel is used to.",
    )
