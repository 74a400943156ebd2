// Forms: each is sent once, and the focus goes to the first field that is wrong.
(() => {
  "use strict";
  // A form is sent once, however often the button is pressed. Coming back to the page makes it whole again; the server takes each token once anyway.
  const busy = (form, on) => {
    const button = form.querySelector("button[type=submit]");
    if (!button) return;
    if (on) {
      form.dataset.sent = "1";
      button.dataset.words ??= button.textContent;
      button.setAttribute("aria-disabled", "true");
      button.setAttribute("aria-busy", "true");
      button.textContent = button.dataset.busy || button.textContent;
    } else if (form.dataset.sent) {
      delete form.dataset.sent;
      button.removeAttribute("aria-disabled");
      button.removeAttribute("aria-busy");
      button.textContent = button.dataset.words;
    }
  };
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-once]");
    if (!form) return;
    if (form.dataset.sent) event.preventDefault();
    else busy(form, true);
  });
  window.addEventListener("pageshow", () => { for (const form of document.querySelectorAll("form[data-once]")) busy(form, false); });

  const wrong = document.querySelector('[aria-invalid="true"]');
  if (wrong) wrong.focus();
})();
