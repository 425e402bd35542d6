"""The page that takes files in: several at once, each for itself."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from accounts import audit
from agents.knowledge import services
from agents.knowledge.extraction.blocks import CannotRead
from agents.knowledge.formats import SUFFIXES, TAKEN
from agents.knowledge.languages import LANGUAGES
from agents.knowledge.models import Collection

MOST_FILES = 100


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True
    template_name = "knowledge/files_input.html"


class FilesField(forms.FileField):
    """One file or several."""

    widget = FilesInput(attrs={"accept": ",".join(SUFFIXES), "class": "files"})

    def clean(self, data: Any, initial: Any = None) -> list["UploadedFile[Any]"]:
        """Only that there are some: what is wrong with one is said of that one, and keeps no other out."""
        files = [file for file in (data if isinstance(data, list | tuple) else [data]) if file]
        if not files:
            raise forms.ValidationError(f"Choose at least one file. {TAKEN}")
        if len(files) > MOST_FILES:
            raise forms.ValidationError(
                f"Choose at most {MOST_FILES} files at once; manage.py importdocuments takes whole folders."
            )
        return files


class UploadForm(forms.Form):
    """Files, and where they go."""

    collection = forms.ModelChoiceField(Collection.objects.all(), widget=UnfoldAdminSelectWidget)
    documents = FilesField(allow_empty_file=True)
    language = forms.ChoiceField(
        choices=[("", "The collection's"), *LANGUAGES], required=False, widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        each, together = settings.KNOWLEDGE_MAX_FILE_BYTES, settings.KNOWLEDGE_MAX_UPLOAD_BYTES
        # The whole upload has a form around the files, of some hundred bytes each.
        self.fields["documents"].widget.attrs |= {"data-each": each, "data-together": together - 64 * 1024}
        self.fields["documents"].help_text = (
            f"{TAKEN} {each // 1024 // 1024} MiB each, {together // 1024 // 1024} MiB together. A file of the name or title of a "
            "document takes its place."
        )


def take_in(request: HttpRequest, form: UploadForm) -> int:
    """Receive the form's files and tell the operator of each that is not taken. Returns how many wait to be read now."""
    collection, language = form.cleaned_data["collection"], form.cleaned_data["language"]
    waiting = 0
    for file in form.cleaned_data["documents"]:
        name = str(file.name)
        try:
            if (file.size or 0) > settings.KNOWLEDGE_MAX_FILE_BYTES:
                raise services.too_large(file.size or 0)
            received = services.receive(collection, name, file.read(), actor=audit.operator(request), language=language)
        except CannotRead as error:
            messages.error(request, f"{name} was not taken. {error}")
            continue
        if received.outcome == "unchanged":
            messages.info(request, f"{name} is there already as {received.document.title}.")
        else:
            waiting += 1
    if waiting:
        it = "1 file waits" if waiting == 1 else f"{waiting} files wait"
        messages.success(request, f"{it} to be read into {collection}.")
    return waiting
