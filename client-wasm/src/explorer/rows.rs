//! A list of any length of which only the rows in sight exist. Knows nothing of what a row shows.

use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

use crate::connection::Listener;

/// The same query stands in the style sheet beside the height of a row.
const DENSE: &str = "(min-width: 900px) and (pointer: fine)";
const DENSE_PX: u32 = 34;
const TOUCH_PX: u32 = 48;
/// Rows beyond the edges, so that fast scrolling shows no gap before the next frame.
const MARGIN: usize = 6;

#[derive(Properties, PartialEq)]
pub(crate) struct Props {
    pub(crate) total: usize,
    /// Changes whenever a row may have changed.
    pub(crate) revision: u64,
    pub(crate) row: Callback<usize, Html>,
    pub(crate) role: &'static str,
    pub(crate) label: &'static str,
    /// The row to scroll to when it changes.
    #[prop_or_default]
    pub(crate) reveal: Option<usize>,
    /// The id of the row that the keyboard is on.
    #[prop_or_default]
    pub(crate) active: Option<String>,
    #[prop_or_default]
    pub(crate) onkeydown: Callback<KeyboardEvent>,
}

/// What happens to the list.
pub(crate) enum Msg {
    Measure,
    Draw,
}

pub(crate) struct Rows {
    outer: NodeRef,
    space: NodeRef,
    window: NodeRef,
    sight: Sight,
    placed: (usize, usize, u32),
    /// What is around the list changes together with the row to reveal: both are looked at once all is drawn.
    reveals: bool,
    _resized: Option<Listener>,
}

/// The part of the list that is in sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sight {
    top_px: u32,
    height_px: u32,
    row_px: u32,
}

impl Sight {
    /// The rows to draw.
    fn rows(self, total: usize) -> std::ops::Range<usize> {
        let row_px = self.row_px.max(1);
        let first = (self.top_px / row_px) as usize;
        let fit = (self.height_px / row_px) as usize + 2;
        let last = (first + fit + MARGIN).min(total);
        first.saturating_sub(MARGIN).min(last)..last
    }
}

impl Component for Rows {
    type Message = Msg;
    type Properties = Props;

    fn create(ctx: &Context<Self>) -> Self {
        let measure = ctx.link().callback(|()| Msg::Measure);
        Self {
            outer: NodeRef::default(),
            space: NodeRef::default(),
            window: NodeRef::default(),
            sight: Sight { top_px: 0, height_px: 800, row_px: row_px() },
            placed: (usize::MAX, usize::MAX, 0),
            reveals: true,
            _resized: web_sys::window()
                .map(|window| Listener::new(&window, "resize", move |_| measure.emit(()))),
        }
    }

    fn update(&mut self, _ctx: &Context<Self>, msg: Msg) -> bool {
        match msg {
            Msg::Measure => self.measure(),
            Msg::Draw => true,
        }
    }

    fn changed(&mut self, ctx: &Context<Self>, old: &Props) -> bool {
        self.reveals |= ctx.props().reveal != old.reveal;
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let props = ctx.props();
        let rows = self.sight.rows(props.total);
        html! {
            <div class="rows" ref={self.outer.clone()} role={props.role} aria-label={crate::tongue::say(props.label)} tabindex="0"
                aria-activedescendant={props.active.clone()} onkeydown={props.onkeydown.clone()}
                onscroll={ctx.link().callback(|_: Event| Msg::Measure)}>
                <div class="rows-space" role="presentation" ref={self.space.clone()}>
                    <div class="rows-window" role="presentation" ref={self.window.clone()}>
                        { for rows.map(|at| props.row.emit(at)) }
                    </div>
                </div>
            </div>
        }
    }

    fn rendered(&mut self, ctx: &Context<Self>, _first_render: bool) {
        self.place(ctx.props().total);
        if std::mem::take(&mut self.reveals) {
            let before = self.sight;
            self.measure();
            ctx.props().reveal.into_iter().for_each(|row| self.reveal(row));
            if self.sight != before {
                ctx.link().send_message(Msg::Draw);
            }
        }
    }
}

impl Rows {
    fn measure(&mut self) -> bool {
        let Some(outer) = self.outer.cast::<Element>() else { return false };
        let whole = |px: i32| u32::try_from(px).unwrap_or(0);
        let sight = Sight {
            top_px: whole(outer.scroll_top()),
            height_px: whole(outer.client_height()),
            row_px: row_px(),
        };
        std::mem::replace(&mut self.sight, sight) != sight
    }

    /// Puts the drawn rows where they belong, through the object model: a style attribute is forbidden by the page's
    /// security policy.
    fn place(&mut self, total: usize) {
        let first = self.sight.rows(total).start;
        let placed = (total, first, self.sight.row_px);
        if self.placed == placed {
            return;
        }
        self.placed = placed;
        let px = |rows: usize| rows as u64 * u64::from(self.sight.row_px);
        set(&self.space, "height", &format!("{}px", px(total)));
        set(&self.window, "transform", &format!("translateY({}px)", px(first)));
    }

    fn reveal(&mut self, row: usize) {
        let Some(outer) = self.outer.cast::<Element>() else { return };
        let row_px = self.sight.row_px;
        let top = u32::try_from(row).unwrap_or(u32::MAX).saturating_mul(row_px);
        let bottom = top.saturating_add(row_px);
        let sees_to = self.sight.top_px + self.sight.height_px;
        let to = match () {
            () if top < self.sight.top_px => top,
            () if bottom > sees_to => bottom.saturating_sub(self.sight.height_px),
            () => return,
        };
        outer.set_scroll_top(i32::try_from(to).unwrap_or(i32::MAX));
        self.sight.top_px = to;
    }
}

fn set(node: &NodeRef, property: &str, value: &str) {
    if let Some(node) = node.get().and_then(|node| node.dyn_into::<HtmlElement>().ok()) {
        let _ = node.style().set_property(property, value);
    }
}

fn row_px() -> u32 {
    let query = web_sys::window().and_then(|window| window.match_media(DENSE).ok().flatten());
    if query.is_some_and(|query| query.matches()) { DENSE_PX } else { TOUCH_PX }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_in_sight_are_drawn() {
        let sight = Sight { top_px: 0, height_px: 480, row_px: 48 };
        assert_eq!(sight.rows(10_000), 0..18);
        assert_eq!(sight.rows(3), 0..3);
        assert_eq!(Sight { top_px: 48_000, ..sight }.rows(10_000), 994..1_018);
        assert_eq!(Sight { top_px: 48_000, ..sight }.rows(10), 10..10, "the list became shorter");
    }
}
