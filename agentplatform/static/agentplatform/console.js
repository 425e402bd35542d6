"use strict";

// The console's Alpine is the build for a strict Content-Security-Policy: it reads expressions itself instead of having the
// browser evaluate text, so they know no globals, are one statement each, and hold no functions. What unfold's templates say
// beyond that is said here.

const COMPONENTS = ["theme", "searchForm", "searchDropdown", "searchCommand"];
const REWRITTEN = [
  [/^sidebarDesktopOpen = !sidebarDesktopOpen; localStorage\..*$/s, "sidebarDesktopOpen = !sidebarDesktopOpen"],
  [/^openSearchResults = false; if \(\$refs\.searchInput\..*$/s, "leaveSearch()"],
  [/^if \(!\$event\.metaKey && !\$event\.ctrlKey\) /, "$event.metaKey || $event.ctrlKey || "],
];
const SIDEBAR = "sidebarDesktopOpen";

function rewrite(root) {
  for (const element of root.querySelectorAll("*")) {
    for (const attribute of element.attributes) {
      if (!attribute.name.startsWith("x-on:")) continue;
      for (const [pattern, replacement] of REWRITTEN) attribute.value = attribute.value.replace(pattern, () => replacement);
    }
    if (element instanceof HTMLTemplateElement) rewrite(element.content);
  }
}

// The body's own data: what unfold writes there, and the few globals that its expressions name.
function page(firstTab) {
  const { pathname, search } = window.location;
  return {
    activeTab: firstTab && (getCurrentTab() || firstTab),
    sidebarMobileOpen: false,
    sidebarDesktopOpen: localStorage.getItem(SIDEBAR) !== "0",
    window: { location: { pathname, search } },
    sortRecords: (event) => sortRecords(event),
    moveRecords: (event) => moveRecords(event),
    init() {
      this.$watch(SIDEBAR, (isOpen) => localStorage.setItem(SIDEBAR, isOpen ? "1" : "0"));
    },
    leaveSearch() {
      const field = this.$refs.searchInput;
      this.openSearchResults = false;
      if (field.value === "") field.blur();
      field.value = "";
    },
  };
}

document.addEventListener("alpine:init", () => {
  for (const name of COMPONENTS) Alpine.data(name, (...given) => window[name](...given));
  const { body } = document;
  const firstTab = body.getAttribute("x-data")?.match(/activeTab: '([^']*)'/)?.[1] ?? "";
  Alpine.data("page", () => page(firstTab));
  body.setAttribute("x-data", "page");
  body.removeAttribute("x-init");
  rewrite(document);
});

// The search field that select2 puts in a select's place says nobody what it is for; it takes the select's own label.
function nameSearches() {
  for (const field of document.querySelectorAll("select.select2-hidden-accessible")) {
    const label = document.querySelector(`label[for="${field.id}"]`)?.textContent.replace("*", "").trim() || field.name;
    const shown = field.nextElementSibling;
    for (const each of shown?.querySelectorAll("[role=combobox], [role=textbox]") ?? []) each.setAttribute("aria-label", label);
  }
}

addEventListener("DOMContentLoaded", () => {
  new MutationObserver(nameSearches).observe(document.body, { childList: true, subtree: true });
});
