//! Tests of the packet views against an oracle, malformed packets, and captures.

#[cfg(test)]
mod malformed;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod pcap;
#[cfg(test)]
mod random;
