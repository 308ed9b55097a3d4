//! Writes PEM (RFC 7468).

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The characters of a line (RFC 7468 section 2).
const LINE: usize = 64;

/// Encodes DER. `label` is, for example, `CERTIFICATE`.
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for (index, character) in text.chars().enumerate() {
        if index > 0 && index.is_multiple_of(LINE) {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str(&format!("\n-----END {label}-----\n"));
    pem
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};

    use super::*;

    #[test]
    fn what_is_written_reads_as_it_was() {
        for length in [1, 47, 48, 49, 1000] {
            let der: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let pem = pem("CERTIFICATE", &der);
            assert!(pem.lines().all(|line| line.len() <= LINE), "{pem}");
            assert_eq!(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().as_ref(), der, "{length}");
        }
    }
}
