"use strict";

// The page's figures, again every ten seconds while somebody looks. A failure leaves the old ones, and says so.

const EVERY_MS = 10000;

async function refresh() {
  if (document.hidden) return;
  const live = () => document.getElementById("live");
  try {
    const answer = await fetch(window.location.href, { headers: { Accept: "text/html" }, redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("dashboard");
    const focused = document.activeElement && document.activeElement.closest("#dashboard");
    if (fresh && !focused) document.getElementById("dashboard").replaceWith(fresh);
    live().textContent = `as of ${new Date().toLocaleTimeString()}`;
  } catch {
    live().textContent = "these figures are old: the server does not answer";
  }
}

if (document.getElementById("dashboard")) setInterval(refresh, EVERY_MS);
