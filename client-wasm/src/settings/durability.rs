//! What the broker's word for its durability means to a person.

/// A sentence, none for a word that is not known.
pub(crate) fn words(durability: &str) -> Option<&'static str> {
    match durability {
        "always" | "group" => Some("What is acknowledged is on disk."),
        "os" => {
            Some("What is acknowledged is handed to the system: it outlives the broker, but not a power cut.")
        }
        "none" => Some("Nothing is kept: sessions and retained messages end with the broker."),
        _ => None,
    }
}
