"""How much room the database takes, and how much is left on its disk."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection
from django.template.defaultfilters import filesizeformat


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk of the database's folder, in bytes."""

    total: int
    free: int


def disk() -> Disk | None:
    """The database's disk, where its folder is on this machine; of another machine's, PostgreSQL tells nothing."""
    (folder,) = row("SELECT current_setting('data_directory', true)")
    if not folder or not Path(folder).is_dir():
        return None
    usage = shutil.disk_usage(folder)
    return Disk(usage.total, usage.free)


def taken() -> tuple[int, str]:
    """The database's size in bytes, and its three largest tables in words."""
    (total,) = row("SELECT pg_database_size(current_database())")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables ORDER BY 2 DESC, 1 LIMIT 3"
        )
        return total, ", ".join(f"{name} {size(of_it)}" for name, of_it in cursor.fetchall())


def row(query: str) -> tuple[Any, ...]:
    """The one row that a query gives."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        found: tuple[Any, ...] = cursor.fetchone()
    return found


def size(count: float) -> str:
    """Bytes in words."""
    return filesizeformat(count).replace("\xa0", " ")
