// Tells the server the reader's time zone. It runs before the page is drawn; a page that was made for another zone is loaded once more.
(() => {
  "use strict";
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const shown = document.documentElement.dataset.zone;
  const known = document.cookie.split("; ").includes("audittrail_zone=" + zone);
  if (!known) {
    document.cookie = "audittrail_zone=" + zone + "; path=/; max-age=31536000; samesite=lax" + (location.protocol === "https:" ? "; secure" : "");
    if (shown !== zone && document.cookie.includes("audittrail_zone=" + zone)) location.reload();
  }
})();
