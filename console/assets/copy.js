// Buttons that copy: <button type="button" data-copy="text" hidden>. They show themselves where the browser lets a page write to the clipboard.
(() => {
  "use strict";
  if (!navigator.clipboard) return;
  const show = (root) => { for (const b of root.querySelectorAll("button[data-copy][hidden]")) b.hidden = false; };
  show(document);
  document.addEventListener("htmx:load", (event) => show(event.detail.elt));
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    const words = [...button.childNodes];
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.replaceChildren("Copied");
    } catch {
      button.replaceChildren("Select the text and copy it");
    }
    setTimeout(() => button.replaceChildren(...words), 2000);
  });
})();
