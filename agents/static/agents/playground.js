"use strict";

// The playground. Operators try any version through the console's session; key holders their agents through the public API.

addEventListener("DOMContentLoaded", () => {
  const root = document.getElementById("playground");
  const isConsole = root.dataset.door === "console";
  const byId = (id) => document.getElementById(id);
  const taskField = byId("task");
  const panes = [];
  let choices = isConsole ? JSON.parse(root.dataset.choices) : [];
  let key = isConsole ? "" : sessionStorage.getItem("key") || "";

  // Two doors to the same server: how a task begins, where its events are, how it is stopped.
  const auth = () => ({ Authorization: `Bearer ${key}` });
  const csrf = () => ({ "X-CSRFToken": root.querySelector("[name=csrfmiddlewaretoken]").value });
  const json = { "Content-Type": "application/json", Accept: "application/json" };
  const door = isConsole
    ? {
        async begin(choice, order, signal) {
          const body = JSON.stringify({ version: choice.id, ...order });
          const begun = await (await asked(root.dataset.run, { method: "POST", headers: { ...json, ...csrf() }, body, signal })).json();
          return { id: begun.task_id, page: begun.page, response: await door.events(begun.task_id, "", signal) };
        },
        events: (id, after, signal) => asked(`${root.dataset.run}${id}/events/`, { headers: from(after), signal }),
        cancel: (id) => asked(`${root.dataset.run}${id}/cancel/`, { method: "POST", headers: csrf() }),
      }
    : {
        async begin(choice, order, signal) {
          const body = JSON.stringify({ ...order, agent_type: choice.id, stream: true });
          const headers = { ...json, ...auth(), Accept: "text/event-stream" };
          const response = await asked("/agent/execute", { method: "POST", headers, body, signal });
          return { limits: left(response.headers.get("RateLimit")), response };
        },
        events: (id, after, signal) => asked(`/agent/events/${id}`, { headers: { ...auth(), ...from(after) }, signal }),
        cancel: (id) => asked(`/agent/cancel/${id}`, { method: "POST", headers: auth() }),
      };

  // "requests";r=9;t=60, as the IETF's draft has it, in words.
  function left(header) {
    const found = [...(header || "").matchAll(/"(\w+)";r=(\d+)(?:;t=(\d+))?/g)];
    return found.map(([, what, count, seconds]) => `${count} ${what}${seconds ? ` for ${seconds} s` : ""}`).join(", ");
  }

  function from(after) {
    return { Accept: "text/event-stream", ...(after ? { "Last-Event-ID": after } : {}) };
  }

  async function asked(address, options) {
    let response;
    try {
      response = await fetch(address, { redirect: "error", ...options });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error("The server does not answer, or you are signed out. Load the page again.", { cause: "network" });
    }
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    const fields = (problem.errors || []).map((each) => `${each.field}: ${each.message}`).join(" ");
    throw new Error([problem.detail || problem.title || `The server answered ${response.status}.`, fields].filter(Boolean).join(" "));
  }

  async function* eventsOf(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const pieces = (rest + value).split("\n\n");
      rest = pieces.pop();
      for (const piece of pieces) {
        const fields = Object.fromEntries(piece.split("\n").filter((line) => !line.startsWith(":")).map((line) => {
          const at = line.indexOf(":");
          return [line.slice(0, at), line.slice(at + 1).trimStart()];
        }));
        if (fields.event) yield { id: fields.id, name: fields.event, data: JSON.parse(fields.data) };
      }
    }
  }

  function element(name, text, children = []) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    made.append(...children);
    return made;
  }

  class Pane {
    constructor() {
      this.element = byId("pane").content.firstElementChild.cloneNode(true);
      this.select = this.element.querySelector("select");
      this.select.id = `choice-${panes.length}`;
      this.element.querySelector("label").htmlFor = this.select.id;
      this.select.addEventListener("change", () => this.chosen());
      byId("panes").append(this.element);
      this.fill();
    }

    part(name) {
      return this.element.querySelector(`.${name}`);
    }

    get choice() {
      return choices.find((each) => String(each.id) === this.select.value);
    }

    fill(wanted) {
      const before = wanted ?? this.select.value;
      this.select.replaceChildren(...choices.map((each) => new Option(each.name, each.id)));
      if (choices.some((each) => String(each.id) === String(before))) this.select.value = before;
      this.chosen();
    }

    chosen() {
      this.part("caps").textContent = this.choice ? this.choice.caps : "";
      showProgram();
    }

    say(text) {
      this.part("status").textContent = text;
    }

    async run(order) {
      this.stopping = new AbortController();
      this.id = undefined;
      this.calls = new Map();
      this.block = "";
      for (const name of ["steps", "said", "asks", "facts"]) this.part(name).replaceChildren();
      this.say("Sent…");
      const began = performance.now();
      try {
        const begun = await door.begin(this.choice, order, this.stopping.signal);
        Object.assign(this, { id: begun.id, page: begun.page, limits: begun.limits });
        this.say("Queued: it waits for a worker.");
        await this.follow(begun.response, began);
      } catch (error) {
        this.say(error.name === "AbortError" ? "Stopped." : error.message);
      }
    }

    // A connection that breaks is taken up again where it broke.
    async follow(response, began) {
      let last = "";
      for (let tries = 0; ; tries += 1) {
        try {
          for await (const event of eventsOf(response)) {
            last = event.id || last;
            this.id = event.data.task_id;
            this.first ??= event.name === "text.delta" ? performance.now() - began : undefined;
            if (this.told(event)) return this.ended(event.data.task, performance.now() - began);
            tries = 0;
          }
        } catch (error) {
          if (error.name === "AbortError" || !this.id) throw error;
        }
        if (tries >= 5) throw new Error("The connection broke. The task goes on.");
        this.say("The connection broke; trying again…");
        await new Promise((resolve) => setTimeout(resolve, 1000 * (tries + 1)));
        response = await door.events(this.id, last, this.stopping.signal);
      }
    }

    told({ name, data }) {
      const said = this.part("said");
      switch (name) {
        case "task.started": this.say("Running…"); break;
        case "step.started": case "step.restarted": this.step(name, data); break;
        case "text.delta": this.write(said, data); break;
        case "tool.called": this.call(data.call_id, `${data.agent} calls ${data.tool}`, data.arguments); break;
        case "tool.returned": this.answered(data.call_id, data); break;
        case "delegate.started": this.call(data.child, `${data.agent} asks ${data.delegate}`, data.task); break;
        case "delegate.finished": this.answered(data.child, data); break;
        case "approval.requested": this.asks(data); break;
        default: return /^task\.(completed|failed|cancelled)$/.test(name);
      }
      return false;
    }

    step(name, data) {
      if (name === "step.restarted" && data.run === "0") this.part("said").replaceChildren();
      this.say(`Running: ${data.agent}, step ${data.step}`);
      this.part("asks").replaceChildren();
    }

    write(said, data) {
      const block = `${data.run}.${data.step}`;
      if (this.block && this.block !== block) said.append("\n\n");
      this.block = block;
      const isAtEnd = said.scrollTop + said.clientHeight >= said.scrollHeight - 8;
      said.append(data.text);
      if (isAtEnd) said.scrollTop = said.scrollHeight;
    }

    call(id, told, given) {
      const item = element("li", undefined, [element("details", undefined, [element("summary", told), element("pre", given)])]);
      this.calls.set(id, item);
      this.part("steps").append(item);
    }

    answered(id, data) {
      const item = this.calls.get(id);
      if (!item) return;
      item.classList.toggle("wrong", data.is_error);
      item.firstElementChild.append(element("pre", typeof data.output === "string" ? data.output : JSON.stringify(data.output, null, 2)));
    }

    asks(data) {
      this.say("Waits for a person.");
      const asked = element("p", `${data.agent} asks: ${data.tool ? `may it call ${data.tool}(${data.arguments})?` : `is this right? ${data.text}`} `);
      if (isConsole) {
        const link = element("a", "Answer it under Approvals.");
        link.href = root.dataset.approvals;
        asked.append(link);
      } else {
        for (const decision of ["approve", "reject"]) {
          const button = element("button", decision === "approve" ? "Approve" : "Reject");
          button.type = "button";
          button.addEventListener("click", () => this.answer(data.approval_id, decision));
          asked.append(button, " ");
        }
      }
      this.part("asks").append(asked);
    }

    async answer(approval, decision) {
      const body = JSON.stringify({ approval_id: approval, decision });
      try {
        await asked(`/agent/approve/${this.id}`, { method: "POST", headers: { ...json, ...auth() }, body });
        this.part("asks").replaceChildren();
      } catch (error) {
        this.say(error.message);
      }
    }

    ended(task, tookMs) {
      const reason = task.exit_reason && task.exit_reason !== task.status ? `: ${task.exit_reason}` : "";
      this.say(task.status[0].toUpperCase() + task.status.slice(1) + reason);
      if (task.error) this.part("asks").append(element("p", task.error.message));
      if (task.result !== null && typeof task.result !== "string") this.part("said").textContent = JSON.stringify(task.result, null, 2);
      else if (typeof task.result === "string" && !this.part("said").textContent) this.part("said").textContent = task.result;
      const facts = {
        Cost: `$${task.cost_usd}${task.cached ? ", from the cache" : ""}`,
        Tokens: `${task.usage.input_tokens} in, ${task.usage.output_tokens} out`,
        Calls: `${task.usage.model_calls} of models, ${task.usage.tool_calls} of tools`,
        Took: `${(tookMs / 1000).toFixed(2)} s${this.first ? `, first text after ${(this.first / 1000).toFixed(2)} s` : ""}`,
        Model: task.model || "–",
        ...(this.limits ? { "Limits left": this.limits } : {}),
        Task: task.task_id,
      };
      this.first = undefined;
      for (const [name, value] of Object.entries(facts)) {
        const shown = element("dd", name === "Task" && this.page ? undefined : value);
        if (name === "Task" && this.page) {
          const link = element("a", value);
          link.href = this.page;
          shown.append(link);
        }
        this.part("facts").append(element("dt", name), shown);
      }
    }

    async stop() {
      if (!this.id) return this.stopping?.abort();
      try {
        await door.cancel(this.id);
      } catch (error) {
        this.say(error.message);
      }
    }
  }

  function fault(text) {
    byId("fault").textContent = text;
    byId("fault").hidden = !text;
  }

  function order() {
    const context = byId("context").value.trim();
    if (!context) return { task: taskField.value };
    let read;
    try {
      read = JSON.parse(context);
    } catch (error) {
      throw new Error(`The context is no JSON: ${error.message}.`);
    }
    if (typeof read !== "object" || read === null || Array.isArray(read)) throw new Error("The context is a JSON object: {…}.");
    return { task: taskField.value, context: read };
  }

  async function run(event) {
    event.preventDefault();
    if (byId("run").disabled) return;
    fault("");
    if (!panes.every((pane) => pane.choice)) return fault(isConsole ? "There is no version to run yet." : "Give your key first: “Use it”.");
    let given;
    try {
      given = order();
    } catch (error) {
      return fault(error.message);
    }
    byId("run").disabled = true;
    byId("stop").disabled = false;
    await Promise.allSettled(panes.map((pane) => pane.run(given)));
    byId("run").disabled = false;
    byId("stop").disabled = true;
  }

  // The same call as programs make it; quotes are those of the language.
  function showProgram() {
    const language = root.querySelector("[data-language][aria-pressed=true]").dataset.language;
    let given;
    try {
      given = order();
    } catch {
      given = { task: taskField.value };
    }
    const agent = panes[0]?.choice?.agent ?? "general";
    const body = { ...given, agent_type: agent };
    const pretty = JSON.stringify(body, null, 2);
    const python = (value) => JSON.stringify(value).replace(/\btrue\b|\bfalse\b|\bnull\b/g, (word) => ({ true: "True", false: "False", null: "None" })[word]);
    const programs = {
      curl: `curl ${location.origin}/agent/execute \\\n  -H "Authorization: Bearer $AGENTPLATFORM_API_KEY" \\\n  -H "Content-Type: application/json" \\\n  -d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`,
      python: `from agentplatform_client import Agentplatform, TextDelta\n\napi = Agentplatform("${location.origin}")  # the key is read from AGENTPLATFORM_API_KEY\nwith api.stream(${JSON.stringify(given.task)}, agent_type="${agent}"${given.context ? `, context=${python(given.context)}` : ""}) as stream:\n    for event in stream:\n        if isinstance(event, TextDelta):\n            print(event.text, end="")`,
      javascript: `const answer = await fetch("${location.origin}/agent/execute", {\n  method: "POST",\n  headers: { Authorization: \`Bearer \${process.env.AGENTPLATFORM_API_KEY}\`, "Content-Type": "application/json" },\n  body: JSON.stringify(${pretty.replaceAll("\n", "\n  ")}),\n});\nconsole.log((await answer.json()).result);`,
    };
    byId("program").textContent = programs[language];
  }

  async function enter() {
    fault("");
    key = byId("key").value.trim();
    if (!key) return fault("Give your API key first.");
    try {
      const { agents } = await (await asked("/agent/types", { headers: auth() })).json();
      choices = agents.map((each) => ({
        id: each.slug, agent: each.slug, name: each.slug,
        caps: `${each.description} At most $${each.limits.max_cost_usd} and ${each.limits.max_steps} steps.`,
      }));
    } catch (error) {
      choices = [];
      fault(error.message);
    }
    if (choices.length) sessionStorage.setItem("key", key);
    for (const pane of panes) pane.fill();
    byId("forget").hidden = !choices.length;
    if (choices.length) taskField.focus();
  }

  function forget() {
    sessionStorage.removeItem("key");
    key = byId("key").value = "";
    choices = [];
    for (const pane of panes) pane.fill();
    byId("forget").hidden = true;
    byId("key").focus();
  }

  function compare() {
    const isOn = panes.length === 1;
    if (isOn) panes.push(new Pane());
    else panes.pop().element.remove();
    if (isOn && choices.length > 1) panes[1].fill(choices.find((each) => each !== panes[0].choice && each.agent === panes[0].choice.agent)?.id ?? choices[1].id);
    byId("compare").setAttribute("aria-pressed", String(isOn));
  }

  panes.push(new Pane());
  if (isConsole && root.dataset.chosen) panes[0].fill(root.dataset.chosen);
  byId("ask").addEventListener("submit", run);
  byId("stop").addEventListener("click", () => panes.forEach((pane) => pane.stop()));
  byId("compare").addEventListener("click", compare);
  byId("ask").addEventListener("input", showProgram);
  taskField.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("ask").requestSubmit();
  });
  for (const button of root.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => {
      for (const each of root.querySelectorAll("[data-language]")) each.setAttribute("aria-pressed", String(each === button));
      showProgram();
    });
  }
  byId("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText(byId("program").textContent);
    byId("copied").textContent = "Copied.";
  });
  if (!isConsole) {
    byId("enter").addEventListener("click", enter);
    byId("forget").addEventListener("click", forget);
    byId("key").addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      enter();
    });
    byId("key").value = key;
    if (key) enter();
  }
  showProgram();
});
