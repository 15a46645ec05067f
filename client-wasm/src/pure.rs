//! Components that have nothing of their own: what they draw follows from their properties alone.
//!
//! Lighter in the finished page than function components, which bring hooks along whether they use them or not.

use std::marker::PhantomData;

use yew::prelude::*;

/// What such a component draws.
pub(crate) trait Draw: 'static {
    /// What it is drawn from. While they are equal, it is not drawn anew.
    type Props: Properties;

    /// Draws.
    fn draw(props: &Self::Props) -> Html;
}

/// The component of a drawing.
pub(crate) struct Pure<D>(PhantomData<D>);

impl<D: Draw> Component for Pure<D> {
    type Message = ();
    type Properties = D::Props;

    fn create(_ctx: &Context<Self>) -> Self {
        Self(PhantomData)
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        D::draw(ctx.props())
    }
}
