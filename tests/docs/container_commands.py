"""Print the commands of the documents that need Docker, for tests/containers/run.sh. Standard library only.

python3 tests/docs/container_commands.py docs/operations.md
"""

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

for page in sys.argv[1:]:
    for block in re.findall(r"^```bash\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL):
        if "docker compose" in block:
            print(block.replace(":8000", f":{os.environ.get('PORT', '8000')}"))  # noqa: T201
