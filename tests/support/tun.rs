//! A TUN device: a file that gives the IP packets which the kernel sends to a device, and takes those that shall arrive on
//! it. The one place of the tests that needs unsafe code. Knows nothing of what is in the packets.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

/// `_IOW('T', 202, int)`, and the flags of a device that carries bare IP packets (linux/if_tun.h).
const TUNSETIFF: rustix::ioctl::Opcode = 0x4004_54ca;
const IFF_TUN: u16 = 0x0001;
const IFF_NO_PI: u16 = 0x1000;

/// `struct ifreq`: a name, and a union of 24 bytes of which the flags come first.
#[repr(C)]
struct Request {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}

/// Makes a device of this name (15 bytes at most) in the caller's name space. It lives as long as the file, wherever it is
/// moved to.
pub fn open(name: &str) -> io::Result<File> {
    let file = File::options().read(true).write(true).open("/dev/net/tun")?;
    let mut request = Request { name: [0; 16], flags: IFF_TUN | IFF_NO_PI, rest: [0; 22] };
    if name.len() > 15 {
        return Err(io::Error::other(format!("device name {name} is longer than 15 bytes")));
    }
    request.name[..name.len()].copy_from_slice(name.as_bytes());
    attach(file.as_fd(), request)?;
    Ok(file)
}

#[expect(unsafe_code, reason = "a TUN device is made by an ioctl that no crate of the tree wraps")]
fn attach(file: std::os::fd::BorrowedFd<'_>, request: Request) -> io::Result<()> {
    // SAFETY: TUNSETIFF reads a whole `struct ifreq` from the pointer, which is what `Request` lays out, and keeps nothing of it.
    unsafe { rustix::ioctl::ioctl(file, rustix::ioctl::Setter::<TUNSETIFF, Request>::new(request))? };
    Ok(())
}
