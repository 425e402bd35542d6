"""django-axes, with Redis away: nobody is locked out then, and nobody is kept from signing in."""

from typing import Any

from axes.handlers.cache import AxesCacheHandler
from redis.exceptions import RedisError

from agentplatform.logs import log


class LockOut(AxesCacheHandler):
    def user_login_failed(self, *arguments: Any, **more: Any) -> None:
        # The cache ignores that Redis is away in every call but one.
        try:
            super().user_login_failed(*arguments, **more)
        except RedisError:
            log(__name__).warning("wrong_password_not_counted", reason="Redis is away")
