// What every page does: menus that close, pictures that do not load, and a notice that goes when the next thing works.
(() => {
  "use strict";
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.me[open]")) {
      if (!menu.contains(event.target)) menu.removeAttribute("open");
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.me[open]")) {
      menu.removeAttribute("open");
      menu.querySelector("summary").focus();
    }
  });
  document.addEventListener("htmx:beforeRequest", () => {
    const notice = document.getElementById("notice");
    if (notice) notice.replaceChildren();
  });
  // A picture that does not load makes way for the initials.
  const plain = (img) => {
    const initials = document.createElement("span");
    initials.className = "initials";
    initials.setAttribute("aria-hidden", "true");
    initials.textContent = img.dataset.initials;
    img.replaceWith(initials);
  };
  document.addEventListener("error", (event) => { if (event.target.matches?.("img[data-initials]")) plain(event.target); }, true);
  for (const img of document.querySelectorAll("img[data-initials]")) if (img.complete && !img.naturalWidth) plain(img);
})();
