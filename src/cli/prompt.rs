//! Prompts at the terminal: passwords, which are not echoed, and confirmations.

mod usage;

use std::{
    fs,
    io::{self, BufRead, IsTerminal, Read, Write},
};

use anyhow::Context;
use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};

use super::args::PasswordFrom;
use crate::admin::Hidden;

pub(super) use usage::UsageError;

/// Reads the password of `whom` from a file or standard input, without the final newline that editors and `echo` add;
/// otherwise from the terminal, twice.
///
/// # Errors
/// [`UsageError`] if no source is given and there is no terminal.
pub(super) fn password(from: &PasswordFrom, whom: &str) -> anyhow::Result<Hidden> {
    if let Some(path) = &from.password_file {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        return filled(without_newline(&text));
    }
    let is_terminal = io::stdin().is_terminal();
    if from.password_stdin && !is_terminal {
        let mut text = String::new();
        let longest = u64::try_from(MAX_PASSWORD_INPUT).unwrap_or(u64::MAX);
        io::stdin().take(longest).read_to_string(&mut text).context("cannot read the password")?;
        return filled(without_newline(&text));
    }
    may_ask(
        "the password is missing, and this is not a terminal; say `--password-stdin` or `--password-file F`",
    )?;
    let silence = NoEcho::begin()?;
    let first = silence.line(&format!("password for {whom}: "))?;
    if !from.password_stdin && silence.line("the same again: ")? != first {
        anyhow::bail!("the two passwords differ; nothing was changed");
    }
    filled(Hidden::new(first))
}

/// Fails with this text if there is no terminal.
///
/// # Errors
/// [`UsageError`].
pub(super) fn may_ask(otherwise: &str) -> Result<(), UsageError> {
    if io::stdin().is_terminal() { Ok(()) } else { Err(UsageError(otherwise.to_owned())) }
}

/// Asks a question. Any answer but yes means no.
pub(super) fn yes(question: &str) -> anyhow::Result<bool> {
    say(&format!("{question} [y/N] "));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Prompts go to standard error: standard output is for answers.
fn say(text: &str) {
    // A closed standard error does not matter.
    let _ = io::stderr().write_all(text.as_bytes());
}

fn filled(password: Hidden) -> anyhow::Result<Hidden> {
    if password.expose().is_empty() {
        anyhow::bail!("the password is empty; nothing was changed");
    }
    Ok(password)
}

fn without_newline(text: &str) -> Hidden {
    let line = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    Hidden::new(line.unwrap_or(text).to_owned())
}

/// Switches off the echo of the terminal until it is dropped. Ctrl-C ends the line instead of the process, so that the
/// terminal is always restored.
struct NoEcho(Termios);

impl NoEcho {
    fn begin() -> anyhow::Result<Self> {
        let before = termios::tcgetattr(io::stdin()).context("cannot ask the terminal how it is set")?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        // `Now` keeps what was typed before the prompt.
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &quiet)
            .context("cannot keep the terminal from showing the password")?;
        Ok(Self(before))
    }

    /// Reads a line without echo.
    fn line(&self, prompt: &str) -> anyhow::Result<String> {
        say(prompt);
        let mut line = Vec::new();
        for byte in io::stdin().lock().bytes().take(MAX_PASSWORD_INPUT) {
            match byte.context("cannot read the password")? {
                b'\n' => break,
                INTERRUPT => {
                    say("\n");
                    anyhow::bail!("interrupted; nothing was changed");
                }
                byte => line.push(byte),
            }
        }
        say("\n");
        String::from_utf8(line).context("the password is not UTF-8")
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        // Nothing can be done about an error here.
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Maximum size of the input in bytes, so that an endless input is not read.
const MAX_PASSWORD_INPUT: usize = 64 << 10;

/// Ctrl-C.
const INTERRUPT: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newline_at_the_end_is_no_part_of_a_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        for (text, expected) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a ")] {
            fs::write(&path, text).unwrap();
            let from = PasswordFrom { password_stdin: false, password_file: Some(path.clone()) };
            assert_eq!(password(&from, "ann").unwrap().expose(), expected, "{text:?}");
        }
        for text in ["", "\n", "\r\n"] {
            fs::write(&path, text).unwrap();
            let from = PasswordFrom { password_stdin: false, password_file: Some(path.clone()) };
            assert!(password(&from, "ann").unwrap_err().to_string().contains("is empty"), "{text:?}");
        }
    }
}
