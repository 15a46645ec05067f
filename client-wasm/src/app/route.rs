//! The three screens and their addresses. Pure; knows no history.

/// A screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Panel,
    Explorer,
    Settings,
}

impl Route {
    pub(crate) const ALL: [Self; 3] = [Self::Panel, Self::Explorer, Self::Settings];

    /// The screen of a path; unknown ones lead to the panel.
    pub(crate) fn of(path: &str) -> Self {
        let path = path.trim_end_matches('/');
        Self::ALL.into_iter().find(|route| route.path() == path).unwrap_or(Self::Panel)
    }

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Panel => "/",
            Self::Explorer => "/explorer",
            Self::Settings => "/settings",
        }
    }

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Panel => "Panel",
            Self::Explorer => "Explorer",
            Self::Settings => "Settings",
        }
    }

    pub(crate) const fn icon(self) -> &'static str {
        match self {
            Self::Panel => "#i-panel",
            Self::Explorer => "#i-explorer",
            Self::Settings => "#i-settings",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_screens() {
        for route in Route::ALL {
            assert_eq!(Route::of(route.path()), route);
        }
        assert_eq!(Route::of("/explorer/"), Route::Explorer);
        assert_eq!(Route::of("/nowhere"), Route::Panel);
    }
}
