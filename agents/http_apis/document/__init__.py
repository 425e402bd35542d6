"""Reading OpenAPI documents (3.0 and 3.1), which anybody may have written: bounded, and a fault is told with its place."""

from agents.http_apis.document.faults import BadDocument
from agents.http_apis.document.reading import MAX_DOCUMENT_BYTES, Document, read

__all__ = ["MAX_DOCUMENT_BYTES", "BadDocument", "Document", "read"]
