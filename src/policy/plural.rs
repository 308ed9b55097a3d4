//! LoopBack's plural of a model's name, which is the default of its path.
//!
//! The rules are those of npm `inflection` 1.13 (MIT, Ben Lin), which LoopBack 3 calls.

/// Words without a plural.
const UNCOUNTABLE: &str = include_str!("uncountable.txt");

/// The plural of a name.
pub(super) fn pluralize(name: &str) -> String {
    let word = name.to_ascii_lowercase();
    // Before the rules, which would append an ending to a plural.
    let stays = UNCOUNTABLE.split_whitespace().any(|known| known == word)
        || PLURALS.iter().any(|ending| ending.fits(&word));
    if stays {
        return name.to_owned();
    }
    for (endings, strip, add) in RULES {
        if endings.iter().any(|ending| ending.fits(&word)) {
            let kept = name.char_indices().rev().nth(strip.saturating_sub(1)).map_or(0, |(at, _)| at);
            let stem = if *strip == 0 { name } else { name.get(..kept).unwrap_or(name) };
            return format!("{stem}{add}");
        }
    }
    format!("{name}s")
}

/// A path in lower case with dashes between words, as LoopBack's `normalizeHttpPath` writes it. Segments with a
/// parameter do not change.
pub(super) fn dashed(path: &str) -> String {
    let segments: Vec<String> = path.split('/').map(dashed_segment).collect();
    segments.join("/")
}

fn dashed_segment(segment: &str) -> String {
    if segment.contains(':') {
        return segment.to_owned();
    }
    let mut dashed = String::with_capacity(segment.len() + 4);
    for letter in segment.chars() {
        match letter {
            'A'..='Z' => {
                if !dashed.is_empty() {
                    dashed.push('-');
                }
                dashed.push(letter.to_ascii_lowercase());
            }
            ' ' | '_' => dashed.push('-'),
            other => dashed.extend(other.to_lowercase()),
        }
    }
    dashed
}

/// The condition of a rule on a word in lower case.
enum Ending {
    /// The word ends with the text.
    End(&'static str),
    /// The word is the text.
    Word(&'static str),
    /// The word ends with the second text, after a character that is not in the first.
    After(&'static str, &'static str),
    /// The word begins with the text.
    Start(&'static str),
}

use Ending::{After, End, Start, Word};

impl Ending {
    fn fits(&self, word: &str) -> bool {
        match self {
            End(end) => word.ends_with(end),
            Word(whole) => word == *whole,
            After(none_of, end) => word
                .strip_suffix(end)
                .and_then(|stem| stem.chars().next_back())
                .is_some_and(|last| !none_of.contains(last)),
            Start(start) => word.starts_with(start),
        }
    }
}

/// Words that are plurals already.
#[rustfmt::skip]
const PLURALS: &[Ending] = &[
    Word("men"), Word("women"), End("people"), End("children"), End("ta"), End("ia"),
    End("analyses"), End("bases"), End("diagnoses"), End("parentheses"), End("prognoses"), End("synopses"), End("theses"),
    End("databases"), End("drives"), End("hives"), End("tives"), End("curves"), End("lves"), End("rves"),
    After("fo", "ves"), After("aeiouy", "ies"), End("quies"), End("series"), End("movies"),
    End("xes"), End("ches"), End("sses"), End("shes"), End("mice"), End("lice"), End("|ice"), End("buses"), End("oes"), End("shoes"),
    End("crises"), End("axes"), End("testes"), End("octopuses"), End("viruses"),
    End("aliases"), End("canvases"), End("statuses"), End("campuses"), Word("summonses"), Word("bonuses"),
    Start("oxen"), End("matrices"), Word("feet"), Word("teeth"), Word("geese"), End("quizzes"),
    Word("whereases"), Word("criteria"), Word("genera"),
];

/// Endings, the number of characters to remove, and the text to append. The first match counts.
#[rustfmt::skip]
const RULES: &[(&[Ending], usize, &str)] = &[
    (&[Word("man"), Word("woman")], 2, "en"),
    (&[End("person")], 4, "ople"),
    (&[End("child")], 0, "ren"),
    (&[End("drive")], 0, "s"),
    (&[Word("ox")], 0, "en"),
    (&[End("axis"), End("testis")], 2, "es"),
    (&[End("octopus"), End("virus")], 2, "uses"),
    (&[End("alias"), End("status"), End("canvas"), End("campus")], 0, "es"),
    (&[Word("summons"), Word("bonus")], 0, "es"),
    (&[End("bus")], 1, "ses"),
    (&[End("buffalo"), End("tomato"), End("potato")], 1, "oes"),
    (&[End("tum"), End("ium")], 2, "a"),
    (&[End("sis")], 3, "ses"),
    (&[After("f", "fe")], 2, "ves"),
    (&[End("lf"), End("rf")], 1, "ves"),
    (&[End("hive"), End("tive")], 2, "ves"),
    (&[After("aeiouy", "y"), End("quy")], 1, "ies"),
    (&[End("matrix"), End("vertex"), End("index")], 2, "ices"),
    (&[End("x"), End("ch"), End("ss"), End("sh")], 0, "es"),
    // `|`: the package's pattern is `[m|l]ouse`, and LoopBack has its mistake.
    (&[End("mouse"), End("louse"), End("|ouse")], 4, "ice"),
    (&[Word("foot")], 3, "eet"),
    (&[Word("tooth")], 4, "eeth"),
    (&[Word("goose")], 4, "eese"),
    (&[End("quiz")], 0, "zes"),
    (&[Word("whereas")], 0, "es"),
    (&[Word("criterion")], 2, "a"),
    (&[Word("genus")], 2, "era"),
    (&[End("s")], 1, "s"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_paths_with_dashes() {
        for (path, dashed_path) in [
            ("/doThing/:someId", "/do-thing/:someId"),
            ("/:id/HTTPProxy", "/:id/h-t-t-p-proxy"),
            ("/a_b c", "/a-b-c"),
            ("/", "/"),
        ] {
            assert_eq!(dashed(path), dashed_path, "{path}");
        }
    }

    #[test]
    fn is_loopbacks() {
        for (name, plural) in [
            ("Order", "Orders"),
            ("User", "Users"),
            ("Category", "Categories"),
            ("Day", "Days"),
            ("Soliloquy", "Soliloquies"),
            ("Box", "Boxes"),
            ("Address", "Addresses"),
            ("Addresses", "Addresses"),
            ("Bus", "Buses"),
            ("Status", "Statuses"),
            ("News", "News"),
            ("Equipment", "Equipment"),
            ("Series", "Series"),
            ("Person", "People"),
            ("SalesPerson", "SalesPeople"),
            ("Child", "Children"),
            ("Woman", "Women"),
            ("Human", "Humans"),
            ("Datum", "Data"),
            ("Data", "Data"),
            ("Media", "Media"),
            ("Analysis", "Analyses"),
            ("Knife", "Knives"),
            ("Shelf", "Shelves"),
            ("Giraffe", "Giraffes"),
            ("Index", "Indices"),
            ("Matrix", "Matrices"),
            ("Mouse", "Mice"),
            ("Foot", "Feet"),
            ("Quiz", "Quizzes"),
            ("Tomato", "Tomatoes"),
            ("Photo", "Photos"),
            ("Orders", "Orders"),
            ("Archive", "Archives"),
            ("Native", "Natives"),
            ("Criterion", "Criteria"),
            ("ACL", "ACLs"),
            ("AccessToken", "AccessTokens"),
            ("Ölfaß", "Ölfaßs"),
        ] {
            assert_eq!(pluralize(name), plural, "{name}");
        }
    }
}
