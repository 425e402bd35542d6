"""Tools that operators bring in without code. A toolset is one MCP server or one HTTP API; here is what both have in common.

Nothing of a toolset is offered to a model before an operator approved it, and what changes has to be approved again.
"""
