"""The documents that operators uploaded: the passages that fit a query, each with the mark by which an answer cites it."""

from django.conf import settings

from agentplatform.database import in_database
from agentplatform.errors import Unavailable
from agents.knowledge.citations import told
from agents.knowledge.search import readable_by, search
from agents.tools.tool import CallContext, ToolError, tool

NOTHING_FOUND = "No passage has any of these words. Try other words, fewer of them, or the language of the documents."


@tool(effect="pure", timeout_seconds=15)
async def knowledge_search(query: str, context: CallContext) -> str:
    """Search the documents and get the passages that fit best, each under its mark, such as [Handbook, p. 12].

    In the answer, put the mark in square brackets behind each statement that you take from a passage. What no passage says,
    you do not know.

    Args:
        query: The words that the passage should have, such as parental leave notice. Words in "quotation marks" stand together.
    """
    if not query.strip():
        raise ToolError("The query is empty; name the words that the passage should have.")
    try:
        return await in_database(_found, context.agent, query)
    except Unavailable as error:
        raise ToolError("The documents cannot be searched right now; try again with fewer words.") from error


def _found(agent: str, query: str) -> str:
    scope = readable_by(agent)
    if scope is None:
        raise ToolError(f"There are no documents for the agent {agent!r}; an operator has to let it read a collection.")
    passages = search(scope, query, settings.KNOWLEDGE_PASSAGES)
    return told(passages) if passages else NOTHING_FOUND
