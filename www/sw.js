// The service worker: keeps one whole version of the page and serves that one alone, so that a page never mixes two.
//
// `cargo xtask build` writes VERSION, INDEX_HASH and FILES in front of it. Without them (`trunk serve`) it takes itself away.
// It knows nothing of MQTT: what is not a file of the page goes to the server, past it.

const OWN = 'switchboard-';
const PAGES = ['/', '/explorer', '/settings'];
const INDEX = '/index.html';
const isBuilt = typeof FILES !== 'undefined';
const NAME = isBuilt ? OWN + VERSION : '';

self.addEventListener('install', (event) => event.waitUntil(isBuilt ? keepAll() : self.skipWaiting()));
self.addEventListener('activate', (event) => event.waitUntil(tidy()));

// The page asks for this when a person wants the new version.
self.addEventListener('message', (event) => event.data === 'take over' && self.skipWaiting());

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (!isBuilt || request.method !== 'GET' || origin !== self.location.origin) return;
  if (request.mode === 'navigate') {
    if (PAGES.includes(pathname)) event.respondWith(kept(INDEX, request));
  } else if (FILES.includes(pathname)) {
    event.respondWith(kept(pathname, request));
  }
});

// An alarm was tapped.
self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(show());
});

// All files or none: a version that is not whole is never served.
async function keepAll() {
  const cache = await caches.open(NAME);
  try {
    const index = await fetch(INDEX, { cache: 'no-store', redirect: 'error' });
    if (!index.ok || (await hash(index.clone())) !== INDEX_HASH) {
      throw new Error('the server has another version of the page than this worker; the next visit tries again');
    }
    await Promise.all([cache.put(INDEX, index), cache.addAll(FILES)]);
  } catch (error) {
    await caches.delete(NAME);
    throw error;
  }
}

async function tidy() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(OWN) && name !== NAME).map((name) => caches.delete(name)));
  if (!isBuilt) await self.registration.unregister();
}

// A browser that needed room has thrown all of it away at once: then the server has a whole version too.
async function kept(path, request) {
  return (await caches.match(path, { cacheName: NAME })) ?? fetch(request);
}

// The panel that was looked at last, wherever it stands; a new one where there is none, or where it may not be shown.
async function show() {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const panel = windows.find(({ url }) => PAGES.includes(new URL(url).pathname));
  const shown = await panel?.focus().catch(() => undefined);
  return shown ?? self.clients.openWindow('/');
}

// FNV-1a, 64 bits, as the build names files.
async function hash(response) {
  let sum = 0xcbf29ce484222325n;
  for (const byte of new Uint8Array(await response.arrayBuffer())) {
    sum = BigInt.asUintN(64, (sum ^ BigInt(byte)) * 0x100000001b3n);
  }
  return sum.toString(16).padStart(16, '0');
}
