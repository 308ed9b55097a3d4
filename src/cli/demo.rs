//! TBD
pub(super) fn run() -> anyhow::Result<super::Exit> {
    Ok(super::Exit::Done)
}
