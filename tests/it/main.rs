//! The house from outside: the real program in `process` and `cli`.

#[cfg(test)]
mod cli;
#[cfg(test)]
mod process;
