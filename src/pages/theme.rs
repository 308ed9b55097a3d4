//! The colour of the site, in shades that can be read on light and on dark ground (WCAG 2.2, 1.4.3).

use std::{fmt, str::FromStr};

/// A colour: red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color([u8; 3]);

/// A text that is no colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no colour")]
pub struct InvalidColor;

const WHITE: Color = Color([255; 3]);
const BLACK: Color = Color([0; 3]);

/// The ground of the card in the style sheet, in dark mode.
const DARK_GROUND: Color = Color([0x18, 0x1b, 0x22]);

/// The contrast that text needs (WCAG 2.2, 1.4.3), and a little more for grounds that are not quite white.
const READABLE: f64 = 5.0;

impl Color {
    /// A style sheet that sets the shades of this colour.
    pub(super) fn style(self) -> String {
        let on = if self.contrast(WHITE) >= 4.5 { WHITE } else { self.better_text() };
        let [light, dark] = [self.readable_on(WHITE, BLACK), self.readable_on(DARK_GROUND, WHITE)];
        format!(
            ":root {{ --accent: {self}; --on-accent: {on}; --link: {light}; }}\n\
             @media (prefers-color-scheme: dark) {{ :root {{ --link: {dark}; }} }}\n"
        )
    }

    /// Black or white, whichever is read better on this colour.
    fn better_text(self) -> Self {
        if self.contrast(WHITE) > self.contrast(BLACK) { WHITE } else { BLACK }
    }

    /// This colour, mixed with `towards` until it can be read on `ground`.
    fn readable_on(self, ground: Self, towards: Self) -> Self {
        let shades = (0..=20u8).map(|step| self.mixed(towards, f64::from(step) / 20.0));
        let mut readable = shades.filter(|shade| shade.contrast(ground) >= READABLE);
        readable.next().unwrap_or(towards)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two bytes")]
    fn mixed(self, other: Self, part: f64) -> Self {
        let Self([r, g, b]) = self;
        let Self([r2, g2, b2]) = other;
        let mix = |from: u8, to: u8| (f64::from(from) * (1.0 - part) + f64::from(to) * part).round() as u8;
        Self([mix(r, r2), mix(g, g2), mix(b, b2)])
    }

    /// The contrast of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio").
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    fn luminance(self) -> f64 {
        let Self([r, g, b]) = self;
        let linear = |byte: u8| {
            let part = f64::from(byte) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }
}

/// `#rrggbb` or `#rgb`.
impl FromStr for Color {
    type Err = InvalidColor;

    fn from_str(text: &str) -> Result<Self, InvalidColor> {
        let digits = text.strip_prefix('#').ok_or(InvalidColor)?;
        let nibbles: Option<Vec<u8>> =
            digits.chars().map(|digit| digit.to_digit(16).and_then(|value| value.try_into().ok())).collect();
        match nibbles.as_deref() {
            Some(&[r, g, b]) => Ok(Self([r * 17, g * 17, b * 17])),
            Some(&[r, r2, g, g2, b, b2]) => Ok(Self([r * 16 + r2, g * 16 + g2, b * 16 + b2])),
            _ => Err(InvalidColor),
        }
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([r, g, b]) = self;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_as_css_writes_them() {
        for (text, colour) in [("#2f5bea", "#2f5bea"), ("#2F5BEA", "#2f5bea"), ("#abc", "#aabbcc")] {
            assert_eq!(text.parse::<Color>().unwrap().to_string(), colour);
        }
        for text in ["", "#", "2f5bea", "#2f5be", "#2f5beaa", "#ggg", "red", "#é1"] {
            assert_eq!(text.parse::<Color>(), Err(InvalidColor), "{text}");
        }
    }

    #[test]
    fn every_shade_can_be_read() {
        for text in ["#000", "#fff", "#ff0", "#00f", "#888", "#2f5bea", "#e11d48"] {
            let color: Color = text.parse().unwrap();
            assert!(color.contrast(color.better_text()) >= 4.5, "{text}");
            assert!(color.readable_on(WHITE, BLACK).contrast(WHITE) >= READABLE, "{text}");
            assert!(color.readable_on(DARK_GROUND, WHITE).contrast(DARK_GROUND) >= READABLE, "{text}");
        }
    }
}
