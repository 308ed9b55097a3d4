//! One binary for all tests from outside.

#[cfg(test)]
mod architecture;
