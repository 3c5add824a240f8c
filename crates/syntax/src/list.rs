//! The layouts of `-L`, and the one-line form that `-v` echoes.

use crate::save::kernel_name;
use oxtables_base::{Counters, Family, HostMask, Interface, Neg, addr, names, number};
use oxtables_ext::{Host, ListWriter};
use oxtables_model::{Action, Base, Chain, Entry, Rule};
use std::io::Write as _;

/// How a listing looks.
#[derive(Clone, Copy)]
pub struct Layout<'a> {
    /// The rules' family.
    pub family: Family,
    /// `-n`.
    pub numeric: bool,
    /// `-v`: counters and interfaces too.
    pub verbose: bool,
    /// `-x`: counters in full.
    pub exact: bool,
    /// `--line-numbers`.
    pub line_numbers: bool,
    /// The machine around.
    pub host: &'a dyn Host,
}

impl Layout<'_> {
    /// Appends the two lines above a chain's rules.
    pub fn push_header(&self, out: &mut Vec<u8>, chain: &Chain) {
        out.extend_from_slice(b"Chain ");
        out.extend_from_slice(chain.name.bytes());
        match chain.base {
            Some(Base { policy, counters, .. }) => {
                out.extend_from_slice(b" (policy ");
                out.extend_from_slice(policy.word().as_bytes());
                if self.verbose {
                    out.push(b' ');
                    self.push_policy_count(out, counters.packets);
                    out.extend_from_slice(b" packets, ");
                    self.push_policy_count(out, counters.bytes);
                    out.extend_from_slice(b" bytes");
                }
                out.extend_from_slice(b")\n");
            }
            None => {
                out.extend_from_slice(b" (");
                number::push_decimal(out, chain.references.into());
                out.extend_from_slice(b" references)\n");
            }
        }
        if self.line_numbers {
            out.extend_from_slice(b"num  ");
        }
        if self.verbose {
            let counts: &[u8] = if self.exact { b"    pkts      bytes " } else { b" pkts bytes " };
            out.extend_from_slice(counts);
        }
        out.extend_from_slice(b"target     prot opt ");
        if self.verbose {
            out.extend_from_slice(b"in     out     ");
        }
        out.extend_from_slice(b"source               destination         \n");
    }

    /// Appends a rule's row; `number` counts from 1.
    pub fn push_row(&self, out: &mut Vec<u8>, entry: &Entry, number: usize) {
        if self.line_numbers {
            push_padded(out, number.to_string().as_bytes(), 4);
            out.push(b' ');
        }
        self.push_counts(out, entry.counters());
        match entry.rule() {
            Some(rule) => self.push_rule(out, rule),
            None => {
                push_padded(out, b"(foreign)", 9);
                out.extend_from_slice(b"  not understood: ");
                let part = entry.foreign_part().unwrap_or_default();
                oxtables_base::text::push_visible(out, part.as_bytes());
            }
        }
        out.push(b'\n');
    }

    /// Appends the one-line form, with the line end: what `-v` echoes of a rule. It is numeric.
    pub fn push_echo(family: Family, host: &dyn Host, out: &mut Vec<u8>, rule: &Rule) {
        let layout = Layout {
            family,
            numeric: true,
            verbose: true,
            exact: false,
            line_numbers: false,
            host,
        };
        out.extend_from_slice(kernel_name(&rule.action));
        out.push(b' ');
        layout.push_protocol(out, rule.protocol, 0);
        out.extend_from_slice(b"opt ");
        push_fragment(out, rule.fragment);
        out.extend_from_slice(b" in ");
        layout.push_interface(out, rule.in_interface, 0);
        out.extend_from_slice(b" out ");
        layout.push_interface(out, rule.out_interface, 0);
        out.push(b' ');
        layout.push_address(out, rule.source, 0);
        out.extend_from_slice(b" -> ");
        let trimmed = out.len() - 1;
        out.truncate(trimmed);
        layout.push_address(out, rule.destination, 0);
        out.push(b' ');
        layout.push_extensions(out, rule);
        out.push(b'\n');
    }

    fn push_rule(&self, out: &mut Vec<u8>, rule: &Rule) {
        push_padded(out, kernel_name(&rule.action), 9);
        out.push(b' ');
        self.push_protocol(out, rule.protocol, 4);
        push_fragment(out, rule.fragment);
        out.push(b' ');
        if self.verbose {
            out.push(b' ');
            self.push_interface(out, rule.in_interface, 6);
            out.push(b' ');
            self.push_interface(out, rule.out_interface, 6);
            out.push(b' ');
        }
        self.push_address(out, rule.source, 19);
        self.push_address(out, rule.destination, 19);
        self.push_extensions(out, rule);
    }

    fn push_extensions(&self, out: &mut Vec<u8>, rule: &Rule) {
        if matches!(rule.action, Action::Goto(_)) {
            out.extend_from_slice(b"[goto] ");
        }
        let (family, proto) = (self.family, rule.protocol);
        let mut w = ListWriter::new(out, family, proto, self.numeric, self.host);
        for m in &rule.matches {
            m.list(&mut w);
        }
        if let Action::Target(target) = &rule.action {
            target.list(&mut w);
        }
    }

    fn push_protocol(&self, out: &mut Vec<u8>, protocol: Option<Neg<u8>>, width: usize) {
        out.push(if protocol.is_some_and(|p| p.not) { b'!' } else { b' ' });
        let number = protocol.map_or(0, |p| p.value);
        let built_in = names::protocol_name(number).map(str::as_bytes);
        let name = match built_in {
            None if !self.numeric => names::protocol_name_in_file(number),
            known => known,
        };
        match name {
            Some(name) => push_padded(out, name, width),
            None => push_padded(out, number.to_string().as_bytes(), width),
        }
        out.push(b' ');
    }

    fn push_interface(&self, out: &mut Vec<u8>, interface: Option<Neg<Interface>>, width: usize) {
        let mut name = Vec::new();
        match interface {
            Some(Neg { not, value }) => {
                if not {
                    name.push(b'!');
                }
                value.save(&mut name);
            }
            None => name.extend_from_slice(if self.numeric { b"*" } else { b"any" }),
        }
        push_padded(out, &name, width);
    }

    /// A sign, the address and a blank.
    fn push_address(&self, out: &mut Vec<u8>, address: Option<Neg<HostMask>>, width: usize) {
        out.push(if address.is_some_and(|a| a.not) { b'!' } else { b' ' });
        let mut text = Vec::new();
        match address {
            Some(a) => self.address_text(&mut text, &a.value),
            None if self.numeric => {
                addr::push_addr(&mut text, addr::unspecified(self.family));
                text.extend_from_slice(b"/0");
            }
            None => text.extend_from_slice(b"anywhere"),
        }
        push_padded(out, &text, width);
        out.push(b' ');
    }

    fn address_text(&self, text: &mut Vec<u8>, address: &HostMask) {
        if self.numeric {
            // Listings show the mask of no single host but of the empty prefix.
            return address.save_short(text);
        }
        // COMPAT: upstream takes any IPv6 prefix of zeros for "anywhere" here (`::/16` too); a
        // listing that says so of a narrower rule would be untrue, so only `/0` is.
        if address.prefix_len() == Some(0) {
            return text.extend_from_slice(b"anywhere");
        }
        match self.host.name_of(address.addr()) {
            Some(name) => {
                text.extend_from_slice(&name);
                let mut plain = Vec::new();
                address.save_short(&mut plain);
                let mask = plain.iter().position(|&c| c == b'/').and_then(|at| plain.get(at..));
                text.extend_from_slice(mask.unwrap_or_default());
            }
            None => address.save_short(text),
        }
    }

    fn push_counts(&self, out: &mut Vec<u8>, counters: Counters) {
        if self.verbose {
            self.push_count(out, counters.packets);
            self.push_count(out, counters.bytes);
        }
    }

    fn push_count(&self, out: &mut Vec<u8>, n: u64) {
        // Writing into a Vec cannot fail.
        drop(if self.exact { write!(out, "{n:8} ") } else { out.write_all(&rounded(n)) });
    }

    fn push_policy_count(&self, out: &mut Vec<u8>, n: u64) {
        let text = if self.exact { n.to_string().into_bytes() } else { rounded(n) };
        out.extend_from_slice(text.trim_ascii());
    }
}

/// A count in five columns and a blank: above 99999 in thousands, above 9999 of those in millions,
/// and so on, each rounded to the nearest.
fn rounded(n: u64) -> Vec<u8> {
    if n <= 99_999 {
        return format!("{n:5} ").into_bytes();
    }
    let mut n = n;
    for unit in ['K', 'M', 'G'] {
        n = (n / 1000) + u64::from(n % 1000 >= 500);
        if n <= 9999 {
            return format!("{n:4}{unit} ").into_bytes();
        }
    }
    n = (n / 1000) + u64::from(n % 1000 >= 500);
    format!("{n:4}T ").into_bytes()
}

fn push_fragment(out: &mut Vec<u8>, fragment: Option<Neg<()>>) {
    out.extend_from_slice(match fragment {
        None => b"--",
        Some(Neg { not: false, .. }) => b"-f",
        Some(Neg { not: true, .. }) => b"!f",
    });
}

fn push_padded(out: &mut Vec<u8>, text: &[u8], width: usize) {
    out.extend_from_slice(text);
    out.resize(out.len() + width.saturating_sub(text.len()), b' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_rounded_as_upstream_rounds_them() {
        let text = |n| String::from_utf8(rounded(n)).unwrap();
        assert_eq!(text(0), "    0 ");
        assert_eq!(text(99_999), "99999 ");
        assert_eq!(text(100_000), " 100K ");
        assert_eq!(text(9_999_499), "9999K ");
        assert_eq!(text(9_999_500), "  10M ");
        assert_eq!(text(123_456_789_012), " 123G ");
        assert_eq!(text(1_234_567_890_123_456), "1235T ");
    }
}
