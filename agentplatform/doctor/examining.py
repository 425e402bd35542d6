"""Asks the checks, one after the other; one that breaks is a finding like any other."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.utils.module_loading import import_string

from agentplatform.doctor.findings import Examined, Finding, problem, warning
from agentplatform.errors import Unavailable
from agentplatform.logs import log

Check = Callable[[], Iterable[Finding]]
CHECK_SECONDS = 10


def examine(names: Iterable[str] = ()) -> Iterator[Examined]:
    """Do the checks of these names, or all, in the order of DOCTOR_CHECKS. Each may ask the database for 10 s at a time."""
    wanted = set(names) or set(settings.DOCTOR_CHECKS)
    for name, path in settings.DOCTOR_CHECKS.items():
        if name in wanted:
            began = time.monotonic()
            findings = tuple(_found(name, import_string(path)))
            yield Examined(name, findings, time.monotonic() - began)


def remedy(name: str) -> str:
    """Apply a remedy, and give a sentence on what it did. Raises KeyError when there is none of that name."""
    mend: Callable[[], str] = import_string(settings.DOCTOR_REMEDIES[name][1])
    return mend()


def _found(name: str, check: Check) -> list[Finding]:
    try:
        return list(check())
    except (OperationalError, InterfaceError, Unavailable) as error:
        if "statement timeout" in str(error):
            return [
                warning(
                    f"Not looked at: the database took longer than {CHECK_SECONDS} s.", "Try again at a calmer time."
                )
            ]
        return [problem("Not looked at: the database cannot be reached.", "Start PostgreSQL, or check DATABASE_URL.")]
    except DatabaseError:
        return [problem("Not looked at: the database lacks tables.", "Run manage.py bootstrap.")]
    except Exception as error:  # noqa: BLE001  # the others shall be done whatever one dies of
        log(__name__).exception("check_failed", check=name)
        return [problem(f"Not looked at: the check failed ({type(error).__name__}).", "The log has the details.")]


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """A transaction whose statements may take CHECK_SECONDS each."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{CHECK_SECONDS}s'")
        yield
