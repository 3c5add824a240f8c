//! In a namespace of its own: what needs root there. One process, one thread (`harness = false`), because a user namespace
//! can only be entered so.

use std::io::IoSlice;

use oxtables_sys::ipset::{Ipset, IpsetError};
use oxtables_sys::netlink::Netfilter;
use oxtables_sys::{interface, namespace};

fn message(kind: u16, flags: u16, family: u8, res_id: u16, attrs: &[u8]) -> Vec<u8> {
    let len = u32::try_from(20 + attrs.len()).expect("short");
    let mut m = len.to_ne_bytes().to_vec();
    m.extend(kind.to_ne_bytes());
    m.extend(flags.to_ne_bytes());
    m.extend([0; 8]);
    m.extend([family, 0]);
    m.extend(res_id.to_be_bytes());
    m.extend(attrs);
    m
}

fn main() {
    if let Err(e) = namespace::enter_new_user_and_network() {
        println!("SKIPPED: no user namespaces here: {e}");
        return;
    }
    assert_eq!(interface::index(b"lo").expect("a new network namespace has a loopback"), 1);

    let mut socket = Netfilter::open().expect("root here");
    let begin = message(0x10, 1, 0, 10, &[]);
    let end = message(0x11, 1, 0, 10, &[]);
    let table = message(0x0a00, 0x401, 2, 0, b"\x06\0\x01\0t\0\0\0");
    let parts = [IoSlice::new(&begin), IoSlice::new(&table), IoSlice::new(&end)];
    socket.send_batch(&parts, 3).expect("fits");
    assert!(socket.recv_now().expect("readable").is_none(), "no refusal");
    // Deleting what is not there is refused, in one reply, at once.
    let gone = message(0x0a02, 1, 2, 0, b"\x06\0\x01\0u\0\0\0");
    socket
        .send_batch(&[IoSlice::new(&begin), IoSlice::new(&gone), IoSlice::new(&end)], 3)
        .expect("fits");
    let reply = socket.recv_now().expect("readable").expect("a refusal").to_vec();
    assert_eq!(reply.get(16..20), Some(&(-2i32).to_ne_bytes()[..]));

    // More than wmem_max allows (the FORCE option is refused here): the error says which sysctl.
    let big = vec![0; 512 << 20];
    let error = socket.send_batch(&[IoSlice::new(&big)], 1).expect_err("too big").to_string();
    assert!(error.contains("net.core.wmem_max"), "{error}");

    match Ipset::open() {
        Err(e) => println!("SKIPPED: no ipset here: {e}"),
        Ok(ipset) => {
            assert!(matches!(ipset.by_name(b"nothing"), Err(IpsetError::NoSuchSet)));
            assert!(matches!(ipset.name_by_index(7), Err(IpsetError::NoSuchSet)));
            let made =
                std::process::Command::new("ipset").args(["create", "web", "hash:ip"]).status();
            if made.is_ok_and(|s| s.success()) {
                let set = ipset.by_name(b"web").expect("made");
                assert_eq!(ipset.index_by_name(b"web").expect("made"), set.index);
                assert_eq!(
                    (ipset.name_by_index(set.index).expect("made"), set.family),
                    (b"web".to_vec(), 2)
                );
            } else {
                println!("SKIPPED: ipset(8) cannot make a set here");
            }
        }
    }

    let home = namespace::current_network().expect("readable");
    namespace::enter_new_network().expect("root here");
    namespace::enter_network(&home).expect("root here");
    println!("namespace: ok");
}
