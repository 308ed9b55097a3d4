//! What docs/operations.md gives to other programs, read by them: the block of a proxy by nginx. `deploy` has tests of its
//! own.

use std::{fs, process::Command};

use super::{Tree, commands::blocks};
use crate::process::support::has;

const PAGE: &str = "docs/operations.md";

/// The only block of the page in this language.
fn only<'p>(tree: &'p Tree, wanted: &str) -> &'p str {
    let mut found = blocks(tree.text(PAGE)).into_iter().filter(|(language, _)| *language == wanted);
    let (_, text) = found.next().unwrap_or_else(|| panic!("{PAGE} has no {wanted}"));
    assert!(found.next().is_none(), "{PAGE} has more than one {wanted}");
    text
}

#[test]
fn nginx_reads_the_block() {
    if !has("nginx") {
        return;
    }
    let tree = Tree::read();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    let test = |block: &str| {
        // It would want a certificate.
        let block = block.replace("listen 443 ssl;", &format!("listen unix:{at}/nginx.sock;"));
        let own = format!(
            "pid {at}/pid; error_log stderr;\nevents {{}}\nhttp {{\naccess_log off; client_body_temp_path {at}/a; \
             proxy_temp_path {at}/b; fastcgi_temp_path {at}/c; uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;\n{block}}}\n"
        );
        fs::write(folder.path().join("nginx.conf"), own).unwrap();
        let mut nginx = Command::new("nginx");
        nginx.args(["-t", "-p"]).arg(folder.path()).arg("-c").arg(folder.path().join("nginx.conf"));
        let out = nginx.output().unwrap();
        (out.status.success(), String::from_utf8(out.stderr).unwrap())
    };
    let block = only(&tree, "nginx");
    assert!(block.contains("listen 443 ssl;"), "{block}");
    let (is_good, said) = test(block);
    assert!(is_good && !said.contains("[warn]"), "{said}");
    assert!(!test(&block.replace("merge_slashes", "merge_slash")).0);
}
