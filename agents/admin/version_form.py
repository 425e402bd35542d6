"""The form of a version: choices where there are some, and each fault at its field."""

import json
from typing import Any, ClassVar

from django import forms
from django.utils.text import Truncator
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from agents import content, publishing
from agents.models import AgentVersion
from agents.tools import registry


class NamesField(forms.CharField):
    """Names, comma-separated on the page and a list everywhere else, in the order given."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [name.strip() for name in (value or "").split(",") if name.strip()]

    def validate(self, value: Any) -> None:
        """Nothing: the content's check says what they may be."""

    def run_validators(self, value: Any) -> None:
        """Nothing: see above."""


class ChoicesField(forms.MultipleChoiceField):
    """Boxes to tick. What was ticked before keeps its order; a name that means nothing any more can only be given up."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def to_python(self, value: Any) -> list[str]:
        return list(map(str, value or []))

    def validate(self, value: Any) -> None:
        """Nothing: the content's check names what there is."""


class JsonField(forms.JSONField):
    """JSON, shown so that people can read it; empty for none."""

    widget = UnfoldAdminTextareaWidget

    def __init__(self, *, empty: Any, **options: Any) -> None:
        self.empty = empty
        super().__init__(required=False, widget=self.widget(attrs={"rows": 6}), **options)

    def prepare_value(self, value: Any) -> Any:
        if value in (None, self.empty):
            return ""
        return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        return self.empty if cleaned is None else cleaned


class AgentVersionForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no parameter at run time
    fallback_models = NamesField(
        required=False, help_text="Models to ask when that one fails, in this order, comma-separated: gpt-5-nano."
    )
    model_settings = JsonField(
        empty={},
        help_text="Further settings of the model call, as JSON: "
        + "; ".join(f"{name}: {field.description}" for name, field in content.ModelSettings.model_fields.items()),
    )
    tools = ChoicesField(required=False, help_text="What it may call.")
    delegates = NamesField(
        required=False, help_text="Agents it may call, comma-separated; plan and review begin with the first."
    )
    handoffs = ChoicesField(required=False, help_text="Agents that may take the conversation over from it.")
    topics = NamesField(
        required=False, help_text="What tasks may be about, separated by commas; a model judges. Empty: anything."
    )
    approval_tools = NamesField(
        required=False,
        help_text="Tools whose calls a person has to agree to, comma-separated, by name or pattern: github__delete_*.",
    )
    output_schema = JsonField(
        empty=None, help_text="JSON Schema of every result, unless the client sends one; empty for plain text."
    )

    class Meta:
        model = AgentVersion
        fields = ("agent", *content.FIELDS)
        labels: ClassVar = {"max_cost_usd": "Max cost usd"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(strategy := self.fields.get("strategy"), forms.ChoiceField):
            strategy.choices = [each for each in AgentVersion.Strategy.choices if each[0] != "code"]
        known = publishing.known_to(self.instance.agent.slug if self.instance.pk else "")
        told = {name: f"{name}: {_about(name)}" for name in known.tools}
        self._offer("tools", told)
        self._offer("handoffs", {slug: slug for slug in sorted(known.agents)})
        if "delegates" in self.fields:
            self.fields["delegates"].help_text += f" There are: {', '.join(sorted(known.agents)) or 'none'}."

    def clean(self) -> dict[str, Any]:
        """The fields as every door checks and keeps them."""
        data = super().clean() or {}
        agent = data.get("agent") or (self.instance.agent if self.instance.pk else None)
        if agent and publishing.is_code(agent):
            self.add_error(None, publishing.OF_CODE.format(agent))
        given = {name: data[name] for name in content.FIELDS if name in data}
        kept, faults = publishing.checked(agent.slug if agent else "", given)
        for fault in faults:
            name, _, inside = fault.field.partition(".")
            if name in given:
                self.add_error(name, f"{inside}: {fault.message}" if inside and not inside.isdigit() else fault.message)
        return {**data, **kept}

    def _offer(self, name: str, choices: dict[str, str]) -> None:
        if isinstance(field := self.fields.get(name), ChoicesField):
            chosen = [each for each in self.initial.get(name) or [] if isinstance(each, str)]
            gone = {each: f"{each} (there is no such any more)" for each in chosen if each not in choices}
            field.choices = [
                *((each, ({**choices, **gone})[each]) for each in chosen),
                *((each, label) for each, label in choices.items() if each not in chosen),
            ]


def _about(tool: str) -> str:
    """What a tool does, in a line; an entry that is no tool means all of one source."""
    found = registry.get(tool)
    return Truncator(found.description.partition(". ")[0]).chars(70) if found else "all tools of this source"
