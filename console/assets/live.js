// What is new on the list that is shown: it is told above the list and moves nothing.
(() => {
  "use strict";
  let source = null, shown = null, count = 0, told = 0, title = "";
  const bar = () => document.querySelector("#live[data-stream]");
  const end = () => {
    if (source) source.close();
    source = shown = null;
    count = 0;
    if (title) document.title = title;
    title = "";
  };
  const note = (text) => {
    const p = document.createElement("p");
    p.className = "quiet";
    p.textContent = text;
    shown.replaceChildren(p);
  };
  const announce = () => {
    const words = count.toLocaleString("en") + (count === 1 ? " new event" : " new events");
    let button = shown.querySelector("button");
    if (!button) {
      button = document.createElement("button");
      button.type = "button";
      button.className = "small";
      button.addEventListener("click", load);
      const said = document.createElement("span");
      said.className = "sr";
      said.setAttribute("role", "status");
      shown.replaceChildren(button, said);
    }
    button.textContent = words + " – show";
    if (!title) title = document.title;
    document.title = "(" + count + ") " + title;
    if (Date.now() - told > 5000) { told = Date.now(); shown.querySelector("[role=status]").textContent = words; }
  };
  const load = () => {
    const to = shown && shown.dataset.newest;
    if (!to) return;
    end();
    htmx.ajax("GET", to, { target: "#main", swap: "innerHTML" });
  };
  const begin = () => {
    const now = bar();
    if (now === shown) return;
    end();
    if (!now || document.hidden) return;
    shown = now;
    source = new EventSource(now.dataset.stream);
    source.addEventListener("events", (e) => { count += JSON.parse(e.data).matched; announce(); });
    source.addEventListener("open", () => { shown.dataset.state = "live"; if (!count) shown.replaceChildren(); });
    source.addEventListener("error", () => {
      if (!source) return;
      delete shown.dataset.state;
      if (count) return;
      note(source.readyState === EventSource.CLOSED ? "Live updates are not available now." : "Not live – trying again.");
    });
  };
  document.addEventListener("keydown", (e) => {
    if (e.key !== "n" || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea") || document.querySelector("dialog[open]")) return;
    if (count) { e.preventDefault(); load(); }
  });
  document.addEventListener("htmx:afterSettle", begin);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) begin(); });
  addEventListener("pagehide", end);
  addEventListener("pageshow", begin);
})();
