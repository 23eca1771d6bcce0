//! Leaves the texts of OpenSSL's errors out: libssh2 has words of its own for what goes wrong, and they are 300 KB in every
//! master.

/// Call it before anything else of OpenSSL or libssh2; later it does nothing.
pub(super) fn leave_out() {
    /// From OpenSSL's crypto.h and ssl.h; openssl-sys has only their opposites.
    const NO_CRYPTO_STRINGS: u64 = 0x0000_0001;
    const NO_SSL_STRINGS: u64 = 0x0010_0000;
    let options = NO_CRYPTO_STRINGS | NO_SSL_STRINGS | openssl_sys::OPENSSL_INIT_NO_ATEXIT;
    #[expect(unsafe_code, reason = "the crates openssl and ssh2 offer no way to say this")]
    // SAFETY: OPENSSL_init_ssl may be called at any time and from any thread; without settings it takes a null pointer.
    unsafe {
        openssl_sys::OPENSSL_init_ssl(options, std::ptr::null());
    }
}
