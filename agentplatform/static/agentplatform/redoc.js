"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
// ReDoc takes its colours once, when it starts.
dark.addEventListener("change", () => location.reload());

// ReDoc's footer wants a logo from an outside host. Nobody is asked; to ReDoc it is as if the host did not answer.
const { prototype } = HTMLImageElement;
const src = Object.getOwnPropertyDescriptor(prototype, "src");
const take = (image, address, set) =>
  /^https?:/.test(address) ? queueMicrotask(() => image.dispatchEvent(new Event("error"))) : set();
Object.defineProperty(prototype, "src", {
  ...src,
  set(address) { take(this, address, () => src.set.call(this, address)); },
});
prototype.setAttribute = function (name, value) {
  take(this, name === "src" ? value : "", () => Element.prototype.setAttribute.call(this, name, value));
};

const fontFamily = "system-ui, sans-serif";
const monospace = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace";
const typography = {
  fontFamily,
  headings: { fontFamily },
  code: { fontFamily: monospace, color: dark.matches ? "#9ecbff" : "#3d4ea3", backgroundColor: dark.matches ? "#24292f" : "#eef0f6" },
  links: { color: dark.matches ? "#9ecbff" : "#3d4ea3" },
};
const darkColors = {
  primary: { main: "#9ecbff" },
  text: { primary: "#e6e6e6", secondary: "#b5bac2" },
  border: { dark: "#3a4048", light: "#2a2f36" },
  gray: { 50: "#1c2026", 100: "#24292f" },
  success: { main: "#6cc58a" },
  error: { main: "#ff8f8f" },
  responses: {
    success: { color: "#6cc58a", backgroundColor: "#16291d", tabTextColor: "#6cc58a" },
    error: { color: "#ff8f8f", backgroundColor: "#2f1b1c", tabTextColor: "#ff8f8f" },
  },
};
const lightColors = { primary: { main: "#3d4ea3" } };

Redoc.init(
  document.getElementById("redoc").dataset.schema,
  {
    scrollYOffset: ".bar",
    hideDownloadButtons: false,
    nativeScrollbars: true,
    theme: {
      colors: dark.matches ? darkColors : lightColors,
      typography,
      sidebar: dark.matches ? { backgroundColor: "#14171b", textColor: "#e6e6e6" } : {},
      schema: dark.matches ? { nestedBackground: "#1c2026", linesColor: "#4a515b", typeNameColor: "#b5bac2" } : {},
      rightPanel: { backgroundColor: dark.matches ? "#0d0f12" : "#263238" },
    },
  },
  document.getElementById("redoc"),
);
