//! Files that only the gate's user may read, replaced as a whole.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

/// Replaces a file, and creates its folder: a crash leaves the old content or the new one.
///
/// It waits for the disk, which a small file every few weeks may do on the main runtime.
pub(super) fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = folder.join(name);
    // Left over from a crash. It may have other permissions.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    written.write_all(content)?;
    written.sync_all()?;
    fs::rename(&fresh, file)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_replaced_is_whole_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("acme/x/a.pem");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for content in ["first", "second"] {
            replace(&file, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
            assert_eq!(mode(&file), 0o600);
            // A crash in the middle.
            fs::write(file.with_file_name("a.pem.new"), "half").unwrap();
        }
        assert_eq!((mode(file.parent().unwrap()), mode(&folder.path().join("acme"))), (0o700, 0o700));
        fs::remove_file(file.with_file_name("a.pem.new")).unwrap();
        fs::create_dir(file.with_file_name("a.pem.new")).unwrap();
        assert!(replace(&file, b"third").is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "second");
    }
}
