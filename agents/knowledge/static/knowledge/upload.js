// Says before an upload that it is too large: a server that refuses it on the way can only break the connection.
"use strict";

const input = document.querySelector("input.files");

function fault(files) {
  const shown = (bytes) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
  const large = files.find((file) => file.size > input.dataset.each);
  if (large) return `${large.name} has ${shown(large.size)}; at most ${shown(input.dataset.each)} are taken.`;
  const together = files.reduce((sum, file) => sum + file.size, 0);
  if (together > input.dataset.together) {
    return `Together they have ${shown(together)}; at most ${shown(input.dataset.together)} are taken at once.`;
  }
  return "";
}

input.addEventListener("change", () => {
  input.setCustomValidity(fault([...input.files]));
  input.reportValidity();
});
