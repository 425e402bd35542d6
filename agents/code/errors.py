"""What a function may raise, and what its calls raise.

AgentError         the function gives up: its message is for the client
CallFailed         one of its calls failed; caught, the function goes on
  ModelFailed        every model of the agent failed
  InvalidOutput      a model's answer does not satisfy the schema
  ToolFailed         a tool reported an error, is not there, or may not be called
  DelegateFailed     the other agent could not do it
  StepFailed         a step of the function's own raised
Diverged           after an interruption the function does not make the same calls; nobody catches this
"""


class AgentError(Exception):
    """The function cannot do its task. The message is for the client: what is wrong, and what would be right."""


class CallFailed(Exception):
    """A call of the function's failed. The message says how, in a sentence."""


class ModelFailed(CallFailed):
    """Every model of the agent failed, after all tries."""


class InvalidOutput(CallFailed):
    """The model's answer does not satisfy the schema."""


class ToolFailed(CallFailed):
    """The tool reported an error, or there is no such tool here."""


class DelegateFailed(CallFailed):
    """The other agent could not do its part, or may not be called."""


class StepFailed(CallFailed):
    """A step of the function's own raised an error."""


class Diverged(BaseException):
    """The function went another way than before it was interrupted; not for `except Exception`."""
