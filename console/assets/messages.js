// The bell: how many messages are unread, as they come. A tab that is seen holds one stream, which says that there is something new; how many are unread the
// server says. Where there is no stream to be had the tab asks once a minute; after some refusals it does not try for a stream any more.
(() => {
  "use strict";
  const bell = document.getElementById("bell"), said = document.getElementById("bell-said");
  if (!bell || !said || !window.EventSource) return;
  const again = 60_000, mostTries = 5;
  let stream = null, timer = 0, soon = 0, tries = 0, over = false;

  const shown = () => parseInt(document.getElementById("unread").textContent, 10) || 0;

  // Reads the number anew, and says what came since it was read last.
  const count = async () => {
    try {
      const answer = await fetch("/messages/unread", { headers: { "HX-Request": "true" }, credentials: "same-origin" });
      if (!answer.ok || answer.headers.has("HX-Redirect")) { over = answer.headers.has("HX-Redirect"); return stop(); } // signed out: the next page says so
      const part = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("unread");
      if (!part) return;
      const before = shown();
      document.getElementById("unread").replaceWith(document.adoptNode(part));
      const fresh = shown() - before;
      if (fresh <= 0) return;
      said.textContent = fresh === 1 ? "1 new message" : fresh + " new messages";
      const note = document.getElementById("messages-new");
      if (note) note.hidden = false;
    } catch { /* the server is away: the stream comes back by itself, or the next minute does */ }
  };

  const later = () => { clearTimeout(soon); soon = setTimeout(count, 250); };

  const stop = () => {
    clearTimeout(timer);
    clearTimeout(soon);
    if (stream) stream.close();
    stream = null;
  };

  const ask = () => { count().then(start); };

  const start = () => {
    if (stream || over || document.visibilityState !== "visible") return;
    clearTimeout(timer);
    if (tries >= mostTries) { timer = setTimeout(ask, again); return; }
    stream = new EventSource("/v1/messages/stream");
    stream.addEventListener("open", () => { tries = 0; later(); }); // what came while there was no stream
    stream.addEventListener("message", later);
    stream.addEventListener("error", () => {
      if (stream && stream.readyState === EventSource.CLOSED) { // refused: all streams are taken, or nobody is signed in
        stop();
        tries++;
        timer = setTimeout(ask, again);
      }
    });
  };

  // Browsers allow few connections to a server: tabs that nobody looks at hold none.
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") start(); else stop(); });
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", (event) => { if (event.persisted) { later(); start(); } });
  start();
})();
