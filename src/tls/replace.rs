//! Replaces files of certificates and keys as a whole.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

/// Permissions for the user alone.
pub const SECRET: u32 = 0o600;

/// Replaces a file, and creates its folder for the user alone: a reader and a crash find the old content or the new one.
/// `mode`: the permissions of the file, such as [`SECRET`].
///
/// It waits for the disk, which a small file every few weeks may do on the main runtime.
///
/// # Errors
/// The error of the system. The old content stays then.
pub fn replace_file(file: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
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
    let mut written = OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh)?;
    // The mask of the process may have taken some away.
    written.set_permissions(Permissions::from_mode(mode))?;
    written.write_all(content)?;
    written.sync_all()?;
    fs::rename(&fresh, file)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_replaced_is_whole_and_as_private_as_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("acme/x/a.pem");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for (content, permissions) in [("first", SECRET), ("second", 0o644), ("third", SECRET)] {
            replace_file(&file, permissions, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
            assert_eq!(mode(&file), permissions);
            // A crash in the middle.
            fs::write(file.with_file_name("a.pem.new"), "half").unwrap();
        }
        assert_eq!((mode(file.parent().unwrap()), mode(&folder.path().join("acme"))), (0o700, 0o700));
        fs::remove_file(file.with_file_name("a.pem.new")).unwrap();
        fs::create_dir(file.with_file_name("a.pem.new")).unwrap();
        assert!(replace_file(&file, SECRET, b"fourth").is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "third");
    }
}
