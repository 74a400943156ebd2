// The lists of the Audit Trail: the search box that completes, the filters that go together, the event beside the list, and the keys.
(() => {
  "use strict";
  document.documentElement.classList.add("js");
  const at = (id) => document.getElementById(id);
  const typing = (e) => e.target.closest("input, select, textarea, [contenteditable]");

  // Filters that go together: types of the chosen range only, and the two times only where they are asked for.
  const together = () => {
    const range = at("range"), type = at("type"), when = at("when"), span = at("span");
    if (range && type) {
      for (const group of type.querySelectorAll("optgroup")) {
        const off = range.value !== "" && group.dataset.range !== range.value;
        group.hidden = off;
        group.disabled = off;
        if (off && group.contains(type.selectedOptions[0])) type.value = "";
      }
    }
    if (when && span) {
      span.toggleAttribute("data-open", when.value === "range");
      span.disabled = when.value !== "range";
    }
  };
  document.addEventListener("change", (e) => { if (e.target.closest("#filters")) together(); });
  // An address without what is empty can be read, and sent to a colleague.
  document.addEventListener("htmx:configRequest", (e) => {
    if (e.detail.elt.id !== "filters") return;
    for (const name of new Set(e.detail.formData.keys())) {
      if (e.detail.formData.getAll(name).every((v) => v === "")) e.detail.formData.delete(name);
    }
  });

  // Completion of the search box: a combobox with a list, as the ARIA practices describe it.
  let chosen = -1, timer = 0, asked = 0;
  const box = () => at("suggest-box"), options = () => [...document.querySelectorAll("#suggestions [role=option]")];
  const shut = () => {
    const q = at("q");
    clearTimeout(timer);
    asked++;
    chosen = -1;
    if (box()) box().hidden = true;
    if (q) { q.setAttribute("aria-expanded", "false"); q.removeAttribute("aria-activedescendant"); }
  };
  const choose = (i) => {
    const all = options();
    if (!all.length) return;
    chosen = (i + all.length) % all.length;
    all.forEach((o, k) => o.setAttribute("aria-selected", String(k === chosen)));
    all[chosen].scrollIntoView({ block: "nearest" });
    at("q").setAttribute("aria-activedescendant", all[chosen].id);
  };
  const take = (option) => {
    const q = at("q"), rest = q.value.slice(q.selectionStart);
    q.value = option.dataset.value + rest.trimStart();
    q.focus();
    q.setSelectionRange(option.dataset.value.length, option.dataset.value.length);
    ask();
  };
  const ask = async () => {
    const q = at("q"), mine = ++asked;
    const head = q.value.slice(0, q.selectionStart);
    if (head.trim() === "") { shut(); return; }
    const answer = await fetch("/suggest?q=" + encodeURIComponent(head), { headers: { "HX-Request": "true" }, credentials: "same-origin" }).catch(() => null);
    if (mine !== asked || !answer || !answer.ok || document.activeElement !== at("q")) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== asked) return;
    const words = page.querySelector("[data-understood]");
    if (words && words.textContent.trim() !== "" && q.selectionStart === q.value.length) at("understood").replaceChildren(...words.childNodes);
    const list = page.getElementById("suggestions");
    box().replaceChildren(list);
    chosen = -1;
    box().hidden = options().length === 0;
    q.setAttribute("aria-expanded", String(!box().hidden));
    q.removeAttribute("aria-activedescendant");
  };
  document.addEventListener("input", (e) => {
    if (e.target.id !== "q") return;
    clearTimeout(timer);
    timer = setTimeout(ask, 150);
  });
  document.addEventListener("keydown", (e) => {
    if (e.target.id !== "q") return;
    const open = box() && !box().hidden;
    if (e.key === "ArrowDown") { e.preventDefault(); if (open) choose(chosen + 1); else ask(); }
    else if (e.key === "ArrowUp" && open) { e.preventDefault(); choose(chosen - 1); }
    else if (e.key === "Enter" && open && chosen >= 0) { e.preventDefault(); take(options()[chosen]); }
    else if (e.key === "Enter") shut();
    else if (e.key === "Escape" && open) { e.preventDefault(); e.stopPropagation(); shut(); }
  });
  document.addEventListener("mousedown", (e) => {
    const option = e.target.closest && e.target.closest("#suggestions [role=option]");
    if (option) { e.preventDefault(); take(option); }
  });
  document.addEventListener("focusout", (e) => { if (e.target.id === "q") shut(); });

  // On a phone the fields wait behind a button.
  document.addEventListener("click", (e) => {
    const toggle = e.target.closest("#toggle");
    if (!toggle) return;
    toggle.setAttribute("aria-expanded", String(at("fields").toggleAttribute("data-open")));
  });

  // The event beside the list.
  const rowOf = (id) => document.querySelector('#rows tr[data-event="' + CSS.escape(id) + '"]');
  const mark = (row) => {
    for (const other of document.querySelectorAll("#rows tr[aria-current]")) other.removeAttribute("aria-current");
    if (row) row.setAttribute("aria-current", "true");
  };
  const shutDetail = () => {
    const detail = at("detail"), close = detail && detail.querySelector("a.close");
    if (!close) return false;
    const row = document.querySelector("#rows tr[aria-current]");
    history.pushState({ htmx: true }, "", close.getAttribute("href"));
    detail.replaceChildren();
    mark(null);
    if (row) row.querySelector("a.open").focus();
    return true;
  };
  document.addEventListener("htmx:configRequest", (e) => {
    if (e.detail.elt.matches("#rows a.open")) {
      const here = new URL(e.detail.elt.href);
      here.searchParams.delete("event");
      e.detail.parameters.back = here.pathname + here.search;
    }
  });
  document.addEventListener("htmx:afterSwap", (e) => {
    if (e.target.id !== "detail") return;
    const opener = e.detail.requestConfig && e.detail.requestConfig.elt;
    if (opener) mark(opener.closest("tr"));
    e.target.scrollTop = 0;
    const close = e.target.querySelector("a.close");
    if (close) close.focus({ preventScroll: true });
  });
  document.addEventListener("click", (e) => {
    if (e.target.closest("#detail a.close")) { e.preventDefault(); shutDetail(); return; }
    const row = e.target.closest("#rows tbody tr");
    if (row && !e.target.closest("a, button") && !String(getSelection())) row.querySelector("a.open").click();
  });

  // The keys.
  const step = (by) => {
    const links = [...document.querySelectorAll("#rows a.open")];
    if (!links.length) return;
    const detailOpen = at("detail") && at("detail").childElementCount > 0;
    let now = links.indexOf(document.activeElement);
    if (now < 0) now = links.findIndex((l) => l.closest("tr").hasAttribute("aria-current"));
    const next = links[Math.min(links.length - 1, Math.max(0, now < 0 ? 0 : now + by))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    if (detailOpen) next.click();
  };
  document.addEventListener("keydown", (e) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === "Escape" && !typing(e) && shutDetail()) { e.preventDefault(); return; }
    if (typing(e) || document.querySelector("dialog[open]")) return;
    const inList = e.target === document.body || e.target.closest("#rows, #detail, #main");
    if (e.key === "/") { e.preventDefault(); const q = at("q"); if (q) { q.focus(); q.select(); } }
    else if (e.key === "?" && at("keys")) { e.preventDefault(); at("keys").showModal(); }
    else if (inList && (e.key === "j" || e.key === "ArrowDown" && e.target.closest("#rows"))) { e.preventDefault(); step(1); }
    else if (inList && (e.key === "k" || e.key === "ArrowUp" && e.target.closest("#rows"))) { e.preventDefault(); step(-1); }
  });

  together();
  document.addEventListener("htmx:afterSettle", together);
})();
