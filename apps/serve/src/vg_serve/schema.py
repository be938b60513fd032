"""What goes over the wire: requests, answers, and the one shape of an error."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from vg_serve.settings import Limits


class Error(BaseModel):
    """The body of each answer that is no success."""

    error: str


class VideoRequest(BaseModel):
    """Clips to generate; the same request to the same model gives the same clips."""

    model_config = ConfigDict(extra="forbid")

    seed: int = Field(0, ge=0, lt=2**63)
    label: StrictStr | StrictInt | None = Field(None, description="a class by name, or by its index")
    count: int = Field(1, ge=1, description="clips, laid out as a grid in one video")
    frames: int | None = Field(None, ge=1, description="frames of each clip; by default the model's own number")
    format: Literal["mp4", "gif"] = "mp4"


class Match(BaseModel):
    """One gallery image of a ranking."""

    rank: int = Field(description="1 is the best")
    key: int = Field(description="the image's key in the gallery")
    pid: int | None = Field(description="identity; null when it is unknown")
    name: str | None = Field(description="name of the identity; null when the gallery has numbers only")
    camid: int | None = Field(description="camera, from 0; null when it is unknown")
    score: float = Field(description="cosine similarity, in [-1, 1]")
    image: str | None = Field(description="where this server shows the image; null when it has none")


class Ranking(BaseModel):
    """The gallery images nearest to an uploaded photo, best first."""

    results: list[Match]


class VideoModel(BaseModel):
    """The video generator of this server."""

    name: str
    system: str
    labels: tuple[str, ...] = Field(description="classes it was trained on; empty without labels")
    frames: int = Field(description="of a clip, unless another number is asked for")


class PersonGallery(BaseModel):
    """The gallery of this server."""

    name: str
    images: int
    identities: int


class Health(BaseModel):
    """What is loaded; null marks what is not."""

    video: VideoModel | None
    persons: PersonGallery | None
    limits: Limits
    versions: dict[str, str]
