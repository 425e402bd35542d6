"""What agents can do besides talking. One file a tool; what is listed here exists.

To add one: copy a neighbour, decorate the function with `@tool`, list it below, and give it a test.
"""

from agents.tools import calculator, current_time, knowledge_search, registry, run_python, web_fetch, web_search

SHIPPED = (
    calculator.calculator,
    current_time.current_time,
    knowledge_search.knowledge_search,
    run_python.run_python,
    web_fetch.web_fetch,
    web_search.web_search,
)
for shipped in SHIPPED:
    registry.register(shipped)
