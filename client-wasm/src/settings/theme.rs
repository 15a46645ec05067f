//! Dark, light, or as the system has it. Kept in this browser.

use web_sys::Storage;

const KEY: &str = "switchboard-theme";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    System,
    Light,
    Dark,
}

impl Theme {
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::System => "System",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    const fn word(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::Light => Some("light"),
            Self::Dark => Some("dark"),
        }
    }
}

/// What was chosen in this browser.
pub(crate) fn chosen() -> Theme {
    let word = storage().and_then(|storage| storage.get_item(KEY).ok().flatten());
    Theme::ALL.into_iter().find(|theme| theme.word() == word.as_deref()).unwrap_or(Theme::System)
}

/// Chooses, and shows it.
pub(crate) fn choose(theme: Theme) {
    if let Some(storage) = storage() {
        // A storage that is full or forbidden keeps the choice until the page is left.
        let _ = match theme.word() {
            Some(word) => storage.set_item(KEY, word),
            None => storage.remove_item(KEY),
        };
    }
    show(theme);
}

/// Shows what was chosen before.
pub(crate) fn apply() {
    show(chosen());
}

fn show(theme: Theme) {
    let document = web_sys::window().and_then(|window| window.document());
    if let Some(root) = document.and_then(|document| document.document_element()) {
        let _ = match theme.word() {
            Some(word) => root.set_attribute("data-theme", word),
            None => root.remove_attribute("data-theme"),
        };
    }
}

fn storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok()?
}
