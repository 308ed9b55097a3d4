//! One binary for all tests from outside: the real program in `process` and `cli`, the shape of the house in
//! `architecture`.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod process;
