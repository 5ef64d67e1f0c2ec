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

  const acts = {
    "update": (data) => { fresh.add(JSON.parse(data).id); show(); },
    "delete": (id) => { fresh.delete(id); show(); },
    "stream.reset": () => show("There may be new posts"),
  };

  const isLater = (one, other) => {
    const [ours, theirs] = [one, other].map((place) => place.split(".").map(BigInt));
    const at = ours.findIndex((number, index) => number !== theirs[index]);
    return at >= 0 && ours[at] > theirs[at];
  };

  // What another tab was told, this page may have had from the beginning; a reset counts wherever it is.
  const hear = ({ name, data, place }) => {
    if (name !== "stream.reset" && place && position && !isLater(place, position)) return;
    position = place || position;
    acts[name](data);
  };

  const channel = window.BroadcastChannel ? new BroadcastChannel("live") : null;
  if (channel) channel.addEventListener("message", (event) => hear(event.data));

  const listen = () => {
    const source = new EventSource(`/live?position=${encodeURIComponent(position)}`);
    for (const name of Object.keys(acts)) {
      source.addEventListener(name, (event) => {
        const news = { name, data: event.data, place: event.lastEventId };
        hear(news);
        if (channel) channel.postMessage(news);
      });
    }
    source.addEventListener("error", () => {
      // A lost connection is opened again by the browser; an answer that was no stream is not.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 30000);
    });
  };

  // One tab listens for all: a browser opens few connections to one server. When it is closed, the next one goes on.
  if (channel && navigator.locks) {
    navigator.locks.request("live", () => { listen(); return new Promise(() => {}); });
  } else {
    listen();
  }
})();
