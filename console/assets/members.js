// The import: a file that is too large is refused before it is sent.
(() => {
  "use strict";
  document.addEventListener("change", (event) => {
    const input = event.target.closest("input[type=file][data-most]");
    if (!input) return;
    const file = input.files[0], most = Number(input.dataset.most);
    const words = file && file.size > most ? "has " + (file.size / 1048576).toFixed(1) + " MiB; at most " + most / 1048576 + " MiB are taken at once" : "";
    input.setCustomValidity(words);
    const shown = document.getElementById("import-error");
    if (shown) shown.textContent = words;
  });
})();
