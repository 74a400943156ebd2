// The field that names a member: a combobox that asks while somebody types. What is shown is the name, what is sent the id. Without a choice the text itself is
// sent, and the server looks for the member of that name.
(() => {
  "use strict";
  const field = (e) => e.target instanceof Element && e.target.closest("#who");
  const list = () => document.getElementById("people");
  const options = () => [...list().children];
  let chosen = -1, timer = 0, asked = 0;

  const hidden = (q) => q.parentElement.querySelector("input[type=hidden]");
  const pick = (q, id, name) => {
    free(q);
    const input = document.createElement("input");
    input.type = "hidden";
    input.name = "actor";
    input.value = id;
    q.after(input);
    q.removeAttribute("name");
    q.value = name;
  };
  const free = (q) => {
    const input = hidden(q);
    if (input) input.remove();
    q.name = "actor";
  };
  const shut = (q) => {
    clearTimeout(timer);
    asked++;
    chosen = -1;
    if (list()) list().hidden = true;
    q.setAttribute("aria-expanded", "false");
    q.removeAttribute("aria-activedescendant");
  };
  const choose = (q, i) => {
    const all = options();
    if (!all.length) return;
    chosen = (i + all.length) % all.length;
    all.forEach((o, k) => o.setAttribute("aria-selected", String(k === chosen)));
    all[chosen].scrollIntoView({ block: "nearest" });
    q.setAttribute("aria-activedescendant", all[chosen].id);
  };
  const take = (q, option) => { pick(q, option.dataset.id, option.dataset.name); shut(q); };
  const ask = async (q) => {
    const mine = ++asked, address = new URL(q.dataset.people, location.href);
    address.searchParams.set("actor", hidden(q) ? "" : q.value);
    const answer = await fetch(address, { headers: { "HX-Request": "true" }, credentials: "same-origin" }).catch(() => null);
    if (mine !== asked || !answer || !answer.ok || document.activeElement !== q) return;
    const page = new DOMParser().parseFromString("<ul>" + await answer.text() + "</ul>", "text/html");
    if (mine !== asked) return;
    list().replaceChildren(...page.querySelectorAll("li"));
    chosen = -1;
    list().hidden = options().length === 0;
    q.setAttribute("aria-expanded", String(!list().hidden));
    q.removeAttribute("aria-activedescendant");
  };
  document.addEventListener("input", (e) => {
    const q = field(e);
    if (!q) return;
    free(q);
    clearTimeout(timer);
    timer = setTimeout(() => ask(q), 150);
  });
  document.addEventListener("keydown", (e) => {
    const q = field(e);
    if (!q) return;
    const open = !list().hidden;
    if (e.key === "ArrowDown") { e.preventDefault(); if (open) choose(q, chosen + 1); else ask(q); }
    else if (e.key === "ArrowUp" && open) { e.preventDefault(); choose(q, chosen - 1); }
    else if (e.key === "Enter" && open && chosen >= 0) { e.preventDefault(); take(q, options()[chosen]); }
    else if (e.key === "Enter") shut(q);
    else if (e.key === "Escape" && open) { e.preventDefault(); shut(q); }
  });
  document.addEventListener("mousedown", (e) => {
    const option = e.target instanceof Element && e.target.closest("#people [role=option]");
    if (option) { e.preventDefault(); take(document.getElementById("who"), option); }
  });
  document.addEventListener("focusout", (e) => { const q = field(e); if (q) shut(q); });
  const start = () => {
    const q = document.getElementById("who");
    if (q && q.value !== "" && !hidden(q) && q.dataset.shown && q.defaultValue === q.value) pick(q, q.value, q.dataset.shown);
  };
  start();
  document.addEventListener("htmx:afterSettle", start);
})();
