// What every page does: menus that close, the number of unread messages, and a notice that goes when the next thing works.
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
})();
