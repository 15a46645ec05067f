// The page's side of its service worker: registers it, looks for new versions, and lets a person change to one.
// Part of the start script that `cargo xtask build` makes; `trunk serve` does without.

const worker = navigator.serviceWorker; // absent where the page came by plain http from another machine
const REST = 3000; // milliseconds
const news = document.getElementById('news');

if (worker) {
  const hadOne = worker.controller !== null;
  // Another version has taken over, on the word of this page or of another tab: its files belong to it alone.
  worker.addEventListener('controllerchange', () => hadOne && location.reload());
  // It loads and keeps the whole page: that waits until the page has started and drawn what it knows.
  const soon = () => setTimeout(register, REST);
  if (document.readyState === 'complete') soon();
  else addEventListener('load', soon);
}

async function register() {
  const registration = await worker.register('/sw.js').catch(() => null); // storage may be forbidden
  if (!registration) return;
  const follow = (coming) => coming?.addEventListener('statechange', () => offer(registration));
  registration.addEventListener('updatefound', () => follow(registration.installing));
  follow(registration.installing);
  offer(registration);

  // A server that was updated ends the connection: look when it is there again, and when somebody comes back to the page.
  const look = () => registration.update().catch(() => {}); // offline: the next time
  let link = document.documentElement.dataset.link;
  new MutationObserver(() => {
    const now = document.documentElement.dataset.link;
    if (now !== link && now === 'online') look();
    link = now;
  }).observe(document.documentElement, { attributeFilter: ['data-link'] });
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && look());
}

function offer(registration) {
  if (!registration.waiting || !worker.controller) return;
  news.hidden = false;
  news.querySelector('button').onclick = () => registration.waiting?.postMessage('take over');
}
