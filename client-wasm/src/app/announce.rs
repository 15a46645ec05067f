//! Tells people who do not see the tiles what became of what they asked for. Pure; knows no page.

use std::rc::Rc;

use crate::panel::look::{Clock, look};
use crate::panel::state::State;
use crate::panel::tile::{CommandId, Phase};

/// Follows wishes to their end.
#[derive(Debug, Default)]
pub(crate) struct Announcer {
    watched: Vec<(Rc<str>, Rc<str>, CommandId)>,
    said: Rc<str>,
    felt: Option<bool>,
}

impl Announcer {
    pub(crate) fn watch(&mut self, device: &str, key: &str, command: CommandId) {
        self.watched.push((device.into(), key.into(), command));
    }

    /// Whether a wish came to a good end since this was asked last; none when no wish came to an end.
    pub(crate) fn take_felt(&mut self) -> Option<bool> {
        self.felt.take()
    }

    /// The last sentence worth saying, after a look at what has come to its end.
    pub(crate) fn say(&mut self, panel: &State, clock: Clock) -> Rc<str> {
        let mut said = None;
        self.watched.retain(|(name, key, command)| {
            let Some(device) = panel.device(name) else { return false };
            let Some(tile) = device.tile(key) else { return false };
            let waits = matches!(tile.phase, Phase::Pending { command: mine, .. } if mine == *command);
            if !waits {
                let look = look(tile, device.presence, clock);
                self.felt = Some(look.state == "confirmed" && !look.otherwise);
                said = Some(format!("{}: {}", tile.spec.label, look.note));
            }
            waits
        });
        if let Some(said) = said {
            self.said = said.into();
        }
        Rc::clone(&self.said)
    }
}
