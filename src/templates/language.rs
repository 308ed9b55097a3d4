//! The languages of pages and mails, and which of them a reader wants.

use std::str::FromStr;

/// A language that there are texts in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// Japanese.
    Ja,
    /// Chinese, simplified.
    Zh,
}

/// A language that there are no texts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are no texts in it")]
pub struct UnknownLanguage;

impl Language {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::En, Self::De, Self::Ja, Self::Zh];

    /// Its code in HTML and in the settings (RFC 5646).
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Ja => "ja",
            Self::Zh => "zh",
        }
    }

    /// The first of `offered` that the reader prefers, by the value of `Accept-Language` (RFC 9110 section 12.5.4).
    #[must_use]
    pub fn choose(accepted: Option<&str>, offered: &[Self]) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for range in accepted.unwrap_or_default().split(',') {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight: f32 = weight.trim().strip_prefix("q=").and_then(|q| q.parse().ok()).unwrap_or(0.0);
            let primary = tag.trim().split('-').next().unwrap_or_default();
            let found = offered.iter().find(|own| own.code().eq_ignore_ascii_case(primary));
            // Of two with the same weight the first one counts.
            if let Some(language) = found
                && weight > best.map_or(0.0, |(weight, _)| weight)
            {
                best = Some((weight, *language));
            }
        }
        best.map(|(_, language)| language).or(offered.first().copied()).unwrap_or_default()
    }

    /// Whether one of something is said in another form than several.
    pub(super) fn has_singular(self) -> bool {
        matches!(self, Self::En | Self::De)
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(code: &str) -> Result<Self, UnknownLanguage> {
        Self::ALL.into_iter().find(|own| own.code() == code).ok_or(UnknownLanguage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_chooses_among_what_is_offered() {
        use Language::{De, En, Ja, Zh};
        let all = Language::ALL;
        for (accepted, offered, chosen) in [
            (None, &all[..], En),
            (Some("de"), &all, De),
            (Some("de-AT,de;q=0.9,en;q=0.5"), &all, De),
            (Some("fr, ja;q=0.3, zh-Hans-CN;q=0.7"), &all, Zh),
            (Some("JA"), &all, Ja),
            (Some("de;q=0, en;q=0.1"), &all, En),
            (Some("en, de"), &[De, En], En),
            (Some("fr"), &[De, En], De),
            (Some("de"), &[En], En),
            (Some("de;q=x"), &all, En),
            (Some(",;,"), &all, En),
            (Some("de"), &[], En),
        ] {
            assert_eq!(Language::choose(accepted, offered), chosen, "{accepted:?}");
        }
    }
}
