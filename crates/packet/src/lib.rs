//! Checked views of packet headers, a packet's context, and pcap in and out.
