//! The real house on port 0, with a scripted app behind it. Folders mirror the subjects.

#[cfg(test)]
mod forward;
#[cfg(test)]
mod listen;
#[cfg(test)]
mod support;
#[cfg(test)]
mod wire;
