// Exports: the countdown to expiry, and what a screen reader is told.
(() => {
  "use strict";

  // The same words as the server's.
  const lasting = (ms) => {
    const all = Math.max(0, Math.floor(ms / 1000));
    const hours = Math.floor(all / 3600), minutes = Math.floor(all / 60) % 60;
    if (hours >= 48) return Math.floor(hours / 24) + " days";
    if (hours > 0) return hours + " h " + minutes + " min";
    if (minutes > 0) return minutes + " min " + (all % 60) + " s";
    return all + " s";
  };

  // Time is counted from what the server says it is: clocks of browsers go wrong.
  const began = new WeakMap();
  const tick = () => {
    for (const span of document.querySelectorAll("[data-until]")) {
      if (!began.has(span)) began.set(span, performance.now());
      const left = Date.parse(span.dataset.until) - Date.parse(span.dataset.now) - (performance.now() - began.get(span));
      const words = lasting(left);
      if (span.textContent !== words) span.textContent = words;
      if (left <= 0 && !span.dataset.over) {
        span.dataset.over = "1";
        setTimeout(() => location.reload(), 1500); // times are shown to the second: by then it is over on the server too
      }
    }
  };
  tick();
  setInterval(tick, 1000);

  // What is said aloud stands outside of what is swapped, and changes only when there is something new.
  const say = () => {
    const from = document.querySelector("[data-said]"), to = document.getElementById("export-said");
    if (from && to && to.textContent !== from.dataset.said) to.textContent = from.dataset.said;
  };
  say();
  document.addEventListener("htmx:afterSwap", () => { say(); tick(); });
})();
