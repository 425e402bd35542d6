"""Which of its models a run asks next, after how long a wait: retries with backoff, then the fallback models."""

from dataclasses import dataclass, replace

from agents.engine.events import ModelFailed
from agents.engine.types import AgentSpec, Model

MAX_BACKOFF_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Tries:
    """Where a run stands with its agent's models: the one it asks, by its place, and how often that failed in a row.

    A run that went over to a fallback stays with it: to begin each step with a model that is down costs its waits again.
    """

    place: int = 0
    failures: int = 0
    retry_after_seconds: float = 0.0

    def answered(self) -> "Tries":
        """After an answer."""
        return Tries(self.place)

    def failed(self, agent: AgentSpec, failure: ModelFailed) -> "Tries":
        """After a failure. A provider that asks for more patience than our longest backoff loses the call to the next model."""
        failures, asked_for = self.failures + 1, failure.retry_after_seconds or 0.0
        # A model whose provider is left alone is waited for: the fallbacks have the same provider.
        has_fallback = failure.was_asked and self.place + 1 < len(agent.models)
        if (
            not failure.is_retryable
            or failures >= agent.max_tries
            or (has_fallback and asked_for > MAX_BACKOFF_SECONDS)
        ):
            return Tries(self.place + 1)
        return replace(self, failures=failures, retry_after_seconds=asked_for)

    def are_used_up(self, agent: AgentSpec) -> bool:
        """Whether all models have failed."""
        return self.place >= len(agent.models)

    def model(self, agent: AgentSpec) -> Model:
        """The model to ask, while they are not used up."""
        return agent.models[self.place]

    def jitter_seconds(self, agent: AgentSpec) -> float:
        """How far the next call may be put off at random, beyond Retry-After.

        Full jitter, from 0 to the exponential backoff: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        return min(agent.backoff_seconds * 2 ** (self.failures - 1), MAX_BACKOFF_SECONDS) if self.failures else 0.0
