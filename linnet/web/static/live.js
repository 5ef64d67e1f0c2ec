// Says on the home page that there are new posts, as soon as there are. The page does without it, too.
"use strict";
(() => {
  const news = document.getElementById("news");
  if (!news || !window.EventSource) return;
  const link = news.querySelector("a");
  const title = document.title;
  const fresh = new Set();
  let position = news.dataset.position;

  const show = (words) => {
    link.textContent = words || (fresh.size === 1 ? "1 new post" : `${fresh.size} new posts`);
    news.hidden = !words && fresh.size === 0;
    document.title = fresh.size ? `(${fresh.size}) ${title}` : title;
  };

  const listen = () => {
    const source = new EventSource(`/live?position=${encodeURIComponent(position)}`);
    const on = (name, act) => source.addEventListener(name, (event) => {
      position = event.lastEventId || position;
      act(event.data);
    });
    on("update", (data) => { fresh.add(JSON.parse(data).id); show(); });
    on("delete", (id) => { fresh.delete(id); show(); });
    on("stream.reset", () => show("There may be new posts"));
    source.addEventListener("error", () => {
      // A lost connection is opened again by the browser; an answer that was no stream is not.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 30000);
    });
  };
  listen();
})();
