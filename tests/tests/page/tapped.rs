//! A tap on a notification of the service worker leads to the panel. Headless Chromium shows none that could be tapped, and lets no
//! page be brought to the front without a tap; so the worker is given the event itself, and what it asks the browser for is noted.

use serde_json::{Value, json};

use crate::stage::Stage;
use crate::worker::{Page, under_control};

/// Comes behind the worker's own script. `tap` waits until no page is open, if that is asked, and keeps what came of it.
const PROBE: &str = "
    const asked = [];
    WindowClient.prototype.focus = async function () {
        asked.push(['focus', new URL(this.url).pathname]);
        if (mayNot) throw new TypeError('it may not');
        return this;
    };
    self.clients.openWindow = async (url) => void asked.push(['open', url]);
    let mayNot = false;
    self.addEventListener('message', ({ data }) => data.tap && tap(data));
    async function tap(how) {
        mayNot = how.mayNot;
        const open = () => self.clients.matchAll({ type: 'window', includeUncontrolled: true });
        while (how.alone && (await open()).some(({ url }) => new URL(url).pathname !== '/health')) {
            await new Promise((resolve) => setTimeout(resolve, 20));
        }
        const [notification] = await self.registration.getNotifications();
        const event = new NotificationEvent('notificationclick', { notification });
        let done;
        event.waitUntil = (promise) => { done = promise; }; // only a real tap may
        self.dispatchEvent(event);
        await done;
        const left = (await self.registration.getNotifications()).length;
        const answer = new Response(JSON.stringify([asked.splice(0), left]));
        await (await caches.open('probe')).put('/probe', answer);
    }";

/// Shows an alarm as the page does, and taps it.
fn tap(stage: &Stage, how: &Value) {
    let script = "const [how, done] = arguments;
        navigator.serviceWorker.ready.then(async (worker) => {
            await caches.delete('probe');
            await worker.showNotification('Switchboard', { body: 'too warm', tag: 'switchboard-alarm' });
            worker.active.postMessage({ tap: true, ...how });
        }).then(() => done('tapped'), (error) => done(`${error}`));";
    assert_eq!(stage.browser.run_async(script, std::slice::from_ref(how)), "tapped");
}

/// What the worker asked the browser for, and how many notifications are left.
fn came_of_it(stage: &Stage) -> Value {
    let script = "const done = arguments[arguments.length - 1];
        (async () => {
            for (;;) {
                const answer = await caches.match('/probe', { cacheName: 'probe' });
                if (answer) return answer.json();
                await new Promise((resolve) => setTimeout(resolve, 20));
            }
        })().then(done, (error) => done(`${error}`));";
    stage.browser.run_async(script, &[])
}

#[test]
fn a_tap_on_an_alarm_leads_to_the_panel() {
    let mut page = Page::built_in();
    page.extend_worker(PROBE);
    let stage = Stage::new(page.start());
    under_control(&stage);
    stage.browser.devtools("Browser.grantPermissions", &json!({ "permissions": ["notifications"] }));
    let open = |path: &str| stage.browser.open(&format!("http://{}{path}", stage.bridge.http));

    open("/settings");
    tap(&stage, &json!({}));
    assert_eq!(
        came_of_it(&stage),
        json!([[["focus", "/settings"]], 0]),
        "it is there, and the alarm is away"
    );
    tap(&stage, &json!({ "mayNot": true }));
    assert_eq!(came_of_it(&stage), json!([[["focus", "/settings"], ["open", "/"]], 0]));
    tap(&stage, &json!({ "alone": true }));
    open("/health");
    assert_eq!(came_of_it(&stage), json!([[["open", "/"]], 0]), "what else the server shows is no panel");
}
