//! How the page lies on a phone and on a desk.

use tests::Bridge;

use crate::stage::{DESKTOP, PHONE, Stage, prefer, texts};

const PATHS: [&str; 3] = ["/", "/explorer", "/settings"];

/// Everything that sticks out to the right, unless something scrolls it or cuts it off.
const OVERFLOW: &str = "
    const wide = document.documentElement.scrollWidth > innerWidth ? [`the page is ${document.documentElement.scrollWidth} wide`] : [];
    const held = e => { for (let p = e.parentElement; p; p = p.parentElement)
        if (p !== document.body && p !== document.documentElement && /auto|scroll|hidden|clip/.test(getComputedStyle(p).overflowX)) return true; };
    for (const e of document.querySelectorAll('body *')) {
        const r = e.getBoundingClientRect();
        if (r.width > 0 && r.right > innerWidth + 0.5 && !held(e)) wide.push(`${e.tagName}.${e.className} to ${r.right}`);
    }
    return wide.slice(0, 5);";

#[test]
fn nothing_overflows_on_a_phone_or_on_a_desk() {
    let stage = Stage::new(Bridge::start_with(&["--demo"]));
    for size in [(320, 640), PHONE, (768, 1024), DESKTOP] {
        stage.browser.resize(size.0, size.1);
        for path in PATHS {
            stage.browser.open(&format!("http://{}{path}", stage.bridge.http));
            stage.wait_for_link("online");
            if path == "/" {
                stage.wait_for_tile("output/11", "confirmed", "OFF");
            }
            let wide = texts(&stage.browser.run(OVERFLOW, &[]));
            assert!(wide.is_empty(), "{path} at {size:?}: {wide:?}");
        }
    }
}

#[test]
fn tiles_stand_two_in_a_row_on_a_phone_and_targets_are_48_px() {
    let stage = Stage::new(Bridge::start_with(&["--demo"]));
    stage.wait_for_tile("output/11", "confirmed", "OFF");
    let lefts = "return [...new Set([...document.querySelectorAll('[data-tile*=\"/output/\"]')].map(t => String(Math.round(t.getBoundingClientRect().left))))]";
    assert_eq!(texts(&stage.browser.run(lefts, &[])).len(), 2, "two columns at 360 px");
    // A control may be larger than it looks: what counts is where a touch meets it.
    let small = "const meets = (e, x, y) => { const at = document.elementFromPoint(x, y); return !!at && (e === at || e.contains(at)); };
        const small = [];
        for (const e of document.querySelectorAll('button, a, input, select')) {
            if (!e.getClientRects().length) continue;
            e.scrollIntoView({ block: 'center' });
            const own = e.getBoundingClientRect(), tile = (e.closest('[data-tile]') ?? e).getBoundingClientRect();
            const corners = [[tile.left + 9, tile.top + 9], [tile.right - 9, tile.top + 9], [tile.left + 9, tile.bottom - 9], [tile.right - 9, tile.bottom - 9]];
            const r = corners.every(([x, y]) => meets(e, x, y)) ? tile : own;
            if (r.width < 47.5 || r.height < 47.5) small.push(`${e.tagName} ${e.ariaLabel ?? e.innerText}: ${r.width} × ${r.height}`);
        }
        return small;";
    assert_eq!(texts(&stage.browser.run(small, &[])), [] as [&str; 0], "too small for a thumb");
}

#[test]
fn nothing_moves_while_the_page_comes_up() {
    let stage = Stage::new(Bridge::start_with(&["--demo"]));
    stage.wait_for_tile("output/11", "confirmed", "OFF");
    let script = "const done = arguments[arguments.length - 1]; let sum = 0;
        new PerformanceObserver(l => { for (const e of l.getEntries()) if (!e.hadRecentInput) sum += e.value; })
            .observe({ type: 'layout-shift', buffered: true });
        requestAnimationFrame(() => requestAnimationFrame(() => done(sum)));";
    let shift = stage.browser.run_async(script, &[]).as_f64().unwrap_or(f64::MAX);
    assert!(shift <= 0.1, "a cumulative layout shift of {shift}");
    // Pending and confirmed take the same room.
    let height =
        "return document.querySelector('[data-tile=\"wut-0a4711/output/3\"]').getBoundingClientRect().height";
    let before = stage.browser.run(height, &[]);
    stage.tap_and_look("output/3");
    assert_eq!(stage.browser.run(height, &[]), before, "a tile does not grow when it is asked");
}

#[test]
fn dark_and_light_are_both_drawn() {
    let stage = Stage::new(Bridge::start_with(&["--demo"]));
    let lightness = |value: &str| {
        prefer(&stage.browser, "prefers-color-scheme", value);
        let script = "const c = document.createElement('canvas').getContext('2d');
            c.fillStyle = getComputedStyle(document.body).backgroundColor === 'rgba(0, 0, 0, 0)'
                ? getComputedStyle(document.documentElement).backgroundColor : getComputedStyle(document.body).backgroundColor;
            c.fillRect(0, 0, 1, 1); const [r, g, b] = c.getImageData(0, 0, 1, 1).data; return (r + g + b) / 3";
        stage.browser.run(script, &[]).as_f64().unwrap_or(-1.0)
    };
    let (light, dark) = (lightness("light"), lightness("dark"));
    assert!(light > 200.0 && (0.0..60.0).contains(&dark), "light {light}, dark {dark}");
}
