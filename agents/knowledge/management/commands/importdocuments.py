"""`manage.py importdocuments`: take files and folders into a collection, and read them here and now."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts import audit
from accounts.management.reachable import reachable_database
from agents.knowledge import reading, services, waiting
from agents.knowledge.extraction.blocks import CannotRead
from agents.knowledge.formats import SUFFIXES
from agents.knowledge.languages import NAMES
from agents.knowledge.models import Collection, Document
from agents.models import Agent


@dataclass(frozen=True, slots=True)
class File:
    """A file to import, and what its document is called: in a folder, the path from there."""

    path: Path
    name: str


class Command(BaseCommand):
    help = (
        "Import documents into a collection: files, and folders with all that is in them. A file that is there already is left "
        "alone; one of the same name or title takes the place of the former. Ends with 1 when a file could not be imported."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file or a folder")
        parser.add_argument("--collection", required=True, metavar="NAME", help="the collection's name")
        parser.add_argument("--create", action="store_true", help="make the collection where it is missing")
        parser.add_argument(
            "--agent", action="append", default=[], metavar="SLUG", help="with --create: an agent that may read it"
        )
        parser.add_argument("--language", default="", metavar="NAME", help="of these documents; else the collection's")

    def handle(self, *_: Any, paths: list[Path], language: str, **options: Any) -> None:
        if language and language not in NAMES:
            raise CommandError(f"--language: there is no {language!r}; there are: {', '.join(NAMES)}.")
        files = [file for path in paths for file in _files(path)]
        with reachable_database():
            collection = _collection(options["collection"], options["agent"], is_created=options["create"])
            results = [self._imported(collection, file, language) for file in files]
        failed = results.count(False)
        if not files:
            raise CommandError(f"There is no file to import. {_taken()}")
        self.stdout.write(f"{len(files) - failed} of {len(files)} files are in {collection.name}.")
        if failed:
            raise CommandError(f"{failed} of {len(files)} files could not be imported; see above.")

    def _imported(self, collection: Collection, file: File, language: str) -> bool:
        """Import one file and tell what became of it; False when it could not be."""
        try:
            if file.path.stat().st_size > settings.KNOWLEDGE_MAX_FILE_BYTES:
                raise services.too_large(file.path.stat().st_size)
            content = file.path.read_bytes()
            received = services.receive(collection, file.name, content, actor=audit.command_line(), language=language)
        except OSError as error:
            return self._tell(file, f"cannot be opened: {error.strerror}", is_failed=True)
        except CannotRead as error:
            return self._tell(file, str(error), is_failed=True)
        if received.outcome == "unchanged":
            return self._tell(file, f"is there already as {received.document.title}")
        if held := waiting.claim(received.document):
            reading.read(held)
        document = Document.objects.get(pk=received.document.pk)
        if document.status == Document.Status.FAILED:
            return self._tell(file, document.reason, is_failed=True)
        return self._tell(file, _success(document, received.outcome))

    def _tell(self, file: File, told: str, *, is_failed: bool = False) -> bool:
        (self.stderr if is_failed else self.stdout).write(f"{file.path}: {told}")
        return not is_failed


def _success(document: Document, outcome: str) -> str:
    if document.status != Document.Status.READY:
        return f"{outcome}; a worker reads it"
    pages = f" of {_counted(document.pages, 'page')}" if document.pages else ""
    remark = f". {document.reason}" if document.reason else ""
    return f"{outcome}, {_counted(document.passages_count, 'passage')}{pages}{remark}"


def _counted(number: int, things: str) -> str:
    return f"{number:,} {things}{'s' * (number != 1)}"


def _collection(name: str, agents: list[str], *, is_created: bool) -> Collection:
    found = Collection.objects.filter(name=name).first()
    if found is not None and agents:
        raise CommandError(f"--agent: {name} is there already; who may read it is said in the console.")
    if found is not None:
        return found
    if not is_created:
        there_are = ", ".join(Collection.objects.values_list("name", flat=True)) or "none"
        raise CommandError(f"There is no collection {name!r}; there are: {there_are}. --create makes it.")
    known = Agent.objects.values_list("slug", flat=True)
    if unknown := sorted(set(agents) - set(known)):
        raise CommandError(f"--agent: there is no agent {unknown[0]!r}; there are: {', '.join(known)}.")
    with transaction.atomic():
        made = Collection.objects.create(name=name, agents=sorted(set(agents)))
        audit.record(audit.command_line(), "created", made)
    return made


def _files(path: Path) -> Iterator[File]:
    """The file, or all of the folder's that are taken, by name. Raises CommandError when there is nothing there."""
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        yield from (File(file, str(file.relative_to(path))) for file in inside)
    elif path.exists():
        yield File(path, path.name)
    else:
        raise CommandError(f"There is no file or folder {path}.")


def _taken() -> str:
    return f"Files of these kinds are taken: {', '.join(sorted(SUFFIXES))}."
