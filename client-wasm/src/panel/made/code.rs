//! A link as a code that a phone scans. Pure.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// Modules around it that stay light, so that a phone finds it.
pub const MARGIN: usize = 4;

/// The dark modules as SVG writes a path, each one long and wide, and how many there are on a side. None of a text that is too long
/// for a phone to read off a screen.
#[must_use]
pub fn drawn(text: &str) -> Option<(usize, String)> {
    const MAX_BYTES: usize = 600;
    let code = Some(text).filter(|text| text.len() <= MAX_BYTES)?;
    let code = QrCode::encode_text(code, QrCodeEcc::Low).ok()?;
    let side = code.size();
    let mut path = String::new();
    for y in 0..side {
        let mut x = 0;
        while x < side {
            let width = (x..side).take_while(|x| code.get_module(*x, y)).count();
            if width > 0 {
                // A text takes all that is written to it.
                let _ = write!(path, "M{x} {y}h{width}v1h-{width}z");
            }
            x += i32::try_from(width).unwrap_or(0) + 1;
        }
    }
    let side = usize::try_from(side).ok()?;
    Some((side, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_its_corners_and_a_long_one_has_more_modules() {
        let (side, path) = drawn("http://192.0.2.7:8080/?page=Hall").unwrap();
        assert_eq!(side, 25);
        // The corner at the upper left: seven dark ones, then one at each side of it.
        assert!(path.starts_with("M0 0h7v1h-7z") && path.contains("M0 1h1v1h-1zM6 1h1v1h-1z"), "{path}");
        let (larger, _) = drawn(&format!("http://192.0.2.7:8080/?page={}", "x".repeat(200))).unwrap();
        assert!(larger > side);
        assert_eq!(drawn(&"x".repeat(601)), None);
    }
}
