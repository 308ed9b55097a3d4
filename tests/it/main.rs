//! One binary for all tests from outside: the real house on port 0, with a scripted app behind it, and the layering.
//! Folders mirror the subjects.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod forward;
#[cfg(test)]
mod owner;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod support;
