//! Enhanced authentication (4.12) from a page of JavaScript: SCRAM-SHA-256 as the browser's own cryptography computes it, which
//! takes its time.

use serde_json::json;
use tests::{PATIENCE, Process, TempFile, program};

use crate::npm::{Stage, site};
use crate::stage::SOON;

/// SCRAM-SHA-256 (RFC 5802, RFC 7677) by WebCrypto. `spoil` changes what the server is said to have signed.
const SCRAM: &str = "
    const utf8 = (text) => new TextEncoder().encode(text);
    const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
    const hmac = async (key, text) => new Uint8Array(await crypto.subtle.sign('HMAC',
        await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']), utf8(text)));
    const scram = (user, password, spoil = (signature) => signature) => {
        let bare, signature;
        return {
            method: 'SCRAM-SHA-256',
            begin() {
                bare = `n=${user},r=${base64(crypto.getRandomValues(new Uint8Array(18)))}`;
                return `n,,${bare}`;
            },
            async answer(data) {
                const first = new TextDecoder().decode(data);
                const said = Object.fromEntries(first.split(',').map((part) => [part[0], part.slice(2)]));
                const key = await crypto.subtle.importKey('raw', utf8(password), 'PBKDF2', false, ['deriveBits']);
                const salt = Uint8Array.from(atob(said.s), (letter) => letter.charCodeAt(0));
                const how = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations: Number(said.i) };
                const salted = await crypto.subtle.deriveBits(how, key, 256);
                const client = await hmac(salted, 'Client Key');
                const rest = `c=biws,r=${said.r}`;
                const all = `${bare},${first},${rest}`;
                const signed = await hmac(await crypto.subtle.digest('SHA-256', client), all);
                signature = `v=${base64(await hmac(await hmac(salted, 'Server Key'), all))}`;
                return `${rest},p=${base64(client.map((byte, n) => byte ^ signed[n]))}`;
            },
            async finish(data) {
                await new Promise((resolve) => setTimeout(resolve)); // as long as nothing else
                if (spoil(new TextDecoder().decode(data)) !== signature) throw new Error('not the server');
            },
        };
    };";

/// A page whose broker knows alice by her password `pencil`, and the broker's configuration.
fn stage() -> (Stage, TempFile) {
    let mut process = Process::start_with_input(&program(), &["user", "scram", "alice"], "pencil\n");
    assert_eq!(process.wait(PATIENCE).code(), Some(0));
    process.stdout.expect(&["scram = "]);
    let config = TempFile::new("switchboard.toml", &process.stdout.all().join("\n"));
    let arguments = ["--config", &config.0.to_string_lossy()];
    (Stage::with(site(), "/example.js", &arguments), config)
}

/// [MQTT-4.12.0-2], [MQTT-4.12.0-3]
#[test]
fn a_page_proves_by_its_browsers_cryptography_who_it_is() {
    let (mut stage, _config) = stage();
    let seen = stage.play(&format!(
        "{SCRAM}
         const client = window.client = await mqtt.connect('/mqtt', {{ clientId: 'page', authentication: scram('alice', 'pencil') }});
         await client.subscribe('t', {{ qos: 1 }});
         const message = next(client, 'message');
         const outcome = await client.publish('t', 'in', {{ qos: 1 }});
         return [outcome.status, (await message).text];"
    ));
    assert_eq!(seen, json!(["acknowledged", "in"]));
    stage.bridge.process.stderr.expect(&["connected", "page", "user=\"alice\""]);

    // Once more on the same connection, while messages flow (4.12.1), and on each that follows.
    let seen = stage.play(
        "const [client, done] = [window.client, next(window.client, 'reauthenticated')];
         client.reauthenticate();
         const twice = await rejection((async () => client.reauthenticate())());
         const meanwhile = await client.publish('t', 'meanwhile', { qos: 1 });
         await done;
         return [twice, meanwhile.status, client.state];",
    );
    assert_eq!(seen, json!([[true, true, "invalid-argument"], "acknowledged", "connected"]));
    stage.bridge.kill();
    stage.browser.wait_for("the end is told", SOON, "return window.client.state === 'waiting'");
    stage.bridge.restart();
    let seen = stage.play(
        "window.client.reconnect();
         return (await window.client.publish('t', 'again', { qos: 1 })).status;",
    );
    assert_eq!(seen, json!("acknowledged"));
}

/// [MQTT-4.12.0-4], [MQTT-4.12.1-2]
#[test]
fn a_wrong_password_is_refused_and_a_false_server_is_left() {
    let (stage, _config) = stage();
    let seen = stage.play(&format!(
        "{SCRAM}
         const answers = [];
         const tries = async (authentication) => {{
             const attempt = mqtt.connect('/mqtt', {{ authentication, on: {{ close: ({{ error, retryIn }}) =>
                 answers.push([error.code, error.reason ?? 0, retryIn ?? 'never']) }} }});
             answers.push(await rejection(attempt));
         }};
         await tries(scram('alice', 'stylus'));
         await tries(scram('bob', 'pencil'));
         await tries(scram('alice', 'pencil', (signature) => `${{signature}}.`));
         await tries({{ ...scram('alice', 'pencil'), answer: () => Promise.reject(new Error('no passkey')) }});
         return answers;"
    ));
    let refused = json!(["refused", 0x87, "never"]);
    let given_up = json!(["unauthentic", 0, "never"]);
    let ours = |code: &str| json!([true, true, code]);
    let expected = [
        refused.clone(),
        ours("not-authorized"),
        refused,
        ours("not-authorized"),
        given_up.clone(),
        ours("server-unproven"),
        given_up,
        ours("server-unproven"),
    ];
    assert_eq!(seen, json!(expected));
    stage.bridge.process.stderr.expect(&["0x87", "login failed"]);

    // A proof that fails later ends a connection that stood.
    let seen = stage.play(&format!(
        "{SCRAM}
         const authentication = scram('alice', 'pencil');
         const client = await mqtt.connect('/mqtt', {{ authentication }});
         Object.assign(authentication, scram('alice', 'stylus'));
         const [end, why] = [next(client, 'close'), next(client, 'why')];
         client.reauthenticate();
         const {{ error, retryIn }} = await end;
         return [error.code, error.reason, retryIn ?? 'never', (await why).reason, client.state];"
    ));
    assert_eq!(seen, json!(["disconnected", 0x87, "never", "not-authorized", "closed"]));
}
