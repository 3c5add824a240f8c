//! What listens on the hosts: each service says who it is and whom it sees, so that a translation cannot hide.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::thread;

use super::world::{Host, World};

/// The TCP ports that are open, per host.
pub(super) const TCP: [(Host, &[u16]); 3] = [
    (Host::Client, &[80]),
    (Host::Firewall, &[22, 80, 3128, 5432, 8080]),
    (Host::Server, &[22, 80, 5432]),
];
/// The UDP ports that are open, per host.
pub(super) const UDP: [(Host, &[u16]); 2] = [(Host::Firewall, &[53]), (Host::Server, &[53, 5060])];

/// Opens all ports; threads answer until the process ends.
pub(super) fn start(world: &World) -> io::Result<()> {
    let any = if world.ipv6 { "::" } else { "0.0.0.0" };
    let any: IpAddr = any.parse().map_err(io::Error::other)?;
    for (host, ports) in TCP {
        for &port in ports {
            let listener = world.within(host, || TcpListener::bind(SocketAddr::new(any, port)))?;
            thread::Builder::new().spawn(move || serve_tcp(&listener, host, port))?;
        }
    }
    for (host, ports) in UDP {
        for &port in ports {
            let socket = world.within(host, || UdpSocket::bind(SocketAddr::new(any, port)))?;
            thread::Builder::new().spawn(move || serve_udp(&socket, host, port))?;
        }
    }
    Ok(())
}

fn serve_tcp(listener: &TcpListener, host: Host, port: u16) {
    loop {
        // A connection that breaks is the client's to report: it gets no answer.
        if let Ok((mut stream, peer)) = listener.accept() {
            let _broken = stream.write_all(greeting(host, port, peer).as_bytes());
        }
    }
}

fn serve_udp(socket: &UdpSocket, host: Host, port: u16) {
    let mut request = [0; 64];
    loop {
        if let Ok((_, peer)) = socket.recv_from(&mut request) {
            let _unsent = socket.send_to(greeting(host, port, peer).as_bytes(), peer);
        }
    }
}

/// What a service says.
pub(super) fn greeting(host: Host, port: u16, peer: SocketAddr) -> String {
    format!("{host} {port} {}", peer.ip().to_canonical())
}

/// What a greeting says: who answered, on which port, and the address the answerer saw.
pub(super) fn read_greeting(text: &[u8]) -> Option<(Host, u16, IpAddr)> {
    let text = std::str::from_utf8(text).ok()?;
    let mut words = text.split(' ');
    let name = words.next()?;
    let host = Host::ALL.into_iter().find(|h| h.name() == name)?;
    let port = words.next()?.parse().ok()?;
    let seen = words.next()?.parse().ok()?;
    words.next().is_none().then_some((host, port, seen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_can_be_read_back() {
        let peer = "[::ffff:10.0.0.2]:4000".parse().unwrap();
        let seen = "10.0.0.2".parse().unwrap();
        let text = greeting(Host::Server, 80, peer);
        assert_eq!(read_greeting(text.as_bytes()), Some((Host::Server, 80, seen)));
        assert_eq!(read_greeting(b"server 80"), None);
        assert_eq!(read_greeting(b"printer 80 10.0.0.2"), None);
    }
}
