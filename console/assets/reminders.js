// The form of a reminder: the search among actions, whole ranges, the list of time zones, and the way with the keyboard through people that were found.
(() => {
  "use strict";
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  const countChosen = (range) => {
    const whole = range.querySelector(".whole input"), boxes = range.querySelectorAll(".pick input");
    for (const box of boxes) box.disabled = whole.checked;
    const chosen = range.querySelector(".chosen");
    chosen.textContent = whole.checked ? "all " + boxes.length : [...boxes].filter((b) => b.checked).length + " of " + boxes.length;
  };

  // Shows the actions in which every word is found, and opens what holds them. With nothing to look for everything is as it was.
  const filter = (text) => {
    const words = fold(text).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const range of document.querySelectorAll(".reminder .range")) {
      let some = 0;
      for (const item of range.querySelectorAll(".pick > li")) {
        const fits = words.every((w) => fold(item.textContent).includes(w));
        item.hidden = !fits;
        if (fits) some++;
      }
      const details = range.querySelector("details");
      if (words.length) {
        details.dataset.was ??= details.open ? "open" : "";
        details.open = some > 0;
        range.hidden = some === 0;
      } else {
        if (details.dataset.was !== undefined) details.open = details.dataset.was === "open";
        delete details.dataset.was;
        range.hidden = false;
      }
      shown += some;
    }
    const count = document.getElementById("action-count");
    count.textContent = !words.length ? "" : shown === 0 ? "No action is called that. Choose a whole range, or give a pattern below." : shown === 1 ? "1 action" : shown + " actions";
  };

  const setUp = () => {
    const finder = document.querySelector(".reminder .finder");
    if (!finder || !finder.hidden) return;
    finder.hidden = false;
    document.getElementById("action-search").addEventListener("input", (event) => filter(event.target.value));
    for (const range of document.querySelectorAll(".reminder .range")) countChosen(range);
    const zones = document.getElementById("zones");
    if (zones && Intl.supportedValuesOf) {
      zones.append(...["UTC", ...Intl.supportedValuesOf("timeZone")].map((name) => Object.assign(document.createElement("option"), { value: name })));
    }
  };

  document.addEventListener("change", (event) => {
    const range = event.target.closest?.(".reminder .range");
    if (range) countChosen(range);
  });

  // In the search fields Enter does what one means, and not what the form's first button does; the arrows go through what was found.
  document.addEventListener("keydown", (event) => {
    if (event.target.id === "action-search" && event.key === "Enter") event.preventDefault();
    const found = [...document.querySelectorAll("#people-found button")];
    if (event.target.id === "find" && (event.key === "Enter" || event.key === "ArrowDown") && found.length) {
      event.preventDefault();
      if (event.key === "Enter" && found.length === 1) found[0].click();
      else found[0].focus();
    } else if (found.includes(event.target) && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const next = found.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1);
      (found[next] || (next < 0 ? document.getElementById("find") : event.target)).focus();
    }
  });

  // What a test says aloud stands outside of what is swapped, and changes only when there is something new.
  const say = () => {
    const from = document.querySelector("#test[data-said]"), to = document.getElementById("test-said");
    if (from && to && to.textContent !== from.dataset.said) to.textContent = from.dataset.said;
  };
  setUp();
  say();
  document.addEventListener("htmx:afterSwap", () => { setUp(); say(); });
})();
