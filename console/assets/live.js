// What is new on the list that is shown: it is told above the list and moves nothing.
(() => {
  "use strict";
  const hiddenFor = 30_000, firstRetry = 5_000, lastRetry = 120_000, mostTries = 7, quiet = 5_000;
  let source = null, shown = null, said = null, count = 0, paused = false, title = "", retry = firstRetry, tries = 0;
  let told = 0, telling = 0, retrying = 0, hiding = 0;
  const bar = () => document.querySelector("#live[data-stream]");

  const close = () => {
    clearTimeout(retrying);
    if (source) source.close();
    source = null;
    if (shown) delete shown.dataset.state;
  };
  const end = () => {
    close();
    clearTimeout(telling);
    telling = 0;
    shown = said = null;
    count = 0;
    paused = false;
    retry = firstRetry;
    tries = 0;
    if (title) document.title = title;
    title = "";
  };

  // Says the words aloud, at most once in a while; what is last is said in the end.
  const tell = () => {
    const wait = told + quiet - Date.now();
    if (wait > 0) { if (!telling) telling = setTimeout(() => { telling = 0; if (said) tell(); }, wait); return; }
    told = Date.now();
    said.textContent = words();
  };
  const words = () => {
    const fresh = count ? count.toLocaleString("en") + (count === 1 ? " new event" : " new events") : "";
    if (!paused) return fresh;
    return "Not followed while hidden" + (fresh ? ", since then " + fresh : "");
  };
  const button = (text, act) => {
    const b = document.createElement("button");
    b.type = "button";
    b.className = "small";
    b.textContent = text;
    b.onclick = act;
    return b;
  };
  // What the bar says: what is new, and whether it is followed now; over says that nobody tries any more.
  const draw = (trouble, over) => {
    const text = words(), parts = [];
    if (text) {
      const show = shown.querySelector("button.news") || button("", load);
      show.classList.add("news");
      show.textContent = text + " – show";
      parts.push(show);
    }
    if (trouble) {
      const p = document.createElement("p");
      p.className = "quiet";
      p.textContent = trouble;
      parts.push(p);
    }
    if (over) parts.push(button("Reload the page", () => location.reload()));
    const held = document.activeElement && shown.contains(document.activeElement);
    shown.replaceChildren(said, ...parts);
    if (held && shown.querySelector("button")) shown.querySelector("button").focus({ preventScroll: true });
    if (count) {
      if (!title) title = document.title;
      document.title = "(" + count + ") " + title;
    }
  };
  const load = () => {
    const to = shown && shown.dataset.newest;
    if (!to) return;
    end();
    htmx.ajax("GET", to, { target: "#main", swap: "innerHTML" });
  };

  const follow = () => {
    close();
    const mine = source = new EventSource(shown.dataset.stream);
    mine.addEventListener("events", (e) => { if (mine === source) { count += JSON.parse(e.data).matched; draw(""); tell(); } });
    mine.addEventListener("open", () => { if (mine === source) { shown.dataset.state = "live"; retry = firstRetry; tries = 0; draw(""); } });
    mine.addEventListener("error", () => {
      if (mine !== source) return;
      delete shown.dataset.state;
      if (mine.readyState !== EventSource.CLOSED) { draw("Not live – trying again."); return; } // the browser does, and tells the server what it has had
      source = null; // refused: all streams are taken, the server is on its way, or whoever looks may no longer
      if (++tries >= mostTries) { draw("Live updates stopped: the server does not give any.", true); said.textContent = "Live updates stopped"; return; }
      draw("Live updates are not available now – trying again.");
      retrying = setTimeout(follow, retry);
      retry = Math.min(retry * 2, lastRetry);
    });
  };
  const begin = () => {
    const now = bar();
    if (now === shown && (source || !now)) return;
    if (now !== shown) end();
    if (!now || document.hidden) return;
    if (!shown) {
      shown = now;
      said = document.createElement("span"); // it is there before it says anything, or it would not be read
      said.className = "sr";
      said.setAttribute("role", "status");
      shown.replaceChildren(said);
    }
    follow();
  };

  // Browsers allow few connections to a server: a tab that nobody has looked at for a while holds none. What came meanwhile is not known then.
  const rest = () => {
    if (!document.hidden || !shown) return;
    close();
    paused = true;
    draw("");
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(rest, hiddenFor);
    else begin();
  });
  document.addEventListener("keydown", (e) => {
    if (e.key !== "n" || e.ctrlKey || e.metaKey || e.altKey || e.target.closest?.("input, select, textarea") || document.querySelector("dialog[open]")) return;
    if (count || paused) { e.preventDefault(); load(); }
  });
  document.addEventListener("htmx:afterSettle", begin);
  addEventListener("pagehide", end);
  addEventListener("pageshow", begin);
})();
