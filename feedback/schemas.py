"""Bodies of the feedback API, as the HTTP contract names them."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from pydantic_core import PydanticCustomError

from agentplatform.validation import Body
from feedback.models import Feedback

CORRECTION = "What the result should have been."


def _storable(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("nul", "No NUL characters.")
    return value


def _without_repeats(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


# Text as PostgreSQL can keep it.
Text = Annotated[str, AfterValidator(_storable), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]
Tag = Annotated[Text, StringConstraints(min_length=1, max_length=50)]


class FeedbackRequest(Body):
    """What you thought of a task's result. Given again for the same task, it replaces what was said before."""

    task_id: Annotated[UUID, Field(strict=False)]
    rating: Annotated[int, Field(ge=1, le=5, description="From 1, useless, to 5, just right.")]
    comment: Annotated[Text, StringConstraints(max_length=5000)] | None = None
    tags: Annotated[list[Tag], Field(max_length=20), AfterValidator(_without_repeats)] = Field(default_factory=list)
    correction: Annotated[Text, StringConstraints(max_length=20_000), Field(description=CORRECTION)] | None = None


class FeedbackObject(BaseModel):
    """What was said about a task."""

    task_id: UUID
    rating: int
    comment: str | None
    tags: list[str]
    correction: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, feedback: Feedback) -> Self:
        """The row as the API shows it."""
        return cls(
            task_id=feedback.task_id,
            rating=feedback.rating,
            comment=feedback.comment or None,
            tags=feedback.tags,
            correction=feedback.correction or None,
            created_at=feedback.created_at,
            updated_at=feedback.updated_at,
        )
