"use strict";

// The form of a new key in steps, and what it will be in a sentence or two at the end. Without scripts the form is one page.

addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("apikey_form");
  const steps = form ? [...form.querySelectorAll("fieldset.step")] : [];
  const submit = document.getElementById("submit-row") || document.querySelector("[name=_save]")?.closest("div");
  if (steps.length < 2 || !submit) return;

  const make = (name, text, classes = "") => Object.assign(document.createElement(name), { textContent: text, className: classes });
  const summary = make("section", "", "wizard-summary");
  summary.setAttribute("aria-live", "polite");
  const rail = make("ol", "", "wizard-rail");
  const titles = [...steps.map((step) => step.querySelector("h2, [class*=font-semibold]")?.textContent.trim() || "Step"), "Look over"];
  const marks = titles.map((title, number) => {
    const button = make("button", title);
    button.type = "button";
    button.addEventListener("click", () => (number <= at ? show(number) : next(number)));
    const item = make("li");
    item.append(button);
    rail.append(item);
    return button;
  });
  const back = make("button", "Back", "wizard-button");
  const forward = make("button", "Next", "wizard-button main");
  const acts = make("div", "", "wizard-acts");
  back.type = forward.type = "button";
  acts.append(back, forward);
  steps[0].before(rail);
  steps.at(-1).after(summary, acts);
  let at = 0;

  const value = (name) => form.elements[name]?.value.trim() ?? "";
  const list = (name) => value(name).split(",").map((each) => each.trim()).filter(Boolean);
  const ticked = () => [...form.querySelectorAll("[name=scopes]:checked")].map((each) => each.value);

  function told() {
    const client = form.elements.client;
    const owner = client?.selectedOptions?.[0]?.textContent.trim() || "nobody yet";
    const scopes = ticked();
    const agents = list("allowed_agent_types");
    const networks = list("allowed_networks");
    const expires = [value("expires_at_0"), value("expires_at_1")].filter(Boolean).join(" ");
    const limits = ["requests", "tokens_per_minute", "concurrency", "daily_requests"].filter(value).map((name) => `${name.replaceAll("_", " ")}: ${value(name)}`);
    return [
      `A key of ${owner}, named “${value("name") || "–"}”.`,
      scopes.length ? `It may ${scopes.join(", ")}.` : "It may do everything but make keys.",
      agents.length ? `It may call ${agents.join(", ")}.` : "It may call every agent, future ones too.",
      networks.length ? `It works from ${networks.join(", ")} alone.` : "It works from everywhere.",
      expires ? `It ends at ${expires} UTC.` : "It does not expire.",
      limits.length ? `Of its own it is held to ${limits.join(", ")}.` : "It has the limits of its client’s tier.",
      "The secret is shown once, on the next page.",
    ];
  }

  function show(number) {
    at = number;
    const isLast = at === steps.length;
    steps.forEach((step, each) => { step.hidden = each !== at; });
    summary.hidden = !isLast;
    summary.replaceChildren(...told().map((line) => make("p", line)));
    submit.hidden = !isLast;
    back.hidden = at === 0;
    forward.hidden = isLast;
    marks.forEach((mark, each) => {
      if (each === at) mark.setAttribute("aria-current", "step");
      else mark.removeAttribute("aria-current");
    });
  }

  // What the browser can check is checked before the next step; the rest the server says, at the step that is wrong.
  function next(wanted = at + 1) {
    const fields = at < steps.length ? [...steps[at].querySelectorAll("input, select, textarea")] : [];
    if (fields.every((field) => field.reportValidity())) show(Math.min(wanted, steps.length));
  }

  back.addEventListener("click", () => show(at - 1));
  forward.addEventListener("click", () => next());
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || at === steps.length || event.target.tagName === "BUTTON" || event.target.tagName === "TEXTAREA") return;
    event.preventDefault();
    next();
  });
  const wrong = steps.findIndex((step) => step.querySelector(".errorlist, [class*=text-red]:not([class*=required]):not(span)"));
  show(Math.max(0, wrong));
});
