"""What the page about keys publishes for secret scanners."""

import html
import re
from typing import Any

from accounts import keys
from tests.api import Api


def test_what_the_page_publishes_holds(api: Api) -> None:
    """The expression finds keys in a text, and the published code accepts them and no mistyped one."""
    answer = api.get("/docs/keys")
    assert answer.status_code == 200
    expression, code = (
        html.unescape(block) for block in re.findall(r"<pre><code>(.*?)</code></pre>", answer.text, re.DOTALL)
    )
    secret = keys.make().secret
    assert re.findall(expression, f'key = "{secret}"') == [secret]
    published: dict[str, Any] = {}
    exec(code, published)  # it is ours
    assert published["is_key"](secret)
    assert not published["is_key"](secret[:-1] + ("0" if secret[-1] != "0" else "1"))
    example = re.findall(expression, answer.text)
    assert [published["is_key"](each) for each in example] == [True]
