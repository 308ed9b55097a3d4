//! Where a request carries its access token, and in what form (loopback3.md sections 1.1 and 1.2).
