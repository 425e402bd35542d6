"""The pages on which operators replay an ended task, fork it at a step, and see what became of the fork."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from accounts import audit
from agents import comparing, forking, presenting
from agents.content import MAX_INSTRUCTIONS
from agents.forking import CannotReplay
from agents.models import AgentVersion, Task


class ForkForm(forms.Form):
    step = forms.TypedChoiceField(
        coerce=int,
        widget=UnfoldAdminSelectWidget,
        help_text="What came before it is taken over; it and what follows are called anew.",
    )
    instructions = forms.CharField(
        max_length=MAX_INSTRUCTIONS,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 14}),
        help_text="Changed ones become a new draft of the agent, which you can publish.",
    )

    def __init__(self, agents: Mapping[int, AgentVersion], shown: int, data: Any = None) -> None:
        initial = {"step": shown, "instructions": agents[shown].instructions}
        super().__init__(data, initial=initial)
        self._agents, self._shown = agents, shown
        step = self.fields["step"]
        assert isinstance(step, forms.ChoiceField)
        step.choices = [(number, f"step {number}: {version.agent.slug}") for number, version in agents.items()]

    def clean_step(self) -> int:
        """Refuse a step of another agent than the one whose instructions stand on the page."""
        step: int = self.cleaned_data["step"]
        here, there = self._agents[self._shown], self._agents[step]
        if here.pk != there.pk:
            raise ValidationError(
                f"Step {step} is {there.agent}'s, and these are the instructions of {here.agent}; open that step above first."
            )
        return step


def replay_view(request: HttpRequest, context: dict[str, Any], task_id: UUID) -> HttpResponse:
    """Replay the task and show what came of it, with a form to fork it; a fork is followed on its own page."""
    try:
        story = forking.story_of(task_id)
    except Task.DoesNotExist as error:
        raise Http404 from error
    except CannotReplay as error:
        messages.error(request, str(error))
        return redirect("admin:agents_task_change", task_id)
    agents = forking.agents_by_step(story)
    wanted = request.GET.get("step", "")
    shown_step = int(wanted) if wanted.isdecimal() and int(wanted) in agents else next(iter(agents), 0)
    form = ForkForm(agents, shown_step, request.POST or None) if agents else None
    if form and request.method == "POST" and form.is_valid():
        try:
            fork = forking.fork(story, actor=audit.operator(request), **form.cleaned_data)
        except ValidationError as error:
            form.add_error("instructions", error)
        else:
            return redirect("admin:agents_task_forked", fork.pk)
    shown = {
        "title": f"Replay of task {task_id}",
        "task": story.task,
        "found": forking.replay(story),
        "form": form,
        "steps": [(step, version.agent.slug) for step, version in agents.items()],
        "shown_step": shown_step,
    }
    return TemplateResponse(request, "agents/replay.html", {**context, **shown})


def forked_view(request: HttpRequest, context: dict[str, Any], task_id: UUID) -> HttpResponse:
    """A fork beside the task it came from: results line by line, and what each took."""
    tasks = Task.objects.select_related("agent_version__agent", "forked_from__agent_version__agent")
    fork = tasks.filter(pk=task_id).exclude(forked_from=None).first()
    if fork is None or fork.forked_from is None:
        raise Http404
    before = fork.forked_from
    figures = [
        ("Version", before.agent_version, fork.agent_version),
        ("Status", _outcome(before), _outcome(fork)),
        ("Model", before.model or "–", fork.model or "–"),
        ("Model calls", before.model_calls, fork.model_calls),
        ("Tool calls", before.tool_calls, fork.tool_calls),
        ("Cost", f"${presenting.money(before.cost_usd)}", f"${presenting.money(fork.cost_usd)}"),
        ("Seconds", f"{before.ran_seconds:.2f}", f"{fork.ran_seconds:.2f}"),
    ]
    shown = {
        "title": f"Fork of task {before.pk} at step {fork.forked_step}",
        "task": before,
        "fork": fork,
        "figures": figures,
        "groups": comparing.lines(presenting.said(before), presenting.said(fork)) if fork.is_final else None,
    }
    return TemplateResponse(request, "agents/forked.html", {**context, **shown})


def _outcome(task: Task) -> str:
    return f"{task.status}: {task.exit_reason}" if task.exit_reason not in ("", task.status) else task.status
