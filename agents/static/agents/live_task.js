"use strict";

// A running task's page: what it does, as it does it. The browser takes a broken stream up again by itself.

addEventListener("DOMContentLoaded", () => {
  const live = document.getElementById("live-task");
  const say = (text) => { document.getElementById("live-status").textContent = text; };
  const text = document.getElementById("live-text");
  const step = (told) => {
    const item = document.createElement("li");
    item.textContent = told;
    document.getElementById("live-steps").append(item);
  };
  const tells = {
    "task.started": () => say("Running"),
    "step.started": (data) => { say(`Running: ${data.agent}, step ${data.step}`); if (data.run === "0" && text.textContent) text.append("\n\n"); },
    "step.restarted": (data) => { if (data.run === "0") text.replaceChildren(); },
    "text.delta": (data) => text.append(data.text),
    "tool.called": (data) => step(`${data.agent} calls ${data.tool}`),
    "tool.returned": (data) => step(`${data.tool} ${data.is_error ? "failed" : "returned"}`),
    "delegate.started": (data) => step(`${data.agent} asks ${data.delegate}`),
    "delegate.finished": (data) => step(`${data.delegate} ${data.is_error ? "failed" : "answered"}`),
    "approval.requested": (data) => say(`Waits for a person: ${data.agent} asks. Load the page again to answer.`),
  };
  const source = new EventSource(live.dataset.events);
  for (const [name, tell] of Object.entries(tells)) source.addEventListener(name, (event) => tell(JSON.parse(event.data)));
  for (const name of ["task.completed", "task.failed", "task.cancelled"]) {
    source.addEventListener(name, () => { source.close(); location.reload(); });
  }
});
