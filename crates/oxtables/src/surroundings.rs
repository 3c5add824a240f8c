//! Where the packet is: this host's interfaces, addresses and routes, for the engine; and how they came to be known.

mod live;

use crate::packet_words::PacketWords;
use oxtables_base::text::visible;
use oxtables_base::{Family, addr, number};
use oxtables_engine::{Routed, Topology};
use oxtables_packet::{IfName, Known};
use std::ffi::OsStr;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt as _;

/// The words of a command line, or the lines of a file, about the host.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostWords {
    topology: Option<Topology>,
    from: Vec<String>,
    live: bool,
}

/// The host around a packet.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// For the engine.
    pub(crate) topology: Topology,
    /// How it came to be known.
    pub(crate) source: String,
    /// Whether it is only what the packet's own words imply: no more routes are known.
    pub(crate) implied: bool,
}

/// The options about the host, each with a value.
pub(crate) const OPTIONS: [&[u8]; 4] = [b"--topology", b"--address", b"--route", b"--forwarding"];

impl HostWords {
    /// Takes an option of [`OPTIONS`] with its value.
    ///
    /// # Errors
    /// A sentence, safe to show.
    pub(crate) fn take(&mut self, option: &[u8], value: &[u8]) -> Result<(), String> {
        let wrong = |why: &str| format!("{} {}: {why}", visible(option), visible(value));
        let split = || {
            let at = value.iter().position(|&c| c == b'=').ok_or(wrong("a `=' is missing"))?;
            let (left, right) = value.split_at(at);
            Ok::<_, String>((left, right.get(1..).unwrap_or_default()))
        };
        match option {
            b"--topology" if value == b"live" => {
                self.live = true;
                Ok(())
            }
            b"--topology" => self.file(value),
            b"--address" => {
                let (interface, address) = split()?;
                self.line(b"address", &[interface, address]).map_err(|why| wrong(&why))
            }
            b"--route" => {
                let (to, interface) = split()?;
                self.line(b"route", &[to, interface]).map_err(|why| wrong(&why))
            }
            _ => self.line(b"forwarding", &[value]).map_err(|why| wrong(&why)),
        }
        .inspect(|()| {
            let said = format!("{} {}", visible(option), visible(value));
            self.from.push(said);
        })
    }

    /// Lines `address IFACE ADDR/LEN`, `route NET/LEN IFACE`, `forwarding on|off`; `#` begins a comment.
    fn file(&mut self, path: &[u8]) -> Result<(), String> {
        let shown = visible(path);
        let text = std::fs::read(OsStr::from_bytes(path))
            .map_err(|e| format!("{shown} cannot be read: {e}"))?;
        for (number, line) in (1u32..).zip(text.split(|&c| c == b'\n')) {
            let bare = line.split(|&c| c == b'#').next().unwrap_or_default();
            let words: Vec<&[u8]> =
                bare.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).collect();
            let Some((what, rest)) = words.split_first() else { continue };
            self.line(what, rest)
                .map_err(|why| format!("{shown}: line {number}: {}: {why}", visible(bare)))?;
        }
        Ok(())
    }

    /// Takes a line, `what` and the words behind it.
    pub(crate) fn line(&mut self, what: &[u8], words: &[&[u8]]) -> Result<(), String> {
        let topology = self.topology.get_or_insert_with(Topology::with_loopback);
        match (what, words) {
            (b"address", [interface, address]) => {
                let name = IfName::new(interface).ok_or("no interface name")?;
                let (address, len) = prefix(address).ok_or("no address with a prefix length")?;
                topology.address(name, address, len);
            }
            (b"route", [to, interface]) => {
                let (to, len) = prefix(to).ok_or("no prefix")?;
                let name = IfName::new(interface).ok_or("no interface name")?;
                topology.route(to, len, name);
            }
            (b"forwarding", [b"on"]) => topology.forwarding = true,
            (b"forwarding", [b"off"]) => topology.forwarding = false,
            _ => {
                let forms = "`address IFACE ADDR/LEN', `route NET IFACE', `forwarding on|off'";
                return Err(format!("{} is not one of {forms}", visible(what)));
            }
        }
        Ok(())
    }

    /// The host for a packet of `family`: what was said of it, else the live one if `live` or if that was said, else what
    /// the packet's own words imply.
    ///
    /// # Errors
    /// When the live host cannot be asked.
    pub(crate) fn around(
        &self,
        family: Family,
        words: Option<&PacketWords>,
        live: bool,
    ) -> Result<Surroundings, String> {
        if let Some(topology) = &self.topology {
            let said =
                if self.from.is_empty() { "as told".to_owned() } else { self.from.join(" ") };
            let (topology, source) = (topology.clone(), said);
            return Ok(Surroundings { topology, source, implied: false });
        }
        if self.live || live {
            let topology = live::topology(family)
                .map_err(|e| format!("this host's addresses and routes cannot be read: {e}"))?;
            let source = "this host, live".to_owned();
            return Ok(Surroundings { topology, source, implied: false });
        }
        Ok(words.map_or_else(Surroundings::unknown, implied))
    }
}

/// `ADDR/LEN`; without a length the address alone.
fn prefix(word: &[u8]) -> Option<(IpAddr, u8)> {
    let mut halves = word.splitn(2, |&c| c == b'/');
    let address = halves.next()?;
    let found = addr::parse(Family::Ip4, address).map(|a| (a, Family::Ip4));
    let (address, family) =
        found.or_else(|| addr::parse(Family::Ip6, address).map(|a| (a, Family::Ip6)))?;
    let len = match halves.next() {
        None => family.bits(),
        Some(len) => {
            number::parse_within(len, 0, family.bits().into()).and_then(|n| n.try_into().ok())?
        }
    };
    Some((address, len))
}

impl Surroundings {
    /// Nothing is known.
    pub(crate) fn unknown() -> Self {
        let (topology, source) = (Topology::default(), "not known".to_owned());
        Self { topology, source, implied: true }
    }

    /// What it says of `destination`, in words.
    pub(crate) fn of(&self, destination: IpAddr) -> String {
        match self.topology.lookup(destination) {
            Known::Known(Routed::Local) => format!("{destination} is this host's"),
            Known::Known(Routed::Out(out)) => format!("{destination} is behind {out}"),
            Known::Known(Routed::Nowhere) => format!("no route to {destination}"),
            Known::Absent | Known::Unknown(_) => {
                "its addresses and routes are not known".to_owned()
            }
        }
    }
}

/// `-i` alone: the packet is for this host. `-i` and `-o`: it is passed on. `-o` alone: it is this host's own.
fn implied(words: &PacketWords) -> Surroundings {
    let mut topology = Topology::with_loopback();
    let all = |family| addr::unspecified(family);
    let full = |a: IpAddr| addr::family_of(a).bits();
    match (words.input, words.output) {
        (Some(input), None) => {
            if let Some(destination) = words.destination {
                topology.address(input, destination, full(destination));
            }
        }
        (input, Some(output)) => {
            for family in [Family::Ip4, Family::Ip6] {
                topology.route(all(family), 0, output);
            }
            if input.is_none()
                && let Some(source) = words.source
            {
                topology.address(output, source, full(source));
            }
        }
        (None, None) => {}
    }
    if let (Some(input), Some(source)) = (words.input, words.source) {
        // The way back leads out where it came in.
        topology.route(source, full(source), input);
    }
    let source = match (words.input, words.output) {
        (Some(_), None) => "implied by -i without -o: the packet is for this host",
        (Some(_), Some(_)) => "implied by -i and -o: the packet is passed on",
        _ => "implied by -o: the packet is this host's own",
    };
    Surroundings { topology, source: source.to_owned(), implied: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_files_say_the_same() {
        let path = std::env::temp_dir().join(format!("oxtables-topology-{}", std::process::id()));
        std::fs::write(
            &path,
            "# a router\naddress eth0 192.0.2.1/24\nroute ::/0 eth1\nforwarding off\n",
        )
        .unwrap();
        let mut from_file = HostWords::default();
        from_file.take(b"--topology", path.as_os_str().as_bytes()).unwrap();
        std::fs::write(&path, "address eth0\n").unwrap();
        let why =
            HostWords::default().take(b"--topology", path.as_os_str().as_bytes()).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert!(why.contains("line 1: address eth0: address is not one of"), "{why}");
        let mut words = HostWords::default();
        words.take(b"--address", b"eth0=192.0.2.1/24").unwrap();
        words.take(b"--route", b"::/0=eth1").unwrap();
        words.take(b"--forwarding", b"off").unwrap();
        let around = |w: HostWords| w.around(Family::Ip4, None, false).unwrap();
        let (file, words) = (around(from_file), around(words));
        assert_eq!(file.topology, words.topology);
        assert_eq!(words.of([192, 0, 2, 1].into()), "192.0.2.1 is this host's");
        assert_eq!(words.of([192, 0, 2, 9].into()), "192.0.2.9 is behind eth0");
        assert_eq!(words.of([198, 51, 100, 9].into()), "no route to 198.51.100.9");
        for (option, value) in
            [("--address", "eth0"), ("--address", "eth0=1.2.3.4/33"), ("--forwarding", "no")]
        {
            assert!(HostWords::default().take(option.as_bytes(), value.as_bytes()).is_err());
        }
    }

    #[test]
    fn the_live_host_has_its_loopback() {
        let live = HostWords::default().around(Family::Ip4, None, true).unwrap();
        assert_eq!(live.of([127, 0, 0, 1].into()), "127.0.0.1 is this host's");
    }
}
