"""The playground for key holders: their agents, tried in the browser with their key."""

from agentplatform.docs import PageView


class PlaygroundPage(PageView):
    """A page that calls the public API alone; the key stays in the tab."""

    template = "agents/playground_page.html"
