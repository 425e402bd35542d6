"""Celery's side: a job reads the documents that wait. Found by `autodiscover_tasks`."""

from agentplatform.celery import app
from agentplatform.database import run
from agents.knowledge.reading import read_waiting
from agents.knowledge.waiting import JOB


@app.task(name=JOB)
def read_documents() -> None:
    """Read until nothing waits. A message that comes twice, or late, does nothing."""
    run(read_waiting)
