"use strict";

// What another threshold would change: the shares are counted anew from the rows of the page, and those that turn are shown alone.

addEventListener("DOMContentLoaded", () => {
  const slider = document.getElementById("slider");
  if (!slider) return;
  const shipped = Number(document.getElementById("threshold").dataset.block);
  const rows = [...document.querySelectorAll(".guard-rows tbody tr")].map((element) => ({
    element,
    score: Number(element.dataset.score),
    isAttack: element.dataset.attack === "1",
  }));
  const share = (wanted, at) => {
    const own = rows.filter((row) => row.isAttack === wanted);
    const hit = own.filter((row) => row.score >= at).length;
    return own.length ? `${((100 * hit) / own.length).toFixed(1)} % (${hit} of ${own.length})` : "–";
  };
  const show = () => {
    const at = Number(slider.value);
    document.getElementById("at").value = at.toFixed(2);
    document.getElementById("recall").textContent = share(true, at);
    document.getElementById("fpr").textContent = share(false, at);
    let turned = 0;
    for (const row of rows) {
      const turns = row.score >= at !== row.score >= shipped;
      row.element.classList.toggle("wrong", row.score >= at !== row.isAttack);
      row.element.hidden = at !== shipped && !turns;
      turned += turns;
    }
    const texts = turned === 1 ? "1 text" : `${turned} texts`;
    document.getElementById("change").textContent =
      at === shipped ? "All texts; wrong ones are marked." : `${texts} would be judged otherwise:`;
  };
  slider.disabled = false;
  slider.addEventListener("input", show);
  show();
});
