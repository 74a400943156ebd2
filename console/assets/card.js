// The card of a member: a click on a name opens it near the name, Escape or a click elsewhere closes it, and the focus goes back to the name.
(() => {
  "use strict";
  let dialog = null, opener = null, asked = 0;
  const make = () => {
    dialog = document.createElement("dialog");
    dialog.className = "card";
    document.body.append(dialog);
    dialog.addEventListener("close", () => { asked++; if (opener && opener.isConnected) opener.focus(); });
    dialog.addEventListener("click", (e) => { if (e.target === dialog || e.target.closest(".close-card")) dialog.close(); });
  };
  const say = (text) => {
    dialog.removeAttribute("aria-labelledby");
    dialog.setAttribute("aria-label", "Member");
    const p = document.createElement("p");
    p.className = "loading";
    p.setAttribute("role", "status");
    p.textContent = text;
    dialog.replaceChildren(p);
  };
  const place = () => {
    if (matchMedia("(max-width: 40rem)").matches) { dialog.style.left = dialog.style.top = ""; return; }
    const at = opener.getBoundingClientRect(), size = dialog.getBoundingClientRect();
    dialog.style.left = Math.max(8, Math.min(at.left, innerWidth - size.width - 8)) + "px";
    dialog.style.top = Math.max(8, at.bottom + size.height + 8 < innerHeight ? at.bottom + 4 : Math.min(at.top - size.height - 4, innerHeight - size.height - 8)) + "px";
  };
  const open = async (link) => {
    if (!dialog) make();
    opener = link;
    const mine = ++asked;
    say("Loading the card…");
    if (!dialog.open) dialog.showModal();
    place();
    const answer = await fetch(link.href, { headers: { "HX-Request": "true", "HX-Current-URL": location.href }, credentials: "same-origin" }).catch(() => null);
    if (mine !== asked) return;
    const signIn = answer && answer.headers.get("HX-Redirect");
    if (signIn) { location.assign(signIn); return; }
    if (!answer || !answer.ok) { say("The card could not be loaded. Close it and try again."); place(); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== asked) return;
    dialog.removeAttribute("aria-label");
    dialog.setAttribute("aria-labelledby", "card-name");
    const card = page.querySelector(".member-card");
    const close = document.createElement("button");
    close.type = "button";
    close.className = "close-card";
    close.setAttribute("aria-label", "Close the card");
    close.textContent = "✕";
    dialog.replaceChildren(card, close);
    place();
    close.focus();
  };
  document.addEventListener("click", (e) => {
    const link = e.target.closest("a[data-member]");
    if (!link || e.defaultPrevented || e.button !== 0 || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    open(link);
  });
})();
