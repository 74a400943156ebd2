// The histogram: arrow keys go from bar to bar, hovering says what a bar is, and dragging over several shows only those.
(() => {
  "use strict";
  const bars = () => [...document.querySelectorAll(".histogram .bar")];
  const barAt = (e) => e.target.closest && e.target.closest(".histogram .bar");
  let before = "", began = null, dragged = false;

  const say = (text) => {
    const said = document.querySelector(".histogram [data-said]");
    if (!said) return;
    if (before === "") before = said.textContent;
    said.textContent = text || before;
  };
  // One bar can be reached with Tab, the others from there.
  const ready = () => {
    const all = bars();
    if (!all.length || all.some((b) => b.hasAttribute("tabindex"))) return;
    before = "";
    all.forEach((b, i) => b.setAttribute("tabindex", i === all.length - 1 ? "0" : "-1"));
  };
  const go = (to) => {
    const all = bars();
    const bar = all[Math.max(0, Math.min(all.length - 1, to))];
    for (const b of all) b.setAttribute("tabindex", b === bar ? "0" : "-1");
    bar.focus();
  };
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape" && began) { callOff(); return; }
    const bar = barAt(e);
    if (!bar) return;
    const now = bars().indexOf(bar);
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: bars().length - 1, PageUp: now - 10, PageDown: now + 10 }[e.key];
    if (to !== undefined) { e.preventDefault(); go(to); }
  });
  document.addEventListener("focusin", (e) => { const bar = barAt(e); if (bar) say(bar.getAttribute("aria-label")); });
  document.addEventListener("focusout", (e) => { if (barAt(e)) say(""); });

  const pick = (from, to) => {
    const all = bars(), a = all.indexOf(from), b = all.indexOf(to);
    all.forEach((bar, i) => bar.classList.toggle("picked", a >= 0 && b >= 0 && i >= Math.min(a, b) && i <= Math.max(a, b)));
    return all.filter((bar) => bar.classList.contains("picked"));
  };
  // A drag ends without a choice: by Escape, as the browser takes the finger to scroll, or as the bars are others now. The click that follows chooses none either.
  const callOff = () => {
    if (!began) return;
    began = null;
    dragged = true;
    pick(null, null);
    say("");
  };
  document.addEventListener("pointercancel", callOff);
  document.addEventListener("pointerdown", (e) => { dragged = false; const bar = barAt(e); if (bar && e.button === 0) { began = bar; } });
  document.addEventListener("dragstart", (e) => { if (barAt(e)) e.preventDefault(); });
  document.addEventListener("pointermove", (e) => {
    const bar = document.elementFromPoint(e.clientX, e.clientY)?.closest(".histogram .bar");
    if (began && !began.isConnected) callOff();
    if (!began) { if (bar) say(bar.getAttribute("aria-label")); return; }
    if (bar && bar !== began) dragged = true;
    if (bar && dragged) {
      const picked = pick(began, bar);
      say(picked[0].getAttribute("aria-label").split(":")[0] + " … " + picked[picked.length - 1].getAttribute("aria-label").split(":")[0]);
    }
  });
  document.addEventListener("pointerout", (e) => { if (barAt(e) && !began) say(""); });
  document.addEventListener("pointerup", () => {
    if (began && dragged) {
      const picked = bars().filter((b) => b.classList.contains("picked"));
      if (picked.length) {
        const svg = picked[0].ownerSVGElement, to = new URL(svg.dataset.zoom, location.href);
        to.searchParams.set("from", picked[0].dataset.from);
        to.searchParams.set("to", picked[picked.length - 1].dataset.to);
        location.assign(to);
      }
    }
    began = null;
  });
  // Enter on a bar is a click too, of no button: it is never what a drag leaves behind.
  document.addEventListener("click", (e) => { if (dragged && e.detail > 0 && barAt(e)) e.preventDefault(); }, true);
  addEventListener("pageshow", (e) => { if (e.persisted) { began = null; dragged = false; pick(null, null); } });
  document.addEventListener("htmx:afterSwap", ready);
  ready();
})();
