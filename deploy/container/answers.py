"""A container's health check: whether the address answers 200. Without one, the web server's readiness."""

import http.client
import os
import sys
from urllib.parse import urlsplit

address = urlsplit(
    sys.argv[1] if len(sys.argv) > 1 else f"http://127.0.0.1:{os.environ.get('PORT') or 8000}/health/ready"
)
connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=4)
try:
    connection.request("GET", address.path or "/")
    answer = connection.getresponse()
    said = answer.read(200).decode(errors="replace")
except OSError as error:
    sys.exit(f"{address.geturl()} does not answer: {error}")
if answer.status != http.HTTPStatus.OK:
    sys.exit(f"{address.geturl()} answers {answer.status}: {said}")
