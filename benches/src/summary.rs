//! What the figures say: computed from them, and nothing else.

use std::fmt::Write;

use crate::{Figure, SIZES, Side};

/// How many times faster than the fastest of the others, and how flat.
pub(crate) fn text(figures: &[Figure]) -> String {
    let mut text = String::new();
    let engines: Vec<&str> =
        figures.iter().filter(|figure| figure.size == SIZES[0]).map(|f| f.engine).collect();
    for size in SIZES {
        let here = || figures.iter().filter(move |figure| figure.size == size);
        let others = here().filter(|figure| figure.side == Side::Other);
        let Some(best) = others.min_by(|a, b| a.time.total_cmp(&b.time)) else { continue };
        _ = writeln!(
            text,
            "{size} models: the fastest of the others is {} ({:.0} ns)",
            best.engine, best.time
        );
        for own in here().filter(|figure| figure.side == Side::Own) {
            _ = writeln!(
                text,
                "  {} ({:.1} ns): {:.1} times faster",
                own.engine,
                own.time,
                best.time / own.time
            );
        }
    }
    let (first, last) = (SIZES[0], SIZES[SIZES.len() - 1]);
    _ = writeln!(text, "\nns a decision with {last} models, divided by that with {first}:");
    for engine in engines {
        let time = |size| figures.iter().find(|f| f.engine == engine && f.size == size).map(|f| f.time);
        if let (Some(small), Some(large)) = (time(first), time(last)) {
            _ = writeln!(text, "  {engine}: {:.2}", large / small);
        }
    }
    text
}
